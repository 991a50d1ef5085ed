//! What is on the server, for people and for other programs.

use std::time::Duration;

use async_nats::jetstream;
use factum::{
    Version,
    store::{Append, Commit, Expected, Filter, Position, StreamId},
};
use factum_tests::nats::Nats;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Subject, all, commit, event, events_of, stream};

async fn client(server: &Nats) -> async_nats::Client {
    async_nats::connect(format!("127.0.0.1:{}", server.port(0))).await.unwrap()
}

fn exact(version: u64) -> Expected {
    Expected::Exact(Version::new(version))
}

/// One message for what was recorded together, under a subject that tells what it is.
#[tokio::test]
async fn a_commit_is_a_message() {
    let Some(server) = Nats::shared() else { return };
    let store = factum::open(&server.url("messages")).await.unwrap();
    let stream = StreamId::new("order line", "4711/ä");
    let append = |expected, count| Append {
        stream: stream.clone(),
        expected,
        tail: None,
        events: (0..count).map(event).collect(),
    };
    store.append(Commit::new(vec![append(Expected::NoStream, 3)])).await.unwrap();
    store.append(Commit::new(vec![append(exact(3), 1)])).await.unwrap();
    store.append(Commit::new(vec![append(Expected::Any, 1)])).await.unwrap();

    let kept = jetstream::new(client(server).await).get_stream("messages").await.unwrap();
    let state = kept.get_info().await.unwrap().state;
    assert_eq!(state.messages, 4, "three commits, and the mark of the one that expected nothing");
    let first = kept.direct_get(1).await.unwrap();
    assert_eq!(first.subject.as_str(), "messages.e.order%20line.4711%2F%C3%A4.0.1");
    let text = String::from_utf8(first.payload.to_vec()).unwrap();
    let (envelope, payloads) = text.split_once('\n').unwrap();
    let envelope: serde_json::Value = serde_json::from_str(envelope).unwrap();
    assert_eq!((&envelope["category"], &envelope["id"]), (&"order line".into(), &"4711/ä".into()));
    assert_eq!(envelope["events"].as_array().unwrap().len(), 3);
    assert_eq!(payloads, "{\"number\":0}{\"number\":1}{\"number\":2}");
    assert_eq!(
        kept.direct_get(2).await.unwrap().subject.as_str(),
        "messages.e.order%20line.4711%2F%C3%A4.0.4"
    );
    assert!(kept.direct_get(3).await.unwrap().subject.starts_with("messages.c."));
}

/// Also where it takes more than one message, and where pages of the stream meet.
#[tokio::test]
async fn commits_of_any_size_are_whole_and_once() {
    let Some(server) = Nats::shared() else { return };
    let store: Subject = factum::open(&server.fresh()).await.unwrap();
    let mut version = 0;
    for count in [1, 510, 1, 1, 3, 1_500, 24, 1, 511] {
        let expected = if version == 0 { Expected::NoStream } else { exact(version) };
        let commit = commit("a", expected, count);
        let answer = store.append(commit.clone()).await.unwrap();
        assert_eq!((answer.appends[0].first.get(), answer.appends[0].positions.len()), (version + 1, count));
        let again = store.append(commit).await.unwrap();
        assert_eq!(again.appends[0].positions, answer.appends[0].positions);
        version += count as u64;
    }
    let events = events_of(&store, "a").await;
    assert_eq!(events.len() as u64, version);
    assert_eq!(all(&store).await, events);
    for from in [1, 2, 511, 512, 513, 514, 1_024, 1_025, 2_016, 2_041, 2_042, 2_043, 2_552] {
        for limit in [1, 2, 511, 512, 513] {
            let page = store.read_stream(&stream("a"), Version::new(from), limit).await.unwrap();
            let rest = &events[from as usize - 1..];
            assert_eq!(page.events, rest[..limit.min(rest.len()).min(page.events.len())], "{from} {limit}");
            assert_eq!(page.next.is_some(), page.events.len() < rest.len(), "{from} {limit}");
            assert!(!page.events.is_empty());
        }
    }
    assert!(store.read_stream(&stream("a"), Version::new(version + 1), 9).await.unwrap().events.is_empty());
}

/// Who reads by category does not meet half of a commit, and passes nothing that is recorded meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_a_category_misses_nothing() {
    let Some(server) = Nats::shared() else { return };
    let store: Subject = factum::open(&server.fresh()).await.unwrap();
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..150 {
                let append = |category: &str| Append {
                    stream: StreamId::new(category, format!("{number}")),
                    expected: Expected::NoStream,
                    tail: None,
                    events: vec![event(number)],
                };
                let appends =
                    [vec![append("left")], vec![append("right")], vec![append("left"), append("right")]];
                store.append(Commit::new(appends[number % 3].clone())).await.unwrap();
            }
        })
    };
    let filter = Filter::category("left");
    let (mut met, mut after) = (Vec::new(), Position::START);
    while met.len() < 100 {
        let page = store.read_all(&filter, after, 7).await.unwrap();
        assert!(page.last >= after);
        after = page.last;
        met.extend(page.events);
        if page.end && met.len() < 100 {
            timeout(Duration::from_secs(10), store.wait(after)).await.unwrap().unwrap();
        }
    }
    writer.await.unwrap();
    let expected: Vec<_> =
        all(&store).await.into_iter().filter(|event| filter.matches(event.stream.category())).collect();
    assert_eq!(met, expected);
}

/// The server tells of what is stored, and of nothing else; any program can listen.
#[tokio::test]
async fn what_is_stored_is_told() {
    let Some(server) = Nats::shared() else { return };
    let store = factum::open(&server.url("told")).await.unwrap();
    let client = client(server).await;
    let mut told = client.subscribe("told.t.server.>").await.unwrap();
    client.flush().await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    assert!(store.append(commit("a", Expected::NoStream, 1)).await.is_err());
    store.append(commit("b", Expected::NoStream, 1)).await.unwrap();
    for subject in ["told.t.server.a.0.1", "told.t.server.b.0.1"] {
        let message = timeout(Duration::from_secs(5), told.next()).await.unwrap().unwrap();
        assert_eq!(message.subject.as_str(), subject);
    }
}

/// Somebody who publishes to the subjects by hand does not get others to read it as events.
#[tokio::test]
async fn a_message_of_somebody_else_is_damage() {
    let Some(server) = Nats::shared() else { return };
    let store = factum::open(&server.url("damage")).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    let client = client(server).await;
    client.request("damage.e.server.a.0.2", "hello".into()).await.unwrap();
    for kind in [
        store.read_stream(&stream("a"), Version::FIRST, 9).await.unwrap_err().kind(),
        store.read_all(&Filter::All, Position::START, 9).await.unwrap_err().kind(),
    ] {
        assert_eq!(kind, factum::store::StoreErrorKind::Corrupt);
    }
}
