//! What an event does to the rows of a view.

use std::{error::Error, fmt};

use super::ColumnError;
use crate::{
    DecodeError,
    read::{RowChange, Values, show_key},
    store::InvalidStreamId,
};

/// What an event does to one row.
#[derive(Debug)]
pub struct Change<R> {
    /// The key of the row.
    pub key: Values,
    /// What happens to it.
    pub action: Action<R>,
}

/// What happens to a row.
pub enum Action<R> {
    /// It is this one from now on, whether or not there was one.
    Put(R),
    /// It changes. Where there is none, `otherwise` is taken for it and changed; without that, the event is an error.
    Update {
        /// The row to begin with.
        otherwise: Option<R>,
        /// What changes.
        update: Box<dyn FnOnce(&mut R) + Send>,
    },
    /// It goes, if it is there.
    Remove,
}

impl<R> fmt::Debug for Action<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Put(_) => "Put",
            Self::Update { otherwise: Some(_), .. } => "Update or Put",
            Self::Update { otherwise: None, .. } => "Update",
            Self::Remove => "Remove",
        })
    }
}

/// What an event does to one row, as data that does not depend on what is in the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowEffect {
    /// The key of the row.
    pub key: Values,
    /// What happens to it, one after the other.
    pub changes: Vec<RowChange>,
}

/// Why a view could not take an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The event cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The event's stream has no id of its aggregate.
    #[error(transparent)]
    Stream(#[from] InvalidStreamId),
    /// A value does not fit into its column, or what stands there is not of the view.
    #[error(transparent)]
    Column(#[from] ColumnError),
    /// The event changes a row that is not there.
    #[error(
        "`{event}` changes the row `{}`, which is not there: no event has created it, or it was removed; \
         `#[view(create_on({event}))]` lets this one create it", show_key(.key)
    )]
    Absent {
        /// The event.
        event: String,
        /// The key of the row.
        key: Values,
    },
    /// What a view that is written by hand says.
    #[error("{0}")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl ProjectError {
    /// What a view that is written by hand says.
    pub fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}
