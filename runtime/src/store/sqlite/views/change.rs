//! The rows of a commit.

use rusqlite::{CachedStatement, Connection, Error, ErrorCode};

use super::{
    super::{connection::Session, error::failed},
    tables::{Known, Part, rest},
    value::{Filling, Given, Unwritten},
};
use crate::{
    read::{RowChange, RowOp, RowRefusal, Value},
    store::AppendError,
};

/// Changes the rows, one after the other, in the transaction of the commit, which is a valid one. `given` is what its events
/// were given.
pub(in super::super) fn change(
    session: &mut Session,
    rows: &[RowOp],
    given: &[Given],
) -> Result<(), AppendError> {
    let Session { connection, tables, .. } = session;
    for op in rows {
        let known = tables.transactional(connection, &op.table)?;
        Changing { connection, known, op, given }.run().map_err(|refused| match refused {
            Refused::Row(reason) => AppendError::Row(op.refused(reason)),
            Refused::Store(error) => {
                AppendError::Failed(failed(&format!("writing a row of `{}`", op.table.name), error))
            }
        })?;
    }
    Ok(())
}

enum Refused {
    Row(RowRefusal),
    Store(Error),
}

impl From<Unwritten> for Refused {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::Unfit(what) => Self::Row(RowRefusal::Database(what)),
            Unwritten::Sqlite(error) if is_of_row(&error) => {
                Self::Row(RowRefusal::Database(error.to_string()))
            }
            Unwritten::Sqlite(error) => Self::Store(error),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Unwritten::Sqlite(error).into()
    }
}

/// Whether SQLite has something against the row, or cannot write anything at all.
pub(super) fn is_of_row(error: &Error) -> bool {
    let of_row = [
        ErrorCode::ConstraintViolation,
        ErrorCode::TypeMismatch,
        ErrorCode::TooBig,
        // What somebody put into the database by hand: a trigger that fails, say.
        ErrorCode::Unknown,
    ];
    error.sqlite_error_code().is_some_and(|code| of_row.contains(&code))
}

/// One change of one row.
struct Changing<'a> {
    connection: &'a Connection,
    known: &'a mut Known,
    op: &'a RowOp,
    given: &'a [Given],
}

impl<'a> Changing<'a> {
    fn run(mut self) -> Result<(), Refused> {
        let op = self.op;
        let stale = |changed: usize| if changed == 0 { Err(Refused::Row(RowRefusal::Stale)) } else { Ok(()) };
        match &op.change {
            RowChange::Put(row) => {
                let put = self.prepare(&self.known.sql.put)?;
                self.write(put, row).map(drop)
            }
            RowChange::Ensure(row) => {
                let ensure = self.prepare(&self.known.sql.ensure)?;
                self.write(ensure, row).map(drop)
            }
            RowChange::Set(values) => self.part(values, Part::Set),
            RowChange::Add(numbers) => self.part(numbers, Part::Add),
            RowChange::Swap { from: None, to: None } => match self.exists()? {
                true => Err(Refused::Row(RowRefusal::Stale)),
                false => Ok(()),
            },
            RowChange::Swap { from: None, to: Some(to) } => {
                let ensure = self.prepare(&self.known.sql.ensure)?;
                self.write(ensure, to).and_then(stale)
            }
            RowChange::Swap { from: Some(from), to: None } => {
                let take_out = self.prepare(&self.known.sql.take_out)?;
                self.write(take_out, from).and_then(stale)
            }
            RowChange::Swap { from: Some(from), to: Some(to) } => self.swap(from, to).and_then(stale),
            RowChange::Remove => {
                let mut remove = self.prepare(&self.known.sql.remove)?;
                remove.key(&op.table, &op.key, self.given)?;
                Ok(remove.execute().map(drop)?)
            }
        }
    }

    fn prepare(&self, sql: &str) -> Result<Filling<'a>, Error> {
        let statement: CachedStatement<'a> = self.connection.prepare_cached(sql)?;
        Ok(Filling::new(statement))
    }

    /// Carries out a statement about a whole row; how many rows it changed.
    fn write(&self, mut statement: Filling<'_>, row: &[Value]) -> Result<usize, Refused> {
        statement.row(&self.op.table, row, self.given)?;
        Ok(statement.execute()?)
    }

    fn swap(&self, from: &[Value], to: &[Value]) -> Result<usize, Refused> {
        let table = &self.op.table;
        let mut swap = self.prepare(&self.known.sql.swap)?;
        let new = to.iter().enumerate().filter(|(index, _)| !table.is_key(*index));
        for (column, (_, value)) in rest(table).zip(new) {
            swap.value(column, value, self.given)?;
        }
        self.write(swap, from)
    }

    /// Changes some of the columns of the row, which has to be there.
    fn part(&mut self, values: &[(usize, Value)], part: fn(Vec<usize>) -> Part) -> Result<(), Refused> {
        let (op, given) = (self.op, self.given);
        // A statement changes a column once, and at least one.
        let again = (1..values.len()).find(|&place| {
            let (before, behind) = values.split_at(place);
            behind.first().is_some_and(|(next, _)| before.iter().any(|(column, _)| column == next))
        });
        if let Some((first, others)) = again.and_then(|place| values.split_at_checked(place)) {
            self.part(first, part)?;
            return self.part(others, part);
        }
        if values.is_empty() {
            return if self.exists()? { Ok(()) } else { Err(Refused::Row(RowRefusal::Absent)) };
        }
        let part = part(values.iter().map(|(column, _)| *column).collect());
        let connection = self.connection;
        let sql = self.known.sql.partial(&op.table, &part);
        let mut statement = Filling::new(connection.prepare_cached(sql)?);
        for (index, value) in values {
            if let Some(column) = op.table.columns.get(*index) {
                statement.value(column, value, given)?;
            }
        }
        statement.key(&op.table, &op.key, given)?;
        match statement.execute()? {
            0 => Err(Refused::Row(RowRefusal::Absent)),
            _ => Ok(()),
        }
    }

    fn exists(&self) -> Result<bool, Refused> {
        let mut find = self.prepare(&self.known.sql.find)?;
        find.key(&self.op.table, &self.op.key, self.given)?;
        Ok(find.exists()?)
    }
}
