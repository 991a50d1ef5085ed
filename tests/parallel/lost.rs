//! A store that has lost what it had acknowledged, under a program that knows it.

use std::sync::{Arc, Mutex};

use factum::{
    ExecuteError, Repository, Store, Version,
    store::{
        AppendError, BoxFuture, Capabilities, Commit, Committed, Filter, MemoryStore, Page, Position,
        StoreError, StreamId, StreamPage,
    },
};
use factum_tests::counter::{Counter, CounterCommand};

/// A store in whose place another one comes.
#[derive(Debug)]
struct Restored(Mutex<MemoryStore>);

impl Restored {
    fn now(&self) -> MemoryStore {
        self.0.lock().unwrap().clone()
    }

    fn restore(&self, backup: &MemoryStore) {
        *self.0.lock().unwrap() = backup.clone();
    }
}

impl Store for Restored {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(async move { self.now().append(commit).await })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        Box::pin(async move { self.now().read_stream(stream, from, limit).await })
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move { self.now().read_all(filter, after, limit).await })
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        Box::pin(async move { self.now().head().await })
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.now().wait(after).await })
    }

    fn capabilities(&self) -> Capabilities {
        self.now().capabilities()
    }
}

const ID: &str = "c";

/// The version after these steps; `None` if the counter has taken one of them before.
async fn add(counters: &Repository<Counter>, steps: impl IntoIterator<Item = u64>) -> Option<Version> {
    let steps = steps.into_iter().collect();
    match counters.execute(&ID.to_owned(), CounterCommand::AddAll { steps }).await {
        Ok(receipt) => Some(receipt.version),
        Err(ExecuteError::Rejected(_)) => None,
        Err(error) => panic!("{error:?}"),
    }
}

async fn counter(store: Arc<dyn Store>, steps: u64) -> Repository<Counter> {
    let counters = Repository::<Counter>::new(store);
    counters.execute(&ID.to_owned(), CounterCommand::Open { label: "visits".to_owned() }).await.unwrap();
    add(&counters, 1..=steps).await.unwrap();
    counters
}

/// What is known of a stream that is shorter by now is given up with the next append, however long it was.
#[tokio::test]
async fn what_is_missing_is_a_conflict() {
    for known in [5, 100] {
        let backup = MemoryStore::new();
        counter(Arc::new(backup.clone()), 3).await;
        let store = Arc::new(Restored(Mutex::new(MemoryStore::new())));
        let counters = counter(Arc::clone(&store) as Arc<dyn Store>, known).await;
        store.restore(&backup);
        // Until something is recorded, it is believed that the step was taken.
        assert_eq!(add(&counters, [4]).await, None);
        assert_eq!(add(&counters, [1_000]).await, Some(Version::new(5)));
        assert_eq!(add(&counters, [4]).await, Some(Version::new(6)));
        let state = counters.load(&ID.to_owned()).await.unwrap().unwrap();
        assert_eq!(state.steps, [1, 2, 3, 1_000, 4]);
    }
}
