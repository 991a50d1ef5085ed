//! What can go wrong in a store.

use std::{error::Error, fmt};

use super::{Capability, Claim, CommitId, Constraint, Expected, IdempotencyKey, StreamId};
use crate::{Version, read::RowRefused};

type Cause = Box<dyn Error + Send + Sync>;

/// Why a commit was not acknowledged. What happened to it differs, and so does what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Nothing was recorded: a stream is not at the version that was expected. Read it again and decide again.
    #[error("`{stream}` is at version {actual}, expected was {expected}")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// What was expected of it.
        expected: Expected,
        /// The version that it has.
        actual: Version,
    },
    /// Nothing was recorded: another stream holds a value that is to be taken.
    #[error("a value of `{}` that `{}` wants is held by `{by}`", claim.constraint, claim.owner)]
    Taken {
        /// What was to be taken.
        claim: Claim,
        /// The stream that holds it.
        by: StreamId,
    },
    /// Nothing was recorded: another commit has taken effect under this key. [`Store::remembered`] says which.
    ///
    /// [`Store::remembered`]: super::Store::remembered
    #[error("another commit was recorded under the idempotency key `{}`", key.key)]
    KeyUsed {
        /// The key.
        key: IdempotencyKey,
    },
    /// Nothing was recorded: a row of a transactional view cannot be changed as the commit asks.
    #[error(transparent)]
    Row(#[from] RowRefused),
    /// This attempt recorded nothing, for a reason that has nothing to do with other writers. Of an earlier attempt at
    /// the same commit whose outcome was unknown it says nothing.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// Either the whole commit was recorded or nothing was. Give the same commit again, under the same id: it takes
    /// effect once.
    #[error("the outcome of commit {commit} is unknown: {cause}")]
    Unknown {
        /// The id to give again.
        commit: CommitId,
        /// What came in between.
        cause: StoreError,
    },
}

/// A store that could not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    cause: Option<Cause>,
}

/// What kind of thing went wrong in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// This store does not do that.
    Unsupported(Capability),
    /// What was asked makes no sense, such as a commit without events or a URL with an unknown option.
    Invalid,
    /// There is no such store, and it was not to be made; or no such build of a view.
    Missing,
    /// The file or database is not ours, or was written by a newer version.
    Foreign,
    /// The store has a constraint on record that the writer does not know, or has none that it wants to use, or the values
    /// of one are still being collected. Or it writes rows of a view that is not written with commits.
    Constrained,
    /// Somebody refuses: the password is wrong, the user lacks a privilege, or a certificate is not trusted.
    Denied,
    /// What the store holds is damaged.
    Corrupt,
    /// The table of a view is not as it was made: somebody changed it by hand, or dropped it. Its rows follow from events, so
    /// an app fills it anew.
    Altered,
    /// There is no room left.
    Full,
    /// The store cannot be reached or did not answer in time; trying again later may help.
    Unavailable,
    /// Reading or writing failed.
    Io,
}

impl StoreError {
    /// An error of this kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What the backend's own library said.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// What was asked makes no sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Invalid, message)
    }

    /// What the store holds is damaged.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Corrupt, message)
    }

    /// This store does not do that.
    #[must_use]
    pub fn unsupported(capability: Capability) -> Self {
        Self::new(
            StoreErrorKind::Unsupported(capability),
            format!("this store does not support {capability}"),
        )
    }

    /// For stores: a commit to streams of this category whose writer does not know this constraint.
    #[must_use]
    pub fn unknown_constraint(category: &str, constraint: &str) -> Self {
        if let Some(view) = constraint.strip_prefix(Constraint::OF_VIEWS) {
            let table = view.rsplit_once(':').map_or(view, |(table, _)| table);
            return Self::new(
                StoreErrorKind::Constrained,
                format!(
                    "the view `{view}` is written together with the events of `{category}`, and this program, or this \
                     repository, does not know it: write through the repository of an `App` that has it, in this version. If \
                     no program has it any more, let it go with `App::retire::<…>(\"{table}\")`, where … is the aggregate \
                     of `{category}`"
                ),
            );
        }
        Self::new(
            StoreErrorKind::Constrained,
            format!(
                "the store has the constraint `{constraint}` on record, and this program does not know it: run a version \
                 whose aggregate `{category}` declares it, or let one that does not `build_claims`"
            ),
        )
    }

    /// For stores: a commit that takes or releases a value of this constraint, which is not in force.
    #[must_use]
    pub fn not_in_force(constraint: &str) -> Self {
        Self::new(
            StoreErrorKind::Constrained,
            format!(
                "the constraint `{constraint}` is not in force yet: its values are collected by `build_claims`"
            ),
        )
    }

    /// For stores: claims that are to be collected for this constraint, which is not being built.
    #[must_use]
    pub fn not_being_built(constraint: &str) -> Self {
        Self::new(
            StoreErrorKind::Constrained,
            format!("the constraint `{constraint}` is not being built, so no claims are collected for it"),
        )
    }

    /// For stores: rows in a commit for a view without a live build that is transactional.
    #[must_use]
    pub fn not_transactional(view: &str) -> Self {
        Self::new(
            StoreErrorKind::Constrained,
            format!(
                "the view `{view}` is not written together with events, or not any more: start the app again, in a version \
                 that agrees with the others on the view"
            ),
        )
    }

    /// For stores: a build of a view that is gone, or a view of which no build is live.
    #[must_use]
    pub fn no_build(view: &str) -> Self {
        Self::new(
            StoreErrorKind::Missing,
            format!(
                "there is no such build of the view `{view}`: it is not built yet, or another one took its place"
            ),
        )
    }

    /// For stores: a build of a view whose table is not as it was made.
    #[must_use]
    pub fn changed_table(view: &str, what: &str) -> Self {
        Self::new(
            StoreErrorKind::Altered,
            format!(
                "the table of the view `{view}` is not as it was made: {what}; an app with the view that starts fills it anew"
            ),
        )
    }

    /// The kind of error.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

/// `Display` shows the cause already, so the next link is the cause's own.
impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().and_then(Error::source)
    }
}
