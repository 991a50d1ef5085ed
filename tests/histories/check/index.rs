//! Where things are in a log.

use std::collections::HashMap;

use crate::history::{CommitNumber, History, Seen};

/// A log, looked up from all sides. Commits are counted in their order, from 1 on; 0 is before the first.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Which operation gave a commit.
    pub(super) given: HashMap<CommitNumber, usize>,
    /// Where in the log an event is.
    places: HashMap<(CommitNumber, usize), usize>,
    /// The number of each commit in the order.
    pub(super) slots: HashMap<CommitNumber, usize>,
    /// The positions of each commit's last event, ascending.
    ends: Vec<u128>,
    /// For each stream the commits that wrote to it: number in the order, version afterwards.
    streams: HashMap<usize, Vec<(usize, u64)>>,
    /// For each stream where in the log its versions 1, 2, 3 … are.
    pub(super) versions: HashMap<usize, Vec<usize>>,
}

impl Index {
    pub(super) fn new(history: &History) -> Self {
        let mut index = Self::default();
        for (number, operation) in history.operations.iter().enumerate() {
            if let Some(commit) = operation.commit() {
                index.given.insert(commit, number);
            }
        }
        let mut last = None;
        for (place, event) in history.log.iter().enumerate() {
            index.places.insert((event.commit, event.index), place);
            index.versions.entry(event.stream).or_default().push(place);
            if last != Some(event.commit) {
                index.ends.push(event.position);
                index.slots.insert(event.commit, index.ends.len());
            }
            last = Some(event.commit);
            let slot = index.ends.len();
            if let Some(end) = index.ends.last_mut() {
                *end = event.position;
            }
            let writers = index.streams.entry(event.stream).or_default();
            match writers.last_mut() {
                Some((writer, version)) if *writer == slot => *version = event.version,
                _ => writers.push((slot, event.version)),
            }
        }
        index
    }

    /// The event of this identity in the log.
    pub(super) fn find<'a>(&self, history: &'a History, event: &Seen) -> Option<&'a Seen> {
        self.places.get(&(event.commit, event.index)).map(|place| &history.log[*place])
    }

    /// The commit that ends at this position; 0 for the start.
    pub(super) fn ending_at(&self, position: u128) -> Option<usize> {
        match position {
            0 => Some(0),
            _ => self.ends.binary_search(&position).ok().map(|index| index + 1),
        }
    }

    /// The commit that is at this position or goes on after it, as far as there is one.
    pub(super) fn reaching(&self, position: u128) -> usize {
        self.ends.partition_point(|end| *end < position) + 1
    }

    /// The commit after this one.
    pub(super) fn after(&self, slot: usize) -> Option<usize> {
        (slot < self.ends.len()).then_some(slot + 1)
    }

    /// The commit after which the stream was at this version; 0 where that is before the first.
    pub(super) fn reached(&self, stream: usize, version: u64) -> Option<usize> {
        if version == 0 {
            return Some(0);
        }
        let writers = self.streams.get(&stream)?;
        let found = writers.binary_search_by_key(&version, |(_, version)| *version).ok()?;
        Some(writers[found].0)
    }

    /// The first commit after which the stream was at this version or beyond.
    pub(super) fn passed(&self, stream: usize, version: u64) -> Option<usize> {
        let writers = self.streams.get(&stream)?;
        writers.get(writers.partition_point(|(_, reached)| *reached < version)).map(|(slot, _)| *slot)
    }
}
