//! What a field of a row is as a column.

use std::{fmt, marker::PhantomData};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::serial;
use crate::{
    Position, Version,
    read::{ColumnType, Value},
};

/// A type that can stand in a column.
///
/// Numbers, `bool`, text, bytes (`Vec<u8>`), times, days, UUIDs, [`Position`] (as text that sorts like positions), ids of
/// [`derive(Id)`](macro@crate::Id), and `Option` of each. A field of any other type that serde can write and read is kept as
/// what serde makes of it: text for enums without fields and for whatever else is text, a number for a newtype over a number,
/// JSON for the rest. Implement this trait for a type that should be another kind of column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a column of a view",
    label = "not a type for a column",
    note = "derive serde's `Serialize` and `Deserialize` for it, `factum::Id` if it is an id, or implement `factum::view::Column`"
)]
pub trait Column: Sized {
    /// The type of the column.
    const TYPE: ColumnType;
    /// Whether the column may hold nothing.
    const NULLABLE: bool = false;

    /// What stands in the column.
    ///
    /// # Errors
    /// The value does not fit, such as a number beyond 64 bits.
    fn to_value(&self) -> Result<Value, ColumnError>;

    /// The value that stands in the column.
    ///
    /// # Errors
    /// It is not one that [`to_value`](Self::to_value) gives.
    fn from_value(value: Value) -> Result<Self, ColumnError>;
}

/// A value that does not fit into its column, or that was not put there by the view.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ColumnError {
    message: String,
}

impl ColumnError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// Something else stands there than was expected.
    fn unexpected(expected: &str, found: &Value) -> Self {
        Self::new(format!("{expected} was expected, and `{found}` is there"))
    }

    /// The same error, of this column.
    #[must_use]
    pub fn of(self, column: &str) -> Self {
        Self { message: format!("column `{column}`: {}", self.message) }
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Column for $integer {
            const TYPE: ColumnType = ColumnType::Integer;

            fn to_value(&self) -> Result<Value, ColumnError> {
                i64::try_from(*self)
                    .map(Value::Integer)
                    .map_err(|_| ColumnError::new(format!("{self} does not fit into 64 bits with a sign")))
            }

            fn from_value(value: Value) -> Result<Self, ColumnError> {
                match value {
                    Value::Integer(number) => <$integer>::try_from(number).map_err(|_| {
                        ColumnError::new(format!("{number} is no `{}`", stringify!($integer)))
                    }),
                    other => Err(ColumnError::unexpected("a whole number", &other)),
                }
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! columns {
    ($($ty:ty = $variant:ident, $name:literal: $to:expr, $from:expr;)*) => {$(
        impl Column for $ty {
            const TYPE: ColumnType = ColumnType::$variant;

            fn to_value(&self) -> Result<Value, ColumnError> {
                let to: fn(&$ty) -> _ = $to;
                Ok(Value::$variant(to(self)))
            }

            fn from_value(value: Value) -> Result<Self, ColumnError> {
                match value {
                    Value::$variant(value) => {
                        let from: fn(_) -> Result<$ty, ColumnError> = $from;
                        from(value)
                    }
                    other => Err(ColumnError::unexpected($name, &other)),
                }
            }
        }
    )*};
}

columns! {
    bool = Bool, "true or false": |value| *value, Ok;
    f64 = Real, "a number": |value| *value, Ok;
    String = Text, "text": Clone::clone, Ok;
    Vec<u8> = Bytes, "bytes": Clone::clone, Ok;
    DateTime<Utc> = Time, "a time": |value| *value, Ok;
    NaiveDate = Date, "a day": |value| *value, Ok;
    Uuid = Uuid, "a UUID": |value| *value, Ok;
}

impl Column for Position {
    const TYPE: ColumnType = ColumnType::Text;

    fn to_value(&self) -> Result<Value, ColumnError> {
        Ok(Value::position(*self))
    }

    fn from_value(value: Value) -> Result<Self, ColumnError> {
        match value {
            Value::Text(text) => {
                text.parse().map_err(|_| ColumnError::new(format!("`{text}` is no position")))
            }
            other => Err(ColumnError::unexpected("a position", &other)),
        }
    }
}

impl Column for f32 {
    const TYPE: ColumnType = ColumnType::Real;

    fn to_value(&self) -> Result<Value, ColumnError> {
        Ok(Value::Real(f64::from(*self)))
    }

    fn from_value(value: Value) -> Result<Self, ColumnError> {
        #[allow(clippy::cast_possible_truncation, reason = "it was one of 32 bits before")]
        f64::from_value(value).map(|number| number as Self)
    }
}

impl Column for Version {
    const TYPE: ColumnType = ColumnType::Integer;

    fn to_value(&self) -> Result<Value, ColumnError> {
        self.get().to_value()
    }

    fn from_value(value: Value) -> Result<Self, ColumnError> {
        u64::from_value(value).map(Self::new)
    }
}

impl<T: Column> Column for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;

    fn to_value(&self) -> Result<Value, ColumnError> {
        self.as_ref().map_or(Ok(Value::Null), Column::to_value)
    }

    fn from_value(value: Value) -> Result<Self, ColumnError> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// What kind of column a type makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnKind {
    /// The type of the column.
    pub ty: ColumnType,
    /// Whether it may hold nothing.
    pub nullable: bool,
}

/// How a type is kept in a column.
pub struct Codec<T> {
    /// The kind of column.
    pub kind: fn() -> ColumnKind,
    to_value: fn(&T) -> Result<Value, ColumnError>,
    from_value: fn(Value) -> Result<T, ColumnError>,
}

impl<T> Codec<T> {
    /// What stands in the column of this name for a value.
    ///
    /// # Errors
    /// The value does not fit.
    pub fn write(&self, column: &str, value: &T) -> Result<Value, ColumnError> {
        (self.to_value)(value).map_err(|error| error.of(column))
    }

    /// The value that stands in the column of this name.
    ///
    /// # Errors
    /// It is not one that [`write`](Self::write) gives.
    pub fn read(&self, column: &str, value: Value) -> Result<T, ColumnError> {
        (self.from_value)(value).map_err(|error| error.of(column))
    }
}

impl<T> fmt::Debug for Codec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Codec<{}>({:?})", std::any::type_name::<T>(), (self.kind)())
    }
}

/// A field's type, of which generated code asks how it is kept: `(&&Field::<T>::new()).codec()`. Of the three traits that
/// have an answer the compiler takes the one that fits with the most references.
pub struct Field<T>(PhantomData<fn() -> T>);

impl<T> Field<T> {
    /// Of this type.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> Default for Field<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field<{}>", std::any::type_name::<T>())
    }
}

/// A type that says itself what column it is.
pub trait OwnColumn<T> {
    /// How it is kept.
    fn codec(self) -> Codec<T>;
}

impl<T: Column> OwnColumn<T> for &&Field<T> {
    #[inline]
    fn codec(self) -> Codec<T> {
        own()
    }
}

/// Any other type, by way of serde.
pub trait SerdeColumn<T> {
    /// How it is kept.
    fn codec(self) -> Codec<T>;
}

impl<T: Serialize + DeserializeOwned> SerdeColumn<T> for &Field<T> {
    #[inline]
    fn codec(self) -> Codec<T> {
        Codec { kind: serial::kind::<T>, to_value: serial::to_value, from_value: serial::from_value }
    }
}

/// A type that is neither: the compiler says what it lacks.
pub trait NoColumn<T> {
    /// How it would be kept.
    fn codec(self) -> Codec<T>
    where
        T: Column;
}

impl<T> NoColumn<T> for Field<T> {
    fn codec(self) -> Codec<T>
    where
        T: Column,
    {
        own()
    }
}

#[inline]
fn own<T: Column>() -> Codec<T> {
    Codec {
        kind: || ColumnKind { ty: T::TYPE, nullable: T::NULLABLE },
        to_value: T::to_value,
        from_value: T::from_value,
    }
}
