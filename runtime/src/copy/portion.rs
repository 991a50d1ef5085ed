//! What is written at once.

use std::collections::HashSet;

use crate::{
    Position, Version,
    store::{Append, Commit, Expected, NewEvent, Original, RecordedEvent, StreamId},
};

/// How large a commit gets: enough that what a commit costs by itself is little beside what its events cost.
pub(super) const MANY_EVENTS: usize = 2048;
const MANY_BYTES: usize = 2 << 20;

/// What an event weighs beside its payload, in bytes; about.
const ENVELOPE: usize = 256;

/// A commit, and how far in the source it goes.
#[derive(Clone, Debug)]
pub(super) struct Portion {
    pub(super) commit: Commit,
    /// The position in the source of its last event.
    pub(super) position: Position,
    /// How much memory it takes; about.
    pub(super) weight: usize,
}

impl Portion {
    pub(super) fn events(&self) -> usize {
        self.commit.originals.len()
    }
}

/// A portion that is being made.
#[derive(Debug, Default)]
pub(super) struct Packing {
    appends: Vec<Append>,
    originals: Vec<Original>,
    streams: HashSet<StreamId>,
    weight: usize,
    position: Position,
}

impl Packing {
    pub(super) fn is_empty(&self) -> bool {
        self.originals.is_empty()
    }

    /// Whether it has events of this stream.
    pub(super) fn has(&self, stream: &StreamId) -> bool {
        self.streams.contains(stream)
    }

    /// Whether the event may be added. A stream that comes back after another one cannot: the events of an append have
    /// consecutive positions, and a commit has one append for a stream.
    pub(super) fn takes(&self, event: &RecordedEvent, most: usize) -> bool {
        let small = self.originals.len() < most && self.weight < MANY_BYTES;
        let goes_on = self.appends.last().is_some_and(|last| last.stream == event.stream);
        self.is_empty() || (small && (goes_on || !self.has(&event.stream)))
    }

    pub(super) fn add(&mut self, event: RecordedEvent) {
        self.weight += event.payload.bytes().len() + ENVELOPE;
        self.position = event.position;
        self.originals.push(Original { id: event.id, at: event.at });
        let RecordedEvent { stream, version, name, schema, payload, metadata, .. } = event;
        let new = NewEvent { name, schema, payload, metadata };
        match self.appends.last_mut().filter(|last| last.stream == stream) {
            Some(last) => last.events.push(new),
            None => {
                self.streams.insert(stream.clone());
                let expected = after(Version::new(version.get().saturating_sub(1)));
                self.appends.push(Append { stream, expected, tail: None, events: vec![new] });
            }
        }
    }

    /// What was added, as a commit.
    pub(super) fn finish(&mut self) -> Portion {
        let Self { appends, originals, weight, position, .. } = std::mem::take(self);
        Portion { commit: Commit::new(appends).with_originals(originals), position, weight }
    }
}

const fn after(version: Version) -> Expected {
    match version {
        Version::NONE => Expected::NoStream,
        version => Expected::Exact(version),
    }
}

/// The first half of a portion that is too large for the target, and the second one.
pub(super) fn halve(portion: Portion) -> [Portion; 2] {
    let Portion { commit, position, weight } = portion;
    let half = commit.originals.len() / 2;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut index = 0;
    for mut append in commit.appends {
        let room = half.saturating_sub(index);
        index += append.events.len();
        if room >= append.events.len() {
            first.push(append);
        } else if room == 0 {
            second.push(append);
        } else {
            let events = append.events.split_off(room);
            let before = append.expected.version().unwrap_or_default();
            let expected = Expected::Exact(before.plus(room as u64));
            second.push(Append { stream: append.stream.clone(), expected, tail: None, events });
            first.push(append);
        }
    }
    let mut originals = commit.originals;
    let last = originals.split_off(half);
    [(first, originals), (second, last)].map(|(appends, originals)| {
        let commit = Commit::new(appends).with_originals(originals);
        Portion { commit, position, weight: weight / 2 }
    })
}
