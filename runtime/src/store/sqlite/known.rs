//! What a connection need not look up again: rows that never change, once they are committed.

use std::collections::HashMap;

use rusqlite::{Connection, Error, OptionalExtension, Statement};

use crate::store::{Name, StreamId, name::Names};

/// Finds a stream, and those that were made after it. Only those that are not known are asked for: a join would look each
/// of them up for each of its events.
pub(super) const STREAMS: &str =
    "SELECT key, category, id FROM streams WHERE key >= ?1 ORDER BY key LIMIT ?2";

/// How many streams are looked up at once, where they are met in the order in which they were made.
const AT_ONCE: i64 = 64;

/// Categories, streams and names that were met.
#[derive(Debug, Default)]
pub(super) struct Known {
    keys: HashMap<Name, i64>,
    categories: HashMap<i64, Name>,
    streams: Streams,
    pub(super) names: Names,
}

impl Known {
    /// The key of a category; `None` if there is none of this name yet.
    pub(super) fn category_key(
        &mut self,
        connection: &Connection,
        name: &Name,
    ) -> Result<Option<i64>, Error> {
        if let Some(key) = self.keys.get(name) {
            return Ok(Some(*key));
        }
        let mut select = connection.prepare_cached("SELECT key FROM categories WHERE name = ?1")?;
        let key = select.query_row([name.as_str()], |row| row.get(0)).optional()?;
        if let Some(key) = key {
            self.add_category(name.clone(), key);
        }
        Ok(key)
    }

    /// Remembers a category that was just made.
    pub(super) fn add_category(&mut self, name: Name, key: i64) {
        self.categories.insert(key, name.clone());
        self.keys.insert(name, key);
    }

    /// The category with this key; `None` if there is none, which is damage.
    pub(super) fn category(&mut self, connection: &Connection, key: i64) -> Result<Option<Name>, Error> {
        if let Some(name) = self.categories.get(&key) {
            return Ok(Some(name.clone()));
        }
        let mut select = connection.prepare_cached("SELECT name FROM categories WHERE key = ?1")?;
        let name: Option<String> = select.query_row([key], |row| row.get(0)).optional()?;
        let name = name.map(Name::from);
        if let Some(name) = &name {
            self.add_category(name.clone(), key);
        }
        Ok(name)
    }

    /// The stream with this key; `None` if there is none or it is of no category, which is damage. `find` is [`STREAMS`].
    pub(super) fn stream(
        &mut self,
        connection: &Connection,
        find: &mut Statement<'_>,
        wanted: i64,
    ) -> Result<Option<StreamId>, Error> {
        if let Some(stream) = self.streams.get(wanted) {
            return Ok(Some(stream));
        }
        let many = if wanted == self.streams.expected { AT_ONCE } else { 1 };
        let mut found = None;
        let mut rows = find.query([wanted, many])?;
        while let Some(row) = rows.next()? {
            let (Ok(key), Ok(category), Ok(id)) = (row.get(0), row.get(1), row.get_ref(2)?.as_str()) else {
                break;
            };
            let Some(category) = self.category(connection, category)? else { break };
            let stream = StreamId::new(category, id);
            self.streams.keep(key, &stream);
            if key == wanted {
                found = Some(stream);
            }
        }
        Ok(found)
    }

    /// After a transaction was rolled back: the keys of what it made will be given to others.
    pub(super) fn forget(&mut self) {
        *self = Self { names: std::mem::take(&mut self.names), ..Self::default() };
    }
}

/// Streams that were read before, so that the next event of one of them costs no allocation. Each key has one place,
/// which it may have to leave to another: so there are never more of them, and those that are growing side by side, whose
/// keys are near to each other, all have theirs.
#[derive(Debug, Default)]
struct Streams {
    places: Vec<Option<(i64, StreamId)>>,
    /// The key behind the last one that was looked up: a reader who asks for it next meets streams as they were made.
    expected: i64,
}

impl Streams {
    /// How many are remembered.
    const MOST: usize = 4096;

    fn place(key: i64) -> usize {
        key.unsigned_abs() as usize % Self::MOST
    }

    /// The stream with this key.
    fn get(&self, key: i64) -> Option<StreamId> {
        match self.places.get(Self::place(key)) {
            Some(Some((known, stream))) if *known == key => Some(stream.clone()),
            _ => None,
        }
    }

    /// Remembers it.
    fn keep(&mut self, key: i64, stream: &StreamId) {
        if self.places.is_empty() {
            self.places.resize(Self::MOST, None);
        }
        if let Some(place) = self.places.get_mut(Self::place(key)) {
            *place = Some((key, stream.clone()));
        }
        self.expected = key.wrapping_add(1);
    }
}
