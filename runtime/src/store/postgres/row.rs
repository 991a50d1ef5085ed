//! From rows to events.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use tokio_postgres::{Row, types::FromSql};
use uuid::Uuid;

use super::text;
use crate::{
    Metadata, Version,
    store::{EventId, Name, Payload, Position, RecordedEvent, StoreError, StreamId, name::Names},
};

/// What every read of events begins with. What only whole events need comes behind `payload`.
macro_rules! facts {
    () => {
        "position, version, at, name, schema, payload"
    };
}
pub(super) use facts;

/// The columns of whole events.
macro_rules! columns {
    () => {
        concat!(
            $crate::store::postgres::row::facts!(),
            ", format, bytes, id, actor, correlation_id, causation_id, notes, category, stream_id"
        )
    };
}
pub(super) use columns;

const POSITION: usize = 0;
const VERSION: usize = 1;
const AT: usize = 2;
const NAME: usize = 3;
const SCHEMA: usize = 4;
const PAYLOAD: usize = 5;
const FORMAT: usize = 6;
const BYTES: usize = 7;
const ID: usize = 8;
const ACTOR: usize = 9;
const CORRELATION_ID: usize = 10;
const CAUSATION_ID: usize = 11;
const NOTES: usize = 12;
const CATEGORY: usize = 13;
const STREAM_ID: usize = 14;

/// A row that cannot be what was written says so, with its position.
fn damaged(row: &Row, column: usize) -> StoreError {
    let position = row.try_get::<_, i64>(POSITION).map_or_else(|_| "?".to_owned(), |at| at.to_string());
    let name = row.columns().get(column).map_or("?", |column| column.name());
    StoreError::corrupt(format!(
        "the event at position {position} is damaged: its `{name}` cannot be what was written"
    ))
}

fn value<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| damaged(row, column))
}

/// A number from 1 on.
fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    match u64::try_from(value::<i64>(row, column)?) {
        Ok(0) | Err(_) => Err(damaged(row, column)),
        Ok(count) => Ok(count),
    }
}

pub(super) fn position(row: &Row) -> Result<Position, StoreError> {
    count(row, POSITION).map(|number| Position::new(number.into()))
}

pub(super) fn version(row: &Row) -> Result<Version, StoreError> {
    count(row, VERSION).map(Version::new)
}

/// In microseconds since 1970.
pub(super) fn at(row: &Row) -> Result<i64, StoreError> {
    value(row, AT)
}

pub(super) fn time(row: &Row) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(at(row)?).ok_or_else(|| damaged(row, AT))
}

pub(super) fn name(row: &Row, names: &mut Names) -> Result<Name, StoreError> {
    let name = text::decode(value(row, NAME)?).ok_or_else(|| damaged(row, NAME))?;
    Ok(names.get(&name))
}

pub(super) fn schema(row: &Row) -> Result<u32, StoreError> {
    u32::try_from(value::<i64>(row, SCHEMA)?).map_err(|_| damaged(row, SCHEMA))
}

/// The payload, where it is JSON that PostgreSQL can hold.
pub(super) fn json(row: &Row) -> Result<Option<&str>, StoreError> {
    value(row, PAYLOAD)
}

/// The event in a row, of this stream or else of the one that the row names.
pub(super) fn event(
    row: &Row,
    stream: Option<&StreamId>,
    names: &mut Names,
) -> Result<RecordedEvent, StoreError> {
    let stream = match stream {
        Some(stream) => stream.clone(),
        None => {
            let category = text::decode(value(row, CATEGORY)?).ok_or_else(|| damaged(row, CATEGORY))?;
            let id = text::decode(value(row, STREAM_ID)?).ok_or_else(|| damaged(row, STREAM_ID))?;
            StreamId::new(names.get(&category), id)
        }
    };
    Ok(RecordedEvent {
        id: EventId(value::<Uuid>(row, ID)?),
        stream,
        version: version(row)?,
        position: position(row)?,
        name: name(row, names)?,
        schema: schema(row)?,
        payload: payload(row, names)?,
        at: time(row)?,
        metadata: metadata(row)?,
    })
}

fn payload(row: &Row, names: &mut Names) -> Result<Payload, StoreError> {
    if let Some(json) = json(row)? {
        return Ok(Payload::json(json));
    }
    let bytes: &[u8] = value(row, BYTES)?;
    match value::<Option<&str>>(row, FORMAT)? {
        Some(format) => {
            let format = text::decode(format).ok_or_else(|| damaged(row, FORMAT))?;
            Ok(Payload::Other { format: names.get(&format), bytes: bytes.into() })
        }
        None => Ok(Payload::json(std::str::from_utf8(bytes).map_err(|_| damaged(row, BYTES))?)),
    }
}

fn metadata(row: &Row) -> Result<Option<Arc<Metadata>>, StoreError> {
    let said = |column| -> Result<Option<String>, StoreError> {
        let Some(said) = value::<Option<&str>>(row, column)? else { return Ok(None) };
        let said = text::decode(said).ok_or_else(|| damaged(row, column))?;
        Ok(Some(said.into_owned()))
    };
    let (actor, correlation_id, causation_id) = (said(ACTOR)?, said(CORRELATION_ID)?, said(CAUSATION_ID)?);
    let notes: Option<&str> = value(row, NOTES)?;
    if let (None, None, None, None) = (&actor, &correlation_id, &causation_id, notes) {
        return Ok(None);
    }
    let notes = match notes {
        Some(notes) => serde_json::from_str(notes).map_err(|_| damaged(row, NOTES))?,
        None => BTreeMap::new(),
    };
    Ok(Some(Arc::new(Metadata { actor, correlation_id, causation_id, notes })))
}
