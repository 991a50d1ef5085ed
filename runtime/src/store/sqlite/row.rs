//! From rows to events.

use std::sync::Arc;

use chrono::DateTime;
use rusqlite::{Row, types::ValueRef};
use uuid::Uuid;

use crate::{
    Metadata, Version,
    store::{EventId, Facts, Name, Payload, Position, RecordedEvent, StoreError, StreamId, name::Names},
};

/// The columns that everything here reads, in this order. What only whole events need comes behind `format`.
macro_rules! columns {
    () => {
        "position, name, schema, payload, format, at, id, metadata, version, stream"
    };
}
pub(super) use columns;

const POSITION: usize = 0;
const NAME: usize = 1;
const SCHEMA: usize = 2;
const PAYLOAD: usize = 3;
const FORMAT: usize = 4;
const AT: usize = 5;
const ID: usize = 6;
const METADATA: usize = 7;
const VERSION: usize = 8;
const STREAM: usize = 9;

/// A column that cannot be what was written to it.
pub(super) struct Undecodable(usize);

impl Undecodable {
    /// Says which event it is, as far as the row tells.
    pub(super) fn of(self, row: &Row<'_>, stream: &str) -> StoreError {
        let position =
            integer(row, POSITION).map_or_else(|_| "?".to_owned(), |position| position.to_string());
        let column = row.as_ref().column_name(self.0).unwrap_or("?");
        StoreError::corrupt(format!(
            "the event at position {position}, {stream}, is damaged: its `{column}` cannot be what was written"
        ))
    }
}

/// The event in a row.
pub(super) fn event(
    row: &Row<'_>,
    stream: StreamId,
    version: Version,
    names: &mut Names,
) -> Result<RecordedEvent, Undecodable> {
    Ok(RecordedEvent {
        id: EventId(id(row)?),
        stream,
        version,
        position: position(row)?,
        name: name(row, names)?,
        schema: schema(row)?,
        payload: payload(row, names)?,
        at: DateTime::from_timestamp_micros(integer(row, AT)?).ok_or(Undecodable(AT))?,
        metadata: metadata(row)?,
    })
}

/// Adds what a fold needs of the event in a row; `false` if the payload is not JSON, and so not among the columns.
pub(super) fn push_fact(
    facts: &mut Facts,
    row: &Row<'_>,
    version: Version,
    names: &mut Names,
) -> Result<bool, Undecodable> {
    match value(row, PAYLOAD)? {
        ValueRef::Text(payload) => {
            facts.push_json(version, name(row, names)?, schema(row)?, utf8(payload, PAYLOAD)?);
            Ok(true)
        }
        ValueRef::Blob(_) => Ok(false),
        _ => Err(Undecodable(PAYLOAD)),
    }
}

/// The position of the event in a row.
pub(super) fn position(row: &Row<'_>) -> Result<Position, Undecodable> {
    count(row, POSITION).map(|number| Position::new(number.into()))
}

/// The version of the event in a row.
pub(super) fn version(row: &Row<'_>) -> Result<Version, Undecodable> {
    count(row, VERSION).map(Version::new)
}

/// The key of the stream that the event in a row belongs to.
pub(super) fn stream_key(row: &Row<'_>) -> Result<i64, Undecodable> {
    integer(row, STREAM)
}

/// What is wrong with an event that has a key of no stream.
pub(super) const OF_NO_STREAM: Undecodable = Undecodable(STREAM);

/// JSON is text. Bytes are of another format, which is looked at only then.
fn payload(row: &Row<'_>, names: &mut Names) -> Result<Payload, Undecodable> {
    match value(row, PAYLOAD)? {
        ValueRef::Text(json) => Ok(Payload::json(utf8(json, PAYLOAD)?)),
        ValueRef::Blob(bytes) => Ok(Payload::Other {
            format: names.get_bytes(text(row, FORMAT)?.as_bytes()).ok_or(Undecodable(FORMAT))?,
            bytes: bytes.into(),
        }),
        _ => Err(Undecodable(PAYLOAD)),
    }
}

/// A name that is known is one whose bytes are text.
fn name(row: &Row<'_>, names: &mut Names) -> Result<Name, Undecodable> {
    match value(row, NAME)? {
        ValueRef::Text(bytes) => names.get_bytes(bytes).ok_or(Undecodable(NAME)),
        _ => Err(Undecodable(NAME)),
    }
}

fn schema(row: &Row<'_>) -> Result<u32, Undecodable> {
    u32::try_from(integer(row, SCHEMA)?).map_err(|_| Undecodable(SCHEMA))
}

fn id(row: &Row<'_>) -> Result<Uuid, Undecodable> {
    match value(row, ID)? {
        ValueRef::Blob(bytes) => Uuid::from_slice(bytes).map_err(|_| Undecodable(ID)),
        _ => Err(Undecodable(ID)),
    }
}

fn metadata(row: &Row<'_>) -> Result<Option<Arc<Metadata>>, Undecodable> {
    match value(row, METADATA)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(json) => serde_json::from_slice(json)
            .map(|metadata| Some(Arc::new(metadata)))
            .map_err(|_| Undecodable(METADATA)),
        _ => Err(Undecodable(METADATA)),
    }
}

fn value<'a>(row: &'a Row<'_>, column: usize) -> Result<ValueRef<'a>, Undecodable> {
    row.get_ref(column).map_err(|_| Undecodable(column))
}

fn integer(row: &Row<'_>, column: usize) -> Result<i64, Undecodable> {
    match value(row, column)? {
        ValueRef::Integer(integer) => Ok(integer),
        _ => Err(Undecodable(column)),
    }
}

/// A number from 1 on.
fn count(row: &Row<'_>, column: usize) -> Result<u64, Undecodable> {
    match u64::try_from(integer(row, column)?) {
        Ok(0) | Err(_) => Err(Undecodable(column)),
        Ok(count) => Ok(count),
    }
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Undecodable> {
    match value(row, column)? {
        ValueRef::Text(text) => utf8(text, column),
        _ => Err(Undecodable(column)),
    }
}

fn utf8(text: &[u8], column: usize) -> Result<&str, Undecodable> {
    std::str::from_utf8(text).map_err(|_| Undecodable(column))
}
