//! What a reader is for.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    Position,
    read::{ProcessChange, Projected, Rows},
    store::{BoxFuture, Filter, RecordedEvent, StoreError},
};

/// What is done with the events that a reader reads. A view is one; a handler is another.
///
/// The worker calls it from one place at a time, while it holds the lease. It reads the events, keeps the position, the
/// dead letters and the wishes about them; the task only says what comes of events.
pub(crate) trait Task: fmt::Debug + Send + Sync + 'static {
    /// The name under which the read store keeps the books of the reader, and the lease.
    fn reader(&self) -> &str;

    /// Which events it wants.
    fn filter(&self) -> &Filter;

    /// Called before the work begins, and before it begins again: after an error, after somebody else was at work. To look
    /// whether the work is still there to be done.
    fn begin(&self) -> BoxFuture<'_, Result<Next, StoreError>> {
        Box::pin(std::future::ready(Ok(Next::GoOn)))
    }

    /// Takes events, in the order of their positions, and says what is to be written for them. It is written in one step
    /// with the position behind them.
    ///
    /// It may be called again with the same events, in the same or in another process: when what it said could not be
    /// written. An event that cannot be taken is in [`Taken::failed`], and has been tried as often as it should be
    /// ([`Tries`](super::Tries)); later events of its stream are left alone, and everything else is as if both were not
    /// there. The worker makes dead letters of both. A single event is also given when somebody wants a dead letter of it
    /// tried again.
    ///
    /// # Errors
    /// A store that is needed cannot be read or written: the worker tries again for ever.
    fn take<'a>(&'a self, events: &'a [RecordedEvent]) -> BoxFuture<'a, Result<Taken, StoreError>>;

    /// The same for the events of the next page, while what came of those before them is being written: `rows` are theirs. It
    /// is thrown away if they are not. `None`: there is something about these events, and they have to be given again when
    /// those before them are written, which holds for everything that does more than work out rows.
    fn take_ahead<'a>(
        &'a self,
        events: &'a [RecordedEvent],
        rows: Option<&'a Rows>,
    ) -> BoxFuture<'a, Option<Taken>> {
        let _ = (events, rows);
        Box::pin(std::future::ready(None))
    }

    /// When [`elapsed`](Self::elapsed) wants to be called, whether or not there are events.
    fn wakes_at(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// What is to be written because time has passed. It may be called at any time while no events are being taken, and again if
    /// it could not be written.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    fn elapsed(&self) -> BoxFuture<'_, Result<Taken, StoreError>> {
        Box::pin(std::future::ready(Ok(Taken::default())))
    }

    /// Called when there is nothing more to read for now, with how far the reader has come.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    fn caught_up(&self, position: Position) -> BoxFuture<'_, Result<Next, StoreError>> {
        let _ = position;
        Box::pin(std::future::ready(Ok(Next::GoOn)))
    }
}

/// How a reader goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// As ever.
    GoOn,
    /// It looks at once whether there is more to read.
    Again,
    /// It is at its end, for this reason.
    End(String),
}

/// What comes of some events.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Rows of a view.
    pub(crate) rows: Option<Arc<Rows>>,
    /// What the code of a view does in the transaction of the store.
    pub(crate) projected: Option<Projected>,
    /// States of processes.
    pub(crate) processes: Vec<ProcessChange>,
    /// Events that cannot be taken, the first of each stream.
    pub(crate) failed: Vec<Failed>,
}

/// An event that cannot be taken.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Its index among the events that were given.
    pub(crate) index: usize,
    /// What is wrong, with its causes.
    pub(crate) error: String,
    /// How often it was tried.
    pub(crate) attempts: u32,
}
