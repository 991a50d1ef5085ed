//! From rows to events.

use std::sync::Arc;

use chrono::DateTime;
use rusqlite::{Connection, Error, Row, types::ValueRef};
use uuid::Uuid;

use super::error::failed;
use crate::{
    Metadata, Version,
    store::{EventId, Facts, Name, Payload, Position, RecordedEvent, StoreError, StreamId, name::Names},
};

/// The columns that everything here reads, in this order. What only whole events need comes behind `payload`. Each costs
/// time for each event of a scan, so `format`, which few events have, is looked up for those.
macro_rules! columns {
    () => {
        "position, name, schema, payload, at, id, metadata, version, stream"
    };
}
pub(super) use columns;

const POSITION: usize = 0;
const NAME: usize = 1;
const SCHEMA: usize = 2;
const PAYLOAD: usize = 3;
const AT: usize = 4;
const ID: usize = 5;
const METADATA: usize = 6;
const VERSION: usize = 7;
const STREAM: usize = 8;

/// Finds what a row does not say.
pub(super) const FORMAT: &str = "SELECT format FROM events WHERE position = ?1";

/// Something that cannot be what was written.
pub(super) enum Undecodable {
    /// This column.
    Column(usize),
    /// The format of the payload.
    Format,
    /// SQLite could not say what the format is.
    Unread(Error),
}

use Undecodable::Column;

impl Undecodable {
    /// Says which event it is, as far as the row tells.
    pub(super) fn of(self, row: &Row<'_>, stream: &str) -> StoreError {
        let position =
            integer(row, POSITION).map_or_else(|_| "?".to_owned(), |position| position.to_string());
        let column = match self {
            Self::Column(column) => row.as_ref().column_name(column).unwrap_or("?"),
            Self::Format => "format",
            Self::Unread(error) => {
                return failed(&format!("reading the event at position {position}, {stream}"), error);
            }
        };
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
    connection: &Connection,
    names: &mut Names,
) -> Result<RecordedEvent, Undecodable> {
    Ok(RecordedEvent {
        id: EventId(id(row)?),
        stream,
        version,
        position: position(row)?,
        name: name(row, names)?,
        schema: schema(row)?,
        payload: payload(row, connection, names)?,
        at: DateTime::from_timestamp_micros(integer(row, AT)?).ok_or(Column(AT))?,
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
        _ => Err(Column(PAYLOAD)),
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
pub(super) const OF_NO_STREAM: Undecodable = Column(STREAM);

/// JSON is text. Bytes are of another format, which is looked at only then.
fn payload(row: &Row<'_>, connection: &Connection, names: &mut Names) -> Result<Payload, Undecodable> {
    match value(row, PAYLOAD)? {
        ValueRef::Text(json) => Ok(Payload::json(utf8(json, PAYLOAD)?)),
        ValueRef::Blob(bytes) => {
            let format = format(connection, integer(row, POSITION)?, names)?;
            Ok(Payload::Other { format, bytes: bytes.into() })
        }
        _ => Err(Column(PAYLOAD)),
    }
}

fn format(connection: &Connection, position: i64, names: &mut Names) -> Result<Name, Undecodable> {
    let mut select = connection.prepare_cached(FORMAT).map_err(Undecodable::Unread)?;
    let mut rows = select.query([position]).map_err(Undecodable::Unread)?;
    let row = rows.next().map_err(Undecodable::Unread)?.ok_or(Undecodable::Format)?;
    match row.get_ref(0) {
        Ok(ValueRef::Text(format)) => names.get_bytes(format).ok_or(Undecodable::Format),
        _ => Err(Undecodable::Format),
    }
}

/// A name that is known is one whose bytes are text.
fn name(row: &Row<'_>, names: &mut Names) -> Result<Name, Undecodable> {
    match value(row, NAME)? {
        ValueRef::Text(bytes) => names.get_bytes(bytes).ok_or(Column(NAME)),
        _ => Err(Column(NAME)),
    }
}

fn schema(row: &Row<'_>) -> Result<u32, Undecodable> {
    u32::try_from(integer(row, SCHEMA)?).map_err(|_| Column(SCHEMA))
}

fn id(row: &Row<'_>) -> Result<Uuid, Undecodable> {
    match value(row, ID)? {
        ValueRef::Blob(bytes) => Uuid::from_slice(bytes).map_err(|_| Column(ID)),
        _ => Err(Column(ID)),
    }
}

fn metadata(row: &Row<'_>) -> Result<Option<Arc<Metadata>>, Undecodable> {
    match value(row, METADATA)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(json) => serde_json::from_slice(json)
            .map(|metadata| Some(Arc::new(metadata)))
            .map_err(|_| Column(METADATA)),
        _ => Err(Column(METADATA)),
    }
}

fn value<'a>(row: &'a Row<'_>, column: usize) -> Result<ValueRef<'a>, Undecodable> {
    row.get_ref(column).map_err(|_| Column(column))
}

fn integer(row: &Row<'_>, column: usize) -> Result<i64, Undecodable> {
    match value(row, column)? {
        ValueRef::Integer(integer) => Ok(integer),
        _ => Err(Column(column)),
    }
}

/// A number from 1 on.
fn count(row: &Row<'_>, column: usize) -> Result<u64, Undecodable> {
    match u64::try_from(integer(row, column)?) {
        Ok(0) | Err(_) => Err(Column(column)),
        Ok(count) => Ok(count),
    }
}

fn utf8(text: &[u8], column: usize) -> Result<&str, Undecodable> {
    std::str::from_utf8(text).map_err(|_| Column(column))
}
