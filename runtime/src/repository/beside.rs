//! What goes along with the commits of a repository that belongs to an app: the rows of transactional views, and the wait for
//! awaited ones.

use std::{fmt, sync::Arc};

use super::ViewRefused;
use crate::{
    Position,
    read::RowOp,
    store::{BoxFuture, Claim, ClaimChange, Commit, Name, StoreError, StoreErrorKind, StreamId},
};

/// What an app does beside its commits.
pub trait Beside: fmt::Debug + Send + Sync + 'static {
    /// The names under which the transactional views that read this category are on record.
    fn constraints(&self, category: &str) -> Vec<Name>;

    /// What a commit does to the rows of transactional views, on the rows as they are now.
    fn rows<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<Vec<RowOp>, ViewRefused>>;

    /// The streams that hold the value of a claim, by what the app keeps of values that are `#[unique(enforce = view)]`: so
    /// many at most, those first that took it first.
    ///
    /// # Errors
    /// The app does not keep the values, or cannot tell.
    fn holders<'a>(
        &'a self,
        claim: &'a Claim,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>>;

    /// Waits until the awaited views that read one of these categories have come to this position; those that have not in time.
    /// `None` where no such view is awaited.
    fn settle<'a>(
        &'a self,
        categories: &'a [&'a str],
        position: Position,
    ) -> Option<BoxFuture<'a, Vec<Late>>>;
}

/// Nothing, for a repository that belongs to no app.
pub(super) type Company = Option<Arc<dyn Beside>>;

/// An awaited view that had not seen the events in time. The events are recorded, and it will see them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Late {
    /// The name of the view.
    pub view: &'static str,
    /// How far it had come, if that could be found out.
    pub reached: Option<Position>,
}

/// The names of the constraints of a category that go along.
pub(super) fn constraints(beside: &Company, category: &str) -> Vec<Name> {
    beside.as_ref().map_or_else(Vec::new, |beside| beside.constraints(category))
}

/// See [`Beside::settle`].
pub(super) async fn settle(beside: &Company, categories: &[&str], position: Position) -> Vec<Late> {
    match beside.as_ref().and_then(|beside| beside.settle(categories, position)) {
        Some(settled) => settled.await,
        None => Vec::new(),
    }
}

/// Who has a value already that is taken, if somebody has who does not give it back with the same commit. Views say so, as far
/// as they have come.
pub(super) async fn taken(
    beside: &Company,
    changes: &[ClaimChange],
) -> Result<Option<(Claim, StreamId)>, StoreError> {
    let gives_back = |value: &Claim, stream: &StreamId| {
        changes.iter().any(|change| match change {
            ClaimChange::Release(claim) => claim.value == value.value && claim.owner == *stream,
            ClaimChange::Take(_) => false,
        })
    };
    for change in changes {
        let ClaimChange::Take(claim) = change else { continue };
        let Some(beside) = beside else { return Err(unkept(claim)) };
        // Those that may have it, and one more.
        let holders = beside.holders(claim, changes.len() + 1).await?;
        let other = holders.into_iter().find(|holder| *holder != claim.owner && !gives_back(claim, holder));
        if let Some(other) = other {
            return Ok(Some((claim.clone(), other)));
        }
    }
    Ok(None)
}

/// Nobody can say who has the value.
pub(crate) fn unkept(claim: &Claim) -> StoreError {
    StoreError::new(
        StoreErrorKind::Constrained,
        format!(
            "`{}` is unique with `enforce = view`, and nobody here knows who has which value: give the command to a \
             repository of an `App` that has `.unique` of the aggregate",
            claim.constraint
        ),
    )
}
