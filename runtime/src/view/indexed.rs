//! Questions about columns, with the types of the fields.

use std::{fmt, marker::PhantomData};

use super::{Codec, ColumnError};
use crate::read::{Condition, Test, Value};

/// A column of a view by which rows can be found quickly: a key field or one with `#[index]`. `#[derive(View)]` gives the view a
/// constant for each, named like the field in capitals: `OpenIncident::OPEN`.
pub struct Indexed<V, T> {
    column: usize,
    name: &'static str,
    codec: fn() -> Codec<T>,
    view: PhantomData<fn() -> V>,
}

impl<V, T> Indexed<V, T> {
    /// The column with this index and this name.
    #[must_use]
    pub const fn new(column: usize, name: &'static str, codec: fn() -> Codec<T>) -> Self {
        Self { column, name, codec, view: PhantomData }
    }

    /// Rows that have this value there. `None` is equal to `None`.
    pub fn eq(&self, value: T) -> Filter<V> {
        self.filter(self.value(&value).map(Test::Equals))
    }

    /// Rows that have this value there or a greater one; none of those that hold nothing.
    ///
    /// The order is that of the database: numbers and times as one would think, text by its bytes, enums by the names of
    /// their variants.
    pub fn at_least(&self, value: T) -> Filter<V> {
        self.filter(self.value(&value).map(Test::AtLeast))
    }

    /// Rows that have a lesser value there; none of those that hold nothing.
    pub fn below(&self, value: T) -> Filter<V> {
        self.filter(self.value(&value).map(Test::Below))
    }

    /// Rows that have one of these values there; without any, none.
    pub fn among(&self, values: impl IntoIterator<Item = T>) -> Filter<V> {
        let values: Result<Vec<Value>, ColumnError> =
            values.into_iter().map(|value| self.value(&value)).collect();
        self.filter(values.map(Test::Among))
    }

    /// Rows in the order of this column, the least first. Those that hold nothing come first of all.
    pub const fn ascending(&self) -> Order<V> {
        Order { column: self.column, descending: false, view: PhantomData }
    }

    /// Rows in the order of this column, the greatest first. Those that hold nothing come last.
    pub const fn descending(&self) -> Order<V> {
        Order { column: self.column, descending: true, view: PhantomData }
    }

    fn value(&self, value: &T) -> Result<Value, ColumnError> {
        (self.codec)().write(self.name, value)
    }

    fn filter(&self, test: Result<Test, ColumnError>) -> Filter<V> {
        let column = self.column;
        Filter { condition: test.map(|test| Condition { column, test }), view: PhantomData }
    }
}

impl<V, T> Clone for Indexed<V, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V, T> Copy for Indexed<V, T> {}

impl<V, T> fmt::Debug for Indexed<V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexed").field("column", &self.column).field("name", &self.name).finish()
    }
}

/// What rows of a view have in common.
#[must_use = "a filter does nothing until rows are asked for with it"]
pub struct Filter<V> {
    condition: Result<Condition, ColumnError>,
    view: PhantomData<fn() -> V>,
}

impl<V> Filter<V> {
    /// The same as a [`Query`](crate::read::Query) has it.
    ///
    /// # Errors
    /// A value of the filter does not fit into its column, so no row can have it.
    pub fn condition(self) -> Result<Condition, ColumnError> {
        self.condition
    }
}

impl<V> fmt::Debug for Filter<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.condition).finish()
    }
}

/// The order of rows of a view.
#[must_use = "an order does nothing until rows are asked for in it"]
pub struct Order<V> {
    column: usize,
    descending: bool,
    view: PhantomData<fn() -> V>,
}

impl<V> Order<V> {
    /// The index of the column.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.column
    }

    /// Whether the order goes down.
    #[must_use]
    pub const fn is_descending(&self) -> bool {
        self.descending
    }
}

impl<V> Clone for Order<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Order<V> {}

impl<V> fmt::Debug for Order<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, descending, .. } = self;
        f.debug_struct("Order").field("column", column).field("descending", descending).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::column::OwnColumn, *};
    use crate::view::Field;

    struct View;

    const SIZE: Indexed<View, Option<u64>> =
        Indexed::new(3, "size", || (&&Field::<Option<u64>>::new()).codec());

    #[test]
    fn a_filter_is_a_condition_of_its_column() {
        let tests = [
            (SIZE.eq(Some(7)), Test::Equals(Value::Integer(7))),
            (SIZE.eq(None), Test::Equals(Value::Null)),
            (SIZE.at_least(Some(7)), Test::AtLeast(Value::Integer(7))),
            (SIZE.below(Some(7)), Test::Below(Value::Integer(7))),
            (SIZE.among([Some(7), None]), Test::Among(vec![Value::Integer(7), Value::Null])),
            (SIZE.among([]), Test::Among(Vec::new())),
        ];
        for (filter, test) in tests {
            assert_eq!(filter.condition().unwrap(), Condition { column: 3, test });
        }
    }

    #[test]
    fn what_does_not_fit_names_its_column() {
        let error = SIZE.among([Some(1), Some(u64::MAX)]).condition().unwrap_err();
        assert!(error.to_string().starts_with("column `size`: 18446744073709551615 "), "{error}");
    }

    #[test]
    fn an_order_goes_one_way_or_the_other() {
        assert_eq!((SIZE.ascending().column(), SIZE.ascending().is_descending()), (3, false));
        assert_eq!((SIZE.descending().column(), SIZE.descending().is_descending()), (3, true));
    }
}
