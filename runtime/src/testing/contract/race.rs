//! Many writers at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::support::{
    Subject, append, commit, distinct_ids, event, exact, only, read, read_all, stream, together, write,
};
use crate::{
    Position, Version,
    store::{AppendError, Commit, Expected, NewEvent, Payload, RecordedEvent},
};

pub(super) async fn one_creator_wins(store: Subject) {
    for round in 0..10 {
        let stream = stream(format!("{round}"));
        let commits = [commit(&stream, Expected::NoStream, 2), commit(&stream, Expected::NoStream, 2)];
        let outcomes = together(2, |number| {
            let (store, commit) = (store.clone(), commits[number].clone());
            async move { (number, store.append(commit).await) }
        })
        .await;
        let winners: Vec<_> =
            outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(number, _)| *number).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        for (_, outcome) in &outcomes {
            match outcome {
                Ok(_) => {}
                Err(AppendError::Conflict { actual, .. }) => assert_eq!(*actual, 2),
                Err(error) => panic!("{error}"),
            }
        }
        let events = read(&store, &stream).await;
        assert_eq!(events.len(), 2);
        assert_eq!(events[0].id, commits[winners[0]].id.event(0));
    }
}

/// Appends one event after the others have: reads the version, expects it, and begins again after a conflict.
async fn update(store: &Subject, id: &str, event: NewEvent) -> Version {
    let stream = stream(id);
    let mut version = Version::NONE;
    loop {
        let mut append = append(&stream, Expected::Exact(version), 0);
        append.events = vec![event.clone()];
        match store.append(Commit::new(vec![append])).await {
            Ok(committed) => {
                let first = only(committed).first;
                assert_eq!(first, version.next(), "somebody came in between");
                return first;
            }
            Err(AppendError::Conflict { actual, .. }) => {
                assert_ne!(actual, version, "a conflict with the version that was expected");
                version = actual;
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub(super) async fn writers_with_exact_lose_no_update(store: Subject) {
    const WRITERS: usize = 32;
    const UPDATES: usize = 4;
    let written = together(WRITERS, |writer| {
        let store = store.clone();
        async move {
            let mut written = Vec::new();
            for update_number in 0..UPDATES {
                let event = event(writer * UPDATES + update_number);
                written.push((update(&store, "one", event.clone()).await, event.payload));
            }
            written
        }
    })
    .await;
    let mut written: Vec<_> = written.into_iter().flatten().collect();
    written.sort_by_key(|(version, _)| *version);
    let events = read(&store, &stream("one")).await;
    let stored: Vec<_> = events.into_iter().map(|event| (event.version, event.payload)).collect();
    assert_eq!(stored.len(), WRITERS * UPDATES);
    assert_eq!(stored, written);
}

pub(super) async fn writers_with_any_lose_nothing(store: Subject) {
    const WRITERS: usize = 16;
    let answers = together(WRITERS, |_| {
        let store = store.clone();
        async move {
            let mut firsts = Vec::new();
            for count in 1..=5 {
                firsts.push((write(&store, &stream("one"), Expected::Any, count).await.first, count as u64));
            }
            assert!(firsts.is_sorted(), "one writer's appends are in the order in which it made them");
            firsts
        }
    })
    .await;
    let mut ranges: Vec<_> = answers.into_iter().flatten().collect();
    ranges.sort();
    let mut next = Version::FIRST;
    for (first, count) in ranges {
        assert_eq!(first, next, "each version is given once");
        next = first.plus(count);
    }
    assert_eq!(read(&store, &stream("one")).await.len(), WRITERS * 15);
}

pub(super) async fn writers_on_many_streams_lose_nothing(store: Subject) {
    const WRITERS: usize = 16;
    const COMMITS: usize = 10;
    let answers = together(WRITERS, |writer| {
        let store = store.clone();
        async move {
            let mut answers = Vec::new();
            for number in 0..COMMITS {
                let stream = stream(format!("{writer}"));
                let commit = commit(&stream, exact(number as u64 * 2), 2);
                let id = commit.id;
                let positions = only(store.append(commit).await.unwrap()).positions;
                answers.extend([(id.event(0), positions[0]), (id.event(1), positions[1])]);
            }
            assert!(answers.is_sorted_by_key(|(_, position)| *position));
            answers
        }
    })
    .await;
    let answers: HashMap<_, _> = answers.into_iter().flatten().collect();
    let events = read_all(&store).await;
    assert_eq!(events.len(), WRITERS * COMMITS * 2);
    distinct_ids(&events);
    for event in &events {
        assert_eq!(
            answers.get(&event.id),
            Some(&event.position),
            "the position is the one that was answered"
        );
    }
    for writer in 0..WRITERS {
        let of_stream = |event: &&RecordedEvent| event.stream == stream(format!("{writer}"));
        let versions = events.iter().filter(of_stream).map(|event| event.version.get());
        assert!(versions.eq(1..=COMMITS as u64 * 2), "versions and positions ascend together");
    }
}

/// The appends are in opposite orders, which is how locks taken one by one come to a deadlock.
pub(super) async fn crossing_commits_over_two_streams_do_not_block_each_other(store: Subject) {
    const ROUNDS: usize = 20;
    together(4, |writer| {
        let store = store.clone();
        async move {
            for _ in 0..ROUNDS {
                let mut appends = vec![
                    append(&stream("left"), Expected::Any, 1),
                    append(&stream("right"), Expected::Any, 1),
                ];
                if writer % 2 == 0 {
                    appends.reverse();
                }
                store.append(Commit::new(appends)).await.unwrap();
            }
        }
    })
    .await;
    for id in ["left", "right"] {
        assert_eq!(read(&store, &stream(id)).await.len(), 4 * ROUNDS);
    }
}

/// Stores may write several commits together; one that conflicts must not take the others with it.
pub(super) async fn conflicts_fail_no_other_writer(store: Subject) {
    const WRITERS: usize = 24;
    write(&store, &stream("taken"), Expected::NoStream, 1).await;
    together(WRITERS, |writer| {
        let store = store.clone();
        async move {
            for round in 0..4 {
                if writer % 2 == 0 {
                    write(&store, &stream(format!("{writer}")), exact(round), 1).await;
                } else {
                    let own = append(&stream(format!("{writer}")), Expected::Any, 1);
                    let taken = append(&stream("taken"), Expected::NoStream, 1);
                    let outcome = store.append(Commit::new(vec![own, taken])).await;
                    assert!(matches!(outcome, Err(AppendError::Conflict { .. })), "{outcome:?}");
                }
            }
        }
    })
    .await;
    for writer in 0..WRITERS {
        let count = if writer % 2 == 0 { 4 } else { 0 };
        assert_eq!(read(&store, &stream(format!("{writer}"))).await.len(), count);
    }
    assert_eq!(read_all(&store).await.len(), 1 + WRITERS / 2 * 4);
}

/// What was acknowledged to one is what everybody finds who begins to read or write afterwards, whatever others are at.
pub(super) async fn what_was_acknowledged_is_seen_at_once(store: Subject) {
    acknowledged_then_seen(store.clone(), store).await;
}

/// Writes through one handle, and looks through the other whenever something was acknowledged.
pub(super) async fn acknowledged_then_seen(writer: Subject, reader: Subject) {
    const WRITERS: usize = 12;
    const COMMITS: u64 = 8;
    // The highest position of those that were acknowledged to anybody.
    let acknowledged = Arc::new(Mutex::new(Position::START));
    let passed = |acknowledged: &Mutex<Position>| *acknowledged.lock().unwrap();
    together(WRITERS, |number| {
        let (writer, reader, acknowledged) = (writer.clone(), reader.clone(), Arc::clone(&acknowledged));
        async move {
            let own = stream(format!("{number}"));
            for version in 1..=COMMITS {
                let shared = append(&stream("shared"), Expected::Any, 1);
                let before = passed(&acknowledged);
                let answer =
                    writer.append(Commit::new(vec![append(&own, Expected::Any, 1), shared])).await.unwrap();
                let first = answer.appends[0].positions[0];
                assert!(first > before, "it began after {before} was acknowledged, and is at {first}");
                {
                    let mut acknowledged = acknowledged.lock().unwrap();
                    *acknowledged = answer.position().max(*acknowledged);
                }
                let before = passed(&acknowledged);
                match (number as u64 + version) % 4 {
                    0 => assert_eq!(read(&reader, &own).await.len() as u64, version),
                    1 => {
                        let shared = read(&reader, &stream("shared")).await;
                        let last = shared.last().map(|event| event.position).unwrap_or_default();
                        assert!(last >= before, "{before} was acknowledged, and the stream ends at {last}");
                    }
                    2 => assert!(reader.head().await.unwrap() >= before),
                    _ => {
                        let events = read_all(&reader).await;
                        let last = events.last().map(|event| event.position).unwrap_or_default();
                        assert!(last >= before, "{before} was acknowledged, and {last} is read last");
                    }
                }
            }
        }
    })
    .await;
    assert_eq!(read_all(&reader).await.len() as u64, WRITERS as u64 * COMMITS * 2);
}

pub(super) async fn a_dropped_append_is_whole_or_nothing(store: Subject) {
    const ROUNDS: u64 = 20;
    let payload = Payload::json(format!("{{\"text\":\"{}\"}}", "x".repeat(2_000)));
    for round in 0..ROUNDS {
        let mut commit = Commit::new(vec![
            append(&stream(format!("a{round}")), Expected::NoStream, 20),
            append(&stream(format!("b{round}")), Expected::NoStream, 20),
        ]);
        for event in commit.appends.iter_mut().flat_map(|append| &mut append.events) {
            event.payload = payload.clone();
        }
        // Sometimes it is over before it is dropped, sometimes not; both are fine.
        let _ = tokio::time::timeout(Duration::from_micros(round * 50), store.append(commit.clone())).await;
        let all = read_all(&store).await;
        let recorded =
            all.iter().filter(|event| (0..40).any(|index| event.id == commit.id.event(index))).count();
        assert!(recorded == 0 || recorded == 40, "{recorded} events of 40 were recorded");
        // Given again it has taken effect once, whatever became of it.
        store.append(commit.clone()).await.unwrap();
        for append in &commit.appends {
            let ids: Vec<_> = read(&store, &append.stream).await.iter().map(|event| event.id).collect();
            let offset = if append.stream.id().starts_with('a') { 0 } else { 20 };
            assert_eq!(ids, (offset..offset + 20).map(|index| commit.id.event(index)).collect::<Vec<_>>());
        }
    }
    assert_eq!(distinct_ids(&read_all(&store).await).len(), ROUNDS as usize * 40);
}
