//! What generated rows and views are made of.

use std::fmt;

use super::{Change, ColumnError, ProjectError, RowEffect, ViewModel};
use crate::{
    read::{Value, Values},
    store::RecordedEvent,
};

/// What [`View::effects`](super::View::effects) gives.
type Effects = Result<Option<Vec<RowEffect>>, ProjectError>;

/// What of a view depends on the events that it reads: what is in its impl of [`View`](super::View).
pub struct OfEvents<V> {
    /// The description.
    pub model: ViewModel,
    /// What an event does to rows.
    pub changes: fn(&RecordedEvent) -> Result<Vec<Change<V>>, ProjectError>,
    /// The same as data.
    pub effects: fn(&RecordedEvent, usize) -> Effects,
}

impl<V> fmt::Debug for OfEvents<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OfEvents").field(&self.model).finish()
    }
}

/// The values of a row, one for each of the columns.
///
/// # Errors
/// There are more of them, or fewer.
pub fn columns<const COLUMNS: usize>(values: Values) -> Result<[Value; COLUMNS], ColumnError> {
    values.try_into().map_err(|values: Values| {
        ColumnError::new(format!("the row has {} values for {COLUMNS} columns", values.len()))
    })
}

/// Puts a value in the place of that of a column.
pub fn stand_in(values: &mut Values, column: usize, value: Value) {
    if let Some(place) = values.get_mut(column) {
        *place = value;
    }
}

/// What stands in a field of a row that `create_on` makes, until an event sets it.
#[diagnostic::on_unimplemented(
    message = "an event of `create_on` does not set this field, and `{Self}` has no `Default`",
    label = "no value on creation",
    note = "set it in the event, make it an `Option`, or implement `Default` for `{Self}`"
)]
pub trait LeftOut: Sized {
    /// The value.
    fn left_out() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> LeftOut for T {
    fn left_out() -> Self {
        Self::default()
    }
}

/// The id of an event's stream, where the key of the view is that and nothing else.
#[diagnostic::on_unimplemented(
    message = "the key is `{Key}`, and the ids of the view's aggregate are `{Self}`",
    label = "not the type of the ids",
    note = "give the field the type `{Self}`, or say for each event what the key is: `#[key(Event = value)]`"
)]
pub trait IdOfStream<Key> {
    /// The key.
    fn into_key(self) -> Key;
}

impl<Id> IdOfStream<Id> for Id {
    fn into_key(self) -> Id {
        self
    }
}
