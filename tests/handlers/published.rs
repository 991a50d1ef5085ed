//! Events on their way through NATS: at least once, in the order of their streams, and once where it counts.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use factum::{
    Repository, Store,
    handler::HandlerError,
    publish::{CloudEvent, Consumer, Publisher, Receiver},
    store::Filter,
};
use factum_tests::nats::Nats;
use tokio::sync::oneshot;

use crate::{
    app,
    domain::{Tally, TallyCommand, User, UserCommand, done, sign_up, sign_up_many},
    status, until,
};

const SOURCE: &str = "https://users.example.org";

/// Another service, with a store of its own: it counts what has happened, and has trouble now and then.
struct Service {
    tallies: Repository<Tally>,
    seen: Mutex<Vec<CloudEvent>>,
    calls: AtomicU32,
}

impl Service {
    async fn new() -> (Arc<Self>, Arc<dyn Store>) {
        let store = factum::open("memory:").await.unwrap();
        let tallies = Repository::new(Arc::clone(&store));
        (Arc::new(Self { tallies, seen: Mutex::default(), calls: AtomicU32::new(0) }), store)
    }
}

/// The same, for several who look at it.
struct Counting(Arc<Service>);

impl Receiver for Counting {
    async fn receive(&self, event: &CloudEvent) -> Result<(), HandlerError> {
        let number =
            event.subject.as_deref().unwrap_or_default().trim_start_matches("user/").parse::<u64>()?;
        let what = event.kind.clone();
        let Service { tallies, seen, calls } = &*self.0;
        tallies.execute(&number, TallyCommand::Count { what }).once(event.key()).await?;
        match calls.fetch_add(1, Ordering::Relaxed) % 7 {
            0 => Err("it has forgotten whether it was done".into()),
            3 => panic!("it falls over"),
            _ => {
                seen.lock().unwrap().push(event.clone());
                Ok(())
            }
        }
    }
}

fn consume(consumer: Consumer, service: &Arc<Service>) -> oneshot::Sender<()> {
    let (stop, stopped) = oneshot::channel();
    let service = Counting(Arc::clone(service));
    tokio::spawn(async move {
        consumer.run(&service, async { drop(stopped.await) }).await.unwrap();
    });
    stop
}

#[tokio::test(flavor = "multi_thread")]
async fn another_service_hears_of_everything_in_order_and_does_it_once() {
    let Some(nats) = Nats::start(1, "") else { return };
    let url = nats.url("public");
    let store = factum::open("memory:").await.unwrap();
    sign_up_many(&store, 1..=10).await;
    let tallies = Repository::<Tally>::new(Arc::clone(&store));
    tallies.execute(&1, TallyCommand::Count { what: "it is nobody else's business".into() }).await.unwrap();

    let publisher = Publisher::connect(&url, SOURCE).await.unwrap().only(Filter::category("user"));
    let app = app(&store).handler(publisher).start().await.unwrap();
    let (service, theirs) = Service::new().await;
    let stop = consume(Consumer::connect(&url, "counting", "public.user.>").await.unwrap(), &service);
    let users = app.repository::<User>();
    for number in 1..=10 {
        users.execute(&number, UserCommand::Rename { email: "x".into() }).await.unwrap();
    }
    // The pipe breaks, and comes back.
    nats.kill(0);
    for number in 1..=10 {
        users.execute(&number, UserCommand::Confirm).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    nats.run(0);
    for number in 1..=10 {
        until(|| async { done(&theirs, number).await.len() >= 3 }).await;
    }
    users.execute(&11, sign_up("last@example.org")).await.unwrap();
    until(|| async { !done(&theirs, 11).await.is_empty() }).await;
    until(|| async { service.seen.lock().unwrap().last().is_some_and(|last| last.kind == "user.SignedUp") })
        .await;
    drop(stop);
    assert_eq!(app.letters("publish to public").count().await.unwrap(), 0);
    let head = store.head().await.unwrap();
    until(|| async { status(&app, "publish to public").position >= head }).await;
    app.shutdown().await;

    for number in 1..=10 {
        let expected = ["user.SignedUp", "user.Renamed", "user.Confirmed"];
        assert_eq!(done(&theirs, number).await, expected, "of {number}");
    }
    let seen = service.seen.lock().unwrap().clone();
    let mut of_streams: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for event in &seen {
        let sequence = event.extensions["sequence"].parse().unwrap();
        of_streams.entry(event.subject.clone().unwrap()).or_default().push(sequence);
    }
    for (stream, sequence) in of_streams {
        assert!(sequence.is_sorted(), "{stream}: {sequence:?}");
    }
    let first = &seen.iter().find(|event| event.subject.as_deref() == Some("user/1")).unwrap();
    let history = users.history(&1).await.unwrap();
    assert_eq!((&*first.source, &*first.kind), (SOURCE, "user.SignedUp"));
    assert_eq!(first.id, history[0].position.to_string());
    assert_eq!(first.time, Some(history[0].at));
    assert_eq!(first.extensions["eventid"], history[0].id.to_string());
    assert_eq!(first.content_type.as_deref(), Some("application/json"));
    assert_eq!(first.json::<serde_json::Value>().unwrap(), serde_json::json!({ "email": "1@example.org" }));
}

/// What is published again, because everything is, is not delivered again.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_is_recognised() {
    let Some(nats) = Nats::shared() else { return };
    let url = nats.fresh();
    let store = factum::open("memory:").await.unwrap();
    sign_up_many(&store, 1..=5).await;
    for name in ["one", "two"] {
        let publisher = Publisher::connect(&url, SOURCE).await.unwrap().named(name);
        let app = app(&store).handler(publisher).start().await.unwrap();
        let head = store.head().await.unwrap();
        until(|| async { status(&app, name).position >= head }).await;
        app.shutdown().await;
    }
    let (service, theirs) = Service::new().await;
    let stop = consume(Consumer::connect(&url, "late", "").await.unwrap(), &service);
    until(|| async { service.seen.lock().unwrap().len() >= 5 }).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stop);
    assert_eq!(service.seen.lock().unwrap().len(), 5);
    assert_eq!(done(&theirs, 3).await, ["user.SignedUp"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_said() {
    let Some(nats) = Nats::shared() else { return };
    let url = nats.fresh();
    let missing = Consumer::connect(&url, "late", "").await.unwrap_err().to_string();
    assert!(missing.contains("let somebody publish first"), "{missing}");
    // A store of events is no place to publish to.
    drop(factum::open(&url).await.unwrap());
    let taken = Publisher::connect(&url, SOURCE).await.unwrap_err().to_string();
    assert!(taken.contains("name another stream"), "{taken}");
}
