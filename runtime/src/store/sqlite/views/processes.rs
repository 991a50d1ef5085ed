//! The states of processes, and what they wait for.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Error, OptionalExtension, params};

use super::super::error::failed;
use crate::{
    read::{Deadline, Due, ProcessChange, ProcessState},
    store::StoreError,
};

const STATE: &str = "SELECT state FROM factum_processes WHERE manager = ?1 AND key = ?2";
const DEADLINES: &str =
    "SELECT name, due, origin FROM factum_deadlines WHERE manager = ?1 AND key = ?2 ORDER BY place";
const DUE: &str = "SELECT key FROM factum_deadlines WHERE manager = ?1 AND due <= ?2 ORDER BY due";
const NEXT: &str = "SELECT due FROM factum_deadlines WHERE manager = ?1 AND due > ?2 ORDER BY due LIMIT 1";
const KEEP: &str = "INSERT INTO factum_processes (manager, key, state) VALUES (?1, ?2, ?3) \
    ON CONFLICT (manager, key) DO UPDATE SET state = excluded.state";
const WAIT: &str = "INSERT INTO factum_deadlines (manager, key, place, name, due, origin) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const END: &str = "DELETE FROM factum_processes WHERE manager = ?1 AND key = ?2";
const WAIT_NO_MORE: &str = "DELETE FROM factum_deadlines WHERE manager = ?1 AND key = ?2";

/// For the test of their plans.
#[cfg(test)]
pub(in super::super) const STATEMENTS: [&str; 6] = [STATE, DEADLINES, DUE, NEXT, END, WAIT_NO_MORE];

/// The states of these processes.
pub(super) fn states(
    connection: &Connection,
    manager: &str,
    keys: &[String],
) -> Result<Vec<Option<ProcessState>>, StoreError> {
    let state = |key: &String| state(connection, manager, key);
    keys.iter().map(state).collect::<Result<_, _>>().map_err(|error| failed_reading(manager, error))
}

fn state(connection: &Connection, manager: &str, key: &str) -> Result<Option<ProcessState>, Error> {
    let state: Option<String> =
        connection.prepare_cached(STATE)?.query_row([manager, key], |row| row.get(0)).optional()?;
    let Some(state) = state else { return Ok(None) };
    let mut select = connection.prepare_cached(DEADLINES)?;
    let deadlines = select.query_map([manager, key], |row| {
        Ok(Deadline { name: row.get(0)?, due: time(row.get(1)?)?, origin: row.get(2)? })
    })?;
    Ok(Some(ProcessState { key: key.to_owned(), state, deadlines: deadlines.collect::<Result<_, _>>()? }))
}

/// Which processes have a deadline that is due.
pub(super) fn due(
    connection: &Connection,
    manager: &str,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Due, StoreError> {
    let mut due = Due::default();
    let now = now.timestamp_micros();
    let mut read = || -> Result<(), Error> {
        let mut select = connection.prepare_cached(DUE)?;
        let mut rows = select.query(params![manager, now])?;
        let mut seen = HashSet::new();
        while due.keys.len() < limit
            && let Some(row) = rows.next()?
        {
            let key: String = row.get(0)?;
            if seen.insert(key.clone()) {
                due.keys.push(key);
            }
        }
        let mut select = connection.prepare_cached(NEXT)?;
        let next = select.query_row(params![manager, now], |row| time(row.get(0)?));
        due.next = next.optional()?;
        Ok(())
    };
    read().map_err(|error| failed_reading(manager, error))?;
    Ok(due)
}

/// Puts each process in the place of what it was. In a transaction that writes.
pub(super) fn change(connection: &Connection, manager: &str, changes: &[ProcessChange]) -> Result<(), Error> {
    for ProcessChange { key, state } in changes {
        connection.prepare_cached(WAIT_NO_MORE)?.execute([manager, key])?;
        let Some(state) = state else {
            connection.prepare_cached(END)?.execute([manager, key])?;
            continue;
        };
        connection.prepare_cached(KEEP)?.execute([manager, key, &state.state])?;
        for (place, Deadline { name, due, origin }) in state.deadlines.iter().enumerate() {
            let place = i64::try_from(place).unwrap_or(i64::MAX);
            let due = due.timestamp_micros();
            connection.prepare_cached(WAIT)?.execute(params![manager, key, place, name, due, origin])?;
        }
    }
    Ok(())
}

fn time(micros: i64) -> Result<DateTime<Utc>, Error> {
    DateTime::from_timestamp_micros(micros).ok_or(Error::IntegralValueOutOfRange(0, micros))
}

fn failed_reading(manager: &str, error: Error) -> StoreError {
    failed(&format!("reading processes of `{manager}`"), error)
}
