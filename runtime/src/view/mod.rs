//! Views: what the application asks, kept ready by the events.

mod change;
mod column;
mod each;
pub(crate) mod fold;
mod id;
mod indexed;
mod model;
mod serial;
pub(crate) mod sql;
mod written;

use std::sync::Arc;

pub use change::{Action, Change, ProjectError, RowEffect};
pub use column::{Codec, Column, ColumnError, ColumnKind, Field, NoColumn, OwnColumn, SerdeColumn};
pub use indexed::{Filter, Indexed, Order};
pub use model::{ColumnModel, RecordedUse, SourceModel, ViewModel};
pub use sql::SqlView;

/// What generated code refers to.
#[doc(hidden)]
pub mod generated {
    pub use super::{
        each::{by_stream, each},
        id::{InnerId, TextId},
        written::{IdOfStream, LeftOut, OfEvents, columns, stand_in},
    };
}

use crate::{
    read::{Table, TableColumn, Values},
    store::{Name, RecordedEvent},
};

/// A row of a view, with its columns. `#[derive(View)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row of a view",
    note = "`#[derive(factum::View)]` makes it one, with `#[view(by_hand)]` too"
)]
pub trait Row: Sized + Send + Sync + 'static {
    /// What identifies a row: the type of the `#[key]` field, or a tuple where there are several.
    type Key: Send + Sync;
    /// The name of the table.
    const TABLE: &'static str;
    /// The columns, in the order of the fields.
    const COLUMNS: &'static [ColumnModel];
    /// Which of them are the key, by index.
    const KEY: &'static [usize];

    /// The values of a key.
    ///
    /// # Errors
    /// A value does not fit into its column.
    fn key_values(key: &Self::Key) -> Result<Values, ColumnError>;

    /// The values of the row, one for each column.
    ///
    /// # Errors
    /// A value does not fit into its column.
    fn to_values(&self) -> Result<Values, ColumnError>;

    /// The row with these values.
    ///
    /// # Errors
    /// They are not those of a row of this type: somebody changed the table by hand.
    fn from_values(values: Values) -> Result<Self, ColumnError>;

    /// The table.
    #[must_use]
    fn table() -> Arc<Table> {
        let columns = Self::COLUMNS.iter().map(|column| {
            let kind = (column.kind)();
            TableColumn {
                name: Name::from_static(column.name),
                ty: kind.ty,
                nullable: kind.nullable,
                indexed: column.indexed,
            }
        });
        Arc::new(Table {
            name: Name::from_static(Self::TABLE),
            columns: columns.collect(),
            key: Self::KEY.to_vec(),
        })
    }
}

/// A view: rows that follow from events, and from nothing else.
///
/// `#[derive(View)]` implements it from `#[on]` rules. What those cannot say is written by hand: `#[view(by_hand)]` leaves
/// [`changes`](Self::changes) to you.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a view",
    note = "derive `factum::View`; with `#[view(by_hand)]`, write `impl factum::view::View for {Self}` yourself"
)]
pub trait View: Row {
    /// What it is made from.
    const MODEL: &'static ViewModel;

    /// What an event does to rows, in order. Events of aggregates that the view does not read are not given.
    ///
    /// It has to be the same each time: the view is filled by it now and whenever it is filled anew.
    ///
    /// # Errors
    /// The event cannot be taken.
    fn changes(event: &RecordedEvent) -> Result<Vec<Change<Self>>, ProjectError>;

    /// The same as data, for a commit in which the event has this index, counted over all appends; `None` where it depends on
    /// what is in the rows. The time and the position of the event are not known yet, and what the event has in their place
    /// means nothing: [`Value::RecordedAt`](crate::read::Value::RecordedAt) stands for them.
    ///
    /// # Errors
    /// As [`changes`](Self::changes).
    fn effects(event: &RecordedEvent, index: usize) -> Result<Option<Vec<RowEffect>>, ProjectError> {
        let _ = (event, index);
        Ok(None)
    }
}
