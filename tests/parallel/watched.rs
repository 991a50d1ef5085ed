//! A store that counts what it is asked for, and in which appends can be held up.

use std::sync::{Arc, Mutex, MutexGuard};

use factum::{
    Repository, Version,
    store::{
        AppendError, BoxFuture, Capabilities, Claim, Commit, Committed, Constraint, Facts, Filter,
        IdempotencyKey, MemoryStore, Name, Page, Position, Remembered, Standing, Store, StoreError, StreamId,
        StreamPage,
    },
};

use crate::account::Account;

/// What a store was asked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// How many events each append had.
    pub(crate) appends: Vec<usize>,
    /// Where each read of a stream began.
    pub(crate) reads: Vec<Version>,
}

#[derive(Debug)]
pub(crate) struct Watched {
    store: Arc<dyn Store>,
    asked: Mutex<Asked>,
    /// Held by a test, so that nothing is recorded.
    pub(crate) requests: tokio::sync::Mutex<()>,
    /// Held by a test, so that nobody hears of what was recorded.
    pub(crate) answers: tokio::sync::Mutex<()>,
}

impl Watched {
    pub(crate) fn new(store: Arc<dyn Store>) -> Arc<Self> {
        let (requests, answers) = Default::default();
        Arc::new(Self { store, asked: Mutex::default(), requests, answers })
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap()
    }

    /// What it was asked for since the last time.
    pub(crate) fn take(&self) -> Asked {
        std::mem::take(&mut self.asked())
    }
}

/// Accounts in a store that is watched, and the same accounts in another process.
pub(crate) fn watched() -> (Arc<Watched>, Repository<Account>, Repository<Account>) {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let watched = Watched::new(Arc::clone(&memory));
    (Arc::clone(&watched), Repository::new(watched), Repository::new(memory))
}

impl Store for Watched {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(async move {
            self.asked().appends.push(commit.appends.iter().map(|append| append.events.len()).sum());
            drop(self.requests.lock().await);
            let outcome = self.store.append(commit).await;
            drop(self.answers.lock().await);
            outcome
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        self.asked().reads.push(from);
        self.store.read_stream(stream, from, limit)
    }

    fn read_facts<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Facts, StoreError>> {
        self.asked().reads.push(from);
        self.store.read_facts(stream, from, limit)
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.store.read_all(filter, after, limit)
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        self.store.head()
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.wait(after)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
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
        self.store.constraints(category)
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
}
