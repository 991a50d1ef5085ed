//! Stores that do not answer any more, and user code that does not come to an end: an app is shut down all the same.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{
    App, Consistency, Position, Recorded, Store, Version,
    app::{RunningApp, State},
    handler::{Delivery, Handler, HandlerError},
    store::{
        AppendError, BoxFuture, Capabilities, Commit, Committed, Filter, MemoryStore, Name, Page, Standing,
        StoreError, StreamId, StreamPage,
    },
};
use tokio::time::Instant;

use crate::{
    books::Troubled,
    domain::{Account, AccountEvent, Amounts, Balance, open, pay},
    until, until_state,
};

/// How long it takes at most to shut an app down, as its documentation says.
const AT_MOST: Duration = Duration::from_secs(6);

/// An event store that can fall silent for readers.
#[derive(Debug)]
struct Silent {
    store: Arc<dyn Store>,
    silent: AtomicBool,
}

impl Silent {
    async fn ask<T>(&self, answer: BoxFuture<'_, T>) -> T {
        if self.silent.load(Ordering::SeqCst) {
            return pending().await;
        }
        answer.await
    }
}

impl Store for Silent {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        self.store.append(commit)
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
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
        Box::pin(self.ask(self.store.read_all(filter, after, limit)))
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        Box::pin(self.ask(self.store.head()))
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.wait(after)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn constraints<'a>(
        &'a self,
        category: &'a Name,
    ) -> BoxFuture<'a, Result<Vec<(Name, Standing)>, StoreError>> {
        self.store.constraints(category)
    }
}

async fn shut_down_in_time(app: RunningApp) {
    let begun = Instant::now();
    app.clone().shutdown().await;
    assert!(begun.elapsed() <= AT_MOST, "{:?}", begun.elapsed());
    assert!(
        app.status().iter().all(|status| matches!(status.state, State::Stopped { .. })),
        "{:?}",
        app.status()
    );
}

fn app(events: &Arc<Silent>, books: &Arc<Troubled>) -> App {
    crate::app(&(Arc::clone(events) as Arc<dyn Store>))
        .read_store(Arc::clone(books) as _)
        .view::<Amounts>(Consistency::Eventual)
        .view::<Balance>(Consistency::Eventual)
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_holds_no_shutdown_up() {
    for is_of_events in [true, false] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let events = Arc::new(Silent { store: Arc::clone(&store), silent: AtomicBool::new(false) });
        let books = Troubled::new(Arc::clone(&store).read_store().unwrap(), 0, false);
        // One has the leases, and another one waits for them.
        let at_work = app(&events, &books).start().await.unwrap();
        let waiting = app(&events, &books).start().await.unwrap();
        let accounts = at_work.repository::<Account>();
        let receipt = accounts.execute(&1, open("ann")).await.unwrap();
        at_work.view::<Balance>().after(&receipt).get(&1).await.unwrap();
        until_state(&waiting, "balance", |state| *state == State::Waiting).await;
        let silent = if is_of_events { &events.silent } else { &books.silent };
        silent.store(true, Ordering::SeqCst);
        accounts.execute(&1, pay(1)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        tokio::join!(shut_down_in_time(at_work), shut_down_in_time(waiting));

        // What was cut off is done by the next one.
        silent.store(false, Ordering::SeqCst);
        let next = app(&events, &books).start().await.unwrap();
        let head = store.head().await.unwrap();
        let row = next.view::<Balance>().after_position(head).get(&1).await.unwrap();
        assert_eq!(row.unwrap().balance, 1);
        shut_down_in_time(next).await;
    }
}

/// A command waits for its views as long as it should, and no longer.
#[tokio::test(start_paused = true)]
async fn a_read_store_that_does_not_answer_holds_no_command_up() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let books = Troubled::new(Arc::clone(&store).read_store().unwrap(), 0, false);
    let app = App::new(store)
        .read_store(Arc::clone(&books) as _)
        .view::<Balance>(Consistency::Awaited)
        .awaited_timeout(Duration::from_secs(3))
        .start()
        .await
        .unwrap();
    let accounts = app.repository::<Account>();
    assert_eq!(accounts.execute(&1, open("ann")).await.unwrap().late, []);
    books.silent.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        // What it knows of the builds grows old.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let begun = Instant::now();
        let receipt = accounts.execute(&1, pay(1)).await.unwrap();
        assert_eq!((receipt.late.len(), receipt.late[0].view), (1, "balance"));
        // A moment more goes into the question how far it has come.
        assert!(begun.elapsed() <= Duration::from_secs(4), "{:?}", begun.elapsed());
    }
    shut_down_in_time(app).await;
}

/// Waits for something that never comes.
struct Endless(Arc<AtomicBool>);

impl Handler for Endless {
    type Source = Account;
    const NAME: &'static str = "endless";
    const TIME_LIMIT: Duration = Duration::from_secs(60 * 60);

    async fn handle(&self, _: &Recorded<AccountEvent>, _: &Delivery<'_>) -> Result<(), HandlerError> {
        self.0.store(true, Ordering::SeqCst);
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_come_to_an_end_holds_no_shutdown_up() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let begun = Arc::new(AtomicBool::new(false));
    let app = App::new(store).handler(Endless(Arc::clone(&begun))).start().await.unwrap();
    app.repository::<Account>().execute(&1, open("ann")).await.unwrap();
    until("it is at it", || async { begun.load(Ordering::SeqCst) }).await;
    shut_down_in_time(app).await;
}
