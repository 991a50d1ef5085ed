//! Views, handlers and processes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{
    App, Consistency, Position, Recorded, Repository, Store, View,
    app::State,
    handler::{Delivery, Handler, HandlerError},
    observe::{
        DEAD_LETTERS, READER_ACTIVE, READER_EVENTS, READER_HEAD, READER_LAG, READER_POSITION, VIEW_ROWS,
    },
    process::{Actions, Process},
    store::MemoryStore,
};

use crate::{
    domain::{full, noted, seen, troubled, until},
    metered::{count, gauge, install as install_recorder, told},
    traced::{children, install as install_subscriber, spans},
};

/// A row for each account.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(seen::Account))]
pub struct Balance {
    #[key]
    pub number: u64,
    #[on(Opened = 0, Paid += amount)]
    pub balance: i64,
}

/// The same, written with the commits.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(seen::Account))]
pub struct Holder {
    #[key]
    pub number: u64,
    #[on(Opened)]
    pub owner: String,
}

#[allow(clippy::cast_precision_loss, reason = "it is small")]
fn number(position: Position) -> Option<f64> {
    Some(position.get() as f64)
}

fn sum(reader: &str) -> u64 {
    let pages = spans("factum.reader", "reader", reader);
    pages.iter().map(|page| page.value("events").parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_tells_how_far_it_is_and_what_it_wrote() {
    install_recorder();
    install_subscriber();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let app = App::new(Arc::clone(&store))
        .view::<Balance>(Consistency::Eventual)
        .view::<Holder>(Consistency::Transactional)
        .start()
        .await
        .unwrap();
    let accounts = app.repository::<seen::Account>();
    for account in 1..=3 {
        accounts.execute(&account, seen::open()).await.unwrap();
        accounts.execute(&account, seen::pay(1)).await.unwrap();
    }
    let head = store.head().await.unwrap();
    let reader = ["balance#1"];
    until("it has come to the end", || async {
        gauge(&READER_POSITION, &reader) == number(head) && gauge(&READER_LAG, &reader) == Some(0.0)
    })
    .await;
    until("all are counted", || async { count(&READER_EVENTS, &reader) == 6.0 }).await;
    assert_eq!(sum("balance#1"), 6);
    assert_eq!(gauge(&READER_HEAD, &reader), number(head));
    assert_eq!((gauge(&READER_ACTIVE, &reader), gauge(&DEAD_LETTERS, &reader)), (Some(1.0), Some(0.0)));
    // A row that is changed twice in a page is written once.
    assert!((3.0..=6.0).contains(&count(&VIEW_ROWS, &["balance"])));

    // One row goes along with each account that is opened.
    assert_eq!(count(&VIEW_ROWS, &["holder"]), 3.0);
    let opened = spans("factum.execute", "aggregate", "seen");
    let rows: Vec<_> = opened
        .iter()
        .flat_map(|command| children(command, "factum.append"))
        .map(|append| append.value("rows").to_owned())
        .collect();
    assert_eq!(rows, ["1", "0", "1", "0", "1", "0"]);
    app.shutdown().await;
    until("it has stopped", || async { gauge(&READER_ACTIVE, &reader) == Some(0.0) }).await;
}

/// Has trouble with one account until it is mended; gives a command for the others.
struct Troubled(Arc<AtomicBool>);

impl Handler for Troubled {
    type Source = troubled::Account;
    const NAME: &'static str = "troubled handler";

    async fn handle(
        &self,
        event: &Recorded<troubled::AccountEvent>,
        delivery: &Delivery<'_>,
    ) -> Result<(), HandlerError> {
        let id = event.aggregate_id::<troubled::Account>()?;
        if id == 2 && !self.0.load(Ordering::Relaxed) {
            return Err("the mail server is away".into());
        }
        delivery.execute::<noted::Account>(&id, noted::open()).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_tells_its_attempts_and_its_dead_letters() {
    install_recorder();
    install_subscriber();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let accounts = Repository::<troubled::Account>::new(Arc::clone(&store));
    let good = accounts.execute(&1, troubled::open()).await.unwrap().position.to_string();
    let bad = accounts.execute(&2, troubled::open()).await.unwrap().position;
    let mended = Arc::new(AtomicBool::new(false));
    let app = App::new(store).handler(Troubled(Arc::clone(&mended))).start().await.unwrap();
    let reader = ["troubled handler"];
    until("a dead letter", || async { gauge(&DEAD_LETTERS, &reader) == Some(1.0) }).await;

    let page = &spans("factum.reader", "reader", reader[0])[0];
    let attempts = children(page, "factum.handle");
    let of = |position: &str| -> Vec<_> {
        let attempts = attempts.iter().filter(|attempt| attempt.value("position") == position);
        attempts.map(|attempt| attempt.value("attempt")).collect()
    };
    assert_eq!(of(&bad.to_string()), ["1", "2", "3", "4", "5"]);
    assert_eq!(of(&good), ["1"]);
    let handled = attempts.iter().find(|attempt| attempt.value("position") == good).unwrap();
    assert_eq!(handled.value("handler"), reader[0]);
    let given = &children(handled, "factum.execute")[0];
    assert_eq!((given.value("stream"), given.value("outcome")), ("noted/1", "recorded"));

    mended.store(true, Ordering::Relaxed);
    assert!(app.letters(reader[0]).retry(bad).await.unwrap());
    until("no dead letter", || async { gauge(&DEAD_LETTERS, &reader) == Some(0.0) }).await;
    app.shutdown().await;
}

/// Can do nothing until it is mended.
struct Stuck(Arc<AtomicBool>);

impl Handler for Stuck {
    type Source = full::Account;
    const NAME: &'static str = "stuck";

    async fn handle(&self, _: &Recorded<full::AccountEvent>, _: &Delivery<'_>) -> Result<(), HandlerError> {
        if self.0.load(Ordering::Relaxed) { Ok(()) } else { Err("not now".into()) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stuck_falls_behind_and_the_lag_shows_it() {
    install_recorder();
    install_subscriber();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let accounts = Repository::<full::Account>::new(Arc::clone(&store));
    for account in 1..=3 {
        accounts.execute(&account, full::open()).await.unwrap();
    }
    let mended = Arc::new(AtomicBool::new(false));
    let app = App::new(store).letters_limit(1).handler(Stuck(Arc::clone(&mended))).start().await.unwrap();
    until("it is full", || async { app.status()[0].state == State::Full }).await;
    let reader = ["stuck"];
    let lag = || gauge(&READER_LAG, &reader).unwrap_or_default();
    let first = lag();
    until("the lag grows while nothing happens", || async { lag() > first && lag() > 0.1 }).await;
    assert_eq!(gauge(&READER_ACTIVE, &reader), Some(1.0));
    mended.store(true, Ordering::Relaxed);
    app.letters("stuck").retry_all().await.unwrap();
    until("it has caught up", || async { gauge(&READER_LAG, &reader) == Some(0.0) }).await;
    until("all are counted", || async { count(&READER_EVENTS, &reader) == 3.0 }).await;
    assert!(told(&READER_LAG, &reader).iter().all(|lag| (0.0..60.0).contains(lag)));
    app.shutdown().await;
}

/// Waits for nothing.
struct Watch;

impl Process for Watch {
    type Source = full::Account;
    type State = u64;
    const NAME: &'static str = "watch";

    fn key(&self, event: &Recorded<full::AccountEvent>) -> Option<String> {
        Some(event.stream.id().to_owned())
    }

    fn begins(&self, _: &Recorded<full::AccountEvent>) -> bool {
        true
    }

    fn react(
        &self,
        state: &mut u64,
        _: &Recorded<full::AccountEvent>,
        actions: &mut Actions,
    ) -> Result<(), HandlerError> {
        *state += 1;
        actions.after("look", Duration::from_secs(3600));
        Ok(())
    }

    fn due(&self, _: &str, _: &mut u64, _: &str, _: &mut Actions) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_seen_as_a_handler_is() {
    install_recorder();
    install_subscriber();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let accounts = Repository::<full::Account>::new(Arc::clone(&store));
    let position = accounts.execute(&1, full::open()).await.unwrap().position.to_string();
    let app = App::new(store).process(Watch).start().await.unwrap();
    until("it has reacted", || async { count(&READER_EVENTS, &["watch"]) == 1.0 }).await;
    let page = &spans("factum.reader", "reader", "watch")[0];
    let attempts = children(page, "factum.handle");
    let told: Vec<_> = attempts
        .iter()
        .map(|attempt| ["handler", "position", "attempt"].map(|field| attempt.value(field).to_owned()))
        .collect();
    assert_eq!(told, [["watch".to_owned(), position, "1".to_owned()]]);
    app.shutdown().await;
}
