//! Values that no two live aggregates have alike.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::model::UniqueParts;

/// What a field marked `#[unique]` may be: a value that is the same as another if and only if both are the same text.
///
/// Implement it for types of your own, or say what makes the value: `#[unique(by = Email::as_str)]`.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be unique",
    label = "nothing says which values are the same",
    note = "implement `factum::UniqueValue` for `{Self}`, or say what makes the value: `#[unique(by = function)]`"
)]
pub trait UniqueValue {
    /// The value as text; `None` where there is nothing that another could have as well.
    fn unique_value(&self) -> Option<String>;
}

macro_rules! unique_as_printed {
    ($($ty:ty)*) => {
        $(impl UniqueValue for $ty {
            fn unique_value(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

unique_as_printed!(str String char bool u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize Uuid NaiveDate);

impl UniqueValue for DateTime<Utc> {
    fn unique_value(&self) -> Option<String> {
        Some(self.to_rfc3339())
    }
}

impl<T: UniqueValue> UniqueValue for Option<T> {
    fn unique_value(&self) -> Option<String> {
        self.as_ref().and_then(UniqueValue::unique_value)
    }
}

impl<T: UniqueValue + ?Sized> UniqueValue for &T {
    fn unique_value(&self) -> Option<String> {
        (**self).unique_value()
    }
}

impl<T: UniqueValue + ?Sized> UniqueValue for Box<T> {
    fn unique_value(&self) -> Option<String> {
        (**self).unique_value()
    }
}

impl<T: ToOwned + UniqueValue + ?Sized> UniqueValue for std::borrow::Cow<'_, T> {
    fn unique_value(&self) -> Option<String> {
        (**self).unique_value()
    }
}

/// The parts in one, if each has something to say. The generated `unique` calls it.
pub fn unique_parts<const N: usize>(parts: [Option<String>; N]) -> Option<UniqueParts> {
    parts.into_iter().collect()
}
