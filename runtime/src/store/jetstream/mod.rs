//! The replicated log: events in NATS JetStream.

mod claims;
mod constraints;
mod consumer;
mod get;
mod keys;
mod listen;
mod message;
mod note;
mod options;
mod outgoing;
mod read;
mod replies;
mod scan;
mod server;
mod setup;
mod snapshots;
mod subject;
mod tail;
mod write;

use std::time::Duration;

use async_nats::{Client, jetstream::stream::StorageType};
use tokio::{sync::Semaphore, time::timeout};

pub use options::JetStreamOptions;

use self::{
    constraints::Records,
    listen::Listener,
    scan::{Behind, Readers},
    server::Server,
    setup::Forbidden,
    snapshots::Snapshots,
    subject::Subjects,
};
use super::{
    AppendError, BoxFuture, Capabilities, Capability, Claim, Commit, Committed, Constraint, Durability,
    Facts, Filter, IdempotencyKey, Name, Page, Position, Remembered, Snapshot, Standing, Store, StoreError,
    StoreErrorKind, StreamId, StreamPage, key::StoreKey,
};
use crate::Version;

/// How often those who wait look for events where nobody tells them …
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// … and where they are told, in case that a message is lost.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// How much longer than the server may take something may take altogether. Who gives up by himself knows more.
const GRACE: Duration = Duration::from_secs(1);

/// How many commits over several streams are on their way at the same time. The server has a bound, too.
const MOST_BATCHES: usize = 16;

/// A store in a stream of NATS JetStream, version 2.12 or later.
///
/// # Durability
/// The stream and its settings are on the server; how often the server syncs its files it tells nobody, so
/// [`capabilities`](Store::capabilities) says [`Durability::Unknown`]. By default it acknowledges what it has written and
/// syncs every two minutes: on one server, say `sync_interval: always` in the `jetstream` part of its configuration. With
/// three replicas, an acknowledged commit is with two servers at least.
///
/// # Processes
/// Any number of processes may use the same stream. The server judges the expected version of each stream, and whether
/// unique values and idempotency keys are free.
///
/// It does not judge which constraints are on record. Each process looks before it writes, and goes by what it saw for 2
/// seconds at most, unless it is refused by that: then it looks again. So [`constrain`](Store::constrain) returns 4 seconds after
/// it has changed the record, and at once where it says that a constraint is in force, which lets nobody do less. That nobody goes
/// around a constraint rests on this: what a process gives to its connection is with the server within 2 seconds, or never.
/// A process that stands still just then, or a network that delivers later, can go around it. Before the store has its first
/// event nobody waits: the server sees that nothing was put on record meanwhile.
///
/// # Concurrency
/// Everything goes over one connection, and nobody waits for the answers of others before asking. The store belongs to the
/// runtime in which it is opened.
///
/// # Time limits
/// An attempt is given up when the connection is lost or after 5 seconds, and made again until
/// [`JetStreamOptions::timeout`] (30 seconds) is over. An append is given again under its id: what was stored already is
/// recognised. Only if the time is over, its outcome is unknown.
///
/// # What is stored
/// A commit of one stream is one message with all of its events, as long as they fit; of several, a batch that the server
/// stores as a whole. The subject is `name.e.category.id.page.version`, where whatever is no letter or digit is written as
/// `%` and two digits, and a page has 512 versions. A commit that expects nothing has a mark in `name.c.id` beside it, by
/// which it is recognised. The last message in `name.u.hash` says who holds a unique value, the one in `name.k.hash` what was
/// recorded under an idempotency key, and the last one in `name.r.category` which constraints are on record; with the values
/// and the key of a commit, the server stores at most 1,000 messages together. When events are stored, the server tells `name.t.…`, with the same end.
///
/// Snapshots are in a stream beside it, `name-snapshots`, which is made for the first one: the last message in
/// `name.s.category.id`. Its messages can be purged at any time.
///
/// How many servers keep the stream is asked when the store is opened: open it anew after that was changed.
#[derive(Debug)]
pub struct JetStreamStore {
    key: StoreKey,
    server: Server,
    subjects: Subjects,
    listener: Listener,
    batches: Semaphore,
    readers: Readers,
    behind: Behind,
    records: Records,
    snapshots: Snapshots,
    /// The largest message that the stream takes.
    largest: usize,
    capabilities: Capabilities,
}

impl JetStreamStore {
    /// Connects to the servers, and makes the stream if it is not there.
    ///
    /// # Errors
    /// No server can be reached, it is too old or refuses the user; the stream is somebody else's or has other settings.
    pub async fn open(options: JetStreamOptions) -> Result<Self, StoreError> {
        let (client, forbidden) = setup::connect(&options).await?;
        Self::prepare(client, options, forbidden).await
    }

    /// The stream of these options on a server to which the program is connected already, as whoever it is; the servers in
    /// the options do not matter then. What the server forbids such a client looks like no answer.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn with_client(client: Client, options: JetStreamOptions) -> Result<Self, StoreError> {
        Self::prepare(client, options, Forbidden::default()).await
    }

    async fn prepare(
        client: Client,
        options: JetStreamOptions,
        forbidden: Forbidden,
    ) -> Result<Self, StoreError> {
        let subjects = Subjects::new(&options.name);
        let (context, config) = setup::prepare(&client, &options, &subjects, &forbidden).await?;
        let durability = match config.storage {
            StorageType::Memory => Durability::Process,
            StorageType::File => Durability::Unknown,
        };
        let largest =
            usize::try_from(config.max_message_size).ok().filter(|size| *size > 0).unwrap_or(usize::MAX);
        let supported: &[_] =
            &[Capability::Claims, Capability::IdempotencyKeys, Capability::Snapshots, Capability::Originals];
        let capabilities = Capabilities {
            wakes: true,
            replicas: config.num_replicas,
            largest_payload: Some(client.max_payload().min(largest).saturating_sub(outgoing::OVERHEAD)),
            ..Capabilities::new(durability).supporting(supported)
        };
        let alone = config.num_replicas == 1;
        let snapshots = Snapshots::beside(&config, context.clone(), &subjects).await?;
        let server =
            Server::new(client.clone(), forbidden, &context, options.name, alone, options.timeout).await?;
        let listener = Listener::new(client, subjects.told());
        Ok(Self {
            key: StoreKey::new(),
            server,
            subjects,
            listener,
            batches: Semaphore::new(MOST_BATCHES),
            readers: Readers::default(),
            behind: Behind::default(),
            records: Records::default(),
            snapshots,
            largest,
            capabilities,
        })
    }

    /// What comes of this, unless it takes longer than the server may take for everything.
    async fn in_time<T>(&self, doing: &str, answer: impl Future<Output = T>) -> Result<T, StoreError> {
        timeout(self.server.timeout + GRACE, answer).await.map_err(|_| {
            StoreError::new(
                StoreErrorKind::Unavailable,
                format!(
                    "{doing} took longer than {:?}, so NATS is taken for unreachable",
                    self.server.timeout
                ),
            )
        })
    }

    /// The largest payload of a message that the server takes, as it is connected now.
    fn largest_message(&self) -> usize {
        self.server.client.max_payload().min(self.largest).saturating_sub(outgoing::HEADERS)
    }
}

impl Store for JetStreamStore {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(async move {
            commit.validate()?;
            self.capabilities.check(&commit)?;
            let committed = match self.in_time("appending", self.record(&commit)).await {
                Ok(recorded) => recorded?,
                Err(cause) => return Err(AppendError::Unknown { commit: commit.id, cause }),
            };
            self.listener.tell();
            Ok(committed)
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        Box::pin(
            async move { self.in_time("reading a stream", self.page(stream, from, limit.max(1))).await? },
        )
    }

    fn read_facts<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Facts, StoreError>> {
        Box::pin(
            async move { self.in_time("reading a stream", self.facts(stream, from, limit.max(1))).await? },
        )
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move { self.in_time("reading events", self.all(filter, after, limit.max(1))).await? })
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        Box::pin(async move { self.in_time("looking for the last event", self.last()).await? })
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
        Box::pin(async move { self.in_time("looking for a key", self.kept(key)).await? })
    }

    fn constraints<'a>(
        &'a self,
        category: &'a Name,
    ) -> BoxFuture<'a, Result<Vec<(Name, Standing)>, StoreError>> {
        Box::pin(async move { self.in_time("looking for constraints", self.on_record(category)).await? })
    }

    fn constrain<'a>(
        &'a self,
        constraint: &'a Constraint,
        standing: Option<Standing>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.put_on_record(constraint, standing))
    }

    fn claim<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(self.collect(claims))
    }

    fn snapshot<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Option<Snapshot>, StoreError>> {
        Box::pin(async move { self.in_time("reading a snapshot", self.kept_snapshot(stream)).await? })
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.in_time("keeping a snapshot", self.keep_snapshot(snapshot)).await? })
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }
}
