//! The tables that a connection knows, and the statements for them.

use std::sync::Arc;

use rusqlite::{Connection, Error};

use super::{
    super::error::failed,
    builds,
    definition::{self, Found, list},
    names::quoted,
};
use crate::{
    read::{Build, Table, TableColumn, Value},
    store::{StoreError, StoreErrorKind},
};

/// A number that changes when any table of the database does, whoever changes it.
const SCHEMA: &str = "PRAGMA schema_version";

/// How many tables are remembered. Each has a fingerprint of its own, so there are hardly ever more than views.
const MOST: usize = 256;

/// Tables that were looked at, kept by a connection. Each transaction asks only whether a table was changed since, and
/// then looks again.
#[derive(Debug, Default)]
pub(in super::super) struct Tables {
    known: Vec<Known>,
    /// What [`SCHEMA`] was when they were looked at.
    seen: Option<i64>,
    /// Whether it is known to be so still.
    current: bool,
    /// Counts transactions.
    transaction: u64,
}

/// A table that is as it was made.
#[derive(Debug)]
pub(super) struct Known {
    /// The last transaction in which it was written with commits.
    transactional_in: u64,
    /// Which build of the view; `None`: the live one, whichever it is.
    generation: Option<u64>,
    table: Arc<Table>,
    pub(super) sql: Sql,
}

impl Tables {
    /// At the beginning of a transaction: others may have changed tables before it.
    pub(in super::super) fn begin(&mut self) {
        self.current = false;
        self.transaction = self.transaction.wrapping_add(1);
    }

    /// After a transaction was rolled back, which may have changed tables.
    pub(in super::super) fn forget(&mut self) {
        *self = Self { transaction: self.transaction, ..Self::default() };
    }

    /// The table that everybody reads.
    pub(super) fn live(
        &mut self,
        connection: &Connection,
        table: &Arc<Table>,
    ) -> Result<&mut Known, StoreError> {
        self.find(connection, table, None, |connection| match look_for_live(connection, table)? {
            Some(_) => Ok(table.name.to_string()),
            None => Err(StoreError::no_build(&table.name)),
        })
    }

    /// The table that everybody reads, if it is written with commits.
    pub(super) fn transactional(
        &mut self,
        connection: &Connection,
        table: &Arc<Table>,
    ) -> Result<&mut Known, StoreError> {
        let transaction = self.transaction;
        let known = match self.live(connection, table) {
            Err(error) if error.kind() == StoreErrorKind::Missing => {
                return Err(StoreError::not_transactional(&table.name));
            }
            known => known?,
        };
        // Whether a build is transactional is a line in the books, of which no table tells.
        if known.transactional_in != transaction {
            match look_for_live(connection, table)? {
                Some((_, true)) => known.transactional_in = transaction,
                _ => return Err(StoreError::not_transactional(&table.name)),
            }
        }
        Ok(known)
    }

    /// The table of a build.
    pub(super) fn of_build(
        &mut self,
        connection: &Connection,
        table: &Arc<Table>,
        build: &Build,
    ) -> Result<&mut Known, StoreError> {
        self.find(connection, table, Some(build.generation), |connection| {
            let failed = |error| failed(&format!("looking for a build of `{}`", table.name), error);
            builds::table(connection, &table.name, build.generation)
                .map_err(failed)?
                .ok_or_else(|| StoreError::no_build(&table.name))
        })
    }

    fn find(
        &mut self,
        connection: &Connection,
        table: &Arc<Table>,
        generation: Option<u64>,
        name: impl FnOnce(&Connection) -> Result<String, StoreError>,
    ) -> Result<&mut Known, StoreError> {
        self.look(connection).map_err(|error| failed("looking whether tables were changed", error))?;
        let same = |known: &Known| {
            known.generation == generation && (Arc::ptr_eq(&known.table, table) || known.table == *table)
        };
        let place = match self.known.iter().position(same) {
            Some(place) => place,
            None => {
                let name = name(connection)?;
                let found = definition::compare(connection, table, &name);
                match found.map_err(|error| failed(&format!("looking at the table `{name}`"), error))? {
                    Found::Same => {}
                    Found::Other(what) => return Err(StoreError::changed_table(&table.name, &what)),
                    Found::Nothing => return Err(builds::dropped(&table.name)),
                }
                if self.known.len() >= MOST {
                    self.known.clear();
                }
                let (sql, table) = (Sql::new(table, name), Arc::clone(table));
                self.known.push(Known { transactional_in: 0, generation, table, sql });
                self.known.len().saturating_sub(1)
            }
        };
        self.known.get_mut(place).ok_or_else(|| StoreError::no_build(&table.name))
    }

    fn look(&mut self, connection: &Connection) -> Result<(), Error> {
        if !self.current {
            let now = connection.prepare_cached(SCHEMA)?.query_one((), |row| row.get(0))?;
            if self.seen != Some(now) {
                self.known.clear();
                self.seen = Some(now);
            }
            self.current = true;
        }
        Ok(())
    }
}

fn look_for_live(connection: &Connection, table: &Table) -> Result<Option<(u64, bool)>, StoreError> {
    builds::live(connection, &table.name)
        .map_err(|error| failed(&format!("looking for the table of `{}`", table.name), error))
}

/// The statements for a table. Their parameters are values of columns, in the order in which they are named.
#[derive(Debug)]
pub(super) struct Sql {
    /// The name of the table.
    pub(super) name: String,
    /// All rows: all columns.
    pub(super) select: String,
    /// A row: key.
    pub(super) find: String,
    /// Row.
    pub(super) put: String,
    /// Row.
    pub(super) ensure: String,
    /// What the columns beside the key become, then what the whole row has to be.
    pub(super) swap: String,
    /// The whole row as it has to be.
    pub(super) take_out: String,
    /// Key.
    pub(super) remove: String,
    /// Statements that set or add to some of the columns.
    partial: Vec<(Part, String)>,
}

/// What a statement does that changes some of the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Columns that get values, …
    set: Vec<usize>,
    /// … and those to which numbers are added. The key comes last.
    add: Vec<usize>,
}

impl Sql {
    fn new(table: &Table, name: String) -> Self {
        let (to, key) = (quoted(&name), list(table.key_columns()));
        let columns = list(&table.columns);
        let places = vec!["?"; table.columns.len()].join(", ");
        let by_key = all(table.key_columns(), "=");
        let whole = all(&table.columns, "IS");
        let rest: Vec<&TableColumn> = rest(table).collect();
        let new: Vec<String> = rest.iter().map(|column| quoted(&column.name)).collect();
        let new: Vec<String> = new.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let change = match new.is_empty() {
            true => "NOTHING".to_owned(),
            false => format!("UPDATE SET {}", new.join(", ")),
        };
        let insert = format!("INSERT INTO {to} ({columns}) VALUES ({places}) ON CONFLICT ({key}) DO");
        let select = format!("SELECT {columns} FROM {to}");
        let swap = match assignments(&rest) {
            // A row that is all key becomes itself.
            none if none.is_empty() => format!("UPDATE {to} SET {0} = {0} WHERE {whole}", first(table)),
            assignments => format!("UPDATE {to} SET {assignments} WHERE {whole}"),
        };
        Self {
            find: format!("{select} WHERE {by_key}"),
            select,
            put: format!("{insert} {change}"),
            ensure: format!("{insert} NOTHING"),
            swap,
            take_out: format!("DELETE FROM {to} WHERE {whole}"),
            remove: format!("DELETE FROM {to} WHERE {by_key}"),
            partial: Vec::new(),
            name,
        }
    }

    /// The statement that sets columns and adds to others: their values in order, then the key.
    pub(super) fn partial(&mut self, table: &Table, set: &[(usize, Value)], add: &[(usize, Value)]) -> &str {
        let place = self.partial.iter().position(|(part, _)| part.is(set, add)).unwrap_or_else(|| {
            if self.partial.len() >= MOST {
                self.partial.clear();
            }
            let columns = |values: &[(usize, Value)]| values.iter().map(|(column, _)| *column).collect();
            let part = Part { set: columns(set), add: columns(add) };
            let sql = part.sql(table, &self.name);
            self.partial.push((part, sql));
            self.partial.len().saturating_sub(1)
        });
        self.partial.get(place).map_or("", |(_, sql)| sql)
    }
}

impl Part {
    fn is(&self, set: &[(usize, Value)], add: &[(usize, Value)]) -> bool {
        let same = |columns: &[usize], values: &[(usize, Value)]| {
            columns.iter().eq(values.iter().map(|(column, _)| column))
        };
        same(&self.set, set) && same(&self.add, add)
    }

    fn sql(&self, table: &Table, name: &str) -> String {
        let name = quoted(name);
        let by_key = all(table.key_columns(), "=");
        let columns = |columns: &[usize]| -> Vec<String> {
            columns
                .iter()
                .filter_map(|&index| table.columns.get(index))
                .map(|column| quoted(&column.name))
                .collect()
        };
        let set = columns(&self.set).into_iter().map(|column| format!("{column} = ?"));
        let add = columns(&self.add).into_iter().map(|column| format!("{column} = {column} + ?"));
        let changes: Vec<String> = set.chain(add).collect();
        format!("UPDATE {name} SET {} WHERE {by_key}", changes.join(", "))
    }
}

/// The columns that are not part of the key.
pub(super) fn rest(table: &Table) -> impl Iterator<Item = &TableColumn> {
    table.columns.iter().enumerate().filter(|(index, _)| !table.is_key(*index)).map(|(_, column)| column)
}

fn assignments(columns: &[&TableColumn]) -> String {
    let set: Vec<String> = columns.iter().map(|column| format!("{} = ?", quoted(&column.name))).collect();
    set.join(", ")
}

fn all<'a>(columns: impl IntoIterator<Item = &'a TableColumn>, is: &str) -> String {
    let tests: Vec<String> =
        columns.into_iter().map(|column| format!("{} {is} ?", quoted(&column.name))).collect();
    tests.join(" AND ")
}

fn first(table: &Table) -> String {
    table.columns.first().map_or_else(String::new, |column| quoted(&column.name))
}
