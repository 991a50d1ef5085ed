//! The order of all events, and those who follow it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::support::{
    Subject, append, commit, conflict, distinct_ids, exact, read, read_after, read_all, stream, together,
    write,
};
use crate::{
    Position,
    store::{Commit, Expected, Filter, RecordedEvent, StreamId},
};

pub(super) async fn the_head_of_an_empty_store_is_the_start(store: Subject) {
    assert_eq!(store.head().await.unwrap(), Position::START);
    write(&store, &stream("a"), Expected::NoStream, 1).await;
    assert!(store.head().await.unwrap() > Position::START);
}

pub(super) async fn the_head_is_the_last_event(store: Subject) {
    for number in 0..6 {
        let answer = store
            .append(Commit::new(vec![
                append(&stream(format!("{}", number % 4)), Expected::Any, number % 3 + 1),
                append(&stream("every"), Expected::Any, 1),
            ]))
            .await
            .unwrap();
        assert_eq!(store.head().await.unwrap(), answer.position());
        assert_eq!(read_all(&store).await.last().unwrap().position, answer.position());
    }
}

pub(super) async fn a_later_commit_has_later_positions(store: Subject) {
    let mut last = Position::START;
    for number in 0..10 {
        let a = append(&stream(format!("{}", number % 3)), Expected::Any, 2);
        let b = append(&stream("every"), Expected::Any, 1);
        let answer = store.append(Commit::new(vec![a, b])).await.unwrap();
        let mut positions: Vec<_> =
            answer.appends.iter().flat_map(|append| append.positions.iter().copied()).collect();
        assert_eq!(positions.len(), 3);
        positions.sort();
        assert!(positions[0] > last);
        last = positions[2];
    }
}

pub(super) async fn positions_ascend_within_a_stream(store: Subject) {
    for number in 0..12 {
        write(&store, &stream(format!("{}", number % 2)), Expected::Any, 3).await;
    }
    for id in ["0", "1"] {
        let events = read(&store, &stream(id)).await;
        assert_eq!(events.len(), 18);
        assert!(events.is_sorted_by(|earlier, later| earlier.position < later.position));
    }
}

pub(super) async fn a_conflict_moves_no_head(store: Subject) {
    let stream = stream("a");
    conflict(&store, commit(&stream, exact(3), 2)).await;
    assert_eq!(store.head().await.unwrap(), Position::START);
    write(&store, &stream, Expected::NoStream, 2).await;
    let head = store.head().await.unwrap();
    for _ in 0..3 {
        conflict(&store, commit(&stream, Expected::NoStream, 4)).await;
        assert_eq!(store.head().await.unwrap(), head);
        assert_eq!(read_after(&store, &Filter::All, Position::START, 10).await.1, head);
    }
}

/// A reader keeps its position as text and goes on from it.
pub(super) async fn a_position_survives_being_text(store: Subject) {
    for number in 0..6 {
        write(&store, &stream(format!("{number}")), Expected::NoStream, 1).await;
    }
    let whole = read_all(&store).await;
    for (index, event) in whole.iter().enumerate() {
        let printed: Position = event.position.to_string().parse().unwrap();
        let json = serde_json::to_string(&event.position).unwrap();
        let parsed: Position = serde_json::from_str(&json).unwrap();
        assert_eq!((printed, parsed), (event.position, event.position));
        assert_eq!(read_after(&store, &Filter::All, parsed, 2).await.0, whole[index + 1..]);
    }
}

/// Follows the store until nothing more is written, and returns what it has seen. [`read_after`] sees to it that no
/// position comes at or below one that was passed.
async fn tail(store: Subject, filter: Filter, limit: usize, written: Arc<AtomicBool>) -> Vec<RecordedEvent> {
    let (mut seen, mut after) = (Vec::new(), Position::START);
    loop {
        let last_look = written.load(Ordering::Acquire);
        let (events, last) = read_after(&store, &filter, after, limit).await;
        seen.extend(events);
        after = last;
        if last_look {
            return seen;
        }
        // Not the wait is on trial here, so it need not come to an end.
        let _ = tokio::time::timeout(Duration::from_millis(5), store.wait(after)).await;
    }
}

/// How many write in [`follow`].
const WRITERS: usize = 12;

/// Commits of different lengths, some over two streams, some that fail. 21 events in all.
async fn write_this_and_that(store: Subject, writer: usize) {
    let own = StreamId::new(["even", "odd"][writer % 2], format!("{writer}"));
    for _ in 0..3 {
        write(&store, &own, Expected::Any, 1).await;
        let both = vec![append(&own, Expected::Any, 2), append(&stream("shared"), Expected::Any, 1)];
        store.append(Commit::new(both)).await.unwrap();
        write(&store, &own, Expected::Any, 3).await;
        let taken = vec![append(&own, Expected::Any, 2), append(&stream("shared"), Expected::NoStream, 1)];
        conflict(&store, Commit::new(taken)).await;
    }
}

/// Lets many write through one handle while readers follow through the other: each ends with exactly everything, in
/// order.
pub(super) async fn follow(writer: Subject, reader: Subject) {
    let written = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        [(Filter::All, 1), (Filter::All, 7), (Filter::All, 100), (Filter::category("odd"), 5)]
            .into_iter()
            .map(|(filter, limit)| {
                let following = tail(reader.clone(), filter.clone(), limit, Arc::clone(&written));
                (filter, limit, tokio::spawn(following))
            })
            .collect();
    together(WRITERS, |number| write_this_and_that(writer.clone(), number)).await;
    written.store(true, Ordering::Release);
    let whole = read_all(&reader).await;
    assert_eq!(distinct_ids(&whole).len(), WRITERS * 21);
    let mut versions: HashMap<_, u64> = HashMap::new();
    for event in &whole {
        let version = versions.entry(event.stream.clone()).or_default();
        *version += 1;
        assert_eq!(event.version, *version, "a stream's versions and positions ascend together");
    }
    for (filter, limit, reader) in readers {
        let matching = whole.iter().filter(|event| filter.matches(event.stream.category()));
        assert!(reader.await.unwrap().iter().eq(matching), "a reader of {filter:?} in pages of {limit}");
    }
}

pub(super) async fn a_tailing_reader_misses_nothing(store: Subject) {
    follow(store.clone(), store).await;
}

pub(super) async fn the_head_never_goes_back(store: Subject) {
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            together(8, |number| {
                let store = store.clone();
                async move {
                    for _ in 0..10 {
                        let answer = write(&store, &stream(format!("{number}")), Expected::Any, 2).await;
                        assert!(store.head().await.unwrap() >= answer.positions[1]);
                    }
                }
            })
            .await;
        }
    });
    let mut head = Position::START;
    while !writing.is_finished() {
        let now = store.head().await.unwrap();
        assert!(now >= head, "the head went from {head} back to {now}");
        head = now;
        // What the head promises can be read.
        assert!(read_after(&store, &Filter::All, Position::START, 100).await.1 >= head);
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}
