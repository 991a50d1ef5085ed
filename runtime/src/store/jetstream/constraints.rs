//! Which constraints are on record, and how writers know it.
//!
//! The server stores a commit without seeing what is on record: it could compare the last message of another subject, but
//! of several servers it then stores one such commit at a time. So each writer looks himself, and goes by what he saw for
//! [`VIEW`]; who changes the record waits until nobody goes by what he saw before. That a constraint is in force is the one
//! change that needs no wait: who has not seen it is refused by what he saw, and looks again.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    JetStreamStore,
    note::{self, OnRecord, Record},
    outgoing::Outgoing,
    server::{PAUSE, Trouble, said},
    write::{Attempt, answered},
};
use crate::store::{ClaimChange, Commit, Constraint, Name, Standing, StoreError, StreamId};

/// How long after he looked a writer gives commits to the server that go by what he saw …
const VIEW: Duration = Duration::from_secs(2);

/// … and how long he begins new ones, so that there is time to look for what they are about.
const BEGUN: Duration = Duration::from_secs(1);

/// How long a commit that was given is on its way to the server, at most.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// What this store saw on record.
#[derive(Debug, Default)]
pub(super) struct Records {
    seen: Mutex<HashMap<Name, Arc<Seen>>>,
    /// One asks, and the others that need to know wait for his answer.
    asking: tokio::sync::Mutex<()>,
    /// Whether there are events. Before the first one nobody waits, so nothing that was seen until then is remembered.
    begun: AtomicBool,
}

/// What was on record for a category.
#[derive(Debug)]
struct Seen {
    /// It was so then, or later.
    at: Instant,
    /// The sequence number of the message; 0 if there is none.
    sequence: u64,
    record: Record,
}

/// What is on record, as far as a commit has to know.
pub(super) struct View {
    records: Vec<(Name, Arc<Seen>)>,
    /// The commit is not given to the server later.
    pub(super) until: Instant,
    /// The sequence number of the last message, if the store has no events yet: the record was as it is here when that was
    /// so, and the server sees whether it still is.
    pub(super) last: Option<u64>,
}

impl View {
    /// The constraint of this name.
    pub(super) fn constraint(&self, category: &Name, name: &Name) -> Option<&OnRecord> {
        let (_, seen) = self.records.iter().find(|(other, _)| other == category)?;
        seen.record.constraints.iter().find(|constraint| *name == constraint.name.as_str())
    }

    /// Whether the writer knows everything that is on record, and uses nothing that is not in force.
    fn check(&self, commit: &Commit) -> Result<(), StoreError> {
        let written = |category: &Name| commit.appends.iter().any(|it| it.stream.category() == category);
        for (category, seen) in self.records.iter().filter(|(category, _)| written(category)) {
            let knows = |name: &str| commit.constraints.iter().any(|known| known == name);
            if let Some(unknown) = seen.record.constraints.iter().find(|it| !knows(&it.name)) {
                return Err(StoreError::unknown_constraint(category, &unknown.name));
            }
        }
        let in_force = |change: &&ClaimChange| {
            let claim = change.claim();
            self.constraint(claim.owner.category(), &claim.constraint).is_some_and(|it| it.in_force)
        };
        match commit.claims.iter().find(|change| !in_force(change)) {
            Some(change) => Err(StoreError::not_in_force(&change.claim().constraint)),
            None => Ok(()),
        }
    }
}

impl Records {
    /// There are events.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    fn get(&self, category: &Name) -> Option<Arc<Seen>> {
        self.lock().get(category).filter(|seen| seen.at.elapsed() < BEGUN).map(Arc::clone)
    }

    fn keep(&self, category: &Name, seen: &Arc<Seen>) {
        let mut all = self.lock();
        all.retain(|_, seen| seen.at.elapsed() < BEGUN);
        all.insert(category.clone(), Arc::clone(seen));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Seen>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JetStreamStore {
    /// What is on record for the categories of this commit, or what is against it. What was seen of before is against nothing.
    pub(super) async fn view(&self, commit: &Commit) -> Result<Result<View, StoreError>, StoreError> {
        let last = self.last_before_events().await?;
        let mut now = last.is_some();
        loop {
            let streams = commit.appends.iter().map(|append| &append.stream);
            let owners = commit.claims.iter().map(|change| &change.claim().owner);
            let view = self.view_of(streams.chain(owners).map(StreamId::category), now, last).await?;
            match view.check(commit) {
                Ok(()) => return Ok(Ok(view)),
                Err(error) if now => return Ok(Err(error)),
                Err(_) => now = true,
            }
        }
    }

    /// What is on record now for these categories.
    pub(super) async fn view_now<'a>(
        &self,
        categories: impl Iterator<Item = &'a Name>,
    ) -> Result<View, StoreError> {
        self.view_of(categories, true, None).await
    }

    async fn view_of<'a>(
        &self,
        categories: impl Iterator<Item = &'a Name>,
        now: bool,
        last: Option<u64>,
    ) -> Result<View, StoreError> {
        let mut view = View { records: Vec::new(), until: Instant::now() + VIEW, last };
        for category in categories {
            if view.records.iter().any(|(other, _)| other == category) {
                continue;
            }
            let seen = if now { Arc::new(self.look(category).await?) } else { self.seen(category).await? };
            view.until = view.until.min(seen.at + VIEW);
            view.records.push((category.clone(), seen));
        }
        Ok(view)
    }

    async fn seen(&self, category: &Name) -> Result<Arc<Seen>, StoreError> {
        if let Some(seen) = self.records.get(category) {
            return Ok(seen);
        }
        let _turn = self.records.asking.lock().await;
        if let Some(seen) = self.records.get(category) {
            return Ok(seen);
        }
        let seen = Arc::new(self.look(category).await?);
        self.records.keep(category, &seen);
        Ok(seen)
    }

    /// What is on record now.
    async fn look(&self, category: &Name) -> Result<Seen, StoreError> {
        let at = Instant::now();
        Ok(match self.server.last(&self.subjects.record(category)).await? {
            None => Seen { at, sequence: 0, record: Record::default() },
            Some(stored) => Seen { at, sequence: stored.sequence, record: note::decode(&stored)? },
        })
    }

    /// The sequence number of the last message, if there are no events.
    async fn last_before_events(&self) -> Result<Option<u64>, StoreError> {
        if self.records.begun.load(Ordering::Acquire) {
            return Ok(None);
        }
        let Some(last) = self.server.last(">").await? else { return Ok(Some(0)) };
        if self.server.next(&self.subjects.events(), 1).await?.is_none() {
            return Ok(Some(last.sequence));
        }
        self.records.begin();
        Ok(None)
    }

    /// The constraints of this category, and how far they are.
    pub(super) async fn on_record(&self, category: &Name) -> Result<Vec<(Name, Standing)>, StoreError> {
        let told = |it: OnRecord| {
            (Name::from(it.name), if it.in_force { Standing::InForce } else { Standing::Building })
        };
        Ok(self.look(category).await?.record.constraints.into_iter().map(told).collect())
    }

    /// Changes the record, and waits until all writers know it.
    pub(super) async fn put_on_record(
        &self,
        constraint: &Constraint,
        standing: Option<Standing>,
    ) -> Result<(), StoreError> {
        let subject = self.subjects.record(&constraint.category);
        let deadline = self.server.deadline();
        loop {
            let Seen { sequence, mut record, .. } = self.look(&constraint.category).await?;
            if !change(&mut record, &constraint.name, standing, sequence)? {
                break;
            }
            let message = Outgoing::new(subject.clone(), note::encode(&record)?, sequence);
            let trouble =
                match self.server.publish(vec![message.into_parts()], deadline).await.and_then(answered) {
                    Ok(Attempt::Stored(_) | Attempt::Known(_)) => break,
                    // Somebody else has changed it.
                    Ok(Attempt::Stale) => None,
                    Err(Trouble::Refused(error)) => return Err(error),
                    Err(trouble) => Some(trouble),
                };
            if Instant::now() >= deadline {
                return Err(trouble
                    .map_or_else(|| said("others change the record all the time"), Trouble::into_error));
            }
            sleep(PAUSE).await;
        }
        self.records.lock().remove(&constraint.category);
        // Nobody takes or releases a value by what he saw before it was in force.
        let waits = standing != Some(Standing::InForce);
        // Who writes the first event sees for himself, and so does the server.
        if waits && self.last_before_events().await?.is_none() {
            sleep(VIEW + ON_ITS_WAY).await;
        }
        Ok(())
    }
}

/// Changes a record whose message has this sequence number. Whether it is another one then.
fn change(
    record: &mut Record,
    name: &Name,
    standing: Option<Standing>,
    sequence: u64,
) -> Result<bool, StoreError> {
    let constraints = &mut record.constraints;
    let found = constraints.iter_mut().find(|constraint| *name == constraint.name.as_str());
    match (standing, found) {
        (None, None) | (Some(Standing::Building), Some(_)) => return Ok(false),
        (None, Some(_)) => constraints.retain(|constraint| *name != constraint.name.as_str()),
        // Each record follows another message, so none has had this generation.
        (Some(Standing::Building), None) => {
            constraints.push(OnRecord { name: name.to_string(), in_force: false, generation: sequence });
        }
        (Some(Standing::InForce), Some(found)) if found.in_force => return Ok(false),
        (Some(Standing::InForce), Some(found)) => found.in_force = true,
        (Some(Standing::InForce), None) => return Err(StoreError::not_in_force(name)),
    }
    Ok(true)
}
