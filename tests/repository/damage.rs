//! Streams that are no history of the aggregate: a typed error that names the place, and nothing recorded on top.

use std::sync::Arc;

use factum::{
    DecodeFailure, FoldErrorKind, LoadError, Position, Repository, Store, Version,
    store::{
        Append, AppendError, BoxFuture, Capabilities, Commit, Committed, Expected, Filter, MemoryStore, Name,
        NewEvent, Page, Payload, StoreError, StreamId, StreamPage,
    },
};
use factum_tests::counter::Counter;

use crate::{Failure, add, id, memory, open, opened};

fn json(name: &str, schema: u32, payload: &str) -> NewEvent {
    NewEvent { name: Name::from(name), schema, payload: Payload::json(payload), metadata: None }
}

fn stream() -> StreamId {
    StreamId::of::<Counter>(&id())
}

/// An opened counter with one step, and then these events, whatever they are.
async fn damaged(events: Vec<NewEvent>) -> Repository<Counter> {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, [1]).await;
    inject(&counters, events).await;
    counters
}

async fn inject(counters: &Repository<Counter>, events: Vec<NewEvent>) {
    let append = Append { stream: stream(), expected: Expected::Any, tail: None, events };
    counters.store().append(Commit::new(vec![append])).await.unwrap();
}

/// Loads the counter in every way, gives it a command, and returns what all of them say.
async fn failure(counters: &Repository<Counter>) -> LoadError {
    let head = counters.store().head().await.unwrap();
    let error = counters.load(&id()).await.unwrap_err();
    let told = error.to_string();
    let in_the_past = counters.load_at_version(&id(), 1_000).await.unwrap_err();
    let as_of = counters.load_as_of(&id(), chrono::Utc::now()).await.unwrap_err();
    assert_eq!([in_the_past.to_string(), as_of.to_string()], [told.clone(), told.clone()]);
    for command in [add(7), open()] {
        match counters.execute(&id(), command).await {
            Err(Failure::Load(error)) => assert_eq!(error.to_string(), told),
            other => panic!("expected the load to fail, got {other:?}"),
        }
    }
    assert_eq!(counters.store().head().await.unwrap(), head, "something was recorded on top");
    assert!(told.contains("counter/sheep"), "{told}");
    error
}

/// The failure to decode version 3, of which the history tells too.
async fn undecodable(event: NewEvent) -> DecodeFailure {
    let name = event.name.clone();
    let counters = damaged(vec![event, json("Added", 1, r#"{"step":5}"#)]).await;
    let failed = failure(&counters).await;
    let mut history = counters.history_stream(&id());
    for version in 1..=2 {
        assert_eq!(history.next().await.unwrap().unwrap().version, version);
    }
    let of_history = history.next().await.unwrap().unwrap_err();
    assert_eq!(of_history.to_string(), failed.to_string());
    assert_eq!(history.next().await.unwrap().unwrap().version, 4, "what comes after it can be read");
    assert!(history.next().await.is_none());
    // What came before can still be had.
    assert_eq!(counters.load_at_version(&id(), 2).await.unwrap().unwrap().steps, [1]);
    match failed {
        LoadError::Decode { stream: named, version, cause } => {
            assert_eq!((named, version.get()), (stream(), 3));
            assert_eq!(cause.event, name.as_str());
            cause.failure
        }
        other => panic!("expected a failure to decode, got {other:?}"),
    }
}

#[tokio::test]
async fn an_event_that_nobody_declared() {
    for name in ["Doubled", "added", ""] {
        let failure = undecodable(json(name, 1, r#"{"step":2}"#)).await;
        assert!(matches!(failure, DecodeFailure::UnknownEvent { known } if known.len() == 3), "{failure}");
    }
}

#[tokio::test]
async fn a_schema_that_a_newer_program_knows() {
    for schema in [2, u32::MAX] {
        let failure = undecodable(json("Added", schema, r#"{"step":2}"#)).await;
        assert!(matches!(failure, DecodeFailure::NewerSchema { known: 1 }), "{failure}");
        assert!(failure.to_string().contains("a newer program wrote the event"), "{failure}");
    }
}

#[tokio::test]
async fn a_schema_that_nobody_knows() {
    let failure = undecodable(json("Added", 0, r#"{"step":2}"#)).await;
    assert!(matches!(failure, DecodeFailure::UnknownSchema { known: 1 }), "{failure}");
}

#[tokio::test]
async fn a_payload_that_does_not_fit() {
    let payloads = [
        "",
        "{",
        "null",
        "[]",
        "[2]",
        "2",
        "{}",
        r#"{"stap":2}"#,
        r#"{"step":"two"}"#,
        r#"{"step":-1}"#,
        r#"{"step":2.5}"#,
        r#"{"step":18446744073709551616}"#,
        r#"{"step":2} "#.repeat(2).as_str(),
        r#"{"step":2,"step":3}"#,
    ]
    .map(str::to_owned);
    for payload in payloads {
        let failure = undecodable(json("Added", 1, &payload)).await;
        assert!(matches!(failure, DecodeFailure::Payload { .. }), "{payload}: {failure}");
    }
}

#[tokio::test]
async fn a_payload_in_another_format() {
    let payload = Payload::Other { format: Name::from("sealed"), bytes: Arc::from(&b"{\"step\":2}"[..]) };
    let failure = undecodable(NewEvent { payload, ..json("Added", 1, "") }).await;
    assert!(matches!(&failure, DecodeFailure::Format { format } if format == "sealed"), "{failure}");
}

async fn unfoldable(counters: &Repository<Counter>) -> (u64, &'static str, FoldErrorKind) {
    match failure(counters).await {
        LoadError::Fold { stream: named, cause } => {
            assert_eq!(named, stream());
            (cause.version.get(), cause.event, cause.kind)
        }
        other => panic!("expected a failure to fold, got {other:?}"),
    }
}

#[tokio::test]
async fn a_first_event_that_does_not_create() {
    let counters = Repository::<Counter>::new(memory());
    inject(&counters, vec![json("Added", 1, r#"{"step":1}"#)]).await;
    assert_eq!(unfoldable(&counters).await, (1, "Added", FoldErrorKind::NotCreated));
}

#[tokio::test]
async fn a_second_creation() {
    let counters = damaged(vec![json("Opened", 1, r#"{"label":"again"}"#)]).await;
    assert_eq!(unfoldable(&counters).await, (3, "Opened", FoldErrorKind::CreatesAgain));
}

#[tokio::test]
async fn an_event_after_the_last() {
    let counters = damaged(vec![json("Closed", 1, "{}"), json("Added", 1, r#"{"step":2}"#)]).await;
    assert_eq!(unfoldable(&counters).await, (4, "Added", FoldErrorKind::AfterEnd));
}

/// A store that has lost one event.
#[derive(Debug)]
struct Lossy {
    store: MemoryStore,
    lost: Version,
}

impl Store for Lossy {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        self.store.append(commit)
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        Box::pin(async move {
            let mut page = self.store.read_stream(stream, from, limit).await?;
            page.events.retain(|event| event.version != self.lost);
            Ok(page)
        })
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
}

#[tokio::test]
async fn a_lost_event() {
    for lost in [1, 2, 3] {
        let store = MemoryStore::new();
        opened(&Repository::new(Arc::new(store.clone())), [1, 2, 3]).await;
        let lost = Version::new(lost);
        let counters = Repository::<Counter>::new(Arc::new(Lossy { store, lost }));
        let history = counters.history(&id()).await.unwrap_err();
        assert!(matches!(history, LoadError::Gap { found, .. } if found == lost.next()), "{history}");
        match failure(&counters).await {
            LoadError::Gap { stream: named, expected, found } => {
                assert_eq!((named, expected, found), (stream(), lost, lost.next()));
            }
            other => panic!("expected a gap, got {other:?}"),
        }
    }
}
