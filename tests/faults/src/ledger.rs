//! What was asked of a store, and what it answered.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use factum::{
    Position, Store, Version,
    store::{AppendError, Commit, CommitId, Committed},
};

use crate::Moment;

/// The commits that were given to a store, in the order in which they were given.
pub struct Ledger {
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
    entries: Mutex<Vec<Entry>>,
}

/// A commit, and what became of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The commit.
    pub commit: Commit,
    /// When it was given for the first time.
    pub given: Moment,
    /// What was answered last.
    pub outcome: Outcome,
}

/// What a store answered to a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet: all of it may be there or nothing.
    Open,
    /// That it does not know: all of it may be there or nothing. A later refusal does not change that, because it speaks
    /// of its own attempt only.
    Unknown,
    /// That it is recorded.
    Acknowledged {
        /// Not before this moment was it known to be.
        at: Moment,
        /// For each append the first version and the positions.
        places: Vec<(Version, Vec<Position>)>,
    },
    /// That nothing was recorded.
    Refused,
}

impl Outcome {
    /// Whether all of it may be there or nothing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Unknown)
    }
}

impl Ledger {
    /// A ledger whose moments are those of this clock.
    pub fn new(clock: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), entries: Mutex::default() }
    }

    /// Gives a commit to the store and remembers the answer. A commit may be given again.
    ///
    /// # Errors
    /// The store's.
    pub async fn append(&self, store: &dyn Store, commit: Commit) -> Result<Committed, AppendError> {
        let id = commit.id;
        self.give(&commit);
        let answer = store.append(commit).await;
        match &answer {
            Ok(committed) => self.acknowledge(id, places(committed)),
            Err(AppendError::Unknown { commit, .. }) => self.fail(*commit, Outcome::Unknown),
            Err(_) => self.fail(id, Outcome::Refused),
        }
        answer
    }

    /// Remembers that a commit is given.
    pub fn give(&self, commit: &Commit) {
        let mut entries = self.lock();
        match find(&mut entries, commit.id) {
            Some(entry) if entry.outcome == Outcome::Refused => entry.outcome = Outcome::Open,
            Some(_) => {}
            None => {
                let given = (self.clock)();
                entries.push(Entry { commit: commit.clone(), given, outcome: Outcome::Open });
            }
        }
    }

    /// Remembers that a commit was acknowledged.
    ///
    /// # Panics
    /// It was acknowledged before, with something else.
    pub fn acknowledge(&self, id: CommitId, places: Vec<(Version, Vec<Position>)>) {
        let mut entries = self.lock();
        let entry = find(&mut entries, id).expect("it was given");
        match &entry.outcome {
            Outcome::Acknowledged { places: first, .. } => {
                assert_eq!(*first, places, "commit {id} was acknowledged twice, and differently");
            }
            _ => entry.outcome = Outcome::Acknowledged { at: (self.clock)(), places },
        }
    }

    fn fail(&self, id: CommitId, outcome: Outcome) {
        let mut entries = self.lock();
        let entry = find(&mut entries, id).expect("it was given");
        if entry.outcome == Outcome::Open {
            entry.outcome = outcome;
        }
    }

    /// Gives everything again whose outcome is not known, in order. Gives how many those are.
    ///
    /// # Errors
    /// The first of the store's.
    pub async fn give_again(&self, store: &dyn Store) -> Result<usize, AppendError> {
        let open: Vec<_> = self.entries().into_iter().filter(|entry| entry.outcome.is_open()).collect();
        for Entry { commit, .. } in &open {
            let committed = store.append(commit.clone()).await?;
            self.acknowledge(commit.id, places(&committed));
        }
        Ok(open.len())
    }

    /// All that was given.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// What was known at this moment.
    pub fn as_of(&self, moment: Moment) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.given <= moment);
        for entry in &mut entries {
            if matches!(entry.outcome, Outcome::Acknowledged { at, .. } if at > moment) {
                entry.outcome = Outcome::Open;
            }
        }
        entries
    }

    /// Goes back to these entries, as after a power failure.
    pub fn reset(&self, entries: Vec<Entry>) {
        *self.lock() = entries;
    }

    /// How many commits were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.lock().iter().filter(|entry| matches!(entry.outcome, Outcome::Acknowledged { .. })).count()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(|| 0)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("entries", &self.lock()).finish_non_exhaustive()
    }
}

/// For each append of a commit the first version and the positions.
#[must_use]
pub fn places(committed: &Committed) -> Vec<(Version, Vec<Position>)> {
    committed.appends.iter().map(|append| (append.first, append.positions.clone())).collect()
}

/// Those given last are asked for most.
fn find(entries: &mut [Entry], id: CommitId) -> Option<&mut Entry> {
    entries.iter_mut().rev().find(|entry| entry.commit.id == id)
}
