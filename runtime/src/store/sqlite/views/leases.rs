//! Leases: who is at work.

use std::time::Duration;

use chrono::Utc;
use rusqlite::{Connection, Error, OptionalExtension, params};

use super::super::error::failed;
use crate::{read::Lease, store::StoreError};

const LEASE: &str = "SELECT holder, since, until FROM factum_leases WHERE work = ?1";
const TAKE: &str =
    "INSERT OR REPLACE INTO factum_leases (work, holder, since, until) VALUES (?1, ?2, ?3, ?4)";
const RELEASE: &str = "DELETE FROM factum_leases WHERE work = ?1 AND holder = ?2";

/// For the test of their plans.
#[cfg(test)]
pub(in super::super) const STATEMENTS: [&str; 2] = [LEASE, RELEASE];

/// Whether somebody else has the lease now. All who use a file are on one machine, and so have one clock; where that was set
/// back, a lease from the future is none.
pub(super) fn is_held_by_another(
    connection: &Connection,
    work: &str,
    holder: &str,
) -> Result<bool, StoreError> {
    let now = Utc::now().timestamp_micros();
    let read = || -> Result<bool, Error> {
        let mut select = connection.prepare_cached(LEASE)?;
        let held = select.query_row([work], |row| {
            let (since, until): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(row.get_ref(0)?.as_str()? != holder && since <= now && now < until)
        });
        Ok(held.optional()?.unwrap_or(false))
    };
    read().map_err(|error| failed(&format!("looking who does `{work}`"), error))
}

/// Takes or renews the lease, unless somebody else has it. In a transaction that writes.
pub(super) fn take(
    connection: &Connection,
    work: &str,
    holder: &str,
    duration: Duration,
) -> Result<Option<Lease>, StoreError> {
    if is_held_by_another(connection, work, holder)? {
        return Ok(None);
    }
    let now = Utc::now().timestamp_micros();
    let until = now.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
    connection
        .prepare_cached(TAKE)
        .and_then(|mut take| take.execute(params![work, holder, now, until]))
        .map_err(|error| failed(&format!("taking the lease of `{work}`"), error))?;
    Ok(Some(Lease { work: work.to_owned(), holder: holder.to_owned(), remaining: duration }))
}

/// Gives the lease back, if it is held.
pub(super) fn release(connection: &Connection, work: &str, holder: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(RELEASE)
        .and_then(|mut release| release.execute([work, holder]))
        .map(drop)
        .map_err(|error| failed(&format!("giving back the lease of `{work}`"), error))
}
