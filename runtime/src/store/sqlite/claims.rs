//! Who holds which unique value.

use std::collections::HashMap;

use rusqlite::{Error, OptionalExtension, params};

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

const HOLDER: &str = "SELECT owner FROM claims WHERE value = ?1";
const TAKE: &str =
    "INSERT INTO claims (value, \"constraint\", owner) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const RELEASE: &str = "DELETE FROM claims WHERE value = ?1 AND owner = ?2";

/// For the test of their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 2] = [HOLDER, RELEASE];

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
    let streams = commit.appends.iter().zip(&committed.appends);
    let streams: HashMap<&StreamId, i64> = streams
        .filter_map(|(append, appended)| Some((&append.stream, appended.tail.as_ref()?.get::<End>()?.key)))
        .collect();
    for change in &commit.claims {
        let ClaimChange::Release(Claim { value, owner, .. }) = change else { continue };
        let owner = match streams.get(owner) {
            Some(key) => Some(*key),
            None => find_stream(session, owner)?,
        };
        // A stream that is not there holds nothing.
        if let Some(owner) = owner {
            session.connection.prepare_cached(RELEASE)?.execute(params![bytes(value), owner])?;
        }
    }
    for change in &commit.claims {
        let ClaimChange::Take(claim) = change else { continue };
        let owner = match streams.get(&claim.owner) {
            Some(key) => *key,
            None => find_or_reserve(session, &claim.owner)?,
        };
        if let Some(constraint) = session.constraints.key(claim, Standing::InForce) {
            take(session, claim, constraint, owner)?;
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
                    .and_then(|owner| take(session, claim, constraint, owner))
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
    let Session { connection, known, .. } = session;
    let of = &claim.constraint;
    let failed = |error| failed(&format!("looking who holds a value of `{of}`"), error);
    let mut select = connection.prepare_cached(HOLDER).map_err(failed)?;
    let key = select.query_row([bytes(&claim.value)], |row| row.get(0)).optional().map_err(failed)?;
    let Some(key) = key else { return Ok(None) };
    let mut find = connection.prepare_cached(known::STREAMS).map_err(failed)?;
    match known.stream(connection, &mut find, key).map_err(failed)? {
        Some(stream) => Ok(Some(stream)),
        None => Err(StoreError::corrupt(format!("a value of `{of}` is held by a stream that is not there"))),
    }
}

/// To take what one holds already changes nothing.
fn take(session: &Session, claim: &Claim, constraint: i64, owner: i64) -> Result<(), Error> {
    let mut insert = session.connection.prepare_cached(TAKE)?;
    insert.execute(params![bytes(&claim.value), constraint, owner]).map(drop)
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
