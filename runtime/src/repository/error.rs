//! What can go wrong between an aggregate and its store.
//!
//! `Display` tells the whole story in one line, causes included; the parts are in the fields.

use std::{error::Error, fmt};

use super::{Receipt, decided::NotStorable};
use crate::{
    Aggregate, DecodeError, FoldError, Recorded, Rejection, Version,
    domain::model::UniqueModel,
    read::RowRefused,
    store::{Claim, CommitId, StoreError, StoreErrorKind, StreamId},
    view::ProjectError,
};

/// Why an aggregate or its history could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The store cannot be read.
    #[error("cannot read `{stream}`: {cause}")]
    Store {
        /// The stream.
        stream: StreamId,
        /// What the store says.
        cause: StoreError,
    },
    /// An event cannot be decoded. It is not skipped: the state without it would be another.
    #[error("`{stream}` at version {version}: {cause}")]
    Decode {
        /// The stream.
        stream: StreamId,
        /// The version of the event.
        version: Version,
        /// What is wrong with it.
        cause: DecodeError,
    },
    /// An event cannot stand where it stands, such as a first one that does not create.
    #[error("`{stream}` is not a history of the aggregate: {cause}")]
    Fold {
        /// The stream.
        stream: StreamId,
        /// What is wrong.
        cause: FoldError,
    },
    /// The store gave an event out of turn: its own promise is broken, or what it holds is damaged.
    #[error("`{stream}` is damaged: version {expected} is missing, version {found} came in its place")]
    Gap {
        /// The stream.
        stream: StreamId,
        /// The version that should have come.
        expected: Version,
        /// The version that came.
        found: Version,
    },
    /// The aggregate has not come to this version yet.
    #[error("`{stream}` has no version {asked} yet: its latest is {latest}")]
    NoSuchVersion {
        /// The stream.
        stream: StreamId,
        /// The version that was asked for.
        asked: Version,
        /// The latest version; 0 when nothing has happened.
        latest: Version,
    },
}

/// Why a command was not carried out.
///
/// It is an [`Error`], can be printed, and can be debugged where the domain's own error can be.
#[non_exhaustive]
pub enum ExecuteError<A: Aggregate> {
    /// The command was refused. Nothing was recorded; giving it again leads to the same until something changes.
    Rejected(Rejection<A::Error>),
    /// Others were faster. Nothing was recorded: read what happened since, and decide anew.
    Conflict(Box<Conflict<A::Event>>),
    /// Another aggregate has a value that is to be unique: `#[unique]`. Nothing was recorded.
    Taken(Taken),
    /// Another command was given under the idempotency key before. Nothing was recorded.
    KeyReused {
        /// The stream.
        stream: StreamId,
        /// The key.
        key: String,
    },
    /// The aggregate could not be loaded. Nothing was recorded.
    Load(LoadError),
    /// An event could not be put into its stored form. Nothing was recorded.
    Encode {
        /// The stored name of the event.
        event: &'static str,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// The store could not record the events. Nothing was recorded.
    Store {
        /// The stream.
        stream: StreamId,
        /// What the store says.
        cause: StoreError,
    },
    /// A transactional view cannot take what the command would record. Nothing was recorded.
    View {
        /// The stream.
        stream: StreamId,
        /// Which view, and why.
        refused: ViewRefused,
    },
    /// The store could not say whether the events were recorded, not even when it was asked again: they were all
    /// recorded or none. To find out, look in the history for an event whose id is the commit's.
    Unknown {
        /// The stream.
        stream: StreamId,
        /// The id of the commit, and of its first event.
        commit: CommitId,
        /// What the store says.
        cause: StoreError,
    },
}

impl<A: Aggregate> ExecuteError<A> {
    /// Why the command was refused, if it was.
    #[must_use]
    pub const fn rejection(&self) -> Option<&Rejection<A::Error>> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// The value that is taken, if that is why.
    #[must_use]
    pub const fn taken(&self) -> Option<&Taken> {
        match self {
            Self::Taken(taken) => Some(taken),
            _ => None,
        }
    }

    pub(super) fn not_storable(stream: &StreamId, cause: NotStorable) -> Self {
        match cause {
            NotStorable::Encode { event, cause } => Self::Encode { event, cause },
            NotStorable::Decode(cause) => Self::Store {
                stream: stream.clone(),
                cause: StoreError::invalid(format!("an event cannot be read from its stored form: {cause}")),
            },
            NotStorable::Fold(cause) => Self::Load(LoadError::Fold { stream: stream.clone(), cause }),
        }
    }

    /// What the store says, if it could not do it now and may be able to later.
    pub(crate) const fn store(&self) -> Option<&StoreError> {
        let cause = match self {
            Self::Store { cause, .. }
            | Self::Unknown { cause, .. }
            | Self::Load(LoadError::Store { cause, .. })
            | Self::View { refused: ViewRefused::Store { cause, .. }, .. } => cause,
            _ => return None,
        };
        match cause.kind() {
            StoreErrorKind::Unavailable
            | StoreErrorKind::Io
            | StoreErrorKind::Full
            | StoreErrorKind::Constrained => Some(cause),
            _ => None,
        }
    }

    /// The conflict, if it was one.
    #[must_use]
    pub fn conflict(&self) -> Option<&Conflict<A::Event>> {
        match self {
            Self::Conflict(conflict) => Some(conflict),
            _ => None,
        }
    }
}

impl<A: Aggregate> From<LoadError> for ExecuteError<A> {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl<A: Aggregate> fmt::Display for ExecuteError<A>
where
    A::Error: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::Taken(taken) => taken.fmt(f),
            Self::KeyReused { stream, key } => {
                write!(
                    f,
                    "another command than this one for `{stream}` was given under the key `{key}` before"
                )
            }
            Self::Load(error) => error.fmt(f),
            Self::Encode { event, cause } => write!(f, "cannot encode the event `{event}`: {cause}"),
            Self::Store { stream, cause } => write!(f, "cannot append to `{stream}`: {cause}"),
            Self::View { stream, refused } => write!(f, "cannot append to `{stream}`: {refused}"),
            Self::Unknown { stream, commit, cause } => {
                write!(f, "it is unknown whether commit {commit} to `{stream}` was recorded: {cause}")
            }
        }
    }
}

impl<A: Aggregate> fmt::Debug for ExecuteError<A>
where
    A::Error: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => f.debug_tuple("Rejected").field(rejection).finish(),
            Self::Conflict(conflict) => f.debug_tuple("Conflict").field(conflict).finish(),
            Self::Taken(taken) => f.debug_tuple("Taken").field(taken).finish(),
            Self::KeyReused { stream, key } => {
                f.debug_struct("KeyReused").field("stream", stream).field("key", key).finish()
            }
            Self::Load(error) => f.debug_tuple("Load").field(error).finish(),
            Self::Encode { event, cause } => {
                f.debug_struct("Encode").field("event", event).field("cause", cause).finish()
            }
            Self::Store { stream, cause } => {
                f.debug_struct("Store").field("stream", stream).field("cause", cause).finish()
            }
            Self::View { stream, refused } => {
                f.debug_struct("View").field("stream", stream).field("refused", refused).finish()
            }
            Self::Unknown { stream, commit, cause } => f
                .debug_struct("Unknown")
                .field("stream", stream)
                .field("commit", commit)
                .field("cause", cause)
                .finish(),
        }
    }
}

impl<A: Aggregate> Error for ExecuteError<A> where A::Error: fmt::Debug + fmt::Display {}

/// Why a transactional view cannot take what is to be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewRefused {
    /// Its rules do not lead to a row.
    #[error("the view `{view}` cannot take `{event}`: {cause}")]
    Project {
        /// The view.
        view: &'static str,
        /// The event.
        event: String,
        /// What is wrong.
        cause: ProjectError,
    },
    /// A row cannot be changed.
    #[error(transparent)]
    Row(RowRefused),
    /// Its rows cannot be read.
    #[error("the view `{view}` cannot be read: {cause}")]
    Store {
        /// The view.
        view: &'static str,
        /// What the store says.
        cause: StoreError,
    },
}

/// A value that is to be unique is another aggregate's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// The field marked `#[unique]`.
    pub field: &'static str,
    /// Who has the value; only where the field says `#[unique(show_holder)]`, because whoever may ask for it finds out who
    /// there is.
    pub by: Option<StreamId>,
}

impl Taken {
    pub(super) fn of(unique: &'static [UniqueModel], claim: &Claim, by: StreamId) -> Self {
        let model = unique.iter().find(|unique| claim.constraint == unique.constraint);
        let by = model.is_some_and(|model| model.show_holder).then_some(by);
        Self { field: model.map_or("", |model| model.field), by }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            Some(by) => write!(f, "the value of `{}` is taken by `{by}`", self.field),
            None => write!(f, "the value of `{}` is taken", self.field),
        }
    }
}

impl Error for Taken {}

/// The aggregate was not at the version that was expected, or others were faster each time.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Conflict<E> {
    /// The stream of the aggregate.
    pub stream: StreamId,
    /// The version that was expected.
    pub expected: Version,
    /// The version that it has.
    pub actual: Version,
    /// The fields over which what happened gets in the way of the command, where [`rebase_from`] asked for them; none where
    /// it cannot be told what the command reads.
    ///
    /// [`rebase_from`]: super::Execute::rebase_from
    pub fields: Vec<&'static str>,
    /// What happened after the version that was expected, oldest first.
    pub since: Vec<Recorded<E>>,
    /// What was recorded of the conflict itself, if the command has an `#[on_conflict]`.
    pub recorded: Option<Receipt<E>>,
}

impl<E> fmt::Display for Conflict<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, expected, actual, fields, .. } = self;
        write!(f, "`{stream}` is at version {actual}, expected was {expected}")?;
        for (index, field) in fields.iter().enumerate() {
            write!(f, "{}`{field}`", if index == 0 { "; changed since: " } else { ", " })?;
        }
        Ok(())
    }
}

/// The envelopes alone: an event need not be `Debug`.
impl<E> fmt::Debug for Conflict<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since: Vec<_> = self.since.iter().map(|recorded| (recorded.version, recorded.id)).collect();
        f.debug_struct("Conflict")
            .field("stream", &self.stream)
            .field("expected", &self.expected)
            .field("actual", &self.actual)
            .field("fields", &self.fields)
            .field("since", &since)
            .field("recorded", &self.recorded.as_ref().map(|receipt| receipt.version))
            .finish()
    }
}

impl<E> Error for Conflict<E> {}
