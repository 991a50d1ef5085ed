//! What stands in a column.

use std::{cmp::Ordering, fmt};

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::Position;

/// The type of a column, and what it is in each database.
///
/// | | SQLite | PostgreSQL |
/// |---|---|---|
/// | `Bool` | `INTEGER`: 0 or 1 | `boolean` |
/// | `Integer` | `INTEGER` | `bigint` |
/// | `Real` | `REAL` | `double precision` |
/// | `Text` | `TEXT` | `text` |
/// | `Bytes` | `BLOB` | `bytea` |
/// | `Time` | `TEXT`: `2026-11-28T22:30:00.000000Z` | `timestamptz` |
/// | `Date` | `TEXT`: `2026-11-28` | `date` |
/// | `Uuid` | `TEXT`: with hyphens, in small letters | `uuid` |
/// | `Json` | `TEXT` | `jsonb` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// A whole number of 64 bits with a sign.
    Integer,
    /// Any other number.
    Real,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A moment, in UTC with microseconds.
    Time,
    /// A day.
    Date,
    /// A UUID.
    Uuid,
    /// JSON text.
    Json,
}

/// What stands in a column of a row.
///
/// What not every database can keep is refused by all of them, by type, and the rest of the write with it: a `Real` that is no
/// number (infinite ones are kept), the character NUL in `Text` and in `Json`, years before 1 and after 9999.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; none that is no number at all, of which all count as equal here.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A moment; what is finer than a microsecond is cut off.
    Time(DateTime<Utc>),
    /// A day.
    Date(NaiveDate),
    /// A UUID.
    Uuid(Uuid),
    /// JSON text. What is read has the same meaning; spaces and the order of keys may differ.
    Json(String),
    /// In the rows of a commit: the time of its event with this index, counted over all appends, which the store gives.
    RecordedAt(usize),
    /// In the rows of a commit: the position of its event with this index, [as text](Self::position).
    RecordedPosition(usize),
}

/// What stands in the columns of a row, in the order in which the table has them; or in the columns of its key.
pub type Values = Vec<Value>;

impl Value {
    /// A position, as text that sorts like positions.
    #[must_use]
    pub fn position(position: Position) -> Self {
        Self::Text(format!("{:039}", position.get()))
    }

    /// The type of column that it fits into; `None` for nothing, and for what the store has yet to give.
    #[must_use]
    pub const fn column_type(&self) -> Option<ColumnType> {
        Some(match self {
            Self::Null | Self::RecordedAt(_) | Self::RecordedPosition(_) => return None,
            Self::Bool(_) => ColumnType::Bool,
            Self::Integer(_) => ColumnType::Integer,
            Self::Real(_) => ColumnType::Real,
            Self::Text(_) => ColumnType::Text,
            Self::Bytes(_) => ColumnType::Bytes,
            Self::Time(_) => ColumnType::Time,
            Self::Date(_) => ColumnType::Date,
            Self::Uuid(_) => ColumnType::Uuid,
            Self::Json(_) => ColumnType::Json,
        })
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Integer(_) => 2,
            Self::Real(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::Time(_) => 6,
            Self::Date(_) => 7,
            Self::Uuid(_) => 8,
            Self::Json(_) => 9,
            Self::RecordedAt(_) => 10,
            Self::RecordedPosition(_) => 11,
        }
    }
}

macro_rules! from {
    ($($ty:ty = |$given:ident| $value:expr;)*) => {$(
        impl From<$ty> for Value {
            fn from($given: $ty) -> Self {
                $value
            }
        }
    )*};
}

from! {
    bool = |given| Self::Bool(given);
    i32 = |given| Self::Integer(given.into());
    u32 = |given| Self::Integer(given.into());
    i64 = |given| Self::Integer(given);
    f64 = |given| Self::Real(given);
    &str = |given| Self::Text(given.to_owned());
    &String = |given| Self::Text(given.clone());
    String = |given| Self::Text(given);
    Vec<u8> = |given| Self::Bytes(given);
    DateTime<Utc> = |given| Self::Time(given);
    NaiveDate = |given| Self::Date(given);
    Uuid = |given| Self::Uuid(given);
    Position = |given| Self::position(given);
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(given: Option<T>) -> Self {
        given.map_or(Self::Null, Into::into)
    }
}

/// Nothing comes first. Text is ordered by its bytes. Of two types, it is the same order everywhere, and means nothing.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(one), Self::Bool(two)) => one.cmp(two),
            (Self::Integer(one), Self::Integer(two)) => one.cmp(two),
            (Self::Real(one), Self::Real(two)) if one.is_nan() || two.is_nan() => {
                one.is_nan().cmp(&two.is_nan())
            }
            (Self::Real(one), Self::Real(two)) => one.partial_cmp(two).unwrap_or(Ordering::Equal),
            (Self::Text(one), Self::Text(two)) | (Self::Json(one), Self::Json(two)) => one.cmp(two),
            (Self::Bytes(one), Self::Bytes(two)) => one.cmp(two),
            (Self::Time(one), Self::Time(two)) => one.timestamp_micros().cmp(&two.timestamp_micros()),
            (Self::Date(one), Self::Date(two)) => one.cmp(two),
            (Self::Uuid(one), Self::Uuid(two)) => one.cmp(two),
            (Self::RecordedAt(one), Self::RecordedAt(two))
            | (Self::RecordedPosition(one), Self::RecordedPosition(two)) => one.cmp(two),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

/// For people.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Real(value) => value.fmt(f),
            Self::Text(value) | Self::Json(value) => f.write_str(value),
            Self::Bytes(value) => write!(f, "{} bytes", value.len()),
            Self::Time(value) => value.fmt(f),
            Self::Date(value) => value.fmt(f),
            Self::Uuid(value) => value.fmt(f),
            Self::RecordedAt(index) => write!(f, "the time of event {index}"),
            Self::RecordedPosition(index) => write!(f, "the position of event {index}"),
        }
    }
}
