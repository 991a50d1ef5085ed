//! Snapshots of state.

use rusqlite::{Connection, Error, OptionalExtension, Row, params, types::ValueRef};
use uuid::Uuid;

use super::error::failed;
use crate::{
    Version,
    store::{EventId, Name, Payload, Snapshot, StoreError, StreamId},
};

const SNAPSHOT: &str = "SELECT version, last, fingerprint, origin, format, state FROM snapshots \
    WHERE category = ?1 AND id = ?2";

const KEEP: &str = "INSERT OR REPLACE INTO snapshots \
    (category, id, version, last, fingerprint, origin, format, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// For the test of their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 2] = [SNAPSHOT, KEEP];

/// The snapshot of the stream.
pub(super) fn find(connection: &Connection, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
    let found = connection.prepare_cached(SNAPSHOT).and_then(|mut select| {
        let names = params![stream.category().as_str(), stream.id()];
        select.query_row(names, |row| Ok(decode(row, stream))).optional()
    });
    match found.map_err(|error| failed(&format!("reading the snapshot of `{stream}`"), error))? {
        None => Ok(None),
        Some(Some(snapshot)) => Ok(Some(snapshot)),
        Some(None) => {
            Err(StoreError::corrupt(format!("the snapshot of `{stream}` cannot be what was written")))
        }
    }
}

fn decode(row: &Row<'_>, stream: &StreamId) -> Option<Snapshot> {
    let format: Option<String> = row.get(4).ok()?;
    let state = match (row.get_ref(5).ok()?, format) {
        (ValueRef::Text(json), None) => Payload::json(std::str::from_utf8(json).ok()?),
        (ValueRef::Blob(bytes), Some(format)) => {
            Payload::Other { format: Name::from(format), bytes: bytes.into() }
        }
        _ => return None,
    };
    Some(Snapshot {
        stream: stream.clone(),
        version: Version::new(u64::try_from(row.get::<_, i64>(0).ok()?).ok()?),
        last: EventId(Uuid::from_bytes(row.get(1).ok()?)),
        fingerprint: row.get(2).ok()?,
        origin: Uuid::from_bytes(row.get(3).ok()?),
        state,
    })
}

/// Keeps the snapshot in place of the one that the stream has.
pub(super) fn keep(connection: &Connection, snapshot: &Snapshot) -> Result<(), StoreError> {
    let Snapshot { stream, version, last, fingerprint, origin, state } = snapshot;
    let (format, state) = match state {
        Payload::Json(json) => (None, ValueRef::Text(json.as_bytes())),
        Payload::Other { format, bytes } => (Some(format.as_str()), ValueRef::Blob(bytes)),
    };
    let kept = || -> Result<(), Error> {
        let mut insert = connection.prepare_cached(KEEP)?;
        insert.execute(params![
            stream.category().as_str(),
            stream.id(),
            i64::try_from(version.get()).unwrap_or(i64::MAX),
            last.0.as_bytes(),
            fingerprint,
            origin.as_bytes(),
            format,
            rusqlite::types::ToSqlOutput::Borrowed(state),
        ])?;
        Ok(())
    };
    kept().map_err(|error| failed(&format!("keeping a snapshot of `{stream}`"), error))
}
