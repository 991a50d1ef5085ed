//! What the cases share: things to write, and reads that hold each page against what pages promise.

use std::{collections::HashSet, sync::Arc};

use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    Version,
    store::{
        Append, AppendError, Appended, Commit, Committed, EventId, Expected, Filter, Name, NewEvent, Payload,
        Position, RecordedEvent, Store, StoreError, StreamId,
    },
};

/// The store that a case tries.
pub(super) type Subject = Arc<dyn Store>;

/// A page as large as anything but the theme `large` needs.
pub(super) const PAGE: usize = 1_000;

pub(super) fn stream(id: impl AsRef<str>) -> StreamId {
    StreamId::new("contract", id)
}

/// An event that differs from those with another number.
pub(super) fn event(number: usize) -> NewEvent {
    NewEvent {
        name: Name::from_static("Counted"),
        schema: 1,
        payload: Payload::json(format!("{{\"number\":{number}}}")),
        metadata: None,
    }
}

pub(super) fn exact(version: u64) -> Expected {
    Expected::Exact(Version::new(version))
}

/// An append of `count` events.
pub(super) fn append(stream: &StreamId, expected: Expected, count: usize) -> Append {
    Append { stream: stream.clone(), expected, tail: None, events: (0..count).map(event).collect() }
}

/// A commit of one append of `count` events.
pub(super) fn commit(stream: &StreamId, expected: Expected, count: usize) -> Commit {
    Commit::new(vec![append(stream, expected, count)])
}

/// Appends `count` events.
pub(super) async fn write(store: &Subject, stream: &StreamId, expected: Expected, count: usize) -> Appended {
    only(store.append(commit(stream, expected, count)).await.unwrap())
}

/// The answer to the only append.
pub(super) fn only(committed: Committed) -> Appended {
    let [appended] = <[Appended; 1]>::try_from(committed.appends).unwrap();
    appended
}

/// Gives a commit that must conflict. What the conflict says.
pub(super) async fn conflict(store: &Subject, commit: Commit) -> (StreamId, Expected, Version) {
    match store.append(commit).await {
        Err(AppendError::Conflict { stream, expected, actual }) => (stream, expected, actual),
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// Gives a commit that must be refused. What the refusal says.
pub(super) async fn refused(store: &Subject, commit: Commit) -> StoreError {
    match store.append(commit).await {
        Err(AppendError::Failed(error)) => error,
        other => panic!("expected the commit to be refused, got {other:?}"),
    }
}

/// The whole stream.
pub(super) async fn read(store: &Subject, stream: &StreamId) -> Vec<RecordedEvent> {
    read_from(store, stream, Version::FIRST, PAGE).await
}

/// The stream from this version on, in pages of at most `limit` events.
pub(super) async fn read_from(
    store: &Subject,
    stream: &StreamId,
    mut from: Version,
    limit: usize,
) -> Vec<RecordedEvent> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let page = store.read_stream(stream, from, limit).await.unwrap();
        assert!(page.events.len() <= limit.max(1), "a page of at most {limit} held {}", page.events.len());
        let before = from;
        for event in page.events {
            assert_eq!(&event.stream, stream, "an event of another stream");
            assert_eq!(event.version, from.max(Version::FIRST), "versions of a stream have no gaps");
            from = event.version.next();
            events.push(event);
        }
        match page.next {
            Some(next) => {
                assert_eq!(next, from, "the next page begins after the last event");
                assert!(page.tail.is_none(), "only the end of a stream has a tail");
                assert!(next > before, "a page came no further");
            }
            None => return events,
        }
    }
}

/// Every event of the store.
pub(super) async fn read_all(store: &Subject) -> Vec<RecordedEvent> {
    read_after(store, &Filter::All, Position::START, PAGE).await.0
}

/// The matching events after this position, in pages of at most `limit` events, and how far the last page looked.
pub(super) async fn read_after(
    store: &Subject,
    filter: &Filter,
    mut after: Position,
    limit: usize,
) -> (Vec<RecordedEvent>, Position) {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let page = store.read_all(filter, after, limit).await.unwrap();
        assert!(page.events.len() <= limit.max(1), "a page of at most {limit} held {}", page.events.len());
        let before = after;
        for event in page.events {
            assert!(event.position > after, "{} came after {after}", event.position);
            assert!(filter.matches(event.stream.category()), "an event that does not match");
            after = event.position;
            events.push(event);
        }
        assert!(page.last >= after, "a page looks at least as far as its last event");
        assert!(page.end || page.last > before, "a page came no further");
        after = page.last;
        if page.end {
            return (events, after);
        }
    }
}

/// The ids of the events, each of which must be there once.
pub(super) fn distinct_ids(events: &[RecordedEvent]) -> HashSet<EventId> {
    let ids: HashSet<_> = events.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), events.len(), "an event is there twice");
    ids
}

/// Runs `count` tasks that begin together. What they gave, in no order.
pub(super) async fn together<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (start, task) = (Arc::clone(&start), task(number));
        tasks.spawn(async move {
            start.wait().await;
            task.await
        });
    }
    tasks.join_all().await
}
