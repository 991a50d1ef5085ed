//! Values on their way to PostgreSQL and back.

use std::{borrow::Cow, error::Error};

use chrono::{DateTime, Days, NaiveDate, Utc};
use tokio_postgres::{
    Row, Statement,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};
use uuid::Uuid;

use super::names::quoted;
use crate::{
    read::{ColumnType, Table, TableColumn, Value, Values},
    store::StoreError,
};

/// PostgreSQL counts from the year 2000 on.
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;
const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// What PostgreSQL calls a type of column.
pub(super) const fn sql_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Bool => "boolean",
        ColumnType::Integer => "bigint",
        ColumnType::Real => "double precision",
        ColumnType::Text => "text",
        ColumnType::Bytes => "bytea",
        ColumnType::Time => "timestamp with time zone",
        ColumnType::Date => "date",
        ColumnType::Uuid => "uuid",
        ColumnType::Json => "jsonb",
    }
}

const fn driver_type(ty: ColumnType) -> Type {
    match ty {
        ColumnType::Bool => Type::BOOL,
        ColumnType::Integer => Type::INT8,
        ColumnType::Real => Type::FLOAT8,
        ColumnType::Text => Type::TEXT,
        ColumnType::Bytes => Type::BYTEA,
        ColumnType::Time => Type::TIMESTAMPTZ,
        ColumnType::Date => Type::DATE,
        ColumnType::Uuid => Type::UUID,
        ColumnType::Json => Type::JSONB,
    }
}

/// What goes into a cell of a table. It has been looked at whether it fits there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell<'a>(pub(super) Cow<'a, Value>);

impl<'a> Cell<'a> {
    pub(super) const fn borrowed(value: &'a Value) -> Self {
        Self(Cow::Borrowed(value))
    }

    pub(super) const fn owned(value: Value) -> Self {
        Self(Cow::Owned(value))
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &*self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bool(value) => out.extend_from_slice(&[u8::from(*value)]),
            Value::Integer(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Real(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Text(value) => out.extend_from_slice(value.as_bytes()),
            Value::Bytes(value) => out.extend_from_slice(value),
            Value::Time(value) => {
                let since = value.timestamp_micros().saturating_sub(EPOCH_MICROSECONDS);
                out.extend_from_slice(&since.to_be_bytes());
            }
            Value::Date(value) => {
                let days = i32::try_from(value.signed_duration_since(EPOCH).num_days())?;
                out.extend_from_slice(&days.to_be_bytes());
            }
            Value::Uuid(value) => out.extend_from_slice(value.as_bytes()),
            Value::Json(value) => {
                // The version of the format.
                out.extend_from_slice(&[1]);
                out.extend_from_slice(value.as_bytes());
            }
            unknown => return Err(format!("{unknown} is not known here").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What was sent for a column.
pub(super) struct Sent<'a>(pub(super) Option<&'a [u8]>);

impl<'a> FromSql<'a> for Sent<'a> {
    fn from_sql(_: &Type, sent: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(sent)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub(super) fn decode(ty: ColumnType, sent: &[u8]) -> Option<Value> {
    Some(match ty {
        ColumnType::Bool => Value::Bool(*sent.first()? != 0),
        ColumnType::Integer => Value::Integer(i64::from_be_bytes(sent.try_into().ok()?)),
        ColumnType::Real => Value::Real(f64::from_be_bytes(sent.try_into().ok()?)),
        ColumnType::Text => Value::Text(text(sent)?.to_owned()),
        ColumnType::Bytes => Value::Bytes(sent.to_owned()),
        ColumnType::Time => Value::Time(time(i64::from_be_bytes(sent.try_into().ok()?))?),
        ColumnType::Date => Value::Date(date(i32::from_be_bytes(sent.try_into().ok()?))?),
        ColumnType::Uuid => Value::Uuid(Uuid::from_slice(sent).ok()?),
        ColumnType::Json => Value::Json(compact(text(sent.get(1..)?)?)),
    })
}

/// The time in a column.
pub(super) fn time_in(row: &Row, column: usize) -> Option<DateTime<Utc>> {
    match row.try_get(column) {
        Ok(Sent(Some(sent))) => time(i64::from_be_bytes(sent.try_into().ok()?)),
        _ => None,
    }
}

fn text(sent: &[u8]) -> Option<&str> {
    std::str::from_utf8(sent).ok()
}

fn time(microseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(microseconds.checked_add(EPOCH_MICROSECONDS)?)
}

fn date(days: i32) -> Option<NaiveDate> {
    let distance = Days::new(days.unsigned_abs().into());
    if days < 0 { EPOCH.checked_sub_days(distance) } else { EPOCH.checked_add_days(distance) }
}

/// PostgreSQL writes spaces into JSON and orders the keys by their length.
fn compact(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).map_or_else(|_| json.to_owned(), |json| json.to_string())
}

/// Whether a statement that reads rows of the table finds columns of the types that it should, from this one on.
pub(super) fn check(statement: &Statement, from: usize, table: &Table) -> Result<(), StoreError> {
    for (column, found) in table.columns.iter().zip(statement.columns().iter().skip(from)) {
        if *found.type_() != driver_type(column.ty) {
            let what = format!(
                "the column `{}` is of type `{}` and was of type `{}`",
                column.name,
                found.type_(),
                sql_type(column.ty)
            );
            return Err(StoreError::changed_table(&table.name, &what));
        }
    }
    Ok(())
}

/// The values of a row of the table, which begin with this column of what was sent.
pub(super) fn values(row: &Row, from: usize, table: &Table) -> Result<Values, StoreError> {
    table.columns.iter().zip(from..).map(|(column, index)| value(row, index, column, table)).collect()
}

fn value(row: &Row, index: usize, column: &TableColumn, table: &Table) -> Result<Value, StoreError> {
    let unfit = || {
        StoreError::corrupt(format!(
            "a row of `{}` has something in the column `{}` that was not put there by the view: somebody changed it by hand. \
             Correct it, or have the view filled anew",
            table.name, column.name
        ))
    };
    match row.try_get(index) {
        Ok(Sent(None)) if column.nullable => Ok(Value::Null),
        Ok(Sent(Some(sent))) => decode(column.ty, sent).ok_or_else(unfit),
        _ => Err(unfit()),
    }
}

/// The names of columns, as SQL lists them; each behind this.
pub(super) fn list<'a>(before: &str, columns: impl IntoIterator<Item = &'a TableColumn>) -> String {
    let names: Vec<String> =
        columns.into_iter().map(|column| format!("{before}{}", quoted(&column.name))).collect();
    names.join(", ")
}
