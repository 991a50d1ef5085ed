//! The reference: a store in memory, for tests, trials, and anything that may end with the process.
//!
//! It is the shortest store that keeps every promise of [`Store`]; the others are held against it. One lock guards
//! everything, so a commit is atomic because nobody sees its middle, and the order of positions is the order in which
//! commits took the lock.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{
    AppendError, Appended, BoxFuture, Capabilities, Commit, CommitId, Committed, Durability, Filter, Page,
    Position, RecordedEvent, Store, StoreError, StreamId, StreamPage, record::now,
};
use crate::Version;

/// A store in memory. What it holds ends with its last clone; clones share it.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    log: Arc<Mutex<Log>>,
    /// How many events there are, for those who wait for more.
    head: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Log {
    /// All events. The one at index `i` has position `i + 1`, so that `Position::START` is before the first.
    events: Vec<RecordedEvent>,
    /// For each stream, the indices of its events. The one at index `i` has version `i + 1`.
    streams: HashMap<StreamId, Vec<usize>>,
    /// What was answered to each commit, for the case that it is given again.
    commits: HashMap<CommitId, Committed>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { log: Arc::default(), head: watch::Sender::new(0) }
    }

    /// The log is whole at every point at which a panic could leave the lock poisoned: commits are checked before
    /// anything is written.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Log {
    fn commit(&mut self, commit: Commit) -> Result<Committed, AppendError> {
        if let Some(first_answer) = self.commits.get(&commit.id) {
            return Ok(first_answer.clone());
        }
        // First all checks, then all writes: that is what makes it all or nothing.
        for append in &commit.appends {
            let actual = Version::new(self.streams.get(&append.stream).map_or(0, |stream| stream.len() as u64));
            if append.expected.version().is_some_and(|expected| expected != actual) {
                let (stream, expected) = (append.stream.clone(), append.expected);
                return Err(AppendError::Conflict { stream, expected, actual });
            }
        }
        let now = now();
        let mut index = 0;
        let mut appends = Vec::with_capacity(commit.appends.len());
        for append in commit.appends {
            let stream = self.streams.entry(append.stream.clone()).or_default();
            let last = stream.last().and_then(|&last| self.events.get(last));
            // The clock of the machine may go backwards; the times of a stream do not.
            let at = last.map_or(now, |last| now.max(last.at));
            let first = Version::new(stream.len() as u64).next();
            let mut positions = Vec::with_capacity(append.events.len());
            for event in append.events {
                stream.push(self.events.len());
                let position = Position::new(self.events.len() as u128 + 1);
                positions.push(position);
                self.events.push(RecordedEvent {
                    id: commit.id.event(index),
                    stream: append.stream.clone(),
                    version: Version::new(stream.len() as u64),
                    position,
                    name: event.name,
                    schema: event.schema,
                    payload: event.payload,
                    at,
                    metadata: event.metadata,
                });
                index += 1;
            }
            appends.push(Appended { first, positions, at, tail: None });
        }
        let committed = Committed { appends };
        self.commits.insert(commit.id, committed.clone());
        Ok(committed)
    }

    fn read_stream(&self, stream: &StreamId, from: Version, limit: usize) -> StreamPage {
        let stream = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let start = index(from.get().saturating_sub(1));
        let events: Vec<_> = stream
            .iter()
            .skip(start)
            .take(limit)
            .filter_map(|&index| self.events.get(index))
            .cloned()
            .collect();
        let more = start.saturating_add(events.len()) < stream.len();
        let next = events.last().filter(|_| more).map(|last| last.version.next());
        StreamPage { events, next, tail: None }
    }

    fn read_all(&self, filter: &Filter, after: Position, limit: usize) -> Page {
        let start = index(u64::try_from(after.get()).unwrap_or(u64::MAX));
        let rest = self.events.get(start..).unwrap_or_default();
        let looked_at = rest.get(..limit).unwrap_or(rest);
        let matching = looked_at.iter().filter(|event| filter.matches(event.stream.category()));
        Page {
            events: matching.cloned().collect(),
            last: looked_at.last().map_or(after, |event| event.position),
            end: looked_at.len() == rest.len(),
        }
    }
}

/// A number as an index; one that is too large for the machine is behind everything.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Store for MemoryStore {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(async move {
            commit.validate()?;
            self.capabilities().check(&commit)?;
            let (committed, head) = {
                let mut log = self.log();
                (log.commit(commit)?, log.events.len())
            };
            self.head.send_if_modified(|seen| {
                let grown = head > *seen;
                *seen = head.max(*seen);
                grown
            });
            Ok(committed)
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        Box::pin(async move { Ok(self.log().read_stream(stream, from, limit.max(1))) })
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move { Ok(self.log().read_all(filter, after, limit.max(1))) })
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        Box::pin(async move { Ok(Position::new(self.log().events.len() as u128)) })
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut head = self.head.subscribe();
            // The sender lives as long as `self`, so waiting cannot fail.
            let _ = head.wait_for(|events| *events as u128 > after.get()).await;
            Ok(())
        })
    }

    fn capabilities(&self) -> Capabilities {
        // Nobody outside this process can write here.
        Capabilities { wakes: true, ..Capabilities::new(Durability::Process) }
    }
}

/// What can be told apart from outside is told by the contract suite; this is the rest.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_beyond_every_event_reads_nothing() {
        let page = Log::default().read_all(&Filter::All, Position::new(u128::MAX), 1);
        assert!(page.events.is_empty() && page.end);
    }
}
