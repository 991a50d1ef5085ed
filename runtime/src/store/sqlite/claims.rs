//! Who holds which unique value.

use std::collections::HashMap;

use rusqlite::Error;

use super::{
    connection::Session,
    error::failed,
    known,
    record::{find_stream, reserve_stream},
    tail::End,
};
use crate::store::{
    AppendError, Claim, ClaimChange, ClaimValue, Commit, Committed, Standing, StoreError, StreamId,
};

/// What is against a commit: a value that it takes is held, and will be when it has released what it releases.
pub(super) fn refuse(session: &mut Session, commit: &Commit) -> Result<Option<AppendError>, StoreError> {
    for change in &commit.claims {
        let ClaimChange::Take(claim) = change else { continue };
        // Most values are free, so whose key it is that holds one is looked up only then.
        let Some(by) = holder(session, claim)? else { continue };
        let gives_back = || {
            commit.claims.iter().any(|other| match other {
                ClaimChange::Take(_) => false,
                ClaimChange::Release(other) => other.value == claim.value && other.owner == by,
            })
        };
        if by != claim.owner && !gives_back() {
            return Ok(Some(AppendError::Taken { claim: claim.clone(), by }));
        }
    }
    Ok(None)
}

/// Releases and takes what the commit does, when nothing is against it and its events are recorded.
pub(super) fn change(session: &mut Session, commit: &Commit, committed: &Committed) -> Result<(), Error> {
    if commit.claims.is_empty() {
        return Ok(());
    }
    session.holders.look(&session.connection, session.constraints.seen())?;
    let streams = commit.appends.iter().zip(&committed.appends);
    let streams: HashMap<&StreamId, i64> = streams
        .filter_map(|(append, appended)| Some((&append.stream, appended.tail.as_ref()?.get::<End>()?.key)))
        .collect();
    for change in &commit.claims {
        let ClaimChange::Release(claim) = change else { continue };
        let owner = match streams.get(&claim.owner) {
            Some(key) => Some(*key),
            None => find_stream(session, &claim.owner)?,
        };
        let Session { connection, constraints, holders, .. } = &mut *session;
        // A stream that is not there holds nothing.
        if let (Some(owner), Some(constraint)) = (owner, constraints.key(claim, Standing::InForce)) {
            holders.release(connection, bytes(&claim.value), constraint, owner)?;
        }
    }
    for change in &commit.claims {
        let ClaimChange::Take(claim) = change else { continue };
        let owner = match streams.get(&claim.owner) {
            Some(key) => *key,
            None => find_or_reserve(session, &claim.owner)?,
        };
        let Session { connection, constraints, holders, .. } = &mut *session;
        if let Some(constraint) = constraints.key(claim, Standing::InForce) {
            holders.take(connection, bytes(&claim.value), constraint, owner)?;
        }
    }
    Ok(())
}

/// Collects claims, in a transaction of its own. Who holds them then.
pub(super) fn collect(session: &mut Session, claims: &[Claim]) -> Result<Vec<StreamId>, StoreError> {
    session.constraints.look(&session.connection)?;
    let mut constraints = Vec::with_capacity(claims.len());
    for claim in claims {
        let building = session.constraints.key(claim, Standing::Building);
        constraints.push(building.ok_or_else(|| StoreError::not_being_built(&claim.constraint))?);
    }
    let mut holders = Vec::with_capacity(claims.len());
    for (claim, constraint) in claims.iter().zip(constraints) {
        holders.push(match holder(session, claim)? {
            Some(holder) => holder,
            None => {
                find_or_reserve(session, &claim.owner)
                    .and_then(|owner| {
                        let Session { connection, holders, .. } = &mut *session;
                        holders.take(connection, bytes(&claim.value), constraint, owner)
                    })
                    .map_err(|error| {
                        failed(&format!("collecting claims of `{}`", claim.constraint), error)
                    })?;
                claim.owner.clone()
            }
        });
    }
    Ok(holders)
}

fn holder(session: &mut Session, claim: &Claim) -> Result<Option<StreamId>, StoreError> {
    let Session { connection, known, constraints, holders, .. } = session;
    let of = &claim.constraint;
    let failed = |error| failed(&format!("looking who holds a value of `{of}`"), error);
    holders.look(connection, constraints.seen()).map_err(failed)?;
    let key = holders.of(connection, bytes(&claim.value)).map_err(failed)?;
    let Some(key) = key else { return Ok(None) };
    let mut find = connection.prepare_cached(known::STREAMS).map_err(failed)?;
    match known.stream(connection, &mut find, key).map_err(failed)? {
        Some(stream) => Ok(Some(stream)),
        None => Err(StoreError::corrupt(format!("a value of `{of}` is held by a stream that is not there"))),
    }
}

/// The key of a stream, which need not have begun.
fn find_or_reserve(session: &mut Session, stream: &StreamId) -> Result<i64, Error> {
    match find_stream(session, stream)? {
        Some(key) => Ok(key),
        None => reserve_stream(session, stream),
    }
}

fn bytes(value: &ClaimValue) -> &[u8; 16] {
    value.0.as_bytes()
}
