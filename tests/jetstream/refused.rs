//! Servers and streams that are not right: each is a typed error with advice, soon.

use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream::Config};
use factum::store::{
    AppendError, Durability, Expected, JetStreamStore, Payload, Store, StoreErrorKind, StreamId,
};
use factum_tests::nats::Nats;
use tokio::{io::AsyncWriteExt, net::TcpListener, time::timeout};

use super::{all, commit, events_of};

/// Why the store does not open.
pub(crate) async fn refusal(url: &str) -> (StoreErrorKind, String) {
    let opened = timeout(Duration::from_secs(15), factum::open(url)).await.unwrap();
    let error = opened.unwrap_err();
    let message = error.to_string();
    assert!(!message.contains("secret"), "{message}");
    (error.kind(), message)
}

fn is(kind: StoreErrorKind, advice: &str, refusal: (StoreErrorKind, String)) {
    assert_eq!(refusal.0, kind, "{}", refusal.1);
    assert!(refusal.1.contains(advice), "{}", refusal.1);
}

#[tokio::test]
async fn no_server() {
    is(StoreErrorKind::Unavailable, "host and port", refusal("nats://ann:secret@127.0.0.1:1/desk").await);
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://ann:secret@127.0.0.1:{}/desk?timeout=500", silent.local_addr().unwrap().port());
    is(StoreErrorKind::Unavailable, "host and port", refusal(&url).await);
}

/// One that says that it is of a version from before expected sequences held.
#[tokio::test]
async fn a_server_that_is_too_old() {
    let old = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://127.0.0.1:{}/desk", old.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = old.accept().await {
            const INFO: &str = "INFO {\"server_id\":\"OLD\",\"server_name\":\"old\",\"version\":\"2.11.9\",\"proto\":1,\
                                \"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,\"max_payload\":1048576,\
                                \"jetstream\":true,\"client_id\":1,\"go\":\"go\",\"client_ip\":\"127.0.0.1\"}\r\nPONG\r\n";
            client.write_all(INFO.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    is(StoreErrorKind::Foreign, "2.11.9: factum needs version 2.12", refusal(&url).await);
}

#[tokio::test]
async fn users_and_rights_that_are_missing() {
    const USERS: &str = "authorization { users: [\n\
        { user: ann, password: secret }\n\
        { user: bob, password: secret, permissions: { publish: [\"helpdesk.>\"], subscribe: [\">\"] } }\n\
        { user: carl, password: secret, permissions: { publish: [\"$JS.>\"], subscribe: [\">\"] } }\n] }\n";
    let Some(server) = Nats::start(1, USERS) else { return };
    let host = format!("127.0.0.1:{}", server.port(0));
    is(StoreErrorKind::Denied, "user name and password", refusal(&format!("nats://{host}/desk")).await);
    is(
        StoreErrorKind::Denied,
        "user name and password",
        refusal(&format!("nats://ann:secrets@{host}/desk")).await,
    );
    let begun = Instant::now();
    is(StoreErrorKind::Denied, "`$JS.API.>`", refusal(&format!("nats://bob:secret@{host}/desk")).await);
    assert!(begun.elapsed() < Duration::from_secs(3));

    // One who may look and not write.
    let store = factum::open(&format!("nats://carl:secret@{host}/desk")).await.unwrap();
    match store.append(commit("a", Expected::NoStream, 1)).await {
        Err(AppendError::Failed(error)) => assert_eq!(error.kind(), StoreErrorKind::Denied, "{error}"),
        other => panic!("{other:?}"),
    }
    let store = factum::open(&format!("nats://ann:secret@{host}/desk")).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    assert_eq!(all(&store).await.len(), 1);
}

#[tokio::test]
async fn a_server_without_jetstream() {
    let Some(server) = Nats::start_without_jetstream() else { return };
    let begun = Instant::now();
    is(StoreErrorKind::Unavailable, "nats-server -js", refusal(&server.url("desk")).await);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

async fn context(server: &Nats) -> jetstream::Context {
    jetstream::new(async_nats::connect(format!("127.0.0.1:{}", server.port(0))).await.unwrap())
}

#[tokio::test]
async fn a_stream_of_somebody_else() {
    let Some(server) = Nats::shared() else { return };
    let theirs =
        Config { name: "theirs".to_owned(), subjects: vec!["orders.>".to_owned()], ..Config::default() };
    context(server).await.create_stream(theirs).await.unwrap();
    is(StoreErrorKind::Foreign, "not one of factum", refusal(&server.url("theirs")).await);
    // Its subjects are in the way of a stream of that name.
    is(StoreErrorKind::Foreign, "belong to another stream", refusal(&server.url("orders")).await);
}

/// What somebody changes, and what the refusal names.
type Broken = (fn(&mut Config), &'static str);

#[tokio::test]
async fn a_stream_with_other_settings() {
    let Some(server) = Nats::shared() else { return };
    let url = server.url("settings");
    drop(factum::open(&url).await.unwrap());
    let context = context(server).await;
    let ours = context.get_stream("settings").await.unwrap().cached_info().config.clone();
    let broken: [Broken; 4] = [
        (|config| config.max_age = Duration::from_secs(600), "`max_age`"),
        (|config| config.discard = jetstream::stream::DiscardPolicy::Old, "`discard` new"),
        (|config| config.allow_direct = false, "`allow_direct`"),
        (|config| config.max_messages_per_subject = 1, "`max_msgs_per_subject`"),
    ];
    for (break_it, advice) in broken {
        let mut config = ours.clone();
        break_it(&mut config);
        context.update_stream(config).await.unwrap();
        is(StoreErrorKind::Foreign, advice, refusal(&url).await);
        context.update_stream(ours.clone()).await.unwrap();
    }
    let store = factum::open(&url).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    is(StoreErrorKind::Foreign, "`storage` memory", refusal(&format!("{url}&storage=memory")).await);
    is(StoreErrorKind::Foreign, "`num_replicas` 3", refusal(&url.replace("replicas=1", "replicas=3")).await);

    let mut config = ours.clone();
    config.metadata.insert("factum".to_owned(), "7".to_owned());
    context.update_stream(config).await.unwrap();
    is(StoreErrorKind::Foreign, "of form 7", refusal(&url).await);
}

#[tokio::test]
async fn more_replicas_than_servers() {
    let Some(server) = Nats::shared() else { return };
    let url = server.url("many").replace("replicas=1", "replicas=3");
    is(StoreErrorKind::Invalid, "not so many servers", refusal(&url).await);
}

#[tokio::test]
async fn a_stream_that_is_full() {
    let Some(server) = Nats::shared() else { return };
    let url = server.url("full");
    let store = factum::open(&url).await.unwrap();
    let context = context(server).await;
    let mut config = context.get_stream("full").await.unwrap().cached_info().config.clone();
    config.max_bytes = 100_000;
    context.update_stream(config).await.unwrap();
    // A limit is no other setting: it refuses, and forgets nothing.
    let store = factum::open(&url).await.map(|_| store).unwrap();
    let mut recorded = 0;
    let error = loop {
        match store.append(commit(&format!("{recorded}"), Expected::NoStream, 20)).await {
            Ok(_) => recorded += 1,
            Err(AppendError::Failed(error)) => break error,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
    assert!(recorded > 10);
    assert_eq!(all(&store).await.len(), recorded * 20);
}

#[tokio::test]
async fn an_event_that_is_too_large() {
    let Some(server) = Nats::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    let largest = store.capabilities().largest_payload.unwrap();
    let of = |bytes: usize| {
        let mut commit = commit("a", Expected::NoStream, 3);
        commit.appends[0].events[1].payload = Payload::json(format!("\"{}\"", "x".repeat(bytes - 2)));
        commit
    };
    match store.append(of(largest + 5_000)).await {
        Err(AppendError::Failed(error)) => {
            assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("`max_payload`"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(all(&store).await.is_empty());
    store.append(of(largest)).await.unwrap();
    assert_eq!(events_of(&store, "a").await.len(), 3);
}

/// Also one of several messages, of which the server refuses one that is not the last.
#[tokio::test]
async fn a_stream_that_takes_small_messages_only() {
    let Some(server) = Nats::shared() else { return };
    let url = server.url("small");
    drop(factum::open(&url).await.unwrap());
    let context = context(server).await;
    let mut config = context.get_stream("small").await.unwrap().cached_info().config.clone();
    config.max_message_size = 20_000;
    context.update_stream(config).await.unwrap();
    let store = factum::open(&url).await.unwrap();
    assert!(store.capabilities().largest_payload.unwrap() < 20_000);
    let begun = Instant::now();
    let mut large = commit("a", Expected::NoStream, 3);
    large.appends[0].events[0].payload = Payload::json(format!("\"{}\"", "x".repeat(30_000)));
    match store.append(large).await {
        Err(AppendError::Failed(error)) => assert!(error.to_string().contains("`max_msg_size`"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert!(begun.elapsed() < Duration::from_secs(2));
    // What fits in several messages goes into several.
    store.append(commit("a", Expected::NoStream, 1_000)).await.unwrap();
    assert_eq!(events_of(&store, "a").await.len(), 1_000);
}

/// A mirror for backup answers questions about the stream, too, and does not have everything.
#[tokio::test]
async fn a_mirror_answers_for_nobody() {
    let Some(server) = Nats::shared() else { return };
    let store = factum::open(&server.url("mirrored")).await.unwrap();
    let mirror = jetstream::stream::Source {
        name: "mirrored".to_owned(),
        filter_subject: Some("mirrored.e.other.>".to_owned()),
        ..Default::default()
    };
    let mirror =
        Config { name: "mirror".to_owned(), mirror: Some(mirror), mirror_direct: true, ..Config::default() };
    context(server).await.create_stream(mirror).await.unwrap();
    // Once it has something of its own, it begins to answer that there is nothing else.
    let mut other = commit("b", Expected::NoStream, 1);
    other.appends[0].stream = StreamId::new("other", "b");
    store.append(other).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port(0))).await.unwrap();
    let is_misled = async || {
        let question = "{\"last_by_subj\":\"mirrored.e.server.a.0.1\"}";
        let answer = client.request("$JS.API.DIRECT.GET.mirrored", question.into()).await.unwrap();
        answer.status.is_some_and(|status| status.as_u16() == 404)
    };
    let misled = async {
        while !is_misled().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), misled).await.unwrap();
    for number in 1..30 {
        store.append(commit("a", Expected::Any, 1)).await.unwrap();
        assert_eq!(events_of(&store, "a").await.len(), number + 1);
        assert_eq!(all(&store).await.len(), number + 2);
        let head = store.head().await.unwrap();
        assert_eq!(all(&store).await.last().unwrap().position, head);
    }
}

#[tokio::test]
async fn what_cannot_be_known_is_not_assumed() {
    let Some(server) = Nats::shared() else { return };
    let capabilities = factum::open(&server.fresh()).await.unwrap().capabilities();
    assert_eq!((capabilities.durability, capabilities.replicas), (Durability::Unknown, 1));
    let memory = factum::open(&format!("{}&storage=memory", server.fresh())).await.unwrap();
    assert_eq!(memory.capabilities().durability, Durability::Process);
    // What the tests' own servers do they tell those who watch over them.
    let said = server.monitor(0, "/jsz").unwrap();
    assert!(said.contains("\"sync_always\": true"), "{said}");
}

#[tokio::test]
async fn a_client_that_is_connected_already() {
    let Some(server) = Nats::shared() else { return };
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port(0))).await.unwrap();
    let options = "nats://ignored/handed".parse().unwrap();
    let store = JetStreamStore::with_client(client, options).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    let other = factum::open(&server.url("handed")).await.unwrap();
    assert_eq!(all(&other).await.len(), 1);
}
