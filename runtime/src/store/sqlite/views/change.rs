//! The rows of a commit.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, Error, ErrorCode};

use super::{
    super::{connection::Session, error::failed},
    tables::{Known, rest},
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
    let mut rest = rows;
    while let Some((op, mut behind)) = rest.split_first() {
        let known = tables.transactional(connection, &op.table)?;
        let also = behind.split_first().and_then(|(next, others)| {
            let numbers = added_as_well(op, next)?;
            behind = others;
            Some(numbers)
        });
        rest = behind;
        let changing = Changing { connection, known, op, given };
        changing.run(also.unwrap_or_default()).map_err(|refused| match refused {
            Refused::Row(reason) => AppendError::Row(op.refused(reason)),
            Refused::Store(error) => {
                AppendError::Failed(failed(&format!("writing a row of `{}`", op.table.name), error))
            }
        })?;
    }
    Ok(())
}

/// The numbers that are added to other columns of a row of which columns are set: one statement does both.
fn added_as_well<'a>(op: &RowOp, next: &'a RowOp) -> Option<&'a [(usize, Value)]> {
    let (RowChange::Set(values), RowChange::Add(numbers)) = (&op.change, &next.change) else { return None };
    let same = Arc::ptr_eq(&op.table, &next.table) && op.key == next.key;
    (same && !values.is_empty() && repeated(values.iter().chain(numbers)).is_none()).then_some(numbers)
}

/// The place of the first column that comes up again.
fn repeated<'a>(columns: impl IntoIterator<Item = &'a (usize, Value)>) -> Option<usize> {
    let mut before = Vec::new();
    columns.into_iter().position(|(column, _)| {
        let again = before.contains(column);
        before.push(*column);
        again
    })
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
    /// Carries it out. `also` is added where columns are set.
    fn run(mut self, also: &[(usize, Value)]) -> Result<(), Refused> {
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
            RowChange::Set(values) => self.part(values, also),
            RowChange::Add(numbers) => self.part(&[], numbers),
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

    /// Sets some of the columns of the row, which has to be there, and adds to others.
    fn part(&mut self, set: &[(usize, Value)], add: &[(usize, Value)]) -> Result<(), Refused> {
        let (op, given) = (self.op, self.given);
        // A statement changes a column once, and at least one.
        if let Some((first, others)) = repeated(set).and_then(|place| set.split_at_checked(place)) {
            self.part(first, &[])?;
            return self.part(others, add);
        }
        if let Some((first, others)) = repeated(add).and_then(|place| add.split_at_checked(place)) {
            self.part(set, first)?;
            return self.part(&[], others);
        }
        if set.is_empty() && add.is_empty() {
            return if self.exists()? { Ok(()) } else { Err(Refused::Row(RowRefusal::Absent)) };
        }
        let connection = self.connection;
        let sql = self.known.sql.partial(&op.table, set, add);
        let mut statement = Filling::new(connection.prepare_cached(sql)?);
        for (index, value) in set.iter().chain(add) {
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
