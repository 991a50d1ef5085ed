//! What readers of events have done.

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::{
    super::{connection::Session, error::failed},
    letters, processes, rows, sql,
    value::position_text,
};
use crate::{
    Position,
    read::{Work, WorkError},
    store::StoreError,
};

const POSITION: &str = "SELECT position FROM factum_readers WHERE reader = ?1";
const MOVE: &str = "INSERT INTO factum_readers (reader, position) VALUES (?1, ?2) \
    ON CONFLICT (reader) DO UPDATE SET position = excluded.position";
const FORGET: &str = "DELETE FROM factum_readers WHERE reader = ?1";

/// For the test of their plans.
#[cfg(test)]
pub(in super::super) const STATEMENTS: [&str; 3] = [POSITION, MOVE, FORGET];

/// How far a reader has come.
pub(super) fn position(connection: &Connection, reader: &str) -> Result<Position, StoreError> {
    let found: Option<String> = connection
        .prepare_cached(POSITION)
        .and_then(|mut select| select.query_row([reader], |row| row.get(0)).optional())
        .map_err(|error| failed(&format!("reading how far `{reader}` has come"), error))?;
    found.map_or(Ok(Position::START), |text| {
        text.parse().map_err(|_| {
            StoreError::corrupt(format!("the position of `{reader}` is damaged: it is `{text}`"))
        })
    })
}

/// A reader that is no more.
pub(super) fn forget(connection: &Connection, reader: &str) -> Result<(), Error> {
    connection.prepare_cached(FORGET)?.execute([reader]).map(drop)
}

/// Writes it all. In a transaction that writes.
pub(super) fn write(session: &mut Session, work: &Work) -> Result<(), WorkError> {
    let Session { connection, tables, .. } = session;
    work.validate()?;
    let Work { reader, after, upto, .. } = work;
    if position(connection, reader)? != *after {
        return Err(WorkError::Overtaken { reader: reader.clone() });
    }
    if let Some(rows) = &work.rows {
        rows::write(connection, tables, reader, rows)?;
    }
    if let Some(projected) = &work.projected {
        sql::project(connection, reader, projected)?;
    }
    let rest = || -> Result<(), Error> {
        letters::settle(connection, reader, &work.settled)?;
        letters::keep(connection, reader, &work.letters)?;
        processes::change(connection, reader, &work.processes)?;
        if upto != after {
            connection.prepare_cached(MOVE)?.execute(params![reader, position_text(*upto)])?;
        }
        Ok(())
    };
    rest().map_err(|error| failed(&format!("writing what `{reader}` has done"), error).into())
}
