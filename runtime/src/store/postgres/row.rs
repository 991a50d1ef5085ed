//! From rows to events.

use std::{error::Error, str, sync::Arc};

use chrono::{DateTime, Utc};
use tokio_postgres::{
    Row,
    types::{FromSql, Type},
};
use uuid::Uuid;

use super::{known::Known, text};
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

/// The columns of whole events, if their payloads are JSON.
macro_rules! columns {
    () => {
        concat!($crate::store::postgres::row::facts!(), ", id, metadata, category, stream_id")
    };
}
pub(super) use columns;

/// The columns of whole events. Each costs the server time for each event of a scan, so these are read only where they are
/// needed.
macro_rules! all_columns {
    () => {
        concat!($crate::store::postgres::row::columns!(), ", format, bytes")
    };
}
pub(super) use all_columns;

const POSITION: usize = 0;
const VERSION: usize = 1;
const AT: usize = 2;
const NAME: usize = 3;
const SCHEMA: usize = 4;
const PAYLOAD: usize = 5;
const ID: usize = 6;
const METADATA: usize = 7;
const CATEGORY: usize = 8;
const STREAM_ID: usize = 9;
const FORMAT: usize = 10;
const BYTES: usize = 11;

/// A column as PostgreSQL sent it. The driver would compare the type of each column, in each row, with the one that is
/// wanted; ours are those of the tables: a number has eight bytes, a UUID 16, and text is UTF-8.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, sent: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(sent)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row that cannot be what was written says so, with its position.
#[cold]
fn damaged(row: &Row, column: usize) -> StoreError {
    let position = match row.try_get(POSITION) {
        Ok(Raw(Some(sent))) => sent.try_into().ok().map(i64::from_be_bytes),
        _ => None,
    };
    let position = position.map_or_else(|| "?".to_owned(), |position| position.to_string());
    let name = row.columns().get(column).map_or("?", |column| column.name());
    StoreError::corrupt(format!(
        "the event at position {position} is damaged: its `{name}` cannot be what was written"
    ))
}

/// What was sent; `None` for NULL.
fn optional(row: &Row, column: usize) -> Result<Option<&[u8]>, StoreError> {
    row.try_get(column).map(|Raw(sent)| sent).map_err(|_| damaged(row, column))
}

fn bytes(row: &Row, column: usize) -> Result<&[u8], StoreError> {
    optional(row, column)?.ok_or_else(|| damaged(row, column))
}

fn number(row: &Row, column: usize) -> Result<i64, StoreError> {
    bytes(row, column)?.try_into().map(i64::from_be_bytes).map_err(|_| damaged(row, column))
}

/// A number from 1 on.
fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    match u64::try_from(number(row, column)?) {
        Ok(0) | Err(_) => Err(damaged(row, column)),
        Ok(count) => Ok(count),
    }
}

fn optional_text(row: &Row, column: usize) -> Result<Option<&str>, StoreError> {
    optional(row, column)?.map(|sent| str::from_utf8(sent).map_err(|_| damaged(row, column))).transpose()
}

/// Text that may have been met before. Mostly it is encoded as itself, and one that is known need not be looked at.
fn known(row: &Row, column: usize, names: &mut Names) -> Result<Name, StoreError> {
    let sent = bytes(row, column)?;
    let name = if text::is_itself(sent) {
        names.get_bytes(sent)
    } else {
        text::decode_bytes(sent).map(|name| names.get(&name))
    };
    name.ok_or_else(|| damaged(row, column))
}

pub(super) fn position(row: &Row) -> Result<Position, StoreError> {
    count(row, POSITION).map(|number| Position::new(number.into()))
}

pub(super) fn version(row: &Row) -> Result<Version, StoreError> {
    count(row, VERSION).map(Version::new)
}

/// In microseconds since 1970.
pub(super) fn at(row: &Row) -> Result<i64, StoreError> {
    number(row, AT)
}

pub(super) fn time(row: &Row) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(at(row)?).ok_or_else(|| damaged(row, AT))
}

pub(super) fn name(row: &Row, names: &mut Names) -> Result<Name, StoreError> {
    known(row, NAME, names)
}

pub(super) fn schema(row: &Row) -> Result<u32, StoreError> {
    u32::try_from(number(row, SCHEMA)?).map_err(|_| damaged(row, SCHEMA))
}

/// The payload, where it is JSON that PostgreSQL can hold.
pub(super) fn json(row: &Row) -> Result<Option<&str>, StoreError> {
    optional_text(row, PAYLOAD)
}

/// The stream that the row names.
pub(super) fn stream(row: &Row, known: &mut Known) -> Result<StreamId, StoreError> {
    let (category, id) = (bytes(row, CATEGORY)?, bytes(row, STREAM_ID)?);
    if let Some(stream) = known.streams.get(category, id) {
        return Ok(stream);
    }
    let category = self::known(row, CATEGORY, &mut known.names)?;
    let decoded = text::decode_bytes(id).ok_or_else(|| damaged(row, STREAM_ID))?;
    let stream = StreamId::new(category, decoded);
    known.streams.keep(id, &stream);
    Ok(stream)
}

/// The event in a row, of this stream.
pub(super) fn event(row: &Row, stream: StreamId, names: &mut Names) -> Result<RecordedEvent, StoreError> {
    Ok(RecordedEvent {
        id: EventId(Uuid::from_slice(bytes(row, ID)?).map_err(|_| damaged(row, ID))?),
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
    let content = bytes(row, BYTES)?;
    match optional(row, FORMAT)? {
        Some(_) => Ok(Payload::Other { format: known(row, FORMAT, names)?, bytes: content.into() }),
        None => Ok(Payload::json(str::from_utf8(content).map_err(|_| damaged(row, BYTES))?)),
    }
}

fn metadata(row: &Row) -> Result<Option<Arc<Metadata>>, StoreError> {
    let Some(said) = optional(row, METADATA)? else { return Ok(None) };
    Ok(Some(Arc::new(serde_json::from_slice(said).map_err(|_| damaged(row, METADATA))?)))
}
