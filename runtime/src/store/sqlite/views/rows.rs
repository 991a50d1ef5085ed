//! Rows of a build, by their keys: read, and written by readers of events.

use std::sync::Arc;

use rusqlite::Connection;

use super::{
    super::{connection::Session, error::failed},
    builds,
    change::is_of_row,
    tables::Tables,
    value::{Filling, Unwritten},
};
use crate::{
    read::{Build, Rows, Table, Values, WorkError},
    store::{StoreError, StoreErrorKind},
};

/// The rows with these keys, as of one moment.
pub(super) fn read(
    session: &mut Session,
    table: &Arc<Table>,
    build: &Build,
    keys: &[Values],
) -> Result<Vec<Option<Values>>, StoreError> {
    keys.iter().try_for_each(|key| table.check_key(key)).map_err(StoreError::invalid)?;
    let Session { connection, tables, .. } = session;
    let failed = |error| failed(&format!("reading rows of `{}`", table.name), error);
    let moment = connection.unchecked_transaction().map_err(failed)?;
    tables.begin();
    let sql = &tables.of_build(&moment, table, build)?.sql;
    let mut find = Filling::new(moment.prepare_cached(&sql.find).map_err(failed)?);
    let row = |key: &Values| {
        find.key(table, key, &[]).map_err(|unwritten| asked_wrongly(&sql.name, unwritten))?;
        find.first(table).map_err(|unread| unread.of(&sql.name))
    };
    keys.iter().map(row).collect()
}

/// A value that somebody asks for cannot be in its column.
pub(super) fn asked_wrongly(name: &str, unwritten: Unwritten) -> StoreError {
    match unwritten {
        Unwritten::Unfit(what) => StoreError::invalid(format!("a row of `{name}` is asked for, but {what}")),
        Unwritten::Sqlite(error) => failed(&format!("reading rows of `{name}`"), error),
    }
}

/// Writes the rows. In a transaction that writes.
pub(super) fn write(
    connection: &Connection,
    tables: &mut Tables,
    reader: &str,
    rows: &Rows,
) -> Result<(), WorkError> {
    let Rows { table, build, put, remove } = rows;
    let stored = |error| WorkError::Store(failed(&format!("writing rows of `{}`", table.name), error));
    // Whose build is gone has been overtaken by who put another one in its place, or who writes it with commits.
    if !builds::is_filled(connection, &table.name, build.generation).map_err(stored)? {
        return Err(WorkError::Overtaken { reader: reader.to_owned() });
    }
    let sql = &tables.of_build(connection, table, build)?.sql;
    let refused = |key: Values, unwritten| {
        let cause = match unwritten {
            Unwritten::Unfit(what) => StoreError::invalid(what),
            Unwritten::Sqlite(error) if is_of_row(&error) => {
                StoreError::new(StoreErrorKind::Invalid, "SQLite refuses it").because(error)
            }
            Unwritten::Sqlite(error) => return stored(error),
        };
        WorkError::Row { view: table.name.to_string(), key, cause }
    };
    let mut statement = Filling::new(connection.prepare_cached(&sql.put).map_err(stored)?);
    for row in put {
        let written = statement.row(table, row, &[]).and_then(|()| Ok(statement.execute()?));
        written.map_err(|unwritten| refused(table.key_of(row), unwritten))?;
    }
    let mut statement = Filling::new(connection.prepare_cached(&sql.remove).map_err(stored)?);
    for key in remove {
        let removed = statement.key(table, key, &[]).and_then(|()| Ok(statement.execute()?));
        removed.map_err(|unwritten| refused(key.clone(), unwritten))?;
    }
    Ok(())
}
