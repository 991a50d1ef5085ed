//! A store in memory with one mistake in it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use factum::{
    Position, Version,
    read::ReadStore,
    store::{
        AppendError, BoxFuture, Capabilities, Claim, ClaimValue, Commit, CommitId, Committed, Constraint,
        EventId, Facts, Filter, IdempotencyKey, MemoryStore, Name, NewEvent, Page, Remembered, Snapshot,
        Standing, Store, StoreError, StreamId, StreamPage,
    },
    testing::contract::Harness,
};
use tokio::sync::Semaphore;

use crate::bugs::Bug;

/// What all handles have in common.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) bug: Bug,
    pub(crate) store: MemoryStore,
    pub(crate) wrong: Arc<Mutex<Wrong>>,
    pub(crate) signal: Arc<Semaphore>,
    /// What this handle wrote.
    pub(crate) own: Arc<Mutex<HashMap<StreamId, Version>>>,
}

/// What a store would not remember if it were right.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) appends: usize,
    pub(crate) conflicts: u128,
    pub(crate) heads: u128,
    pub(crate) seen: HashSet<CommitId>,
    pub(crate) conflicted: HashMap<CommitId, (StreamId, factum::store::Expected, Version)>,
    pub(crate) contents: Vec<(StreamId, Vec<NewEvent>, CommitId)>,
    pub(crate) shown: HashSet<Position>,
    pub(crate) pages: HashMap<StreamId, StreamPage>,
    /// Which ids events should have had.
    pub(crate) ids: HashMap<EventId, EventId>,
    /// When events happened that were recorded before.
    pub(crate) times: HashMap<EventId, chrono::DateTime<chrono::Utc>>,
    pub(crate) locks: HashMap<StreamId, Arc<tokio::sync::Mutex<()>>>,
    /// Who took what.
    pub(crate) taken: HashSet<(ClaimValue, StreamId)>,
    /// Keys of commits that conflicted.
    pub(crate) keys: HashSet<String>,
    /// Whether a row was refused last.
    pub(crate) failed_rows: usize,
}

impl Broken {
    pub(crate) fn new(bug: Bug) -> Self {
        let store = MemoryStore::new();
        let (wrong, own) = (Arc::default(), Arc::default());
        Self { bug, store, wrong, signal: Arc::new(Semaphore::new(0)), own }
    }

    pub(crate) fn wrong(&self) -> MutexGuard<'_, Wrong> {
        self.wrong.lock().unwrap()
    }

    /// The version that the stream has.
    pub(crate) async fn version(&self, stream: &StreamId) -> Version {
        let page = self.store.read_stream(stream, Version::FIRST, usize::MAX).await.unwrap();
        page.events.last().map_or(Version::NONE, |last| last.version)
    }

    /// The stream for which it takes this one.
    pub(crate) fn name(&self, stream: &StreamId) -> StreamId {
        let change = |text: &str| match self.bug {
            Bug::IgnoresCase => text.to_lowercase(),
            Bug::TrimsNames => text.trim().to_owned(),
            Bug::EndsNamesAtNul => text.split('\0').next().unwrap().to_owned(),
            _ => text.to_owned(),
        };
        match self.bug {
            Bug::MixesStreams => StreamId::new("contract", "a"),
            Bug::JoinsCategoryAndId => StreamId::new("joined", stream.to_string()),
            _ => StreamId::new(change(stream.category()), change(stream.id())),
        }
    }
}

/// Opening it again gives a handle that shares the data, and knows less.
impl Harness for Broken {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        let mut handle = Self { own: Arc::default(), signal: Arc::new(Semaphore::new(0)), ..self.clone() };
        match self.bug {
            Bug::LosesEverything => handle.store = MemoryStore::new(),
            Bug::ForgetsCommitsOfOthers => handle.wrong = Arc::default(),
            _ => {}
        }
        Box::pin(async move { Ok(Arc::new(handle) as Arc<dyn Store>) })
    }
}

impl Store for Broken {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        if self.bug == Bug::BeginsBeforeItIsAwaited {
            let store = self.store.clone();
            let begun = tokio::spawn(async move { store.append(commit).await });
            return Box::pin(async { begun.await.unwrap() });
        }
        Box::pin(self.append_wrongly(commit))
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        Box::pin(self.read_stream_wrongly(stream, from, limit))
    }

    fn read_facts<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Facts, StoreError>> {
        Box::pin(async move {
            let mut page = self.read_stream(stream, from, limit).await?;
            match self.bug {
                Bug::LosesAFact if page.events.len() > 1 => drop(page.events.remove(1)),
                Bug::KnowsNothingOfNobody if page.events.is_empty() => {
                    return Err(StoreError::invalid("there is no such stream"));
                }
                _ => {}
            }
            Ok(page.into())
        })
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(self.read_all_wrongly(filter, after, limit))
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            let head = self.store.head().await?.get();
            let mut wrong = self.wrong();
            wrong.heads += 1;
            Ok(Position::new(match self.bug {
                Bug::HeadIsAhead => head + 1,
                Bug::HeadLags => head.saturating_sub(1),
                Bug::HeadGoesBack => head.saturating_sub(wrong.heads % 2),
                Bug::ConflictsMoveTheHead => head + wrong.conflicts,
                _ => head,
            }))
        })
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match self.bug {
                Bug::NeverWakes => std::future::pending().await,
                Bug::WakesOne => {
                    if self.store.head().await? == after {
                        self.signal.acquire().await.unwrap().forget();
                    }
                    Ok(())
                }
                Bug::WaitsForItsOwnEvents => {
                    self.signal.acquire().await.unwrap().forget();
                    Ok(())
                }
                Bug::WaitsForTheNextEvent => self.store.wait(self.store.head().await?).await,
                _ => self.store.wait(after).await,
            }
        })
    }

    fn capabilities(&self) -> Capabilities {
        match self.bug {
            Bug::IgnoresWhatItCannotDo | Bug::PretendsToKeep => {
                self.store.capabilities().supporting(Vec::new())
            }
            _ => self.store.capabilities(),
        }
    }

    fn remembered<'a>(
        &'a self,
        key: &'a IdempotencyKey,
    ) -> BoxFuture<'a, Result<Option<Remembered>, StoreError>> {
        self.store.remembered(key)
    }

    fn constraints<'a>(
        &'a self,
        category: &'a Name,
    ) -> BoxFuture<'a, Result<Vec<(Name, Standing)>, StoreError>> {
        match self.bug {
            Bug::TellsNoConstraints => Box::pin(async { Ok(Vec::new()) }),
            _ => self.store.constraints(category),
        }
    }

    fn constrain<'a>(
        &'a self,
        constraint: &'a Constraint,
        standing: Option<Standing>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.constrain(constraint, standing)
    }

    fn claim<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        self.store.claim(claims)
    }

    fn snapshot<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Option<Snapshot>, StoreError>> {
        Box::pin(self.find_snapshot_wrongly(stream))
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.save_snapshot_wrongly(snapshot))
    }

    fn read_store(self: Arc<Self>) -> Option<Arc<dyn ReadStore>> {
        Arc::new(self.store.clone()).read_store()
    }
}
