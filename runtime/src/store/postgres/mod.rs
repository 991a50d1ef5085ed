//! The server database: events in PostgreSQL.

mod claims;
mod columns;
mod connection;
mod error;
mod insert;
mod keys;
mod known;
mod lent;
mod listen;
mod loads;
mod options;
mod read;
mod row;
mod scans;
mod schema;
mod snapshots;
mod statements;
mod tail;
mod text;
mod tls;
mod together;
mod views;
mod write;
mod writer;

use std::{sync::Arc, time::Duration};

pub use self::{
    lent::{Connections, LendError, Lent},
    options::PostgresOptions,
    tls::SslMode,
};

use self::{
    connection::{Link, hold},
    listen::Listener,
    loads::Loads,
    options::Source,
    read::Wanted,
    scans::Scans,
    tail::stream_key,
    views::Views,
    write::{Outcome, Placed},
    writer::Writer,
};
use super::{
    AppendError, BoxFuture, Capabilities, Capability, Claim, Commit, Committed, Constraint, Durability,
    Facts, Filter, IdempotencyKey, Name, Page, Position, Remembered, Snapshot, Standing, Store, StoreError,
    StreamId, StreamPage, key::StoreKey,
};
use crate::{Version, read::ReadStore};

/// How often those who wait look for events where nobody tells them …
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// … and where they are told, in case that a notification is lost.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// No commit is larger, so that no message comes near to the largest that PostgreSQL takes.
const MOST_BYTES: usize = 256 << 20;

/// A store in a PostgreSQL database, version 15 or later.
///
/// # Durability
/// `synchronous_commit` is switched on for the store's own connections, so an acknowledged commit survives the death of
/// the machine, unless the server runs with `fsync = off`; [`capabilities`](Store::capabilities) tells.
///
/// # Processes
/// Any number of processes may use the same database. Positions are given out under an advisory lock, which is held
/// within one statement only; a transaction of anybody else that stays open holds up nothing.
///
/// # Concurrency
/// The store has a connection for appends, one for loads, one for reads of the whole store, and while somebody waits,
/// one that listens. Each is made when it is first needed, and made again when it was lost. All appends that wait share
/// one statement: one round trip and one sync. So do loads that wait. Who is alone loads and appends over the same connection
/// and waits for nobody. Views have three connections more: one for questions, and two on which readers write what they have
/// done. The store belongs to the runtime in which it is opened.
///
/// # Constraints
/// To put a constraint on record, in force or off the record waits for all who are appending, in whichever process, and
/// those who come later wait for it. That takes a moment; off the record longer, because its claims are removed, too.
///
/// # Time limits
/// A connection is given up after `connect_timeout` (10 seconds), a question after
/// [`PostgresOptions::timeout`] (30 seconds). When the connection is lost while an append is on its way, it is given once
/// more on a new one, and what was recorded already is recognised; only if that fails too, its outcome is unknown.
///
/// # The tables
/// Made when they are not there, in a schema of their own; a schema that has other tables is refused and not touched.
/// Their version is in the table `factum`: those of an older one are brought up to date when the store is opened, in one
/// transaction; those of a later one are refused.
/// The view `log` shows the events to people. Where a name or an id contains U+0000, which PostgreSQL cannot hold, or a
/// backslash, the tables have `\0` and `\\`.
///
/// # The tables of views
/// They are in the same schema, each under the view's own name, with columns as [`ColumnType`](crate::read::ColumnType) says:
/// `SELECT * FROM factum.open_incident` in `psql`, where `factum` is the schema unless you named another one. Text is ordered by
/// its bytes. Another build of a view stands beside it as `open_incident__2`, and takes its place in one step; who was given
/// the right to read the one has it for the other. Somebody who has a transaction open in which he has read the table keeps
/// the next build waiting, and commits with rows of the view for moments; after the [timeout](PostgresOptions::timeout) that
/// is an error. So is a view of your own on the table (`CREATE VIEW`): drop it, and make it again afterwards. Views are built
/// by the role that made the tables, or by one that is a member of it.
///
/// Commits with rows of transactional views are transactions of several statements, sent at once. If a row of one cannot be
/// written, the transaction is rolled back, and that commit is given again alone, so that the failure is its own.
#[derive(Debug)]
pub struct PostgresStore {
    key: StoreKey,
    durability: Durability,
    wakes: bool,
    writer: Writer,
    /// For what is short: loads, and what appends have to know.
    short: Arc<Link>,
    loads: Loads,
    /// For what may be long.
    scans: Scans,
    listener: Listener,
    views: Views,
}

impl PostgresStore {
    /// Connects to the database, makes the tables if they are not there, and brings those of an older version up to date.
    ///
    /// # Errors
    /// The server cannot be reached, is too old or refuses the user; the schema is somebody else's or of a later version; or
    /// there is no store in it, and none is to be made.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        Self::open_after(schema::STEPS, options).await
    }

    /// For tests: with steps of their own from one version of the tables to the next, in place of factum's.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub async fn open_with_steps(
        steps: impl FnOnce(&[&'static str]) -> Vec<&'static str>,
        options: PostgresOptions,
    ) -> Result<Self, StoreError> {
        Self::open_after(&steps(schema::STEPS), options).await
    }

    async fn open_after(steps: &[&str], options: PostgresOptions) -> Result<Self, StoreError> {
        options.check()?;
        let client = hold(&options).await?;
        let durability = schema::prepare(&client, &options, steps).await?;
        let options = Arc::new(options);
        let key = StoreKey::new();
        let short = Arc::new(Link::new(Arc::clone(&options)));
        Ok(Self {
            key,
            durability,
            wakes: matches!(options.source, Source::Own(_)),
            writer: Writer::start(Arc::new(Link::new(Arc::clone(&options)))),
            loads: Loads::start(&short, key),
            short,
            scans: Scans::new(Link::new(Arc::clone(&options))),
            views: Views::new(&options),
            listener: Listener::new(options),
        })
    }

    async fn record(&self, commit: Commit) -> Result<Committed, AppendError> {
        commit.validate()?;
        self.capabilities().check(&commit)?;
        let size = write::bytes(&commit);
        if size > MOST_BYTES {
            return Err(StoreError::invalid(format!(
                "the commit has {size} bytes of payload and of rows; at most {MOST_BYTES} can be recorded at once"
            ))
            .into());
        }
        let commit = Arc::new(commit);
        loop {
            let placed = self.place(&commit).await?;
            match self.writer.append(placed.clone()).await? {
                Outcome::Recorded { behind, now } => {
                    self.listener.tell();
                    return placed.recorded(behind, now, self.key).map_err(AppendError::Failed);
                }
                Outcome::Denied(error) => return Err(error),
                Outcome::Known => return self.given_before(&commit, None).await,
                Outcome::Refused(refused) => {
                    let mut refused = refused.into_iter().filter_map(|refused| {
                        let append = commit.appends.get(refused.append)?;
                        Some((refused, append, append.expected.version()?))
                    });
                    // An append that expects nothing was refused because another one came in between: once more.
                    let Some((first, append, _)) = refused.next() else { continue };
                    let index: usize =
                        commit.appends.iter().take(first.append).map(|append| append.events.len()).sum();
                    if first.found == Some(commit.event_id(index).0) {
                        return self.given_before(&commit, Some(first.append)).await;
                    }
                    return Err(AppendError::Conflict {
                        stream: append.stream.clone(),
                        expected: append.expected,
                        actual: first.actual,
                    });
                }
            }
        }
    }

    async fn place(&self, commit: &Arc<Commit>) -> Result<Placed, StoreError> {
        if let Some(placed) = Placed::known(commit, self.key) {
            return Ok(placed);
        }
        let find = self.short.ask("looking for the ends of streams", |session| {
            let commit = Arc::clone(commit);
            async move { Placed::find(&session, commit).await }
        });
        Box::pin(find).await
    }

    async fn given_before(
        &self,
        commit: &Arc<Commit>,
        telling: Option<usize>,
    ) -> Result<Committed, AppendError> {
        let store = self.key;
        let answer = self.short.ask("reading what a commit recorded before", |session| {
            let commit = Arc::clone(commit);
            async move { write::given_before(&session, &commit, telling, store).await }
        });
        // It is recorded, whatever comes in between.
        Box::pin(answer).await.map_err(|cause| AppendError::Unknown { commit: commit.id, cause })
    }
}

impl Store for PostgresStore {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(self.record(commit))
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        Box::pin(async move {
            self.short
                .ask("reading a stream", |session| async move {
                    read::stream(&session, self.key, stream, from, limit.max(1)).await
                })
                .await
        })
    }

    fn read_facts<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Facts, StoreError>> {
        Box::pin(async move {
            let wanted =
                Wanted { stream: stream.clone(), key: stream_key(stream), from, limit: limit.max(1) };
            let facts = match self.writer.idle() {
                // Who is alone loads and appends over one connection: the server has one process to wake then.
                Some((link, _between)) => {
                    let facts = link.ask("reading a stream", |session| {
                        let wanted = &wanted;
                        async move { read::facts(&session, self.key, wanted).await }
                    });
                    Box::pin(facts).await?
                }
                None => self.loads.load(wanted).await?,
            };
            match facts {
                Some(facts) => Ok(facts),
                None => self.read_stream(stream, from, limit).await.map(Facts::from),
            }
        })
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(self.scans.read(filter, after, limit.max(1)))
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            self.short
                .ask("looking for the last event", |session| async move { read::head(&session).await })
                .await
        })
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut heard = self.listener.subscribe();
            // Listen before looking, so that what comes in between is not missed.
            loop {
                let pause = if self.listener.listen().await { LOOK_ANYWAY } else { LOOK_EVERY };
                if self.head().await? > after {
                    return Ok(());
                }
                let _ = tokio::time::timeout(pause, heard.changed()).await;
            }
        })
    }

    fn remembered<'a>(
        &'a self,
        key: &'a IdempotencyKey,
    ) -> BoxFuture<'a, Result<Option<Remembered>, StoreError>> {
        Box::pin(async move {
            self.short
                .ask("looking for an idempotency key", |session| async move {
                    keys::remembered(&session, key).await
                })
                .await
        })
    }

    fn constraints<'a>(
        &'a self,
        category: &'a Name,
    ) -> BoxFuture<'a, Result<Vec<(Name, Standing)>, StoreError>> {
        Box::pin(async move {
            self.short
                .ask(
                    "reading constraints",
                    |session| async move { claims::constraints(&session, category).await },
                )
                .await
        })
    }

    fn constrain<'a>(
        &'a self,
        constraint: &'a Constraint,
        standing: Option<Standing>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // It waits for all who are appending, and may have many claims to remove.
            self.scans
                .link()
                .ask("changing a constraint", |session| async move {
                    claims::constrain(&session, constraint, standing).await
                })
                .await
        })
    }

    fn claim<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move {
            self.scans
                .link()
                .ask("collecting claims", |session| async move { claims::claim(&session, claims).await })
                .await
        })
    }

    fn snapshot<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Option<Snapshot>, StoreError>> {
        Box::pin(async move {
            self.short
                .ask("reading a snapshot", |session| async move { snapshots::find(&session, stream).await })
                .await
        })
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if snapshot.state.bytes().len() > MOST_BYTES {
                return Err(StoreError::invalid(format!(
                    "the snapshot of `{}` has {} bytes; at most {MOST_BYTES} can be kept",
                    snapshot.stream,
                    snapshot.state.bytes().len()
                )));
            }
            // It may be large and takes a sync, so loads and appends do not wait for it.
            let snapshot = &snapshot;
            self.scans
                .link()
                .ask("keeping a snapshot", |session| async move { snapshots::keep(&session, snapshot).await })
                .await
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
        Capabilities { wakes: self.wakes, ..Capabilities::new(self.durability).supporting(supported) }
    }

    fn read_store(self: Arc<Self>) -> Option<Arc<dyn ReadStore>> {
        Some(self)
    }
}
