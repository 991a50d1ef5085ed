//! What an event does to the rows of a view.

use std::{error::Error, fmt};

use super::{ColumnError, Row};
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

impl<R: Row> Change<R> {
    /// The row of this key is this one from now on.
    ///
    /// # Errors
    /// The key does not fit into its columns.
    pub fn put(key: &R::Key, row: R) -> Result<Self, ColumnError> {
        Self::new(key, Action::Put(row))
    }

    /// The row of this key changes; that it is not there is an error.
    ///
    /// # Errors
    /// The key does not fit into its columns.
    pub fn update(key: &R::Key, update: impl FnOnce(&mut R) + Send + 'static) -> Result<Self, ColumnError> {
        Self::new(key, Action::Update { otherwise: None, update: Box::new(update) })
    }

    /// The row of this key changes; where there is none, `otherwise` is taken for it and changed.
    ///
    /// # Errors
    /// The key does not fit into its columns.
    pub fn update_or_put(
        key: &R::Key,
        otherwise: R,
        update: impl FnOnce(&mut R) + Send + 'static,
    ) -> Result<Self, ColumnError> {
        Self::new(key, Action::Update { otherwise: Some(otherwise), update: Box::new(update) })
    }

    /// The row of this key goes, if it is there.
    ///
    /// # Errors
    /// The key does not fit into its columns.
    pub fn remove(key: &R::Key) -> Result<Self, ColumnError> {
        Self::new(key, Action::Remove)
    }

    fn new(key: &R::Key, action: Action<R>) -> Result<Self, ColumnError> {
        Ok(Self { key: R::key_values(key)?, action })
    }
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
