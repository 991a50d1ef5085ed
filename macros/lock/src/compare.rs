//! What is declared against what has been published.

use std::{cmp::Ordering, collections::BTreeSet, fmt};

use super::{Event, Lock, format::escaped_member, past::Difference};

/// An event that is declared in a way that what has been published rules out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The event as it was published last.
    pub published: Event,
    /// What is wrong.
    pub kind: Kind,
}

/// How a declaration contradicts what has been published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// It is not declared.
    Removed,
    /// It is declared in an earlier schema version.
    Earlier {
        /// The schema version that is declared.
        schema: u32,
    },
    /// It carries something else in the same schema version.
    Changed {
        /// The event as it is declared.
        declared: Event,
    },
    /// It is declared in a later schema version, but what that has for this one is not what was published: a value would be
    /// lost, or not be found.
    Past(Difference),
}

impl Lock {
    /// What in this declaration contradicts what has been published. What is new contradicts nothing.
    #[must_use]
    pub fn contradictions(&self, declared: &[Event]) -> Vec<Contradiction> {
        let mut found: Vec<Contradiction> = Vec::new();
        // One mistake may be in several versions of a name. It is told of the latest.
        for published in self.events().rev() {
            if found.last().is_none_or(|last| last.published.name != published.name)
                && let Some(kind) = contradiction(&published, declared)
            {
                found.push(Contradiction { published, kind });
            }
        }
        found.reverse();
        found
    }
}

fn contradiction(published: &Event, declared: &[Event]) -> Option<Kind> {
    let Some(event) = declared.iter().find(|event| event.is_past_or_present(published)) else {
        return Some(Kind::Removed);
    };
    match event.schema.cmp(&published.schema) {
        Ordering::Less => Some(Kind::Earlier { schema: event.schema }),
        Ordering::Equal if event.is_like(published) => None,
        Ordering::Equal => Some(Kind::Changed { declared: event.clone() }),
        Ordering::Greater => event.past.difference(published).map(Kind::Past),
    }
}

impl Contradiction {
    /// The fields that differ: those that were published, and those that are declared.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let declared = match &self.kind {
            Kind::Changed { declared } => declared,
            Kind::Past(difference) => {
                return difference.unread.union(&difference.missing).map(String::as_str).collect();
            }
            Kind::Removed | Kind::Earlier { .. } => return Vec::new(),
        };
        let (old, new) = (&self.published.fields, &declared.fields);
        let gone = old.iter().filter(|(name, ty)| new.get(*name) != Some(ty)).map(|(name, _)| name);
        let added = new.keys().filter(|name| !old.contains_key(*name));
        gone.chain(added).map(String::as_str).collect()
    }
}

/// Both shapes; what to do about it is for the reader's place to say.
impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event { name, schema, .. } = &self.published;
        match &self.kind {
            Kind::Removed => write!(
                f,
                "`{name}` was published and is not declared any more\n  published (schema {schema}): {}",
                self.published.shape()
            ),
            Kind::Earlier { schema: declared } => {
                write!(f, "`{name}` was published in schema {schema} and is declared in schema {declared}")
            }
            Kind::Changed { declared } => write!(
                f,
                "`{name}` was published and has changed without a new schema version\n  published (schema {schema}): {}\n  declared  (schema {schema}): {}",
                self.published.shape(),
                declared.shape()
            ),
            Kind::Past(Difference { declared, .. }) => write!(
                f,
                "`{name}` was published in schema {schema} with other members than are declared for that schema\n  published (schema {schema}): {}\n  declared  (schema {schema}): {}",
                self.published.shape(),
                Names(declared)
            ),
        }
    }
}

/// The names of members, in one line: `{ solution }`.
struct Names<'a>(&'a BTreeSet<String>);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|name| escaped_member(name)).collect();
        if names.is_empty() { f.write_str("{}") } else { write!(f, "{{ {} }}", names.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Member, Past};

    fn event(name: &str, schema: u32, fields: &[(&str, &str)]) -> Event {
        let fields = fields.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect();
        Event { name: name.to_owned(), schema, fields, past: Past::default() }
    }

    /// Stored under this name until that version, with a total from the first one on.
    fn formerly(name: &str, until: u32) -> Past {
        let total = member("total", 1, &[]);
        Past { names: vec![(name.to_owned(), until)], members: vec![total], ..Past::default() }
    }

    fn member(name: &str, since: u32, names: &[(&str, u32)]) -> Member {
        let names = names.iter().map(|(name, until)| ((*name).to_owned(), *until)).collect();
        Member { name: name.to_owned(), since, names, flattened: false }
    }

    fn told(published: &[Event], declared: &[Event]) -> Vec<String> {
        let lock = published.iter().fold(Lock::new("order"), |lock, event| {
            let others: Vec<_> =
                lock.events().filter(|other| other.name != event.name).chain([event.clone()]).collect();
            lock.updated(&others)
        });
        lock.contradictions(declared).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_new_contradicts_nothing() {
        let first = [event("Placed", 1, &[("total", "u32")])];
        let second = [Event {
            past: Past { members: vec![member("total", 1, &[])], ..Past::default() },
            ..event("Placed", 2, &[("total", "u64")])
        }];
        let more = [event("Paid", 1, &[]), event("Placed", 1, &[("total", "u32")])];
        for (published, declared) in [
            (&[][..], &first[..]),
            (&first, &more),
            (&first, &second),
            (&[first.clone(), second.clone()].concat(), &second),
        ] {
            assert_eq!(told(published, declared), [""; 0]);
        }
    }

    #[test]
    fn an_event_may_be_stored_under_another_name_from_a_version_on() {
        let first = [event("Placed", 1, &[("total", "u32")])];
        let renamed = Event { past: formerly("Placed", 2), ..event("Ordered", 2, &[("total", "u32")]) };
        assert_eq!(told(&first, std::slice::from_ref(&renamed)), [""; 0]);
        let updated = Lock::new("order").updated(&first).updated(&[renamed]);
        assert!(updated.has("Placed", 1) && updated.has("Ordered", 2));
        // In its second version it had the new name already.
        let late = Event { past: formerly("Placed", 1), ..event("Ordered", 2, &[]) };
        assert_eq!(told(&first, &[late]).len(), 1);
    }

    #[test]
    fn every_published_version_is_what_is_declared_of_it() {
        let first = event("Opened", 1, &[("total", "Option<u32>")]);
        let second = event("Opened", 2, &[("amount", "Option<u32>"), ("extra", "u32")]);
        let amount = |names: &[(&str, u32)]| member("amount", 1, names);
        let extra = |since| member("extra", since, &[]);
        let flat = Member { flattened: true, ..member("flat", 1, &[]) };
        let message = |schema, published, declared| {
            format!(
                "`Opened` was published in schema {schema} with other members than are declared for that schema\n  published (schema {schema}): {published}\n  declared  (schema {schema}): {declared}"
            )
        };
        let (old, new) = ("{ total: Option<u32> }", "{ amount: Option<u32>, extra: u32 }");
        let removed = |name: &str, version| vec![(name.to_owned(), version)];
        let whole = || Past { members: vec![amount(&[("total", 2)]), extra(2)], ..Past::default() };
        for (case, past, expected) in [
            ("it is", whole(), None),
            (
                "a name before is not told",
                Past { members: vec![amount(&[]), extra(2)], ..whole() },
                Some(message(1, old, "{ amount }")),
            ),
            (
                "one came earlier",
                Past { members: vec![amount(&[("total", 2)]), extra(3)], ..whole() },
                Some(message(2, new, "{ amount }")),
            ),
            (
                "one came later",
                Past { members: vec![amount(&[("total", 2)]), extra(1)], ..whole() },
                Some(message(1, old, "{ extra, total }")),
            ),
            (
                "one went and another came",
                Past {
                    members: vec![amount(&[("total", 2)]), extra(3)],
                    removed: removed("extra", 3),
                    ..whole()
                },
                None,
            ),
            (
                "one that came later went",
                Past { members: vec![amount(&[("total", 2)])], removed: removed("extra", 3), ..whole() },
                None,
            ),
            (
                "one that never was there went",
                Past { removed: removed("other", 2), ..whole() },
                Some(message(1, old, "{ other, total }")),
            ),
            (
                "a function knows",
                Past { members: vec![amount(&[]), extra(2)], upcast: Some(1), ..whole() },
                None,
            ),
            ("a function knows all", Past { members: vec![], upcast: Some(2), ..whole() }, None),
            ("what is flattened reads it", Past { members: vec![flat.clone()], ..whole() }, None),
            (
                "what is flattened is not all",
                Past { members: vec![flat, extra(2)], removed: removed("other", 2), ..whole() },
                Some(message(1, old, "{ other }")),
            ),
        ] {
            let declared = Event { past, ..event("Opened", 3, &[]) };
            let told = told(&[first.clone(), second.clone()], &[declared]);
            assert_eq!(told, Vec::from_iter(expected), "{case}");
        }
    }

    #[test]
    fn what_reads_alike_is_alike() {
        // A literal with a line break, which a line of a lock cannot have in it.
        let declared = [event("Placed", 1, &[("total", "money!(\"a\nb\")")])];
        let text = Lock::new("order").updated(&declared).to_string();
        let lock = Lock::parse("order", &text).unwrap();
        assert_eq!(lock.contradictions(&declared), []);
        assert_eq!(lock.updated(&declared).to_string(), text);
    }

    #[test]
    fn what_is_published_is_kept() {
        let first = [event("Placed", 1, &[("by", "User"), ("total", "u32")])];
        let second = [event("Placed", 2, &[("total", "u64")])];
        let changed = [event("Placed", 1, &[("total", "u64")])];
        assert_eq!(
            told(&first, &[]),
            [
                "`Placed` was published and is not declared any more\n  published (schema 1): { by: User, total: u32 }"
            ]
        );
        assert_eq!(
            told(&first, &changed),
            [
                "`Placed` was published and has changed without a new schema version\n  published (schema 1): { by: User, total: u32 }\n  declared  (schema 1): { total: u64 }"
            ]
        );
        // The latest version counts: going back to the first is a change as well.
        assert_eq!(
            told(&[first.clone(), second].concat(), &first),
            ["`Placed` was published in schema 2 and is declared in schema 1"]
        );
    }
}
