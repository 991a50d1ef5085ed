//! The columns of ids: those of the types inside, or text.

use std::{fmt::Display, marker::PhantomData, str::FromStr};

use super::{Column, ColumnError};
use crate::read::{ColumnType, Value};

/// The type inside an id of [`derive(Id)`](macro@crate::Id), of which generated code asks what column it is. Where it is none,
/// what the compiler finds is [`TextId`].
#[derive(Debug)]
pub struct InnerId<T>(PhantomData<fn() -> T>);

impl<T: Column> InnerId<T> {
    /// The type of the column.
    pub const TYPE: ColumnType = T::TYPE;

    /// What stands in the column for an id, of which this is the inside.
    ///
    /// # Errors
    /// The value does not fit.
    pub fn to_value<I>(_: &I, inner: &T) -> Result<Value, ColumnError> {
        inner.to_value()
    }

    /// The id that stands in the column.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn from_value<I>(value: Value, id: fn(T) -> I) -> Result<I, ColumnError> {
        T::from_value(value).map(id)
    }
}

/// An id as the text that it prints.
pub trait TextId<T> {
    /// The type of the column.
    const TYPE: ColumnType = ColumnType::Text;

    /// What stands in the column.
    ///
    /// # Errors
    /// None.
    fn to_value<I: Display>(id: &I, _: &T) -> Result<Value, ColumnError> {
        Ok(Value::Text(id.to_string()))
    }

    /// The id that stands in the column.
    ///
    /// # Errors
    /// Something else stands there.
    fn from_value<I: FromStr>(value: Value, _: fn(T) -> I) -> Result<I, ColumnError> {
        let text = String::from_value(value)?;
        text.parse().map_err(|_| ColumnError::new(format!("`{text}` is no `{}`", std::any::type_name::<I>())))
    }
}

impl<T> TextId<T> for InnerId<T> {}
