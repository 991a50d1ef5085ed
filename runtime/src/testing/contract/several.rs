//! Commits over several streams: all or nothing.

use std::collections::HashMap;

use super::support::{
    PAGE, Subject, append, conflict, distinct_ids, exact, read, read_after, read_all, stream, write,
};
use crate::store::{Commit, Expected, Filter, Position};

pub(super) async fn each_stream_gets_its_events(store: Subject) {
    let (a, b, c) = (stream("a"), stream("b"), stream("c"));
    let commit = Commit::new(vec![
        append(&a, Expected::NoStream, 2),
        append(&b, Expected::NoStream, 1),
        append(&c, Expected::NoStream, 3),
    ]);
    store.append(commit).await.unwrap();
    for (stream, count) in [(a, 2), (b, 1), (c, 3)] {
        assert_eq!(read(&store, &stream).await.len(), count);
    }
    assert_eq!(distinct_ids(&read_all(&store).await).len(), 6);
}

pub(super) async fn the_answers_are_in_the_order_of_the_appends(store: Subject) {
    // Neither the order of the names nor that of their first use.
    let streams = [stream("m"), stream("z"), stream("a")];
    for (stream, count) in [(&streams[2], 4), (&streams[0], 2), (&streams[1], 1)] {
        write(&store, stream, Expected::NoStream, count).await;
    }
    let commit = Commit::new(streams.iter().map(|stream| append(stream, Expected::Any, 2)).collect());
    let answer = store.append(commit).await.unwrap();
    let firsts: Vec<_> = answer.appends.iter().map(|append| append.first.get()).collect();
    assert_eq!(firsts, [3, 2, 5]);
    for (stream, appended) in streams.iter().zip(&answer.appends) {
        let events = read(&store, stream).await;
        let positions: Vec<_> = events.iter().skip(events.len() - 2).map(|event| event.position).collect();
        assert_eq!(appended.positions, positions);
    }
}

pub(super) async fn the_positions_are_in_the_order_of_the_appends(store: Subject) {
    // Neither the order of the names nor that of their first use.
    let streams = [stream("m"), stream("z"), stream("a")];
    write(&store, &streams[2], Expected::NoStream, 1).await;
    let commit = Commit::new(streams.iter().map(|stream| append(stream, Expected::Any, 2)).collect());
    store.append(commit).await.unwrap();
    let read: Vec<_> = read_all(&store).await.into_iter().skip(1).map(|event| event.stream).collect();
    let listed: Vec<_> = streams.iter().flat_map(|stream| [stream.clone(), stream.clone()]).collect();
    assert_eq!(read, listed);
}

pub(super) async fn each_append_has_its_own_expectation(store: Subject) {
    let (old, new, any) = (stream("old"), stream("new"), stream("any"));
    write(&store, &old, Expected::NoStream, 2).await;
    let commit = Commit::new(vec![
        append(&old, exact(2), 1),
        append(&new, Expected::NoStream, 1),
        append(&any, Expected::Any, 1),
    ]);
    let answer = store.append(commit).await.unwrap();
    let firsts: Vec<_> = answer.appends.iter().map(|append| append.first.get()).collect();
    assert_eq!(firsts, [3, 1, 1]);
}

/// Wherever in the commit the conflict is.
pub(super) async fn one_conflict_leaves_nothing_anywhere(store: Subject) {
    let streams = [stream("a"), stream("b"), stream("c")];
    write(&store, &streams[0], Expected::NoStream, 2).await;
    let before = read_all(&store).await;
    for wrong in 0..3 {
        let appends = streams
            .iter()
            .enumerate()
            .map(|(index, stream)| append(stream, if index == wrong { exact(1) } else { Expected::Any }, 2));
        conflict(&store, Commit::new(appends.collect())).await;
        assert_eq!(read_all(&store).await, before);
        for stream in &streams[1..] {
            assert!(read(&store, stream).await.is_empty());
        }
    }
}

pub(super) async fn the_conflict_names_its_stream(store: Subject) {
    let (a, b) = (stream("a"), stream("b"));
    write(&store, &a, Expected::NoStream, 1).await;
    write(&store, &b, Expected::NoStream, 4).await;
    let commit = Commit::new(vec![append(&a, exact(1), 1), append(&b, exact(3), 1)]);
    let (named, expected, actual) = conflict(&store, commit).await;
    assert_eq!((named, expected, actual.get()), (b, exact(3), 4));
}

/// Whoever has read to the end has read each commit wholly or not at all.
pub(super) async fn readers_see_whole_commits(store: Subject) {
    const COMMITS: usize = 40;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..COMMITS {
                let appends = ["a", "b", "c"].map(|id| append(&stream(id), Expected::Any, 2));
                store.append(Commit::new(appends.to_vec())).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    loop {
        let finished = writer.is_finished();
        let (events, _) = read_after(&store, &Filter::All, Position::START, PAGE).await;
        let mut versions = HashMap::new();
        for event in &events {
            versions.insert(event.stream.id(), event.version.get());
        }
        let versions: Vec<_> = versions.into_values().collect();
        assert!(versions.is_empty() || versions.len() == 3, "a commit was seen in part: {versions:?}");
        assert!(versions.iter().all(|version| *version == versions[0] && version % 2 == 0), "{versions:?}");
        if finished {
            assert_eq!(events.len(), COMMITS * 6);
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}
