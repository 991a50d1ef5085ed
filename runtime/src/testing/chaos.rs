//! Stores that misbehave on purpose, to see what programs make of it.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Position, Version,
    store::{
        AppendError, BoxFuture, Capabilities, Claim, Commit, CommitId, Committed, Constraint, Facts, Filter,
        IdempotencyKey, Name, Page, Remembered, Snapshot, Standing, Store, StoreError, StoreErrorKind,
        StreamId, StreamPage,
    },
};

/// What can go wrong in a [`ChaosStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A read fails, one of [`head`](Store::head) and [`wait`](Store::wait) too.
    Read,
    /// An append fails. Nothing is recorded.
    Failure,
    /// An append conflicts with a writer who does not exist: the version that is reported is one more than the one that
    /// was expected. Nothing is recorded. An append that expects nothing cannot conflict.
    Conflict,
    /// An append is lost on its way to the store: the outcome is unknown, and nothing is recorded.
    RequestLost,
    /// The answer to an append is lost, whatever it was: the outcome is unknown, and mostly everything is recorded.
    AnswerLost,
}

impl Fault {
    /// Those that befall appends.
    const OF_APPENDS: [Self; 4] = [Self::Failure, Self::Conflict, Self::RequestLost, Self::AnswerLost];
}

/// A store in which things go wrong: with given probabilities, the same each time for the same seed and order of calls,
/// or the next so many times.
///
/// It breaks no promise of [`Store`]. A commit that has taken effect, be it with an unknown outcome, meets no conflict
/// when it is given again; that it fails then is possible, as it is with a store that cannot be reached.
///
/// ```
/// use std::sync::Arc;
/// use factum::{store::MemoryStore, testing::chaos::{ChaosStore, Fault}};
///
/// let store = ChaosStore::new(Arc::new(MemoryStore::new()))
///     .seeded(7)
///     .with(Fault::Read, 0.1)
///     .with(Fault::AnswerLost, 0.2);
/// store.inject(3, Fault::Conflict);
/// ```
pub struct ChaosStore {
    store: Arc<dyn Store>,
    odds: HashMap<Fault, f64>,
    state: Mutex<State>,
}

struct State {
    dice: fastrand::Rng,
    /// What befalls the next reads, and the next appends.
    reads_to_fail: usize,
    next: VecDeque<Fault>,
    met: HashMap<Fault, usize>,
    /// The commits that were recorded, whether anybody heard of it or not.
    recorded: HashSet<CommitId>,
}

impl ChaosStore {
    /// This store, in which nothing goes wrong before it is asked for.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let state = State {
            dice: fastrand::Rng::with_seed(0),
            reads_to_fail: 0,
            next: VecDeque::new(),
            met: HashMap::new(),
            recorded: HashSet::new(),
        };
        Self { store, odds: HashMap::new(), state: Mutex::new(state) }
    }

    /// What is left to chance follows from this seed.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        self.state().dice.seed(seed);
        self
    }

    /// The fault befalls each read or append with this probability, from 0 to 1.
    #[must_use]
    pub fn with(mut self, fault: Fault, probability: f64) -> Self {
        self.odds.insert(fault, probability);
        self
    }

    /// The fault befalls the next reads or appends, this many of them, after what was asked for before.
    pub fn inject(&self, times: usize, fault: Fault) {
        let mut state = self.state();
        match fault {
            Fault::Read => state.reads_to_fail += times,
            _ => state.next.extend(std::iter::repeat_n(fault, times)),
        }
    }

    /// How often the fault has occurred.
    #[must_use]
    pub fn met(&self, fault: Fault) -> usize {
        self.state().met.get(&fault).copied().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn by_chance(&self, state: &mut State, fault: Fault) -> bool {
        self.odds.get(&fault).is_some_and(|probability| state.dice.f64() < *probability)
    }

    /// What befalls a read.
    fn read(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.reads_to_fail > 0 {
            state.reads_to_fail -= 1;
        } else if !self.by_chance(&mut state, Fault::Read) {
            return Ok(());
        }
        state.meet(Fault::Read);
        Err(unavailable("the read failed"))
    }

    /// What befalls an append.
    fn fault(&self, commit: CommitId, can_conflict: bool) -> Option<Fault> {
        let mut state = self.state();
        let fault = match state.next.pop_front() {
            Some(fault) => Some(fault),
            None => Fault::OF_APPENDS.into_iter().find(|fault| self.by_chance(&mut state, *fault)),
        };
        let possible = |fault: &Fault| match fault {
            Fault::Conflict => can_conflict && !state.recorded.contains(&commit),
            _ => true,
        };
        let fault = fault.filter(possible)?;
        state.meet(fault);
        Some(fault)
    }
}

impl State {
    fn meet(&mut self, fault: Fault) {
        *self.met.entry(fault).or_default() += 1;
    }
}

/// The conflict with a writer who does not exist, over the first stream of which something is expected.
fn conflict(commit: &Commit) -> Option<AppendError> {
    commit.appends.iter().find_map(|append| {
        let (stream, expected) = (append.stream.clone(), append.expected);
        Some(AppendError::Conflict { stream, expected, actual: expected.version()?.next() })
    })
}

fn unavailable(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("{message}, on purpose"))
}

impl Store for ChaosStore {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(async move {
            let id = commit.id;
            let unknown = |message| Err(AppendError::Unknown { commit: id, cause: unavailable(message) });
            let conflict = conflict(&commit);
            match (self.fault(id, conflict.is_some()), conflict) {
                (Some(Fault::Conflict), Some(conflict)) => Err(conflict),
                (Some(Fault::Failure), _) => Err(unavailable("the append failed").into()),
                (Some(Fault::RequestLost), _) => unknown("the request was lost"),
                (fault, _) => {
                    let outcome = self.store.append(commit).await;
                    if outcome.is_ok() {
                        self.state().recorded.insert(id);
                    }
                    if fault == Some(Fault::AnswerLost) { unknown("the answer was lost") } else { outcome }
                }
            }
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        Box::pin(async move {
            self.read()?;
            self.store.read_stream(stream, from, limit).await
        })
    }

    fn read_facts<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Facts, StoreError>> {
        Box::pin(async move {
            self.read()?;
            self.store.read_facts(stream, from, limit).await
        })
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            self.read()?;
            self.store.read_all(filter, after, limit).await
        })
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            self.read()?;
            self.store.head().await
        })
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.read()?;
            self.store.wait(after).await
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn remembered<'a>(
        &'a self,
        key: &'a IdempotencyKey,
    ) -> BoxFuture<'a, Result<Option<Remembered>, StoreError>> {
        Box::pin(async move {
            self.read()?;
            self.store.remembered(key).await
        })
    }

    fn constraints<'a>(
        &'a self,
        category: &'a Name,
    ) -> BoxFuture<'a, Result<Vec<(Name, Standing)>, StoreError>> {
        Box::pin(async move {
            self.read()?;
            self.store.constraints(category).await
        })
    }

    fn constrain<'a>(
        &'a self,
        constraint: &'a Constraint,
        standing: Option<Standing>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.constrain(constraint, standing)
    }

    fn claim<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        self.store.claim(claims)
    }

    fn snapshot<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Option<Snapshot>, StoreError>> {
        Box::pin(async move {
            self.read()?;
            self.store.snapshot(stream).await
        })
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.save_snapshot(snapshot)
    }
}

impl fmt::Debug for ChaosStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosStore")
            .field("store", &self.store)
            .field("odds", &self.odds)
            .finish_non_exhaustive()
    }
}
