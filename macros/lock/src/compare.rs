//! What is declared against what has been published.

use std::fmt;

use super::{Event, Lock};

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
}

impl Lock {
    /// What in this declaration contradicts what has been published. What is new contradicts nothing.
    #[must_use]
    pub fn contradictions(&self, declared: &[Event]) -> Vec<Contradiction> {
        let mut latest: Vec<Event> = Vec::new();
        for event in self.events() {
            match latest.last_mut() {
                // Sorted by version within a name.
                Some(last) if last.name == event.name => *last = event,
                _ => latest.push(event),
            }
        }
        let contradiction = |published: Event| {
            let kind = match declared.iter().find(|event| event.is_past_or_present(&published)) {
                None => Kind::Removed,
                Some(event) if event.schema < published.schema => Kind::Earlier { schema: event.schema },
                Some(event) if event.schema == published.schema && !event.is_like(&published) => {
                    Kind::Changed { declared: event.clone() }
                }
                Some(_) => return None,
            };
            Some(Contradiction { published, kind })
        };
        latest.into_iter().filter_map(contradiction).collect()
    }
}

impl Contradiction {
    /// The fields whose lines differ: those that were published, and those that are declared.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let Kind::Changed { declared } = &self.kind else { return Vec::new() };
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, schema: u32, fields: &[(&str, &str)]) -> Event {
        let fields = fields.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect();
        Event { name: name.to_owned(), schema, fields, former: Vec::new() }
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
        let second = [event("Placed", 2, &[("total", "u64")])];
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
        let renamed =
            Event { former: vec![("Placed".to_owned(), 2)], ..event("Ordered", 2, &[("total", "u32")]) };
        assert_eq!(told(&first, std::slice::from_ref(&renamed)), [""; 0]);
        let updated = Lock::new("order").updated(&first).updated(&[renamed]);
        assert!(updated.has("Placed", 1) && updated.has("Ordered", 2));
        // In its second version it had the new name already.
        let late = Event { former: vec![("Placed".to_owned(), 1)], ..event("Ordered", 2, &[]) };
        assert_eq!(told(&first, &[late]).len(), 1);
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
