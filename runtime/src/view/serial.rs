//! Columns of types of which only serde knows what they are made of.
//!
//! A type is asked what it wants to read first: a number, text, the variant of an enum. That is the type of its column.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer, Serialize,
    de::{self, DeserializeOwned, Visitor},
};

use super::{ColumnError, ColumnKind};
use crate::read::{ColumnType, Value};

/// The kind of column that a type makes.
pub(super) fn kind<T: DeserializeOwned>() -> ColumnKind {
    let nullable = Cell::new(false);
    let asked = T::deserialize(Question { nullable: &nullable });
    let ty = asked.err().map_or(ColumnType::Json, |answer| answer.0);
    ColumnKind { ty, nullable: nullable.get() }
}

/// What serde makes of a value.
pub(super) fn to_value<T: Serialize + DeserializeOwned>(value: &T) -> Result<Value, ColumnError> {
    use serde_json::Value as Json;

    let ColumnKind { ty, nullable } = kind::<T>();
    let json = serde_json::to_value(value).map_err(|error| ColumnError::new(error.to_string()))?;
    let misfit =
        |json: &Json| ColumnError::new(format!("`{json}` does not fit into a column of type {ty:?}"));
    Ok(match (ty, json) {
        (_, Json::Null) if nullable => Value::Null,
        (ColumnType::Bool, Json::Bool(value)) => Value::Bool(value),
        (ColumnType::Integer, Json::Number(number)) => {
            Value::Integer(number.as_i64().ok_or_else(|| misfit(&Json::Number(number)))?)
        }
        (ColumnType::Real, Json::Number(number)) => {
            Value::Real(number.as_f64().ok_or_else(|| misfit(&Json::Number(number)))?)
        }
        (ColumnType::Text, Json::String(text)) => Value::Text(text),
        (ColumnType::Text, json) => Value::Text(json.to_string()),
        (ColumnType::Json, json) => Value::Json(json.to_string()),
        (_, json) => return Err(misfit(&json)),
    })
}

/// What serde reads from a value.
pub(super) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ColumnError> {
    use serde_json::Value as Json;

    let failed = |error: serde_json::Error| ColumnError::new(error.to_string());
    match value {
        Value::Null => T::deserialize(Json::Null).map_err(failed),
        Value::Bool(value) => T::deserialize(Json::Bool(value)).map_err(failed),
        Value::Integer(value) => T::deserialize(Json::from(value)).map_err(failed),
        Value::Real(value) => T::deserialize(Json::from(value)).map_err(failed),
        // A variant without fields, or any other text; else one with fields.
        Value::Text(text) => match T::deserialize(Json::String(text.clone())) {
            Ok(value) => Ok(value),
            Err(error) => serde_json::from_str(&text).map_err(|_| failed(error)),
        },
        Value::Json(text) => serde_json::from_str(&text).map_err(failed),
        other => Err(ColumnError::new(format!("`{other}` is not what the view puts there"))),
    }
}

/// Reads nothing, and learns what was asked for.
struct Question<'a> {
    nullable: &'a Cell<bool>,
}

/// What was asked for.
#[derive(Debug)]
struct Asked(ColumnType);

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self(ColumnType::Json)
    }
}

macro_rules! answers {
    ($($method:ident = $ty:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
            Err(Asked(ColumnType::$ty))
        }
    )*};
}

impl<'de> Deserializer<'de> for Question<'_> {
    type Error = Asked;

    answers! {
        deserialize_any = Json,
        deserialize_bool = Bool,
        deserialize_i8 = Integer,
        deserialize_i16 = Integer,
        deserialize_i32 = Integer,
        deserialize_i64 = Integer,
        deserialize_i128 = Integer,
        deserialize_u8 = Integer,
        deserialize_u16 = Integer,
        deserialize_u32 = Integer,
        deserialize_u64 = Integer,
        deserialize_u128 = Integer,
        deserialize_f32 = Real,
        deserialize_f64 = Real,
        deserialize_char = Text,
        deserialize_str = Text,
        deserialize_string = Text,
        deserialize_identifier = Text,
        deserialize_bytes = Json,
        deserialize_byte_buf = Json,
        deserialize_unit = Json,
        deserialize_seq = Json,
        deserialize_map = Json,
        deserialize_ignored_any = Json,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        self.nullable.set(true);
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Asked> {
        Err(Asked(ColumnType::Json))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Asked> {
        Err(Asked(ColumnType::Json))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(ColumnType::Json))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(ColumnType::Json))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(ColumnType::Text))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Status {
        Open,
        Waiting { days: u8 },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Number(u32);

    fn round_trip<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: T, stored: Value) {
        assert_eq!(to_value(&value).unwrap(), stored);
        assert!(stored.column_type().is_none_or(|ty| ty == kind::<T>().ty), "{stored:?}");
        assert_eq!(from_value::<T>(stored).unwrap(), value);
    }

    #[test]
    fn a_type_is_kept_as_what_it_reads() {
        round_trip(Status::Open, Value::Text("Open".to_owned()));
        round_trip(Status::Waiting { days: 3 }, Value::Text(r#"{"Waiting":{"days":3}}"#.to_owned()));
        round_trip(Some(Status::Open), Value::Text("Open".to_owned()));
        round_trip(None::<Status>, Value::Null);
        round_trip(Number(7), Value::Integer(7));
        round_trip(vec![1, 2], Value::Json("[1,2]".to_owned()));
        round_trip(BTreeMap::from([("a".to_owned(), 1)]), Value::Json(r#"{"a":1}"#.to_owned()));
        assert!(kind::<Option<Number>>().nullable && !kind::<Number>().nullable);
        assert_eq!(kind::<StringLike>().ty, ColumnType::Text);
    }

    /// Text that looks like JSON is text all the same.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct StringLike(String);

    #[test]
    fn text_that_looks_like_json_is_text() {
        round_trip(StringLike("[1]".to_owned()), Value::Text("[1]".to_owned()));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = to_value(&u64::MAX).unwrap_err();
        assert!(error.to_string().contains("18446744073709551615"), "{error}");
        assert!(
            from_value::<Status>(Value::Text("Opne".to_owned())).unwrap_err().to_string().contains("Opne")
        );
        assert!(from_value::<Number>(Value::Bytes(vec![1])).is_err());
    }
}
