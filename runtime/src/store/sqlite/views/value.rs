//! Values as SQLite keeps them.

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};
use rusqlite::{
    CachedStatement, Error, Row,
    types::{Null, ValueRef},
};
use uuid::Uuid;

use super::super::error::failed;
use crate::{
    read::{ColumnType, Table, TableColumn, Value, Values},
    store::{Position, StoreError},
};

/// Why a row cannot be written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// A value is none that its column can hold.
    Unfit(String),
    /// SQLite's word.
    Sqlite(Error),
}

impl From<Error> for Unwritten {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What the store gives to each event of a commit: where it stands, and its time in microseconds.
pub(in super::super) type Given = (Position, i64);

/// A statement whose parameters are filled in one after the other.
pub(super) struct Filling<'c> {
    statement: CachedStatement<'c>,
    filled: usize,
}

impl<'c> Filling<'c> {
    pub(super) fn new(statement: CachedStatement<'c>) -> Self {
        Self { statement, filled: 0 }
    }

    /// Fills in the values of a whole row.
    pub(super) fn row(&mut self, table: &Table, row: &[Value], given: &[Given]) -> Result<(), Unwritten> {
        table.columns.iter().zip(row).try_for_each(|(column, value)| self.value(column, value, given))
    }

    /// Fills in the values of a key.
    pub(super) fn key(&mut self, table: &Table, key: &[Value], given: &[Given]) -> Result<(), Unwritten> {
        table.key_columns().zip(key).try_for_each(|(column, value)| self.value(column, value, given))
    }

    /// Fills in a value of a column, which [fits](TableColumn::check): SQLite would make some fit that do not.
    pub(super) fn value(
        &mut self,
        column: &TableColumn,
        value: &Value,
        given: &[Given],
    ) -> Result<(), Unwritten> {
        let unfit = || {
            let (name, ty) = (&column.name, column.ty);
            Unwritten::Unfit(format!("`{value}` does not fit into the column `{name}` of type {ty:?}"))
        };
        let (statement, index) = (&mut self.statement, self.filled.saturating_add(1));
        match (column.ty, value) {
            (_, Value::Null) => statement.raw_bind_parameter(index, Null)?,
            (ColumnType::Bool, Value::Bool(value)) => statement.raw_bind_parameter(index, value)?,
            (ColumnType::Integer, Value::Integer(value)) => statement.raw_bind_parameter(index, value)?,
            (ColumnType::Real, Value::Real(value)) => statement.raw_bind_parameter(index, value)?,
            (ColumnType::Text, Value::Text(value)) | (ColumnType::Json, Value::Json(value)) => {
                statement.raw_bind_parameter(index, value.as_str())?;
            }
            (ColumnType::Bytes, Value::Bytes(value)) => {
                statement.raw_bind_parameter(index, value.as_slice())?;
            }
            (ColumnType::Time, Value::Time(value)) => {
                let time = time_text(value.timestamp_micros()).ok_or_else(unfit)?;
                statement.raw_bind_parameter(index, time)?;
            }
            (ColumnType::Time, Value::RecordedAt(event)) => {
                let (_, micros) = given.get(*event).ok_or_else(unfit)?;
                statement.raw_bind_parameter(index, time_text(*micros).ok_or_else(unfit)?)?;
            }
            (ColumnType::Text, Value::RecordedPosition(event)) => {
                let (position, _) = given.get(*event).ok_or_else(unfit)?;
                statement.raw_bind_parameter(index, position_text(*position))?;
            }
            (ColumnType::Date, Value::Date(value)) => {
                statement.raw_bind_parameter(index, date_text(*value).ok_or_else(unfit)?)?;
            }
            (ColumnType::Uuid, Value::Uuid(value)) => {
                let mut text = Uuid::encode_buffer();
                statement.raw_bind_parameter(index, &*value.hyphenated().encode_lower(&mut text))?;
            }
            _ => return Err(unfit()),
        }
        self.filled = index;
        Ok(())
    }

    /// Fills in a number that is no value of a column.
    pub(super) fn number(&mut self, number: i64) -> Result<(), Error> {
        self.filled = self.filled.saturating_add(1);
        self.statement.raw_bind_parameter(self.filled, number)
    }

    /// Carries the statement out; how many rows it changed. It can be filled again.
    pub(super) fn execute(&mut self) -> Result<usize, Error> {
        self.filled = 0;
        self.statement.raw_execute()
    }

    /// The first row that it gives. It can be filled again.
    pub(super) fn first(&mut self, table: &Table) -> Result<Option<Values>, Unread> {
        self.filled = 0;
        let mut rows = self.statement.raw_query();
        rows.next()?.map(|row| values(row, table)).transpose()
    }

    /// All rows that it gives. It can be filled again.
    pub(super) fn all(&mut self, table: &Table, into: &mut Vec<Values>) -> Result<(), Unread> {
        self.filled = 0;
        let mut rows = self.statement.raw_query();
        while let Some(row) = rows.next()? {
            into.push(values(row, table)?);
        }
        Ok(())
    }

    /// Whether it gives a row. It can be filled again.
    pub(super) fn exists(&mut self) -> Result<bool, Error> {
        self.filled = 0;
        Ok(self.statement.raw_query().next()?.is_some())
    }
}

/// Why a row cannot be read.
#[derive(Debug)]
pub(super) enum Unread {
    /// Something stands in this column that was not put there by the view.
    Strange(String),
    /// SQLite's word.
    Sqlite(Error),
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Unread {
    /// As the store says it. `name` is that of the table.
    pub(super) fn of(self, name: &str) -> StoreError {
        match self {
            Self::Strange(column) => StoreError::corrupt(format!(
                "a row of `{name}` has something in the column `{column}` that was not put there by the view: somebody changed \
                 it by hand. Correct it, or have the view filled anew"
            )),
            Self::Sqlite(error) => failed(&format!("reading rows of `{name}`"), error),
        }
    }
}

/// The values of a row: all columns of the table, in order.
fn values(row: &Row<'_>, table: &Table) -> Result<Values, Unread> {
    let columns = table.columns.iter().enumerate();
    let value = |(index, column): (usize, &TableColumn)| {
        decode(row.get_ref(index)?, column).ok_or_else(|| Unread::Strange(column.name.to_string()))
    };
    columns.map(value).collect()
}

/// Only what [`Filling::value`] writes: another way to write the same time would not be found again as this one.
fn decode(found: ValueRef<'_>, column: &TableColumn) -> Option<Value> {
    let text = || match found {
        ValueRef::Text(text) => std::str::from_utf8(text).ok(),
        _ => None,
    };
    Some(match (column.ty, found) {
        (_, ValueRef::Null) if column.nullable => Value::Null,
        (ColumnType::Bool, ValueRef::Integer(value @ (0 | 1))) => Value::Bool(value == 1),
        (ColumnType::Integer, ValueRef::Integer(value)) => Value::Integer(value),
        (ColumnType::Real, ValueRef::Real(value)) => Value::Real(value),
        (ColumnType::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(bytes.to_vec()),
        (ColumnType::Text, _) => Value::Text(text()?.to_owned()),
        (ColumnType::Json, _) => Value::Json(text()?.to_owned()),
        (ColumnType::Time, _) => {
            let time = DateTime::parse_from_rfc3339(text()?).ok()?.to_utc();
            (time_text(time.timestamp_micros())? == text()?).then_some(Value::Time(time))?
        }
        (ColumnType::Date, _) => {
            let date: NaiveDate = text()?.parse().ok()?;
            (date_text(date)? == text()?).then_some(Value::Date(date))?
        }
        (ColumnType::Uuid, _) => {
            let uuid = Uuid::try_parse(text()?).ok()?;
            let mut canonical = Uuid::encode_buffer();
            (*uuid.hyphenated().encode_lower(&mut canonical) == *text()?).then_some(Value::Uuid(uuid))?
        }
        _ => return None,
    })
}

/// A time that sorts as text; `None` for one of a year that has not four digits.
pub(super) fn time_text(micros: i64) -> Option<String> {
    let time: DateTime<Utc> = DateTime::from_timestamp_micros(micros)?;
    has_four_digits(time.year()).then(|| time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

pub(super) fn date_text(date: NaiveDate) -> Option<String> {
    has_four_digits(date.year()).then(|| date.to_string())
}

fn has_four_digits(year: i32) -> bool {
    (0..=9999).contains(&year)
}

/// A position as text that sorts like positions.
pub(super) fn position_text(position: Position) -> String {
    format!("{:039}", position.get())
}

/// A number from 0 on, as SQLite keeps it.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number from 0 on, in a column of a row.
pub(super) fn natural(row: &Row<'_>, column: usize) -> Result<u64, Error> {
    let found: i64 = row.get(column)?;
    u64::try_from(found).map_err(|_| Error::IntegralValueOutOfRange(column, found))
}
