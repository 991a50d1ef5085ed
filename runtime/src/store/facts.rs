//! The bare facts of a stream: what a fold needs, without the envelopes.

use super::{Name, Payload, Position, StreamPage, Tail};
use crate::Version;

/// Some events of one stream without their envelopes: names and payloads, the texts laid out one after the other.
///
/// A load reads these in place of whole [`RecordedEvent`](super::RecordedEvent)s, because most of what an event costs
/// to read is its envelope.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    entries: Vec<Entry>,
    /// The JSON payloads, one after the other.
    text: String,
    /// The position of the last of the events.
    pub position: Position,
    /// Where to read on; `None` when this was the end of the stream.
    pub next: Option<Version>,
    /// As in [`StreamPage::tail`].
    pub tail: Option<Tail>,
}

#[derive(Clone, Debug)]
struct Entry {
    version: Version,
    name: Name,
    schema: u32,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// Where the text ends; it begins where the one before ends.
    Json(usize),
    /// A payload of another format, and where the text before it ends.
    Other(Box<Payload>, usize),
}

/// One event without its envelope.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fact<'a> {
    /// Its number in the stream.
    pub version: Version,
    /// The stored name.
    pub name: &'a str,
    /// The schema version in which it was recorded.
    pub schema: u32,
    /// Its fields: JSON text, or else the payload in another format.
    pub payload: Result<&'a str, &'a Payload>,
}

impl<'a> Fact<'a> {
    pub(super) fn new(version: Version, name: &'a Name, schema: u32, payload: &'a Payload) -> Self {
        let payload = match payload {
            Payload::Json(text) => Ok(&**text),
            other => Err(other),
        };
        Self { version, name, schema, payload }
    }
}

impl Facts {
    /// For stores: room for this many events with payloads of a usual length.
    #[must_use]
    pub fn with_capacity(events: usize) -> Self {
        const USUAL: usize = 96;
        let text = String::with_capacity(events.saturating_mul(USUAL));
        Self { entries: Vec::with_capacity(events), text, ..Self::default() }
    }

    /// For stores: adds an event with a payload of JSON text.
    pub fn push_json(&mut self, version: Version, name: Name, schema: u32, payload: &str) {
        self.text.push_str(payload);
        self.entries.push(Entry { version, name, schema, content: Content::Json(self.text.len()) });
    }

    /// For stores: adds an event.
    pub fn push(&mut self, version: Version, name: Name, schema: u32, payload: &Payload) {
        match payload {
            Payload::Json(text) => self.push_json(version, name, schema, text),
            other => {
                let content = Content::Other(Box::new(other.clone()), self.text.len());
                self.entries.push(Entry { version, name, schema, content });
            }
        }
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Fact<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |Entry { version, name, schema, content }| {
            let (payload, end) = match content {
                Content::Json(end) => (Ok(self.text.get(start..*end).unwrap_or_default()), *end),
                Content::Other(payload, end) => (Err(&**payload), *end),
            };
            start = end;
            Fact { version: *version, name, schema: *schema, payload }
        })
    }
}

/// The facts in a page.
impl From<StreamPage> for Facts {
    fn from(page: StreamPage) -> Self {
        let StreamPage { events, next, tail } = page;
        let mut facts = Self::with_capacity(events.len());
        facts.position = events.last().map(|event| event.position).unwrap_or_default();
        facts.next = next;
        facts.tail = tail;
        for event in events {
            facts.push(event.version, event.name, event.schema, &event.payload);
        }
        facts
    }
}
