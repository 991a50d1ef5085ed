//! What goes along with the commits of a repository that belongs to an app: the rows of transactional views, and the wait for
//! awaited ones.

use std::{fmt, sync::Arc};

use super::ViewRefused;
use crate::{
    Position,
    read::RowOp,
    store::{BoxFuture, Commit, Name},
};

/// What an app does beside its commits.
pub trait Beside: fmt::Debug + Send + Sync + 'static {
    /// The names under which the transactional views that read this category are on record.
    fn constraints(&self, category: &str) -> Vec<Name>;

    /// What a commit does to the rows of transactional views, on the rows as they are now.
    fn rows<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<Vec<RowOp>, ViewRefused>>;

    /// Waits until the awaited views that read one of these categories have come to this position; those that have not in time.
    fn settle<'a>(&'a self, categories: &'a [&'a str], position: Position) -> BoxFuture<'a, Vec<Late>>;
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
    match beside {
        Some(beside) => beside.settle(categories, position).await,
        None => Vec::new(),
    }
}
