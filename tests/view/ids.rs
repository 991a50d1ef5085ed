//! Ids in columns.

use std::{fmt, str::FromStr};

use factum::{
    Id, SampleId,
    read::{ColumnType, Value},
    view::Column,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ByUuid(Uuid);

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq)]
struct ByNumber(i64);

#[derive(Id, Clone, Debug, PartialEq, Eq)]
struct ByText(String);

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq)]
struct ById(ByNumber);

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq)]
struct ByPlace(Place);

/// No column, and nothing that serde knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u8, u8);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (one, two) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self(one.parse()?, two.parse()?))
    }
}

impl SampleId for Place {
    fn sample() -> Self {
        Self(1, 2)
    }
}

fn kept<T: Column + PartialEq + fmt::Debug>(id: T, ty: ColumnType, value: Value) {
    assert_eq!((T::TYPE, T::NULLABLE), (ty, false));
    assert_eq!(id.to_value().unwrap(), value);
    assert_eq!(T::from_value(value).unwrap(), id);
}

#[test]
fn an_id_is_the_column_of_what_is_inside() {
    let uuid = Uuid::from_u128(7);
    kept(ByUuid(uuid), ColumnType::Uuid, Value::Uuid(uuid));
    kept(ByNumber(-7), ColumnType::Integer, Value::Integer(-7));
    kept(ByText("ann".into()), ColumnType::Text, Value::Text("ann".into()));
    kept(ById(ByNumber(7)), ColumnType::Integer, Value::Integer(7));
}

#[test]
fn an_id_over_anything_else_is_the_text_that_it_prints() {
    kept(ByPlace(Place(3, 4)), ColumnType::Text, Value::Text("3-4".into()));
    let error = ByPlace::from_value(Value::Text("3-x".into())).unwrap_err();
    assert!(error.to_string().starts_with("`3-x` is no `"), "{error}");
    assert!(ByPlace::from_value(Value::Integer(3)).is_err());
}
