//! The reference: a store in memory, for tests, trials, and anything that may end with the process.
//!
//! It is the shortest store that keeps every promise of [`Store`] and of [`ReadStore`]; the others are held against it. One
//! lock guards everything, so a commit is atomic because nobody sees its middle, and the order of positions is the order in
//! which commits took the lock.

mod read;
mod rows;

use std::{
    collections::HashMap,
    mem,
    ops::Range,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::{
    AppendError, Appended, BoxFuture, Capabilities, Capability, Claim, ClaimChange, ClaimValue, Commit,
    CommitId, Committed, Constraint, Durability, EventId, Expected, Facts, Filter, IdempotencyKey, Name,
    NewEvent, Page, Payload, Position, RecordedEvent, Remembered, Snapshot, Standing, Store, StoreError,
    StreamId, StreamPage, facts::Run, record::now,
};
use crate::{Metadata, Version, read::ReadStore};
use read::Books;

/// How many events of a stream share a [`Run`]. An append copies the last run if somebody still reads it, so what it
/// costs does not grow with the stream. As many as a load reads at a time, so that a load needs no page more.
const RUN: usize = 512;

/// A store in memory. What it holds ends with its last clone; clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    /// Wakes those who wait for an event.
    grown: Notify,
    /// Wakes those who wait for a reader.
    read: Notify,
}

#[derive(Debug, Default)]
struct Log {
    /// Where in `streams` the stream of a name is.
    names: HashMap<StreamId, usize>,
    streams: Vec<Stream>,
    /// Where the events are in the order of their positions: stream and index in it. The one at index `i` has
    /// position `i + 1`, so that `Position::START` is before the first.
    order: Vec<(usize, usize)>,
    /// Who holds which unique value.
    claims: HashMap<ClaimValue, Claim>,
    /// What is on record, by category.
    constraints: HashMap<Name, Vec<(Name, Standing)>>,
    /// What was recorded under a key of a category: which command, and the range of its events in `order`.
    keys: HashMap<(Name, String), ([u8; 16], Range<usize>)>,
    /// What was answered to commits that expected nothing. Others are known by what they expected: see
    /// [`Log::given_before`].
    unconditional: HashMap<CommitId, Committed>,
    snapshots: HashMap<StreamId, Snapshot>,
    /// The views, and how far their readers have come.
    books: Books,
}

/// The events of a stream. The one at index `i` has version `i + 1`.
#[derive(Debug)]
struct Stream {
    name: StreamId,
    /// What loads read, and share: the runs that are full, each of [`RUN`] events …
    full: Vec<Arc<Run>>,
    /// … and the last one.
    last: Arc<Run>,
    /// The rest of each event.
    envelopes: Vec<Envelope>,
}

#[derive(Debug)]
struct Envelope {
    id: EventId,
    position: Position,
    at: DateTime<Utc>,
    metadata: Option<Arc<Metadata>>,
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
    fn commit(&mut self, mut commit: Commit) -> Result<Committed, AppendError> {
        if let Some(first_answer) = self.unconditional.get(&commit.id) {
            return Ok(first_answer.clone());
        }
        // First all checks, then all writes: that is what makes it all or nothing.
        let mut found = Vec::with_capacity(commit.appends.len());
        for append in &commit.appends {
            let stream = self.names.get(&append.stream).copied();
            let actual = Version::new(self.envelopes(stream).len() as u64);
            if append.expected.version().is_some_and(|expected| expected != actual) {
                return self.given_before(&commit).ok_or_else(|| AppendError::Conflict {
                    stream: append.stream.clone(),
                    expected: append.expected,
                    actual,
                });
            }
            found.push(stream);
        }
        self.check_constraints(&commit)?;
        self.check_key(&commit)?;
        self.check_claims(&commit)?;
        let times = self.times(&commit, &found);
        let rows = self.books.changes(&commit.rows, self.order.len(), &times)?;
        let unconditional = commit.appends.iter().all(|append| append.expected == Expected::Any);
        let given = mem::take(&mut commit.appends);
        let start = self.order.len();
        let mut index = 0;
        let mut appends = Vec::with_capacity(given.len());
        for (append, stream) in given.into_iter().zip(found) {
            let events = append.events.len();
            let number = stream.unwrap_or_else(|| self.begin(append.stream));
            let stamps = (index..).map(|index| commit.event_id(index)).zip(times.iter().skip(index).copied());
            if let Some(stream) = self.streams.get_mut(number) {
                appends.push(stream.append(number, append.events, stamps, &mut self.order));
            }
            index += events;
        }
        self.books.change(rows);
        for claim in released(&commit) {
            if self.claims.get(&claim.value).is_some_and(|held| held.owner == claim.owner) {
                self.claims.remove(&claim.value);
            }
        }
        self.claims.extend(taken(&commit).map(|claim| (claim.value, claim.clone())));
        if let Some(key) = commit.key {
            let events = start..self.order.len();
            self.keys.insert((key.category, key.key), (key.fingerprint, events));
        }
        let committed = Committed { appends };
        if unconditional {
            self.unconditional.insert(commit.id, committed.clone());
        }
        Ok(committed)
    }

    /// When the events of a commit happen, which has found its streams here. The clock of the machine may go backwards; the
    /// times of a stream do not.
    fn times(&self, commit: &Commit, found: &[Option<usize>]) -> Vec<DateTime<Utc>> {
        let now = now();
        let mut times = Vec::new();
        for (append, stream) in commit.appends.iter().zip(found) {
            let mut at = self.envelopes(*stream).last().map_or(DateTime::<Utc>::MIN_UTC, |last| last.at);
            for _ in &append.events {
                let original = commit.event_at(times.len()).and_then(DateTime::from_timestamp_micros);
                at = at.max(original.unwrap_or(now));
                times.push(at);
            }
        }
        times
    }

    /// Whether the writer knows everything that is on record, and uses nothing that is not in force.
    fn check_constraints(&self, commit: &Commit) -> Result<(), StoreError> {
        for append in &commit.appends {
            let category = append.stream.category();
            let mut on_record = self.constraints.get(category).into_iter().flatten();
            if let Some((unknown, _)) = on_record.find(|(name, _)| !commit.constraints.contains(name)) {
                return Err(StoreError::unknown_constraint(category, unknown));
            }
        }
        let in_force = |change: &&ClaimChange| {
            let Claim { constraint, owner, .. } = change.claim();
            self.standing(owner.category(), constraint) == Some(Standing::InForce)
        };
        match commit.claims.iter().find(|change| !in_force(change)) {
            Some(change) => Err(StoreError::not_in_force(&change.claim().constraint)),
            None => Ok(()),
        }
    }

    fn standing(&self, category: &Name, constraint: &Name) -> Option<Standing> {
        let on_record = self.constraints.get(category)?;
        on_record.iter().find(|(name, _)| name == constraint).map(|(_, standing)| *standing)
    }

    fn check_key(&self, commit: &Commit) -> Result<(), AppendError> {
        match &commit.key {
            Some(key) if self.keys.contains_key(&(key.category.clone(), key.key.clone())) => {
                Err(AppendError::KeyUsed { key: key.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether all that is to be taken is free, or will be when the commit has released what it releases.
    fn check_claims(&self, commit: &Commit) -> Result<(), AppendError> {
        for claim in taken(commit) {
            let holder = self.claims.get(&claim.value).map(|held| &held.owner);
            let gives_back = |holder: &StreamId| {
                released(commit).any(|other| other.value == claim.value && other.owner == *holder)
            };
            if let Some(by) = holder.filter(|holder| **holder != claim.owner && !gives_back(holder)) {
                return Err(AppendError::Taken { claim: claim.clone(), by: by.clone() });
            }
        }
        Ok(())
    }

    fn remembered(&self, key: &IdempotencyKey) -> Option<Remembered> {
        let (fingerprint, events) = self.keys.get(&(key.category.clone(), key.key.clone()))?;
        let places = self.order.get(events.clone()).unwrap_or_default();
        let events = places.iter().filter_map(|(stream, index)| {
            self.streams.get(*stream).and_then(|stream| stream.events(*index..index + 1).next())
        });
        Some(Remembered { fingerprint: *fingerprint, events: events.collect() })
    }

    fn constrain(&mut self, constraint: &Constraint, standing: Option<Standing>) -> Result<(), StoreError> {
        let Constraint { category, name } = constraint;
        let on_record = self.constraints.entry(category.clone()).or_default();
        let found = on_record.iter_mut().find(|(other, _)| other == name);
        match (standing, found) {
            (None, _) => {
                on_record.retain(|(other, _)| other != name);
                self.claims.retain(|_, claim| claim.constraint != *name);
            }
            (Some(Standing::Building), Some(_)) => {}
            (Some(Standing::Building), None) => on_record.push((name.clone(), Standing::Building)),
            (Some(Standing::InForce), Some((_, standing))) => *standing = Standing::InForce,
            (Some(Standing::InForce), None) => return Err(StoreError::not_in_force(name)),
        }
        Ok(())
    }

    fn claim(&mut self, claims: &[Claim]) -> Result<Vec<StreamId>, StoreError> {
        let building = |claim: &&Claim| {
            self.standing(claim.owner.category(), &claim.constraint) == Some(Standing::Building)
        };
        if let Some(claim) = claims.iter().find(|claim| !building(claim)) {
            return Err(StoreError::not_being_built(&claim.constraint));
        }
        let holder =
            |claim: &Claim| self.claims.entry(claim.value).or_insert_with(|| claim.clone()).owner.clone();
        Ok(claims.iter().map(holder).collect())
    }

    /// A new stream, and where it is.
    fn begin(&mut self, name: StreamId) -> usize {
        let number = self.streams.len();
        self.names.insert(name.clone(), number);
        self.streams.push(Stream { name, full: Vec::new(), last: Arc::default(), envelopes: Vec::new() });
        number
    }

    /// The first answer to a commit that now finds its streams at other versions than it expected, if that is because
    /// it has taken effect already: then its own events stand where it would have put them.
    fn given_before(&self, commit: &Commit) -> Option<Committed> {
        let mut index = 0;
        let mut appends = Vec::with_capacity(commit.appends.len());
        for append in &commit.appends {
            let events = self.envelopes(self.names.get(&append.stream).copied());
            let start = match append.expected.version() {
                Some(version) => position_in_stream(version.next()),
                None => events.iter().position(|event| event.id == commit.event_id(index))?,
            };
            events.get(start).filter(|event| event.id == commit.event_id(index))?;
            let appended = events.get(start..start + append.events.len())?;
            appends.push(Appended {
                first: Version::new(start as u64).next(),
                positions: appended.iter().map(|event| event.position).collect(),
                at: appended.last()?.at,
                tail: None,
            });
            index += append.events.len();
        }
        Some(Committed { appends })
    }

    fn envelopes(&self, stream: Option<usize>) -> &[Envelope] {
        stream.and_then(|number| self.streams.get(number)).map_or(&[], |stream| &stream.envelopes)
    }

    fn stream(&self, name: &StreamId) -> Option<&Stream> {
        self.streams.get(*self.names.get(name)?)
    }

    fn read_stream(&self, stream: &StreamId, from: Version, limit: usize) -> StreamPage {
        let Some(stream) = self.stream(stream) else { return StreamPage::default() };
        let (range, next) = stream.page(from, limit);
        StreamPage { events: stream.events(range).collect(), next, tail: None }
    }

    fn read_facts(&self, stream: &StreamId, from: Version, limit: usize) -> Facts {
        let Some(stream) = self.stream(stream) else { return Facts::default() };
        let (range, next) = stream.page(from, limit);
        let last = range.clone().last().and_then(|last| stream.envelopes.get(last));
        let (run, range) = stream.run(range);
        let mut facts = Facts::part(run, range);
        facts.position = last.map(|event| event.position).unwrap_or_default();
        facts.next = next;
        facts
    }

    fn read_all(&self, filter: &Filter, after: Position, limit: usize) -> Page {
        let start = u64::try_from(after.get()).map_or(usize::MAX, index);
        let rest = self.order.get(start..).unwrap_or_default();
        let looked_at = rest.get(..limit).unwrap_or(rest);
        let events = looked_at.iter().filter_map(|(stream, index)| {
            let stream = self.streams.get(*stream).filter(|stream| filter.matches(stream.name.category()))?;
            stream.events(*index..index + 1).next()
        });
        Page {
            events: events.collect(),
            last: if looked_at.is_empty() { after } else { Position::new((start + looked_at.len()) as u128) },
            end: looked_at.len() == rest.len(),
        }
    }

    fn head(&self) -> Position {
        Position::new(self.order.len() as u128)
    }
}

impl Stream {
    /// Appends events with these ids and times, and counts them in the `order`, where this stream has this `number`.
    fn append(
        &mut self,
        number: usize,
        events: Vec<NewEvent>,
        stamps: impl Iterator<Item = (EventId, DateTime<Utc>)>,
        order: &mut Vec<(usize, usize)>,
    ) -> Appended {
        let first = Version::new(self.envelopes.len() as u64).next();
        let mut positions = Vec::with_capacity(events.len());
        for (event, (id, at)) in events.into_iter().zip(stamps) {
            let NewEvent { name, schema, payload, metadata } = event;
            order.push((number, self.envelopes.len()));
            let position = Position::new(order.len() as u128);
            positions.push(position);
            if self.last.len() == RUN {
                self.full.push(mem::take(&mut self.last));
            }
            let version = Version::new(self.envelopes.len() as u64).next();
            Arc::make_mut(&mut self.last).push(version, name, schema, &payload);
            self.envelopes.push(Envelope { id, position, at, metadata });
        }
        let at = self.envelopes.last().map(|last| last.at).unwrap_or_default();
        Appended { first, positions, at, tail: None }
    }

    /// Where a page of events is, and the version of the one that follows them. It ends where its run ends.
    fn page(&self, from: Version, limit: usize) -> (Range<usize>, Option<Version>) {
        let end = self.envelopes.len();
        let start = position_in_stream(from).min(end);
        let stop = start.saturating_add(limit).min(start - start % RUN + RUN).min(end);
        (start..stop, (stop < end).then(|| Version::new(stop as u64).next()))
    }

    /// The run that holds these events, which no run border parts, and where in it they are.
    fn run(&self, range: Range<usize>) -> (&Arc<Run>, Range<usize>) {
        let start = range.start % RUN;
        (self.full.get(range.start / RUN).unwrap_or(&self.last), start..start + range.len())
    }

    fn events(&self, range: Range<usize>) -> impl Iterator<Item = RecordedEvent> {
        let envelopes = self.envelopes.get(range.clone()).unwrap_or_default();
        let (run, range) = self.run(range);
        run.iter(range).zip(envelopes).map(|(fact, envelope)| RecordedEvent {
            id: envelope.id,
            stream: self.name.clone(),
            version: fact.version,
            position: envelope.position,
            name: fact.name.clone(),
            schema: fact.schema,
            payload: fact.payload.map_or_else(Payload::clone, Payload::json),
            at: envelope.at,
            metadata: envelope.metadata.clone(),
        })
    }
}

fn taken(commit: &Commit) -> impl Iterator<Item = &Claim> {
    commit.claims.iter().filter_map(|change| match change {
        ClaimChange::Take(claim) => Some(claim),
        ClaimChange::Release(_) => None,
    })
}

fn released(commit: &Commit) -> impl Iterator<Item = &Claim> {
    commit.claims.iter().filter_map(|change| match change {
        ClaimChange::Take(_) => None,
        ClaimChange::Release(claim) => Some(claim),
    })
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

    fn remembered<'a>(
        &'a self,
        key: &'a IdempotencyKey,
    ) -> BoxFuture<'a, Result<Option<Remembered>, StoreError>> {
        Box::pin(async move { Ok(self.log().remembered(key)) })
    }

    fn constraints<'a>(
        &'a self,
        category: &'a Name,
    ) -> BoxFuture<'a, Result<Vec<(Name, Standing)>, StoreError>> {
        Box::pin(async move { Ok(self.log().constraints.get(category).cloned().unwrap_or_default()) })
    }

    fn constrain<'a>(
        &'a self,
        constraint: &'a Constraint,
        standing: Option<Standing>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.log().constrain(constraint, standing) })
    }

    fn claim<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move { self.log().claim(claims) })
    }

    fn snapshot<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Option<Snapshot>, StoreError>> {
        Box::pin(async move { Ok(self.log().snapshots.get(stream).cloned()) })
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.log().snapshots.insert(snapshot.stream.clone(), snapshot);
            Ok(())
        })
    }

    fn capabilities(&self) -> Capabilities {
        // Nobody outside this process can write here.
        let supported: &[_] = &[
            Capability::Claims,
            Capability::IdempotencyKeys,
            Capability::Rows,
            Capability::Snapshots,
            Capability::Originals,
        ];
        Capabilities { wakes: true, ..Capabilities::new(Durability::Process).supporting(supported) }
    }

    fn read_store(self: Arc<Self>) -> Option<Arc<dyn ReadStore>> {
        Some(self)
    }
}

/// What can be told apart from outside is told by the contract suite; this is the rest.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Append, Name};

    #[test]
    fn a_position_beyond_every_event_reads_nothing() {
        let page = Log::default().read_all(&Filter::All, Position::new(u128::MAX), 1);
        assert!(page.events.is_empty() && page.end);
    }

    #[tokio::test]
    async fn who_holds_a_page_keeps_no_copy_of_a_long_stream() {
        let (store, stream) = (MemoryStore::new(), StreamId::new("thing", "a"));
        let event = NewEvent {
            name: Name::from_static("Made"),
            schema: 1,
            payload: Payload::json("{}"),
            metadata: None,
        };
        let mut held = Vec::new();
        for version in 1..=3 * RUN as u64 {
            let events = vec![event.clone()];
            let append = Append { stream: stream.clone(), expected: Expected::Any, tail: None, events };
            store.append(Commit::new(vec![append])).await.unwrap();
            if version >= RUN as u64 {
                held.push(store.read_facts(&stream, Version::FIRST, 1).await.unwrap());
            }
        }
        let log = store.log();
        let first = &log.streams[0].full[0];
        assert_eq!((first.len(), Arc::strong_count(first)), (RUN, 1 + held.len()));
    }
}
