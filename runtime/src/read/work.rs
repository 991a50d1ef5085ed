//! The bookkeeping of those who read events: how far they have come, what they could not do, who is at it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use super::{Build, Projected, Table, Value, Values};
use crate::{
    Position, Version,
    store::{EventId, Name, StoreError, StreamId},
};

/// What one reader has done, written as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Work {
    /// The reader: the name of a handler, or [`Build::reader`].
    pub reader: String,
    /// How far it had come. If that is not so any more, somebody else was at work, and nothing is written.
    pub after: Position,
    /// How far it has come now; the same as before where it deals with dead letters.
    pub upto: Position,
    /// The rows of a view; shared, because the reader goes on with them while they are written.
    pub rows: Option<Arc<Rows>>,
    /// What the code of a view does that writes tables of its own shape, in the transaction that writes the rest.
    pub projected: Option<Projected>,
    /// Events that it could not deal with. A letter takes the place of one that there is at its position.
    pub letters: Vec<Letter>,
    /// Dead letters that are settled: they go. By position.
    pub settled: Vec<Position>,
    /// What became of process states; the reader is their manager.
    pub processes: Vec<ProcessChange>,
}

impl Work {
    /// To have come from one position to another, and nothing else.
    #[must_use]
    pub fn new(reader: impl Into<String>, after: Position, upto: Position) -> Self {
        let (letters, settled, processes) = (Vec::new(), Vec::new(), Vec::new());
        let (rows, projected) = (None, None);
        Self { reader: reader.into(), after, upto, rows, projected, letters, settled, processes }
    }
}

/// What becomes of rows of a build. No key is in both lists, nor twice in one.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The table.
    pub table: Arc<Table>,
    /// The build of it.
    pub build: Build,
    /// Rows as they are now, whether or not they were there.
    pub put: Vec<Values>,
    /// The keys of rows that go, if they are there.
    pub remove: Vec<Values>,
}

/// An event that a reader could not deal with, or that comes behind one in its stream. It waits until somebody has it tried
/// again or lets it go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The reader.
    pub reader: String,
    /// Where the event stands.
    pub position: Position,
    /// Its stream. No later event of a stream is dealt with while an earlier one waits.
    pub stream: StreamId,
    /// Its version in the stream.
    pub version: Version,
    /// Its id.
    pub event: EventId,
    /// Its stored name.
    pub name: Name,
    /// What went wrong, with its causes; that it waits for an earlier one, if it only does that. A store that cannot keep the
    /// character NUL may keep another one in its place.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried last.
    pub at: DateTime<Utc>,
    /// What somebody has said of it.
    pub wish: Wish,
}

/// What is to be done about a dead letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Nothing yet.
    #[default]
    Wait,
    /// It is to be tried again, and those of its stream behind it.
    Retry,
    /// It is to be let go without having been dealt with, and those behind it are to be tried.
    Skip,
}

/// The right to do a piece of work, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The piece of work.
    pub work: String,
    /// Who does it.
    pub holder: String,
    /// How much longer it is valid, by the clock of the read store, as of the answer.
    pub remaining: Duration,
}

/// The state of one process of a process manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessState {
    /// Its key: which process of the manager.
    pub key: String,
    /// The state, as JSON; it comes back as the same text.
    pub state: String,
    /// What it waits for.
    pub deadlines: Vec<Deadline>,
}

/// A time for which a process waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Its name; a process has one of a name at most.
    pub name: String,
    /// When it is due.
    pub due: DateTime<Utc>,
    /// What set it: from it, idempotency keys are made.
    pub origin: String,
}

/// What became of a process. All of it is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessChange {
    /// Its key.
    pub key: String,
    /// What it is now; `None` when it is over.
    pub state: Option<ProcessState>,
}

/// Why work was not written. Nothing of it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// Somebody else has gone on meanwhile, or there are rows of a build that is gone, or that is live and transactional and so
    /// is written with commits only: this reader's view of things is out of date.
    #[error("the reader `{reader}` is not where it was thought to be: somebody else does its work, or did")]
    Overtaken {
        /// The reader.
        reader: String,
    },
    /// A row does not fit into its table.
    #[error("the row `{}` of `{view}` cannot be written: {cause}", super::show_key(.key))]
    Row {
        /// The view.
        view: String,
        /// The key of the row.
        key: Vec<Value>,
        /// What the database says.
        cause: StoreError,
    },
    /// The code of a view fails that writes in the transaction, or a statement of it does.
    #[error("the view `{view}` cannot take an event: {error}")]
    Refused {
        /// The view.
        view: String,
        /// What is wrong, with its causes.
        error: String,
    },
    /// The store could not do it. Unlike with the others, it may have been written all the same: ask for
    /// [`position`](super::ReadStore::position).
    #[error(transparent)]
    Store(#[from] StoreError),
}
