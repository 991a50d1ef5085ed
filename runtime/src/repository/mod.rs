//! Aggregates in a store: execute commands, load states of now and then, read histories.

mod ask;
mod attempt;
mod batch;
mod beside;
mod constraint;
mod decided;
mod error;
mod execute;
mod history;
mod line;
mod load;
mod once;
mod recorded;
mod retry;
mod snapshot;
mod steps;
mod transaction;
mod trust;

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    Aggregate, Version, Versioned,
    store::{Store, StreamId},
};

pub use beside::Late;
pub(crate) use beside::{Beside, unkept};
pub use constraint::{BuildClaimsError, BuiltClaims, Duplicate};
pub(crate) use decided::held;
pub use error::{Conflict, ExecuteError, LoadError, Taken, ViewRefused};
pub use execute::{Execute, Receipt};
pub use history::History;
pub(crate) use load::fold_at;
pub use recorded::Recorded;
pub(crate) use recorded::decode;
pub use retry::Retry;
pub use snapshot::SnapshotCounts;
pub(crate) use transaction::begin;
pub use transaction::{Transaction, TransactionError, TransactionErrorKind, transaction};

use beside::Company;
use line::Lines;
use snapshot::Snapshots;

/// How many events a page of a load or a history holds. Large enough that a page's fixed cost does not matter, small
/// enough that a page does not.
const PAGE: usize = 512;

/// How many aggregates are kept warm where nobody says another number.
const WARM: usize = 16_384;

/// The aggregates of one type in a store.
///
/// Make one and clone it: it is cheap to clone, and all clones share what they know. Any number of repositories and
/// processes may work on one store, whether they know of each other or not.
///
/// # Warm state
///
/// The states of the aggregates that had commands last are kept in memory, 16,384 of them: see
/// [`with_warm`](Self::with_warm). A command to one of them does not load it. It is decided on the state that is known, and
/// the append, which expects the version of that state, is its only round trip: if it succeeds, the state was that of now.
/// If another process has written meanwhile, the store says so, what is missing is read, and the command is decided again.
/// Where that happens to more than one of a hundred commands, because several processes serve the same aggregates, what is new
/// is read before the command is decided, as long as it does.
/// Where there is no append that would prove it, because the command is refused, leads to nothing, or was meant for another
/// version, what is missing is read first. So the answer is the same as without, and [`load`](Self::load) reads the store
/// always. An outcome that is unknown, an error or a command that is dropped on its way leaves nothing that could be wrong.
///
/// One thing is not noticed at once: that a store has lost what it had acknowledged, because a backup was restored, or a
/// replica took over that was behind. Restart the programs that used it. Until then, where a stream is shorter than what is
/// known of it, the first command that records something meets a conflict there, and is decided on what is left; one that is
/// refused or leads to nothing is answered as if nothing were lost. Where other events stand at the same versions by now,
/// nobody can tell: commands are decided on those that are gone, and recorded behind the others.
///
/// # Many commands to one aggregate
///
/// Commands through one repository and its clones that meet on one aggregate wait for each other, first come first served.
/// Those that wait are carried out together: decided one after the other, each on what those before it lead to, and
/// recorded in one append, up to 64 at a time. Each has its own answer: a receipt with its own version and events, or a
/// refusal. One that has a key ([`once`](Execute::once)), and one that turns out not to be recorded with the others, goes
/// alone. Whoever has waited for two seconds does not wait longer, and meets the others in the store. To wait takes a
/// tokio runtime whose time is enabled; outside of any runtime nobody waits.
pub struct Repository<A: Aggregate> {
    store: Arc<dyn Store>,
    retry: Retry,
    lines: Arc<Lines<A>>,
    asked: constraint::Asked,
    beside: Company,
}

impl<A: Aggregate> Repository<A> {
    /// The aggregates of this type in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let lines = Arc::new(Lines::new(WARM));
        Self { store, retry: Retry::default(), lines, asked: constraint::Asked::default(), beside: None }
    }

    /// Those of an app, with what goes along with its commits.
    pub(crate) fn of_app(store: Arc<dyn Store>, beside: Arc<dyn Beside>) -> Self {
        Self { beside: Some(beside), ..Self::new(store) }
    }

    /// Keeps the states of about this many aggregates warm, those that had commands last; 0 for none. They take as much memory
    /// as they do in a program that holds them, and about 300 bytes each besides.
    ///
    /// What was known before is forgotten; clones that were made before keep it, and their commands meet those of this one in
    /// the store.
    #[must_use]
    pub fn with_warm(mut self, aggregates: usize) -> Self {
        self.lines = Arc::new(Lines::new(aggregates));
        self
    }

    /// Keeps no state between commands: each loads its aggregate, unless it creates it or is carried out together with
    /// others.
    #[must_use]
    pub fn cold(self) -> Self {
        self.with_warm(0)
    }

    /// Sets how a command goes on after a conflict, when no version was expected.
    ///
    /// As those who go on in another way cannot be carried out together, clones that were made before are others to it: see
    /// [`with_warm`](Self::with_warm).
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        let warm = self.lines.warm();
        self.with_warm(warm)
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Gives a command to the aggregate with this id: loads it, decides, and records the events, all of them or none.
    ///
    /// Await what it returns, after saying more if you like:
    /// [`expecting(version)`](Execute::expecting), [`rebase_from(version)`](Execute::rebase_from),
    /// [`once(key)`](Execute::once), [`with(metadata)`](Execute::with). Without an expected version, a
    /// command that loses a race against another writer is decided again on the new state, as [`Retry`] says.
    ///
    /// When it is dropped while it runs, the command may or may not take effect, wholly or not at all.
    pub fn execute<'a>(&'a self, id: &'a A::Id, command: A::Command) -> Execute<'a, A> {
        Execute::new(self, id, command)
    }

    /// The aggregate as it is now; `None` if nothing has happened to it. One that has ended is returned too, with
    /// [`Versioned::ended`] set.
    ///
    /// # Errors
    /// The store cannot be read, or an event in the stream cannot be decoded or folded.
    pub async fn load(&self, id: &A::Id) -> Result<Option<Versioned<A>>, LoadError> {
        let loaded = load::latest::<A>(&self.store, &StreamId::of::<A>(id), id, None).await?;
        Ok(loaded.fold.finish())
    }

    /// The aggregate as it was at this version; `None` for version 0.
    ///
    /// # Errors
    /// [`LoadError::NoSuchVersion`] when the aggregate has not come so far, else as [`load`](Self::load).
    pub async fn load_at_version(
        &self,
        id: &A::Id,
        version: impl Into<Version>,
    ) -> Result<Option<Versioned<A>>, LoadError> {
        load::at_version(&self.store, id, version.into()).await
    }

    /// The aggregate as it was at this time: the fold of the longest prefix of its events recorded at or before `at`.
    /// `None` when it did not exist yet.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_as_of(&self, id: &A::Id, at: DateTime<Utc>) -> Result<Option<Versioned<A>>, LoadError> {
        load::as_of(&self.store, id, at).await
    }

    /// Brings what the store has on record of unique values to what the aggregate declares: for a `#[unique]` that is new
    /// where events are already, every aggregate is loaded and what it holds is collected; a constraint that the aggregate
    /// does not declare any more is taken from the record. Without events there is no need to call it: the first command
    /// does what is left.
    ///
    /// While it runs, commands that would take or release such a value are refused, and programs that do not know the
    /// constraint can write no more to the category. It can be run again at any time, and after a crash has to be; run one
    /// at a time.
    ///
    /// # Errors
    /// [`BuildClaimsError::Duplicates`] with all values that are held twice: then nothing has changed, and programs of before
    /// go on as before. Else the store cannot be read or written, or an aggregate cannot be loaded.
    pub async fn build_claims(&self) -> Result<BuiltClaims, BuildClaimsError> {
        constraint::build::<A>(&*self.store).await
    }

    /// What has happened to the snapshots of this type of aggregate in this process, whichever store they are in.
    #[must_use]
    pub fn snapshot_counts(&self) -> SnapshotCounts {
        Snapshots::of::<A>().counts()
    }

    /// Everything that happened to the aggregate, oldest first: what, when, who, in answer to what.
    ///
    /// It is held in memory as a whole; for long streams use [`history_stream`](Self::history_stream).
    ///
    /// # Errors
    /// The store cannot be read, or an event cannot be decoded.
    pub async fn history(&self, id: &A::Id) -> Result<Vec<Recorded<A::Event>>, LoadError> {
        self.history_stream(id).all().await
    }

    /// Everything that happened to the aggregate, oldest first, read page by page as it is asked for.
    pub fn history_stream(&self, id: &A::Id) -> History<A::Event> {
        History::new(Arc::clone(&self.store), StreamId::of::<A>(id), Version::FIRST)
    }
}

impl<A: Aggregate> Clone for Repository<A> {
    fn clone(&self) -> Self {
        let (store, lines) = (Arc::clone(&self.store), Arc::clone(&self.lines));
        let (retry, asked, beside) = (self.retry.clone(), self.asked.clone(), self.beside.clone());
        Self { store, retry, lines, asked, beside }
    }
}

impl<A: Aggregate> fmt::Debug for Repository<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("store", &self.store)
            .field("retry", &self.retry)
            .field("warm", &self.lines.warm())
            .finish()
    }
}
