//! Who holds a value: what has changed of late, in the order in which it did, and everything before, sorted by value.
//!
//! Values are hashes and come in no order, so to sort each into its place at once is to write a page for each: half of
//! what a sign-up costs. So a change is written behind the last one, and the connection that writes keeps the late ones in
//! memory; when they are many, they are sorted into their places in the order of the values, a page for many at a time.

use std::{collections::HashMap, vec};

use rusqlite::{Connection, Error, OptionalExtension, params};

/// A value as the tables have it.
pub(super) type Value = [u8; 16];

const SORTED: &str = "SELECT owner FROM claims WHERE value = ?1";
const LATE: &str = "SELECT key, value, \"constraint\", owner FROM claim_changes WHERE key > ?1 ORDER BY key";
const FIRST: &str = "SELECT min(key) FROM claim_changes";
const CHANGE: &str = "INSERT INTO claim_changes (value, \"constraint\", owner) VALUES (?1, ?2, ?3)";
const TAKE: &str = "INSERT OR REPLACE INTO claims (value, \"constraint\", owner) VALUES (?1, ?2, ?3)";
const RELEASE: &str = "DELETE FROM claims WHERE value = ?1";
/// All but the last: whoever has read up to it knows by its key what is new.
const SETTLED: &str = "DELETE FROM claim_changes WHERE key < ?1";

/// For the test of their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 5] = [SORTED, LATE, FIRST, RELEASE, SETTLED];

/// From how many changes on they are sorted in. A process that begins to write reads them, at four million a second.
#[cfg(not(test))]
const MANY: i64 = 32 * 1024;
#[cfg(test)]
const MANY: i64 = 64;

/// How many are sorted in with each further change, so that nobody waits long and the others are done before as many have
/// come.
const AT_ONCE: usize = 8;

/// The latest change of a value.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Its place in the order of changes.
    key: i64,
    constraint: i64,
    /// Who holds it since; `None`: nobody.
    owner: Option<i64>,
}

/// The late changes, as the connection that writes knows them.
#[derive(Debug, Default)]
pub(super) struct Holders {
    late: HashMap<Value, Change>,
    /// The first and the last late change.
    first: Option<i64>,
    last: i64,
    /// What others had done when they were read: see [`Constraints::seen`](super::constraints::Constraints::seen).
    seen: Option<i64>,
    sorting: Option<Sorting>,
    /// Whether the next change sorts in all that there are.
    all_at_once: bool,
    /// Whether something was changed that is not known to be committed.
    changed: bool,
}

/// The changes up to one of them on their way into their places.
#[derive(Debug)]
struct Sorting {
    until: i64,
    /// What is left, in order.
    values: vec::IntoIter<Value>,
}

impl Holders {
    /// At the beginning of a transaction: what the one before it changed is forgotten, unless it was committed.
    pub(super) fn begin(&mut self) {
        if self.changed {
            *self = Self::default();
        }
    }

    /// After a part of a transaction was undone: what is left of it is read again.
    pub(super) fn undone(&mut self) {
        *self = Self { changed: true, ..Self::default() };
    }

    /// After a transaction was committed.
    pub(super) fn committed(&mut self) {
        self.changed = false;
    }

    /// Makes sure that what is known is so. Inside of a transaction that writes; `seen` tells what others have done.
    pub(super) fn look(&mut self, connection: &Connection, seen: Option<i64>) -> Result<(), Error> {
        if seen.is_some() && self.seen == seen {
            return Ok(());
        }
        // Whoever has sorted in has taken away what was first.
        let first = first(connection)?;
        if first != self.first {
            *self = Self { changed: self.changed, ..Self::default() };
        }
        let mut select = connection.prepare_cached(LATE)?;
        let mut rows = select.query([self.last])?;
        while let Some(row) = rows.next()? {
            let change = Change { key: row.get(0)?, constraint: row.get(2)?, owner: row.get(3)? };
            self.late.insert(row.get(1)?, change);
            self.last = change.key;
        }
        (self.first, self.seen) = (first, seen);
        // A process that lives for a few changes would never come to the end otherwise.
        self.all_at_once = self.are_many() && self.sorting.is_none();
        Ok(())
    }

    /// Who holds the value.
    pub(super) fn of(&self, connection: &Connection, value: &Value) -> Result<Option<i64>, Error> {
        match self.late.get(value) {
            Some(change) => Ok(change.owner),
            None => connection.prepare_cached(SORTED)?.query_row([value], |row| row.get(0)).optional(),
        }
    }

    /// Gives the value, which is free, to an owner.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        value: &Value,
        constraint: i64,
        owner: i64,
    ) -> Result<(), Error> {
        self.change(connection, value, constraint, Some(owner))
    }

    /// Makes the value free, if this owner holds it.
    pub(super) fn release(
        &mut self,
        connection: &Connection,
        value: &Value,
        constraint: i64,
        owner: i64,
    ) -> Result<(), Error> {
        match self.of(connection, value)? {
            Some(holder) if holder == owner => self.change(connection, value, constraint, None),
            _ => Ok(()),
        }
    }

    fn change(
        &mut self,
        connection: &Connection,
        value: &Value,
        constraint: i64,
        owner: Option<i64>,
    ) -> Result<(), Error> {
        self.changed = true;
        let key = connection.prepare_cached(CHANGE)?.insert(params![value, constraint, owner])?;
        self.late.insert(*value, Change { key, constraint, owner });
        self.first.get_or_insert(key);
        self.last = key;
        if std::mem::take(&mut self.all_at_once) {
            return self.settle(connection);
        }
        if self.sorting.is_none() && self.are_many() {
            self.sort();
        }
        self.sort_in(connection, AT_ONCE)
    }

    fn are_many(&self) -> bool {
        self.first.is_some_and(|first| self.last.saturating_sub(first) >= MANY)
    }

    fn sort(&mut self) {
        let mut values: Vec<Value> = self.late.keys().copied().collect();
        values.sort_unstable();
        self.sorting = Some(Sorting { until: self.last, values: values.into_iter() });
    }

    /// Sorts in as many as this, if any are on their way.
    fn sort_in(&mut self, connection: &Connection, most: usize) -> Result<(), Error> {
        let sorted = self.try_to_sort_in(connection, most);
        if sorted.is_err() {
            // What was on its way is still late: the next time begins anew.
            self.sorting = None;
        }
        sorted
    }

    fn try_to_sort_in(&mut self, connection: &Connection, most: usize) -> Result<(), Error> {
        let Some(sorting) = &mut self.sorting else { return Ok(()) };
        for value in sorting.values.by_ref().take(most) {
            // What has changed again meanwhile is as good.
            let Some(change) = self.late.get(&value) else { continue };
            match change.owner {
                Some(owner) => {
                    connection.prepare_cached(TAKE)?.execute(params![value, change.constraint, owner])?
                }
                None => connection.prepare_cached(RELEASE)?.execute([value])?,
            };
        }
        if sorting.values.len() == 0 {
            let until = sorting.until;
            self.sorting = None;
            connection.prepare_cached(SETTLED)?.execute([until])?;
            self.late.retain(|_, change| change.key >= until);
            self.first = first(connection)?;
        }
        Ok(())
    }

    /// Takes a constraint's values from all who hold them.
    pub(super) fn withdraw(&mut self, connection: &Connection, constraint: i64) -> Result<(), Error> {
        self.settle(connection)?;
        // Claims have no index for this: it would cost each of them a row more, and this is hardly ever done.
        connection.execute("DELETE FROM claims WHERE \"constraint\" = ?1", [constraint])?;
        let last = self.late.iter().find(|(_, change)| change.constraint == constraint);
        match last.map(|(value, _)| *value) {
            Some(value) => {
                self.change(connection, &value, constraint, None)?;
                self.settle(connection)
            }
            None => Ok(()),
        }
    }

    /// Sorts in what there is.
    fn settle(&mut self, connection: &Connection) -> Result<(), Error> {
        self.changed = true;
        self.sort();
        self.sort_in(connection, usize::MAX)
    }
}

fn first(connection: &Connection) -> Result<Option<i64>, Error> {
    connection.prepare_cached(FIRST)?.query_row((), |row| row.get(0))
}
