//! The embedded store: events in a SQLite file, or in a SQLite database in memory.

mod claims;
mod connection;
mod constraints;
mod error;
mod holders;
mod keys;
mod known;
mod options;
mod patience;
mod read;
mod record;
mod row;
mod schema;
mod snapshots;
mod tail;
#[cfg(test)]
mod tests;
mod views;
mod write;
mod writer;

use std::{
    collections::HashMap,
    slice,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

pub use options::{SqliteOptions, Synchronous};

use self::{
    connection::{File, Readers, Session},
    write::{Answer, Writer},
    writer::Queue,
};
use super::{
    AppendError, BoxFuture, Capabilities, Capability, Claim, Commit, Committed, Constraint, Durability,
    Facts, Filter, IdempotencyKey, Name, Page, Position, Remembered, Snapshot, Standing, Store, StoreError,
    StoreErrorKind, StreamId, StreamPage, key::StoreKey,
};
use crate::{Version, observe, read::ReadStore};

/// How often those who wait look for events of other processes.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// A store in a SQLite database.
///
/// # Durability
/// As [`Synchronous`] says: by default an acknowledged commit survives the death of the machine.
/// [`capabilities`](Store::capabilities) tells what is in force, as it was read back from SQLite.
///
/// # Processes
/// Any number of processes on one machine may open the same file; not over a network file system. One of them writes
/// at a time, the others wait for their turn, at most as long as [`SqliteOptions::busy_timeout`] says. Readers wait for
/// nobody.
///
/// # Threads
/// Concurrent appends are handed to one thread, which records all that wait in one transaction. An append that is alone
/// spares itself the way there and back and does its writing where it runs, as do reads: they occupy a thread of the
/// runtime, an append for about as long as a sync of the disk takes.
///
/// Dropping the store waits until everything that was queued is written.
///
/// # The file
/// Tables are made when the file is new. A file that is not a store of factum is refused and not touched. Any tool that
/// reads SQLite can read it; the view `log` shows the events to people.
///
/// # Views
/// It is a [read store](ReadStore) as well. A view is a STRICT table of its own name; [`ColumnType`](crate::read::ColumnType)
/// says which type each column is declared with. What SQLite cannot keep is refused: a number that is none, and a time or a
/// day of a year that has not four digits. Queries and SQL views of your own may be made on top of it; triggers and indexes
/// of your own on the table itself go when the view is filled anew and another table takes its place.
#[derive(Debug)]
pub struct SqliteStore {
    /// Started when it is first needed. Before `core`, so that it is dropped first: its thread uses the connections.
    queue: Mutex<Option<Arc<Queue>>>,
    core: Arc<Core>,
}

/// What the store shares with its thread.
#[derive(Debug)]
struct Core {
    /// `None` for a database in memory, which has one connection for everything. Before `writer`, so that the writer is
    /// the last one to close and can merge the log into the file.
    readers: Option<Readers>,
    writer: Mutex<Writer>,
    durability: Durability,
    /// How many appends are on their way.
    appending: AtomicUsize,
    /// The last position that is known here, for those who wait.
    head: watch::Sender<Position>,
    /// How far readers of events have come, as far as it was written here, for those who wait for them.
    readers_at: watch::Sender<HashMap<String, Position>>,
}

impl SqliteStore {
    /// Opens the database, and makes it if it is not there.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged, is no store of factum or was written by a newer version; or the options
    /// cannot be fulfilled; or there is none, and it is not to be made.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let key = StoreKey::new();
        let patience = options.busy_timeout;
        let (readers, session, durability) = match options.path.clone() {
            None if options.existing => {
                return Err(StoreError::new(
                    StoreErrorKind::Missing,
                    "a database in memory is always a new one: name a file",
                ));
            }
            None => (None, Session::in_memory(key)?, Durability::Process),
            Some(path) => {
                let file = File::new(&path, options, key)?;
                let (session, durability) = file.open_writer()?;
                (Some(Readers::new(file)), session, durability)
            }
        };
        let core = Core {
            readers,
            writer: Mutex::new(Writer::new(session, patience)),
            durability,
            appending: AtomicUsize::new(0),
            head: watch::Sender::new(Position::START),
            readers_at: watch::Sender::default(),
        };
        Ok(Self { queue: Mutex::default(), core: Arc::new(core) })
    }

    async fn record(&self, commit: Commit) -> Answer {
        let _announced = Appending::announce(&self.core.appending);
        // Others that are ready to append announce themselves now, and this one learns whether it is alone.
        tokio::task::yield_now().await;
        // The runtime is not told that this blocks: that costs a fifth of a command's processor time, and a runtime of
        // one thread cannot be told.
        if self.core.appending.load(Ordering::Relaxed) == 1
            && let Some(answer) = self.core.try_write(&commit)
        {
            return answer;
        }
        self.queue()?.append(commit).await
    }

    fn queue(&self) -> Result<Arc<Queue>, StoreError> {
        let mut queue = lock(&self.queue);
        match &*queue {
            Some(running) if !running.is_gone() => Ok(Arc::clone(running)),
            _ => {
                let started = Arc::new(Queue::start(Arc::clone(&self.core))?);
                *queue = Some(Arc::clone(&started));
                Ok(started)
            }
        }
    }
}

impl Core {
    /// Whether other processes can write too.
    const fn is_shared(&self) -> bool {
        self.readers.is_some()
    }

    /// Writes the commit here and now; `None` if another one is writing, in this process or in another.
    fn try_write(&self, commit: &Commit) -> Option<Answer> {
        let mut writer = try_lock(&self.writer)?;
        let answer = writer.try_write(commit)?;
        observe::group("sqlite", 1);
        drop(writer);
        self.publish(slice::from_ref(&answer));
        Some(answer)
    }

    /// Writes the commits that `gather` gives, once it is their turn.
    fn write(&self, gather: impl FnOnce() -> Vec<Commit>) -> Vec<Answer> {
        let mut writer = lock(&self.writer);
        let commits = gather();
        observe::group("sqlite", commits.len());
        let answers = writer.write(&commits);
        drop(writer);
        self.publish(&answers);
        answers
    }

    /// Changes something else, once it is its turn.
    fn change(&self, change: impl FnOnce(&mut Writer)) {
        change(&mut lock(&self.writer));
    }

    /// Wakes those who wait.
    fn publish(&self, answers: &[Answer]) {
        if let Some(head) = answers.iter().flatten().map(Committed::position).max() {
            self.reached(head);
        }
    }

    fn reached(&self, head: Position) {
        self.head.send_if_modified(|known| {
            let grown = head > *known;
            *known = head.max(*known);
            grown
        });
    }

    /// Reads on this thread: a page is short.
    fn read<T>(&self, read: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match &self.readers {
            Some(readers) => readers.read(read),
            None => read(&mut lock(&self.writer).session),
        }
    }

    /// Reads what an append will follow. A commit empties the memory of all connections but the one that wrote, so
    /// where nobody is appending, that one reads.
    fn read_ahead<T>(&self, read: impl Fn(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.appending.load(Ordering::Relaxed) == 0
            && let Some(mut writer) = try_lock(&self.writer)
        {
            match read(&mut writer.session) {
                // This connection waits for nobody; those that only read do.
                Err(busy) if busy.kind() == StoreErrorKind::Unavailable => {}
                outcome => return outcome,
            }
        }
        self.read(read)
    }

    /// The last position that there is, in whichever process it was written.
    fn look(&self) -> Result<Position, StoreError> {
        let head = self.read(|session| read::head(&session.connection))?;
        self.reached(head);
        Ok(head)
    }
}

/// After a panic the connection may be inside of a transaction. The next one to begin one looks for that.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// An append that is on its way.
struct Appending<'a>(&'a AtomicUsize);

impl<'a> Appending<'a> {
    fn announce(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Appending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Store for SqliteStore {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(async move {
            commit.validate()?;
            self.capabilities().check(&commit)?;
            self.record(commit).await
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        Box::pin(async move { self.core.read(|session| read::stream(session, stream, from, limit.max(1))) })
    }

    fn read_facts<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Facts, StoreError>> {
        Box::pin(
            async move { self.core.read_ahead(|session| read::facts(session, stream, from, limit.max(1))) },
        )
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        let limit = limit.max(1);
        Box::pin(async move {
            self.core.read(|session| match filter {
                Filter::All => read::all(session, after, limit),
                Filter::Categories(categories) => read::categories(session, categories, after, limit),
            })
        })
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        Box::pin(async move { self.core.look() })
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut head = self.core.head.subscribe();
            while self.core.look()? <= after {
                let grown = head.wait_for(|head| *head > after);
                // The sender lives as long as `self`, so waiting ends with an event, or with the time to look again.
                if self.core.is_shared() {
                    let _ = tokio::time::timeout(LOOK_EVERY, grown).await;
                } else {
                    let _ = grown.await;
                }
            }
            Ok(())
        })
    }

    fn remembered<'a>(
        &'a self,
        key: &'a IdempotencyKey,
    ) -> BoxFuture<'a, Result<Option<Remembered>, StoreError>> {
        Box::pin(async move { self.core.read(|session| keys::remembered(session, key)) })
    }

    fn constraints<'a>(
        &'a self,
        category: &'a Name,
    ) -> BoxFuture<'a, Result<Vec<(Name, Standing)>, StoreError>> {
        Box::pin(
            async move { self.core.read(|session| constraints::of_category(&session.connection, category)) },
        )
    }

    fn constrain<'a>(
        &'a self,
        constraint: &'a Constraint,
        standing: Option<Standing>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let constraint = constraint.clone();
            let change = move |session: &mut Session| constraints::constrain(session, &constraint, standing);
            self.queue()?.change(change).await
        })
    }

    fn claim<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move {
            let claims = claims.to_vec();
            self.queue()?.change(move |session| claims::collect(session, &claims)).await
        })
    }

    fn snapshot<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Option<Snapshot>, StoreError>> {
        Box::pin(async move { self.core.read_ahead(|session| snapshots::find(&session.connection, stream)) })
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let keep = move |session: &mut Session| snapshots::keep(&session.connection, &snapshot);
            self.queue()?.change(keep).await
        })
    }

    fn capabilities(&self) -> Capabilities {
        let supported: &[_] = &[
            Capability::Claims,
            Capability::IdempotencyKeys,
            Capability::Rows,
            Capability::Snapshots,
            Capability::Originals,
        ];
        let wakes = !self.core.is_shared();
        Capabilities { wakes, ..Capabilities::new(self.core.durability).supporting(supported) }
    }

    fn read_store(self: Arc<Self>) -> Option<Arc<dyn ReadStore>> {
        Some(self)
    }
}
