//! Several runtimes of one process that share a repository: none depends on another one being driven.

use std::{
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use factum::{
    Repository, Store,
    store::{
        AppendError, BoxFuture, Capabilities, Commit, Committed, Filter, MemoryStore, Page, Position,
        StoreError, StreamId, StreamPage,
    },
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

use crate::account::{Account, AccountCommand, registered};

/// A store whose first append waits until it is let go, and whose second one never comes to an end.
#[derive(Debug, Default)]
struct Stuck {
    store: MemoryStore,
    appends: AtomicUsize,
    first: Notify,
}

impl Store for Stuck {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(async move {
            match self.appends.fetch_add(1, Ordering::SeqCst) {
                0 => self.first.notified().await,
                1 => std::future::pending().await,
                _ => {}
            }
            self.store.append(commit).await
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: factum::Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        self.store.read_stream(stream, from, limit)
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

    fn constraints<'a>(
        &'a self,
        category: &'a factum::store::Name,
    ) -> BoxFuture<'a, Result<Vec<(factum::store::Name, factum::store::Standing)>, StoreError>> {
        self.store.constraints(category)
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// Drives a runtime until nothing moves any more.
fn drive(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    });
}

fn give(runtime: &Runtime, accounts: &Repository<Account>, amount: i64) -> JoinHandle<bool> {
    let accounts = accounts.clone();
    let given =
        runtime.spawn(async move { accounts.execute(&1, AccountCommand::Book { amount }).await.is_ok() });
    drive(runtime);
    given
}

#[test]
fn nobody_depends_on_a_runtime_that_is_not_driven() {
    let stuck = Arc::new(Stuck::default());
    let (one, two) = (runtime(), runtime());
    one.block_on(registered(&Repository::new(Arc::new(stuck.store.clone())), 1, "ann@example.org"));
    let accounts = Repository::<Account>::new(Arc::clone(&stuck) as Arc<dyn Store>);
    let first = give(&one, &accounts, 1);
    // It will carry out who waits behind it, and not come to an end.
    let second = give(&one, &accounts, 10);
    let third = give(&two, &accounts, 100);
    stuck.first.notify_one();
    drive(&one);
    assert!(first.is_finished() && !second.is_finished() && !third.is_finished());
    assert_eq!(stuck.appends.load(Ordering::SeqCst), 2);
    let answered = two.block_on(async { timeout(Duration::from_secs(20), third).await });
    assert!(answered.expect("it waits for the other runtime").unwrap());
    let balance = two.block_on(accounts.load(&1)).unwrap().unwrap().balance;
    assert_eq!(balance, 101);
}

/// A runtime that has shut down takes nobody along, and nobody waits for it for ever.
#[test]
fn nobody_depends_on_a_runtime_that_is_gone() {
    let stuck = Arc::new(Stuck::default());
    let (one, two) = (runtime(), runtime());
    one.block_on(registered(&Repository::new(Arc::new(stuck.store.clone())), 1, "ann@example.org"));
    let accounts = Repository::<Account>::new(Arc::clone(&stuck) as Arc<dyn Store>);
    let first = give(&one, &accounts, 1);
    let second = give(&one, &accounts, 10);
    let third = give(&two, &accounts, 100);
    drop(one);
    assert!(first.is_finished() && second.is_finished());
    // The second append of this store is the one that never ends.
    stuck.appends.store(2, Ordering::SeqCst);
    let answered = two.block_on(async { timeout(Duration::from_secs(20), third).await });
    assert!(answered.expect("it waits for the other runtime").unwrap());
    assert_eq!(two.block_on(accounts.load(&1)).unwrap().unwrap().balance, 100);
}

/// A runtime that has shut down drops at once what it is given: whoever has the turn goes alone then, and does not try for ever.
#[test]
fn nobody_leads_on_a_runtime_that_is_gone() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let stuck = Arc::new(Stuck::default());
        let (one, two) = (runtime(), runtime());
        two.block_on(registered(&Repository::new(Arc::new(stuck.store.clone())), 1, "ann@example.org"));
        let accounts = Repository::<Account>::new(Arc::clone(&stuck) as Arc<dyn Store>);
        let [mut first, mut second, mut third] =
            [1, 10, 100].map(|amount| accounts.execute(&1, AccountCommand::Book { amount }).into_future());
        let mut context = Context::from_waker(Waker::noop());
        let handle = one.handle().clone();
        let inside = handle.enter();
        for waiting in [&mut first, &mut second, &mut third] {
            assert!(waiting.as_mut().poll(&mut context).is_pending());
        }
        drop(one);
        stuck.first.notify_one();
        stuck.appends.store(2, Ordering::SeqCst);
        for waiting in [&mut first, &mut second, &mut third] {
            let Poll::Ready(outcome) = waiting.as_mut().poll(&mut context) else { panic!("it waits") };
            outcome.unwrap();
        }
        drop(inside);
        done.send(two.block_on(accounts.load(&1)).unwrap().unwrap().balance).unwrap();
    });
    assert_eq!(is_done.recv_timeout(Duration::from_secs(20)), Ok(111));
}
