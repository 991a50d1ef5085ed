//! Unique values: who holds them, and what a commit does to them.
//!
//! Each value has a subject, and its last message says who holds it. A commit has a message for each value that it takes or
//! releases, which the server stores only if the last one is still that of which the commit knows.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep};

use super::{
    JetStreamStore,
    constraints::View,
    note::{self, Held},
    outgoing::Outgoing,
    server::{PAUSE, Trouble, said},
    write::{Attempt, answered},
};
use crate::store::{AppendError, Claim, ClaimChange, ClaimValue, Commit, StoreError, StreamId};

/// How many values are looked up at the same time for a commit.
const LOOKED_UP: usize = 64;

/// How many values are collected at the same time.
const COLLECTED: usize = 64;

/// What a commit does to a value.
struct Change<'a> {
    value: ClaimValue,
    taken: Option<&'a Claim>,
    released: Option<&'a Claim>,
}

/// Who holds a value, as its last message says.
struct Found {
    /// The sequence number of the message; 0 if there is none.
    sequence: u64,
    holder: Option<StreamId>,
}

/// The values of the commit, each once.
fn changes(commit: &Commit) -> Vec<Change<'_>> {
    let mut changes: Vec<Change<'_>> = Vec::with_capacity(commit.claims.len());
    let mut places = HashMap::new();
    for change in &commit.claims {
        let value = change.claim().value;
        let place = *places.entry(value).or_insert(changes.len());
        if place == changes.len() {
            changes.push(Change { value, taken: None, released: None });
        }
        if let Some(both) = changes.get_mut(place) {
            match change {
                ClaimChange::Take(claim) => both.taken = Some(claim),
                ClaimChange::Release(claim) => both.released = Some(claim),
            }
        }
    }
    changes
}

impl JetStreamStore {
    /// A message for each value of the commit; or why there is none. A value that is taken is taken for one that nobody ever
    /// held, unless it is to be looked up.
    pub(super) async fn claims(
        &self,
        commit: &Commit,
        view: &View,
        look: bool,
    ) -> Result<Result<Vec<Outgoing>, AppendError>, StoreError> {
        let changes = changes(commit);
        let looking: Vec<_> = changes.iter().map(|change| self.found(change, view, look)).collect();
        let found: Vec<Found> = stream::iter(looking).buffered(LOOKED_UP).try_collect().await?;
        let mut messages = Vec::with_capacity(changes.len());
        for (Change { value, taken, released }, Found { sequence, holder }) in changes.iter().zip(found) {
            let left = holder.filter(|holder| released.is_none_or(|claim| claim.owner != *holder));
            let holder = match (taken, left) {
                (Some(claim), Some(by)) if claim.owner != by => {
                    return Ok(Err(AppendError::Taken { claim: (*claim).clone(), by }));
                }
                (Some(claim), _) => Some(claim.owner.clone()),
                (None, left) => left,
            };
            let Some(generation) = taken.or(*released).and_then(|claim| generation(claim, view)) else {
                continue;
            };
            // Also where it changes nothing: so it is held, or not, when the commit takes effect, and nobody who still collects
            // what was held before takes it for that.
            let held = note::encode(&Held::new(generation, holder.as_ref()))?;
            messages.push(Outgoing::new(self.subjects.value(*value), held, sequence));
        }
        Ok(Ok(messages))
    }

    async fn found(&self, change: &Change<'_>, view: &View, look: bool) -> Result<Found, StoreError> {
        match change.taken.or(change.released).and_then(|claim| generation(claim, view)) {
            Some(generation) if look || change.released.is_some() => {
                self.holder(change.value, generation).await
            }
            _ => Ok(Found { sequence: 0, holder: None }),
        }
    }

    /// Who holds a value, if its constraint has this generation.
    async fn holder(&self, value: ClaimValue, generation: u64) -> Result<Found, StoreError> {
        let Some(stored) = self.server.last(&self.subjects.value(value)).await? else {
            return Ok(Found { sequence: 0, holder: None });
        };
        let held: Held = note::decode(&stored)?;
        let holder = if held.generation == generation { held.holder() } else { None };
        Ok(Found { sequence: stored.sequence, holder })
    }

    /// Collects these claims. Who holds each of them now.
    pub(super) async fn collect(&self, claims: &[Claim]) -> Result<Vec<StreamId>, StoreError> {
        let view = self.view_now(claims.iter().map(|claim| claim.owner.category())).await?;
        let mut first = HashMap::new();
        let mut wanted = Vec::new();
        for claim in claims {
            match view.constraint(claim.owner.category(), &claim.constraint) {
                Some(constraint) if !constraint.in_force => {
                    first.entry(claim.value).or_insert_with(|| {
                        wanted.push((claim, constraint.generation));
                        wanted.len() - 1
                    });
                }
                _ => return Err(StoreError::not_being_built(&claim.constraint)),
            }
        }
        // Nothing is released meanwhile: whoever holds a value first still holds it at the end.
        let collecting: Vec<_> =
            wanted.into_iter().map(|(claim, generation)| self.collect_one(claim, generation)).collect();
        let holders: Vec<StreamId> = stream::iter(collecting).buffered(COLLECTED).try_collect().await?;
        let holder = |claim: &Claim| first.get(&claim.value).and_then(|place| holders.get(*place)).cloned();
        Ok(claims.iter().map(|claim| holder(claim).unwrap_or_else(|| claim.owner.clone())).collect())
    }

    async fn collect_one(&self, claim: &Claim, generation: u64) -> Result<StreamId, StoreError> {
        let deadline = self.server.deadline();
        let subject = self.subjects.value(claim.value);
        let held = note::encode(&Held::new(generation, Some(&claim.owner)))?;
        let mut sequence = 0;
        loop {
            let message = Outgoing::new(subject.clone(), held.clone(), sequence);
            let trouble =
                match self.server.publish(vec![message.into_parts()], deadline).await.and_then(answered) {
                    Ok(Attempt::Stored(_) | Attempt::Known(_)) => return Ok(claim.owner.clone()),
                    Ok(Attempt::Stale) => said("others want the value all the time"),
                    Err(Trouble::Refused(error)) => return Err(error),
                    Err(trouble) => trouble.into_error(),
                };
            if Instant::now() >= deadline {
                return Err(trouble);
            }
            // What was lost may have been stored, and then the owner holds it.
            let found = self.holder(claim.value, generation).await?;
            match found.holder {
                Some(holder) => return Ok(holder),
                None => sequence = found.sequence,
            }
            // If it was released since the constraint is in force, it is not the owner's any more.
            let view = self.view_now([claim.owner.category()].into_iter()).await?;
            let constraint = view.constraint(claim.owner.category(), &claim.constraint);
            if constraint.is_none_or(|it| it.in_force || it.generation != generation) {
                return Err(StoreError::not_being_built(&claim.constraint));
            }
            sleep(PAUSE).await;
        }
    }
}

fn generation(claim: &Claim, view: &View) -> Option<u64> {
    view.constraint(claim.owner.category(), &claim.constraint).map(|constraint| constraint.generation)
}
