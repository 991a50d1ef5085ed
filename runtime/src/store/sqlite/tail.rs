//! The end of a stream: what an append needs, and what a read tells it.

use rusqlite::{Error, OptionalExtension, params};

use super::connection::Session;
use crate::{
    Version,
    store::{Append, Expected, StreamId, Tail, key::StoreKey},
};

pub(super) const LAST: &str = "SELECT stream, version, at FROM events \
    WHERE stream = (SELECT key FROM streams WHERE category = ?1 AND id = ?2) ORDER BY version DESC LIMIT 1";

/// The end of a stream, as it was seen. Streams only grow, so all of this stays true of the event at `version`; only
/// whether it is still the last one is open.
#[derive(Debug)]
pub(super) struct End {
    pub(super) store: StoreKey,
    pub(super) stream: StreamId,
    pub(super) category: i64,
    pub(super) key: i64,
    /// The version of the last event.
    pub(super) version: Version,
    /// The time of the last event, in microseconds.
    pub(super) at: i64,
}

impl End {
    /// Looks it up; `None` for a stream that nobody has written to.
    pub(super) fn find(session: &mut Session, stream: &StreamId) -> Result<Option<Self>, Error> {
        let Session { connection, known, store, .. } = session;
        let Some(category) = known.category_key(connection, stream.category())? else { return Ok(None) };
        let mut select = connection.prepare_cached(LAST)?;
        select
            .query_row(params![category, stream.id()], |row| {
                Ok(Self {
                    store: *store,
                    stream: stream.clone(),
                    category,
                    key: row.get(0)?,
                    version: to_version(row.get(1)?)?,
                    at: row.get(2)?,
                })
            })
            .optional()
    }

    /// What the append was given, if it came from this store and is about what the append expects.
    pub(super) fn given(append: &Append, store: StoreKey) -> Option<&Self> {
        let Expected::Exact(expected) = append.expected else { return None };
        let end = append.tail.as_ref()?.get::<Self>()?;
        (end.store == store && end.version == expected && end.stream == append.stream).then_some(end)
    }
}

impl From<End> for Tail {
    fn from(end: End) -> Self {
        Self::new(end)
    }
}

/// A version as SQLite keeps it. There is none behind the largest number that it knows.
pub(super) fn from_version(version: Version) -> i64 {
    i64::try_from(version.get()).unwrap_or(i64::MAX)
}

pub(super) fn to_version(integer: i64) -> Result<Version, Error> {
    match u64::try_from(integer) {
        Ok(0) | Err(_) => Err(Error::IntegralValueOutOfRange(0, integer)),
        Ok(version) => Ok(Version::new(version)),
    }
}
