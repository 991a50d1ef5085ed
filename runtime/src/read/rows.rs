//! Changes to rows, as data.

use std::{fmt, sync::Arc};

use super::{Table, Value, Values};

/// A change to one row of a transactional view.
///
/// A commit with a change to a view that has no live build, or one that is not transactional, is refused:
/// [`Constrained`](crate::store::StoreErrorKind::Constrained). Else a view that is filled behind the commits would have their
/// rows twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOp {
    /// The table; the rows are those of the build that is live.
    pub table: Arc<Table>,
    /// The key of the row.
    pub key: Values,
    /// What happens to it.
    pub change: RowChange,
}

/// What happens to a row. Columns are named by their index in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowChange {
    /// The row is this one, whether or not there was one.
    Put(Values),
    /// The row is this one if there was none; else it stays as it is.
    Ensure(Values),
    /// These columns get these values; the row has to be there.
    Set(Vec<(usize, Value)>),
    /// These numbers are added to these columns; the row has to be there. A sum of whole numbers that does not fit into 64
    /// bits is refused, and so is one that is no number. One of other numbers that is too large is infinite, or refused.
    Add(Vec<(usize, Value)>),
    /// The row has to be as it is in `from` (`None`: not there), and is then as in `to` (`None`: gone).
    Swap {
        /// As it has to be.
        from: Option<Values>,
        /// As it is then.
        to: Option<Values>,
    },
    /// The row goes, if it is there.
    Remove,
}

/// Why a row could not be changed. Nothing of its commit was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowRefused {
    /// The name of the table.
    pub table: String,
    /// The key of the row, for people.
    pub key: String,
    /// What is wrong.
    pub reason: RowRefusal,
}

/// What is wrong with a change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowRefusal {
    /// There is no such row, and the change needs one.
    Absent,
    /// The row is not as it was when it was read. Read it again and decide again.
    Stale,
    /// The database refuses it, in its words: a value does not fit, or somebody changed the table.
    Database(String),
}

impl RowOp {
    /// For stores: this change was refused, for this reason.
    #[must_use]
    pub fn refused(&self, reason: RowRefusal) -> RowRefused {
        RowRefused { table: self.table.name.to_string(), key: show_key(&self.key), reason }
    }
}

/// A key, for people.
#[must_use]
pub fn show_key(key: &[Value]) -> String {
    match key {
        [only] => only.to_string(),
        several => {
            let values: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!("({})", values.join(", "))
        }
    }
}

impl fmt::Display for RowRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, reason } = self;
        match reason {
            RowRefusal::Absent => write!(f, "the view `{table}` has no row `{key}` to change"),
            RowRefusal::Stale => write!(f, "the row `{key}` of the view `{table}` has changed meanwhile"),
            RowRefusal::Database(message) => {
                write!(f, "the row `{key}` of the view `{table}` cannot be written: {message}")
            }
        }
    }
}

impl std::error::Error for RowRefused {}
