//! One page ahead: the next page is read, and where possible taken, while what came of the one before it is written.

use super::{Taken, worker::Worker};
use crate::{Position, read::Rows, store::Page};

/// A page that was read before its turn.
pub(super) struct Ahead {
    after: Position,
    pub(super) page: Page,
    /// What comes of it, if what came of the page before it was written.
    pub(super) taken: Option<Taken>,
}

impl Ahead {
    /// The page behind a position, with what comes of it when these rows are written. Nothing if there is none, or if it cannot
    /// be read: that comes up again when its turn has come.
    pub(super) async fn look(
        worker: &Worker,
        after: Position,
        limit: usize,
        rows: Option<&Rows>,
    ) -> Option<Self> {
        let page = worker.page(after, limit).await.ok().filter(|page| !page.events.is_empty())?;
        let taken = worker.task.take_ahead(&page.events, rows).await;
        Some(Self { after, page, taken })
    }

    /// Whether it is its turn.
    pub(super) fn is_next(&self, after: Position, limit: usize) -> bool {
        self.after == after && self.page.events.len() <= limit
    }
}
