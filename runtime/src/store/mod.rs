//! Where events are kept: the contract that every backend fulfils.
#![doc = ""]
#![doc = include_str!("../../docs/guarantees.md")]

mod capability;
mod claim;
mod commit;
mod error;
mod facts;
mod idempotency;
#[cfg(feature = "jetstream")]
pub mod jetstream;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "jetstream"))]
mod key;
mod memory;
mod name;
mod payload;
mod position;
#[cfg(feature = "postgres")]
pub mod postgres;
pub(crate) mod record;
mod snapshot;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod stream;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

pub use capability::{Capabilities, Capability, Durability};
pub use claim::{Claim, ClaimChange, ClaimValue, Constraint, Standing};
pub use commit::{Append, Appended, Commit, CommitId, Committed, Expected, NewEvent, Original};
pub use error::{AppendError, StoreError, StoreErrorKind};
pub use facts::{Fact, Facts};
pub use idempotency::{IdempotencyKey, Remembered};
#[cfg(feature = "jetstream")]
pub use jetstream::JetStreamStore;
pub use memory::MemoryStore;
pub use name::Name;
pub use payload::Payload;
pub use position::{InvalidPosition, Position};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use record::{EventId, Page, RecordedEvent, StreamPage, Tail};
pub use snapshot::Snapshot;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use stream::{InvalidStreamId, StreamId};

use crate::{Version, read::ReadStore};

/// A future that a [`Store`] gives, boxed so that the trait is object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which events of the whole store to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// All of them.
    #[default]
    All,
    /// Those of streams of these categories.
    Categories(Vec<Name>),
}

impl Filter {
    /// The events of one category.
    #[must_use]
    pub fn category(category: impl Into<Name>) -> Self {
        Self::Categories(vec![category.into()])
    }

    /// Whether the events of this category are to be read.
    #[must_use]
    pub fn matches(&self, category: &str) -> bool {
        match self {
            Self::All => true,
            Self::Categories(categories) => categories.iter().any(|name| name == category),
        }
    }
}

/// A store of events: the one trait behind which every backend stands.
///
/// What each backend promises, and `factum::testing`'s contract suite proves:
///
/// 1. A commit is all or nothing, over several streams too.
/// 2. The versions of a stream are 1, 2, 3 … without gaps.
/// 3. An acknowledged commit is durable, as far as [`Capabilities::durability`] says.
/// 4. Positions are totally ordered. A reader that has passed position `p` never later finds an event at or before
///    `p`, under any number of concurrent writers and processes.
/// 5. A commit whose outcome is unknown may be given again with the same [`CommitId`] and takes effect once.
/// 6. Claims, keys and rows take effect with the events of their commit or not at all.
/// 7. Nothing needs a whole stream in memory: reads come in pages, and the next page is read when it is asked for.
/// 8. The time of an event is the store's, or that of its [original](Commit::originals), in microseconds, never earlier
///    than that of its stream's previous event.
///
/// What a backend does not do is refused with [`StoreErrorKind::Unsupported`], never ignored.
/// [`capabilities`](Store::capabilities) tells beforehand.
///
/// Futures do nothing before they are polled. A read that is dropped has no effect. An append that is dropped after
/// its first poll may or may not take effect, wholly or not at all; give the same commit again to find out.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Records the commit: all of it, atomically, or nothing.
    ///
    /// Given the same commit again, unchanged and under its id, after it has taken effect, it changes nothing and returns
    /// what it returned the first time. What comes of another commit under a used id is not defined. Appends within a
    /// commit are over different streams. A commit that [`Commit::validate`] refuses is refused.
    ///
    /// Constraints: what is on record for the categories of the appends has to be among [`Commit::constraints`], and what
    /// is taken or released has to belong to constraints in force; else the commit is refused.
    ///
    /// # Errors
    /// [`AppendError`] tells apart the outcomes: a conflict (nothing happened; the stream is at another version), a value
    /// or a key that is taken (nothing happened), a definite failure (nothing happened), and an unknown outcome (all or
    /// nothing happened).
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>>;

    /// Reads at most `limit` events of a stream, oldest first, beginning with version `from`.
    ///
    /// A stream that nobody has written to is empty, not an error. A page may hold fewer events than `limit` although
    /// more follow; [`StreamPage::next`] is set if and only if there are more. `limit` 0 counts as 1.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is damaged.
    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>>;

    /// Reads what a fold needs of the same events that [`read_stream`](Store::read_stream) gives, with the same `next`
    /// and `tail`. A backend that can read less than whole events does so here.
    ///
    /// # Errors
    /// As [`read_stream`](Store::read_stream).
    fn read_facts<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Facts, StoreError>> {
        Box::pin(async move { self.read_stream(stream, from, limit).await.map(Facts::from) })
    }

    /// Reads at most `limit` events of the whole store in the order of their positions, beginning after `after`.
    ///
    /// A page may hold fewer events than `limit`, even none, although more follow: read on after
    /// [`Page::last`] until [`Page::end`] says that there is no more for now. At the end, `last` is the head, and every
    /// commit that has been seen has been seen whole. `limit` 0 counts as 1.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is damaged.
    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// The position of the last event that a reader can see; [`Position::START`] when there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>>;

    /// Waits until there is an event after `after`; returns at once if there is. It may return early now and then,
    /// so read and, finding nothing, wait again. [`Capabilities::wakes`] says whether a write by another process wakes
    /// it or is noticed by looking at intervals.
    ///
    /// # Errors
    /// The store cannot be read.
    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What this store does, with its settings as they are in force.
    fn capabilities(&self) -> Capabilities;

    /// What was recorded under this key, whatever the command; `None` where nothing was.
    ///
    /// # Errors
    /// The store cannot be read, or remembers no keys.
    fn remembered<'a>(
        &'a self,
        key: &'a IdempotencyKey,
    ) -> BoxFuture<'a, Result<Option<Remembered>, StoreError>> {
        let _ = key;
        unsupported(Capability::IdempotencyKeys)
    }

    /// The constraints that are on record for the streams of this category, by name.
    ///
    /// # Errors
    /// The store cannot be read, or knows no claims.
    fn constraints<'a>(
        &'a self,
        category: &'a Name,
    ) -> BoxFuture<'a, Result<Vec<(Name, Standing)>, StoreError>> {
        let _ = category;
        unsupported(Capability::Claims)
    }

    /// Changes what is on record of a constraint: `Building` puts it there, and changes nothing where it is already;
    /// `InForce` lets one that is being built take effect; `None` takes it from the record, and with it all its claims.
    ///
    /// When it has returned, no commit of a writer that does not know the new record takes effect any more.
    ///
    /// # Errors
    /// The store cannot be written, or knows no claims; or the constraint is to take effect and is not on record.
    fn constrain<'a>(
        &'a self,
        constraint: &'a Constraint,
        standing: Option<Standing>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let _ = (constraint, standing);
        unsupported(Capability::Claims)
    }

    /// Collects claims of constraints that are being built, for streams that hold them already. For each in turn, the
    /// stream that holds it now: its owner, or the other one that had it before.
    ///
    /// # Errors
    /// The store cannot be written, or knows no claims; or a constraint is not being built, and nothing was claimed.
    fn claim<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        let _ = claims;
        unsupported(Capability::Claims)
    }

    /// The snapshot of a stream that was kept last, if there is one, whether or not the stream is as it was then.
    ///
    /// # Errors
    /// The store cannot be read or keeps no snapshots, or what it holds is damaged.
    fn snapshot<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Option<Snapshot>, StoreError>> {
        let _ = stream;
        unsupported(Capability::Snapshots)
    }

    /// Keeps a snapshot in place of the one that the stream has, whichever version and fingerprint that is of: a snapshot
    /// that nobody can use any more must not stand in the way of one that somebody can, and who goes back a few versions
    /// folds a few events more. No event is touched, and none waits for it longer than for another append. It is as durable
    /// as the store makes it, and need not be: a snapshot that is lost is folded again.
    ///
    /// # Errors
    /// The store cannot be written or keeps no snapshots, or the snapshot is larger than what it can hold; it has then the
    /// one from before, or this one.
    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        drop(snapshot);
        unsupported(Capability::Snapshots)
    }

    /// The same store as a read store, if it is one: views can be kept in it, and written with its commits if it has
    /// [`Capability::Rows`].
    fn read_store(self: Arc<Self>) -> Option<Arc<dyn ReadStore>> {
        None
    }
}

fn unsupported<'a, T: Send + 'a>(capability: Capability) -> BoxFuture<'a, Result<T, StoreError>> {
    Box::pin(std::future::ready(Err(StoreError::unsupported(capability))))
}
