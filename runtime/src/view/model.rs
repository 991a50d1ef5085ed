//! What the derive says of a view.

use super::ColumnKind;

/// A field of a row.
#[derive(Clone, Copy, Debug)]
pub struct ColumnModel {
    /// The name of the column.
    pub name: &'static str,
    /// The type of the field, as it was written.
    pub ty: &'static str,
    /// Its doc comment, lines joined; empty without one.
    pub docs: &'static str,
    /// What kind of column the type makes.
    pub kind: fn() -> ColumnKind,
    /// Whether there is an index on it.
    pub indexed: bool,
}

/// A view.
#[derive(Clone, Copy, Debug)]
pub struct ViewModel {
    /// The name of the struct.
    pub name: &'static str,
    /// Its doc comment, lines joined; empty without one.
    pub docs: &'static str,
    /// Of which aggregates it reads the events.
    pub sources: &'static [SourceModel],
    /// A hash of the columns and of the rules. Another one is another view: its table is filled anew.
    pub fingerprint: u128,
    /// Whether what an event does to a row may depend on what is in it.
    pub reads_rows: bool,
    /// How the rules use what the store gives only when it records an event: its time and its position.
    pub recorded: RecordedUse,
}

/// An aggregate of which a view reads the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceModel {
    /// The name of the struct.
    pub aggregate: &'static str,
    /// The category of its streams.
    pub category: &'static str,
}

/// How a view uses the time and the position of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedUse {
    /// Not at all.
    None,
    /// It puts them into columns as they are.
    AsIs,
    /// It computes with them.
    Computed,
}
