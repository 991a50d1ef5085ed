//! What `factum.lock/` is: where its files are, how they are written and read, and what it is for a declaration to
//! contradict them.
//!
//! The derive of `factum-macros` compares with it what is declared, the test helper of `factum` writes it. Both do so with
//! this crate, so that they cannot disagree. It is a part of factum: depend on `factum`, not on this.

mod compare;
mod format;
mod parts;
mod past;
mod place;
mod read;

use std::{collections::BTreeMap, fmt};

pub use compare::{Contradiction, Kind};
pub use format::{FORMAT, Problem, Unreadable};
pub use past::{Difference, Member, Past};
pub use place::{FOLDER, Mode, UPDATE, VARIABLE, events_file, payloads_file};

/// The fields of an event: the type, as it is written, of each member of the payload.
pub type Fields = BTreeMap<String, String>;

/// An event in one of its schema versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The stored name.
    pub name: String,
    /// The schema version.
    pub schema: u32,
    /// What it carries.
    pub fields: Fields,
    /// What of it was otherwise in earlier schema versions.
    pub past: Past,
}

impl Event {
    /// Whether this published version is one of the event that is declared like this.
    fn is_past_or_present(&self, published: &Self) -> bool {
        let had = |(name, until): &(String, u32)| *name == published.name && published.schema < *until;
        self.name == published.name || self.past.names.iter().any(had)
    }

    /// Whether both carry the same. Their texts are compared, as those are what is kept.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.shape().to_string() == other.shape().to_string()
    }

    /// What it carries, in one line: `{ solution: String }`.
    #[must_use]
    pub fn shape(&self) -> Shape<'_> {
        Shape(&self.fields)
    }
}

/// The fields of an event, in one line.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a>(&'a Fields);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("{}");
        }
        for (index, (name, ty)) in self.0.iter().enumerate() {
            let (name, ty) = (format::escaped_member(name), format::escaped_type(ty));
            write!(f, "{} {name}: {ty}", if index == 0 { "{" } else { "," })?;
        }
        f.write_str(" }")
    }
}

/// The golden payloads of a category, sorted by stored name, then by schema version: examples of what is stored, which
/// every later program has to read. The content of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payloads {
    /// The category.
    pub category: String,
    events: BTreeMap<(String, u32), Vec<String>>,
}

impl Payloads {
    /// None yet.
    #[must_use]
    pub fn new(category: impl Into<String>) -> Self {
        Self { category: category.into(), events: BTreeMap::new() }
    }

    /// All of them, with name and schema version.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.events.iter().flat_map(|((name, schema), payloads)| {
            payloads.iter().map(|payload| (name.as_str(), *schema, payload.as_str()))
        })
    }

    /// Those of this event in this schema version.
    pub fn of(&self, name: &str, schema: u32) -> impl Iterator<Item = &str> {
        let payloads = self.events.get(&(name.to_owned(), schema));
        payloads.into_iter().flatten().map(String::as_str)
    }

    /// Adds a payload, one line of JSON, unless it is there already.
    pub fn add(&mut self, name: &str, schema: u32, payload: String) {
        let payloads = self.events.entry((name.to_owned(), schema)).or_default();
        if !payloads.contains(&payload) {
            payloads.push(payload);
        }
    }

    /// Keeps only those of which this is true.
    pub fn retain(&mut self, keep: impl Fn(&str, u32, &str) -> bool) {
        self.events.retain(|(name, schema), payloads| {
            payloads.retain(|payload| keep(name, *schema, payload));
            !payloads.is_empty()
        });
    }
}

/// The published events of a category: the content of one file.
///
/// Sorted by stored name, then by schema version; the fields of an event by name. So what it says does not depend on the
/// order of the declaration, and two branches that add events seldom add them in the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The category.
    pub category: String,
    events: BTreeMap<(String, u32), Fields>,
}

impl Lock {
    /// A category that has published nothing.
    #[must_use]
    pub fn new(category: impl Into<String>) -> Self {
        Self { category: category.into(), events: BTreeMap::new() }
    }

    /// The published events, sorted.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = Event> {
        self.events.iter().map(|((name, schema), fields)| Event {
            name: name.clone(),
            schema: *schema,
            fields: fields.clone(),
            past: Past::default(),
        })
    }

    /// Whether this version of the event has been published, whatever it carried.
    #[must_use]
    pub fn has(&self, name: &str, schema: u32) -> bool {
        self.events.contains_key(&(name.to_owned(), schema))
    }

    /// Publishes what is declared. Earlier versions of what is declared stay; what contradicts the declaration goes.
    #[must_use]
    pub fn updated(&self, declared: &[Event]) -> Self {
        let mut updated = Self::new(self.category.clone());
        for event in declared {
            let earlier =
                self.events().filter(|old| event.is_past_or_present(old) && old.schema < event.schema);
            updated.events.extend(earlier.map(|old| ((old.name, old.schema), old.fields)));
            updated.events.insert((event.name.clone(), event.schema), event.fields.clone());
        }
        updated
    }
}
