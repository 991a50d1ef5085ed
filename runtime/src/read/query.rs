//! Questions to a table.

use std::sync::Arc;

use super::{Table, Value, Values};

/// Which rows of the live build of a view, in which order, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The table.
    pub table: Arc<Table>,
    /// What all of these rows have in common.
    pub conditions: Vec<Condition>,
    /// The column by which they are ordered, if not by the key alone. Rows that are alike in it are in the order of the key.
    /// Nothing comes first.
    pub order: Option<usize>,
    /// Whether the order goes down, that of the key too.
    pub descending: bool,
    /// Only rows behind this place.
    pub after: Option<Place>,
    /// How many rows at most; 0 counts as 1.
    pub limit: usize,
}

/// What a column of a row has to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The index of the column.
    pub column: usize,
    /// What it has to be like.
    pub test: Test,
}

/// What a value has to be like. Nothing is never less or more than anything, and anything never less or more than it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Test {
    /// The same; nothing is the same as nothing.
    Equals(Value),
    /// This or more.
    AtLeast(Value),
    /// Less than this.
    Below(Value),
    /// One of these; nothing is the same as nothing here too.
    Among(Values),
}

impl Test {
    /// Whether a value is like this.
    #[must_use]
    pub fn holds(&self, value: &Value) -> bool {
        let comparable = |bound: &Value| *value != Value::Null && *bound != Value::Null;
        match self {
            Self::Equals(other) => value == other,
            Self::AtLeast(bound) => comparable(bound) && value >= bound,
            Self::Below(bound) => comparable(bound) && value < bound,
            Self::Among(others) => others.contains(value),
        }
    }
}

/// A place between the rows of a query: behind the row with these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the row has in the column by which the query is ordered, if there is one.
    pub order: Option<Value>,
    /// The key of the row.
    pub key: Values,
}
