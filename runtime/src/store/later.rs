//! What takes effect together with events, and what is kept beside them.
//!
//! These are the shapes in which stores will carry out transactional views, checkpoints and leases. A store
//! that does not carry one out refuses it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Name, Position};

/// A change to one row of a transactional view, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct RowOp {
    /// The table.
    pub table: Name,
    /// The key columns and their values.
    pub key: Vec<(Name, RowValue)>,
    /// What happens to the row.
    pub change: RowChange,
}

/// What happens to a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowChange {
    /// These columns get these values; the row is made if it is not there.
    Upsert(Vec<(Name, RowValue)>),
    /// These values are added to these columns of a row that is there.
    Add(Vec<(Name, RowValue)>),
    /// The row goes.
    Delete,
}

/// The value of a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RowValue {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A moment; microseconds.
    Time(DateTime<Utc>),
    /// JSON text.
    Json(String),
}

/// How far a reader has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The name of the reader.
    pub reader: String,
    /// The last position that it is done with.
    pub position: Position,
    /// The lease that it works under, if any.
    pub lease: Option<Lease>,
}

/// The right to do a piece of work, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The piece of work.
    pub work: String,
    /// Who does it.
    pub holder: String,
    /// A number that grows each time the lease changes hands, so that an old holder can be told apart.
    pub term: u64,
    /// How much longer it is valid, as of the answer.
    pub remaining: Duration,
}
