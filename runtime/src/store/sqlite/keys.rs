//! What was recorded under idempotency keys.

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::{connection::Session, error::failed, read};
use crate::store::{Committed, IdempotencyKey, Remembered, StoreError};

const KEY: &str = "SELECT fingerprint, position, events FROM keys WHERE hash = ?1";
const NEW_KEY: &str = "INSERT INTO keys (hash, fingerprint, position, events) VALUES (?1, ?2, ?3, ?4)";

/// For the test of their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 1] = [KEY];

/// Whether something was recorded under the key.
pub(super) fn is_used(connection: &Connection, key: &IdempotencyKey) -> Result<bool, Error> {
    connection.prepare_cached(KEY)?.exists([key.hash().as_bytes()])
}

/// Remembers what was recorded under the key.
pub(super) fn remember(
    connection: &Connection,
    key: &IdempotencyKey,
    committed: &Committed,
) -> Result<(), Error> {
    let positions = || committed.appends.iter().flat_map(|append| &append.positions);
    let first = positions().next().and_then(|position| i64::try_from(position.get()).ok());
    let events = i64::try_from(positions().count()).unwrap_or(i64::MAX);
    let mut insert = connection.prepare_cached(NEW_KEY)?;
    insert.execute(params![key.hash().as_bytes(), key.fingerprint, first, events]).map(drop)
}

/// What was recorded under the key. Nothing of it ever changes, so it need not be read at one moment.
pub(super) fn remembered(
    session: &mut Session,
    key: &IdempotencyKey,
) -> Result<Option<Remembered>, StoreError> {
    let found: Option<([u8; 16], i64, i64)> = session
        .connection
        .prepare_cached(KEY)
        .and_then(|mut select| {
            let row =
                select.query_row([key.hash().as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            row.optional()
        })
        .map_err(|error| failed("reading an idempotency key", error))?;
    let Some((fingerprint, first, count)) = found else { return Ok(None) };
    let events = read::between(session, first, count)?.ok_or_else(|| {
        StoreError::corrupt(format!(
            "not all of the {count} events from position {first} on are there that were recorded under the idempotency \
             key `{}`",
            key.key
        ))
    })?;
    Ok(Some(Remembered { fingerprint, events }))
}
