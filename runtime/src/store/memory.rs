//! The reference: a store in memory, for tests, trials, and anything that may end with the process.
//!
//! It is the shortest store that keeps every promise of [`Store`]; the others are held against it. One lock guards
//! everything, so a commit is atomic because nobody sees its middle, and the order of positions is the order in which
//! commits took the lock.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    Append, AppendError, Appended, BoxFuture, Capabilities, Commit, CommitId, Committed, Durability,
    Expected, Facts, Filter, Page, Position, RecordedEvent, Store, StoreError, StreamId, StreamPage,
    record::now,
};
use crate::Version;

/// A store in memory. What it holds ends with its last clone; clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    /// Wakes those who wait for an event.
    grown: Notify,
}

#[derive(Debug, Default)]
struct Log {
    /// The events of each stream. The one at index `i` has version `i + 1`.
    streams: HashMap<StreamId, Vec<RecordedEvent>>,
    /// Where the events are in the order of their positions: stream and index in it. The one at index `i` has
    /// position `i + 1`, so that `Position::START` is before the first.
    order: Vec<(StreamId, usize)>,
    /// What was answered to commits that expected nothing. Others are known by what they expected: see
    /// [`Log::given_before`].
    unconditional: HashMap<CommitId, Committed>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The log is whole at every point at which a panic could leave the lock poisoned: commits are checked before
    /// anything is written.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn commit(&mut self, commit: Commit) -> Result<Committed, AppendError> {
        if let Some(first_answer) = self.unconditional.get(&commit.id) {
            return Ok(first_answer.clone());
        }
        // First all checks, then all writes: that is what makes it all or nothing.
        for append in &commit.appends {
            let actual = Version::new(self.stream(&append.stream).len() as u64);
            if append.expected.version().is_some_and(|expected| expected != actual) {
                return self.given_before(&commit).ok_or_else(|| AppendError::Conflict {
                    stream: append.stream.clone(),
                    expected: append.expected,
                    actual,
                });
            }
        }
        let unconditional = commit.appends.iter().all(|append| append.expected == Expected::Any);
        let id = commit.id;
        let mut index = 0;
        let mut appends = Vec::with_capacity(commit.appends.len());
        for append in commit.appends {
            let events = append.events.len();
            appends.push(self.append(append, id, index));
            index += events;
        }
        let committed = Committed { appends };
        if unconditional {
            self.unconditional.insert(id, committed.clone());
        }
        Ok(committed)
    }

    fn append(&mut self, append: Append, commit: CommitId, index: usize) -> Appended {
        let Append { stream: name, events, .. } = append;
        let stream = self.streams.entry(name.clone()).or_default();
        // The clock of the machine may go backwards; the times of a stream do not.
        let at = stream.last().map_or_else(now, |last| now().max(last.at));
        let first = Version::new(stream.len() as u64).next();
        let mut positions = Vec::with_capacity(events.len());
        for (event, index) in events.into_iter().zip(index..) {
            self.order.push((name.clone(), stream.len()));
            let position = Position::new(self.order.len() as u128);
            positions.push(position);
            stream.push(RecordedEvent {
                id: commit.event(index),
                stream: name.clone(),
                version: Version::new(stream.len() as u64).next(),
                position,
                name: event.name,
                schema: event.schema,
                payload: event.payload,
                at,
                metadata: event.metadata,
            });
        }
        Appended { first, positions, at, tail: None }
    }

    /// The first answer to a commit that now finds its streams at other versions than it expected, if that is because
    /// it has taken effect already: then its own events stand where it would have put them.
    fn given_before(&self, commit: &Commit) -> Option<Committed> {
        let mut index = 0;
        let mut appends = Vec::with_capacity(commit.appends.len());
        for append in &commit.appends {
            let stream = self.stream(&append.stream);
            let start = match append.expected.version() {
                Some(version) => position_in_stream(version.next()),
                None => stream.iter().position(|event| event.id == commit.id.event(index))?,
            };
            let first = stream.get(start).filter(|event| event.id == commit.id.event(index))?;
            let positions = stream.iter().skip(start).take(append.events.len()).map(|event| event.position);
            appends.push(Appended {
                first: first.version,
                positions: positions.collect(),
                at: first.at,
                tail: None,
            });
            index += append.events.len();
        }
        Some(Committed { appends })
    }

    fn stream(&self, stream: &StreamId) -> &[RecordedEvent] {
        self.streams.get(stream).map_or(&[], Vec::as_slice)
    }

    /// Events of a stream, and the version of the one that follows them.
    fn page(&self, stream: &StreamId, from: Version, limit: usize) -> (&[RecordedEvent], Option<Version>) {
        let rest = self.stream(stream).get(position_in_stream(from)..).unwrap_or_default();
        let events = rest.get(..limit).unwrap_or(rest);
        (events, rest.get(events.len()).map(|event| event.version))
    }

    fn read_stream(&self, stream: &StreamId, from: Version, limit: usize) -> StreamPage {
        let (events, next) = self.page(stream, from, limit);
        StreamPage { events: events.to_vec(), next, tail: None }
    }

    fn read_facts(&self, stream: &StreamId, from: Version, limit: usize) -> Facts {
        let (events, next) = self.page(stream, from, limit);
        let mut facts = Facts::with_capacity(events.len());
        for event in events {
            facts.push(event.version, event.name.clone(), event.schema, &event.payload);
        }
        facts.position = events.last().map(|event| event.position).unwrap_or_default();
        facts.next = next;
        facts
    }

    fn read_all(&self, filter: &Filter, after: Position, limit: usize) -> Page {
        let start = u64::try_from(after.get()).map_or(usize::MAX, index);
        let rest = self.order.get(start..).unwrap_or_default();
        let looked_at = rest.get(..limit).unwrap_or(rest);
        let events = looked_at.iter().filter_map(|(stream, index)| self.streams.get(stream)?.get(*index));
        Page {
            events: events.filter(|event| filter.matches(event.stream.category())).cloned().collect(),
            last: if looked_at.is_empty() { after } else { Position::new((start + looked_at.len()) as u128) },
            end: looked_at.len() == rest.len(),
        }
    }

    fn head(&self) -> Position {
        Position::new(self.order.len() as u128)
    }
}

fn position_in_stream(version: Version) -> usize {
    index(version.get().saturating_sub(1))
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
            let committed = self.log().commit(commit)?;
            self.0.grown.notify_waiters();
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

    fn read_facts<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Facts, StoreError>> {
        Box::pin(async move { Ok(self.log().read_facts(stream, from, limit.max(1))) })
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
        Box::pin(async move { Ok(self.log().head()) })
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            // Listen before looking, so that what comes in between is not missed.
            let mut grown = pin!(self.0.grown.notified());
            grown.as_mut().enable();
            if self.log().head() <= after {
                grown.await;
            }
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
