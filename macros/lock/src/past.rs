//! What a declaration says of payloads that were stored in earlier schema versions.

use std::collections::BTreeSet;

use super::Event;

/// How an event came to be what it is, as it is declared. Of what is published only today's content is kept, so there it is
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Other names under which it was stored, each with the schema version from which on it was not any more.
    pub names: Vec<(String, u32)>,
    /// The members that it has today.
    pub members: Vec<Member>,
    /// Members that it has not got any more, each with the schema version from which on it had not.
    pub removed: Vec<(String, u32)>,
    /// The last schema version of which a function makes the next. What was in this one and those before, the functions know
    /// alone.
    pub upcast: Option<u32>,
}

/// A member of a payload, through the schema versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name today.
    pub name: String,
    /// The first schema version that has it.
    pub since: u32,
    /// The names that it had before, each with the schema version from which on it had not.
    pub names: Vec<(String, u32)>,
    /// Whether what it holds stands among the members of the payload (serde's `flatten`), so that none has its name.
    pub flattened: bool,
}

/// How a published version differs from what the declaration has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The members that are declared for this version.
    pub declared: BTreeSet<String>,
    /// Those of them that were not published.
    pub missing: BTreeSet<String>,
    /// Those that were published and that nothing reads.
    pub unread: BTreeSet<String>,
}

impl Member {
    /// The name that it had in this schema version.
    #[must_use]
    pub fn name_in(&self, schema: u32) -> &str {
        let later = self.names.iter().filter(|(_, until)| *until > schema);
        later.min_by_key(|(_, until)| *until).map_or(&self.name, |(name, _)| name)
    }
}

impl Past {
    /// How what was published in an earlier schema version differs from what is declared for it, by the names of members;
    /// whether their values are read well, golden payloads show.
    pub(crate) fn difference(&self, published: &Event) -> Option<Difference> {
        let schema = published.schema;
        if self.upcast.is_some_and(|upcast| schema <= upcast) {
            return None;
        }
        let names = |flattened: bool| {
            let members = self.members.iter().filter(move |member| member.flattened == flattened);
            members.filter(|member| member.since <= schema).map(|member| member.name_in(schema).to_owned())
        };
        let removed_in = |version: &dyn Fn(u32) -> bool| {
            let removed = self.removed.iter().filter(|(_, until)| version(*until));
            removed.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>()
        };
        let next = schema.saturating_add(1);
        let mut declared = removed_in(&|until| until == next);
        declared.extend(names(false));
        // When a member that went later came, is not declared.
        let mut known = removed_in(&|until| until > next);
        known.extend(declared.iter().cloned().chain(names(true)));
        let there: BTreeSet<_> = published.fields.keys().cloned().collect();
        let missing: BTreeSet<_> = declared.difference(&there).cloned().collect();
        let flattened = self.members.iter().any(|member| member.flattened);
        // What is flattened may read anything.
        let unread = if flattened { BTreeSet::new() } else { there.difference(&known).cloned().collect() };
        let differs = !missing.is_empty() || !unread.is_empty();
        differs.then_some(Difference { declared, missing, unread })
    }
}
