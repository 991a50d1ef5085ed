//! The bare facts of a stream: what a fold needs, without the envelopes.

use std::{ops::Range, sync::Arc};

use super::{Name, Payload, Position, StreamPage, Tail};
use crate::Version;

/// Some events of one stream without their envelopes.
///
/// A load reads these in place of whole [`RecordedEvent`](super::RecordedEvent)s, because most of what an event costs
/// to read is its envelope.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Shared with a store that holds its events in memory anyway; a read there copies nothing.
    run: Arc<Run>,
    range: Range<usize>,
    /// The position of the last of the events.
    pub position: Position,
    /// Where to read on; `None` when this was the end of the stream.
    pub next: Option<Version>,
    /// As in [`StreamPage::tail`].
    pub tail: Option<Tail>,
}

/// One event without its envelope.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fact<'a> {
    /// Its number in the stream.
    pub version: Version,
    /// The stored name.
    pub name: &'a Name,
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
        const USUAL: usize = 64;
        let text = String::with_capacity(events.saturating_mul(USUAL));
        Self { run: Arc::new(Run { entries: Vec::with_capacity(events), text }), ..Self::default() }
    }

    /// The events in this range of a run, as far as it goes.
    pub(super) fn part(run: &Arc<Run>, range: Range<usize>) -> Self {
        let end = range.end.min(run.len());
        Self { run: Arc::clone(run), range: range.start.min(end)..end, ..Self::default() }
    }

    /// For stores: adds an event with a payload of JSON text.
    pub fn push_json(&mut self, version: Version, name: Name, schema: u32, payload: &str) {
        self.own().push_json(version, name, schema, payload);
        self.range.end += 1;
    }

    /// For stores: adds an event.
    pub fn push(&mut self, version: Version, name: Name, schema: u32, payload: &Payload) {
        self.own().push(version, name, schema, payload);
        self.range.end += 1;
    }

    /// The run, for itself, and nothing behind the range.
    fn own(&mut self) -> &mut Run {
        let run = Arc::make_mut(&mut self.run);
        if run.len() > self.range.end {
            run.truncate(self.range.end);
        }
        run
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Fact<'_>> {
        self.run.iter(self.range.clone())
    }
}

/// Facts laid out one after the other: a list of entries and one text.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    entries: Vec<Entry>,
    /// The JSON payloads, one after the other.
    text: String,
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

impl Entry {
    const fn end(&self) -> usize {
        match self.content {
            Content::Json(end) | Content::Other(_, end) => end,
        }
    }
}

impl Run {
    fn push_json(&mut self, version: Version, name: Name, schema: u32, payload: &str) {
        self.text.push_str(payload);
        self.entries.push(Entry { version, name, schema, content: Content::Json(self.text.len()) });
    }

    pub(super) fn push(&mut self, version: Version, name: Name, schema: u32, payload: &Payload) {
        match payload {
            Payload::Json(text) => self.push_json(version, name, schema, text),
            other => {
                let content = Content::Other(Box::new(other.clone()), self.text.len());
                self.entries.push(Entry { version, name, schema, content });
            }
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    fn truncate(&mut self, len: usize) {
        self.text.truncate(self.end_of(len));
        self.entries.truncate(len);
    }

    /// Where the text of the first `len` events ends.
    fn end_of(&self, len: usize) -> usize {
        let last = len.checked_sub(1).and_then(|last| self.entries.get(last));
        last.map_or(0, Entry::end)
    }

    pub(super) fn iter(&self, range: Range<usize>) -> impl Iterator<Item = Fact<'_>> {
        let mut start = self.end_of(range.start);
        self.entries.get(range).unwrap_or_default().iter().map(move |entry| {
            let payload = match &entry.content {
                Content::Json(end) => Ok(self.text.get(start..*end).unwrap_or_default()),
                Content::Other(payload, _) => Err(&**payload),
            };
            start = entry.end();
            Fact { version: entry.version, name: &entry.name, schema: entry.schema, payload }
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
