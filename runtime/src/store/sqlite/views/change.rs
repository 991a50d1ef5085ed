//! The rows of a commit.

use rusqlite::{CachedStatement, Connection, Error, ErrorCode};

use super::{
    super::{connection::Session, error::failed},
    tables::{Known, Part, rest},
    value::{Filling, Given, Unwritten},
};
use crate::{
    read::{RowChange, RowOp, RowRefusal, Value},
    store::{AppendError, StoreErrorKind},
};

/// Changes the rows, one after the other, in the transaction of the commit. `given` is what its events were given.
pub(in super::super) fn change(
    session: &mut Session,
    rows: &[RowOp],
    given: &[Given],
) -> Result<(), AppendError> {
    let Session { connection, tables, .. } = session;
    for op in rows {
        let known = tables.live(connection, &op.table).map_err(|error| match error.kind() {
            // It concerns this commit alone: others have other views.
            StoreErrorKind::Missing | StoreErrorKind::Corrupt => {
                AppendError::Row(op.refused(RowRefusal::Database(error.to_string())))
            }
            _ => AppendError::Failed(error),
        })?;
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
            RowChange::Set(values) => self.set(values),
            RowChange::Add(numbers) => self.add(numbers),
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
        if to.len() != table.columns.len() {
            let (values, columns) = (to.len(), table.columns.len());
            return Err(Unwritten::Unfit(format!("it has {values} values for {columns} columns")).into());
        }
        let mut swap = self.prepare(&self.known.sql.swap)?;
        let new = to.iter().enumerate().filter(|(index, _)| !table.is_key(*index));
        for (column, (_, value)) in rest(table).zip(new) {
            swap.value(column, value, self.given)?;
        }
        self.write(swap, from)
    }

    fn set(&mut self, values: &[(usize, Value)]) -> Result<(), Refused> {
        let (op, given) = (self.op, self.given);
        let part = Part::Set(values.iter().map(|(column, _)| *column).collect());
        let mut set = self.prepare_part(values, &part)?;
        for (index, value) in values {
            if let Some(column) = op.table.columns.get(*index) {
                set.value(column, value, given)?;
            }
        }
        set.key(&op.table, &op.key, given)?;
        match set.execute()? {
            0 => Err(Refused::Row(RowRefusal::Absent)),
            _ => Ok(()),
        }
    }

    fn add(&mut self, numbers: &[(usize, Value)]) -> Result<(), Refused> {
        let (op, given) = (self.op, self.given);
        // One statement adds to a column once.
        let again = (1..numbers.len()).find(|&place| {
            numbers
                .iter()
                .take(place)
                .any(|(column, _)| numbers.get(place).is_some_and(|(other, _)| column == other))
        });
        if let Some((first, others)) = again.and_then(|place| numbers.split_at_checked(place)) {
            self.add(first)?;
            return self.add(others);
        }
        let part = Part::Add(numbers.iter().map(|(column, _)| *column).collect());
        let mut add = self.prepare_part(numbers, &part)?;
        let columns =
            || numbers.iter().filter_map(|(index, number)| Some((op.table.columns.get(*index)?, number)));
        for (column, number) in columns() {
            if !matches!(number, Value::Integer(_) | Value::Real(_)) {
                return Err(Unwritten::Unfit(format!("`{number}` is not a number to add")).into());
            }
            add.value(column, number, given)?;
        }
        add.key(&op.table, &op.key, given)?;
        for (column, number) in columns() {
            add.value(column, number, given)?;
        }
        match add.execute()? {
            0 if self.exists()? => {
                Err(Unwritten::Unfit("there is no number in a column that is to be added to".to_owned())
                    .into())
            }
            0 => Err(Refused::Row(RowRefusal::Absent)),
            _ => Ok(()),
        }
    }

    /// The statement that changes some of the columns, which are there and not part of the key.
    fn prepare_part(&mut self, values: &[(usize, Value)], part: &Part) -> Result<Filling<'a>, Refused> {
        let table = &self.op.table;
        let impossible =
            values.iter().find(|(index, _)| *index >= table.columns.len() || table.is_key(*index));
        if let Some((index, _)) = impossible {
            let what = format!("column {index} is not there, or is part of the key, which does not change");
            return Err(Unwritten::Unfit(what).into());
        }
        let connection = self.connection;
        Ok(Filling::new(connection.prepare_cached(self.known.sql.partial(table, part))?))
    }

    fn exists(&self) -> Result<bool, Refused> {
        let mut find = self.prepare(&self.known.sql.find)?;
        find.key(&self.op.table, &self.op.key, self.given)?;
        Ok(find.exists()?)
    }
}
