//! Appending to one stream.

use std::{sync::Arc, time::Duration};

use super::support::{Subject, append, commit, exact, only, read, read_all, read_from, stream, write};
use crate::{
    Metadata, Version,
    store::{Commit, Expected},
};

pub(super) async fn a_stream_that_nobody_wrote_to_is_empty(store: Subject) {
    write(&store, &stream("another"), Expected::NoStream, 1).await;
    let page = store.read_stream(&stream("nobody's"), Version::FIRST, 10).await.unwrap();
    assert!(page.events.is_empty());
    assert_eq!(page.next, None);
}

pub(super) async fn versions_are_1_2_3_without_gaps(store: Subject) {
    let stream = stream("a");
    for count in [1, 3, 1, 2] {
        write(&store, &stream, Expected::Any, count).await;
    }
    let versions: Vec<_> = read(&store, &stream).await.iter().map(|event| event.version.get()).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7]);
}

pub(super) async fn what_was_acknowledged_can_be_read(store: Subject) {
    for number in 0..20 {
        let stream = stream(format!("{}", number % 3));
        let answer = write(&store, &stream, Expected::Any, 2).await;
        let events = read(&store, &stream).await;
        assert_eq!(events.last().unwrap().version, answer.first.next());
        assert_eq!(read_all(&store).await.len(), (number + 1) * 2);
        assert_eq!(store.head().await.unwrap(), answer.positions[1]);
    }
}

pub(super) async fn both_reads_give_the_same_events(store: Subject) {
    let streams = [stream("a"), stream("b")];
    for number in 0..6 {
        let mut commit = commit(&streams[number % 2], Expected::Any, number % 3 + 1);
        commit.appends[0].events[0].metadata = Some(Arc::new(Metadata::by(number.to_string())));
        store.append(commit).await.unwrap();
    }
    let all = read_all(&store).await;
    assert_eq!(all.len(), 12);
    for stream in streams {
        let of_stream: Vec<_> = all.iter().filter(|event| event.stream == stream).cloned().collect();
        assert_eq!(read(&store, &stream).await, of_stream);
    }
}

pub(super) async fn the_answer_says_what_is_read(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 2).await;
    let commit = commit(&stream, exact(2), 3);
    let answer = store.append(commit.clone()).await.unwrap();
    let position = answer.position();
    let appended = only(answer);
    let events = read_from(&store, &stream, Version::new(3), 10).await;
    assert_eq!(appended.first, 3);
    assert_eq!(appended.positions, events.iter().map(|event| event.position).collect::<Vec<_>>());
    assert_eq!(position, events[2].position);
    assert_eq!(events.len(), 3);
    for (index, (event, given)) in events.iter().zip(&commit.appends[0].events).enumerate() {
        assert_eq!(event.id, commit.id.event(index));
        assert_eq!(event.stream, stream);
        assert_eq!(event.name, given.name);
        assert_eq!(event.schema, given.schema);
        assert_eq!(event.payload, given.payload);
        assert_eq!(event.metadata, given.metadata);
        assert_eq!(event.at, appended.at);
    }
}

pub(super) async fn no_stream_begins_a_stream(store: Subject) {
    assert_eq!(write(&store, &stream("a"), Expected::NoStream, 2).await.first, 1);
    assert_eq!(write(&store, &stream("b"), Expected::NoStream, 1).await.first, 1);
    assert_eq!(read(&store, &stream("a")).await.len(), 2);
    assert_eq!(read(&store, &stream("b")).await.len(), 1);
}

pub(super) async fn exact_0_is_no_stream(store: Subject) {
    assert_eq!(write(&store, &stream("a"), exact(0), 2).await.first, 1);
    assert_eq!(read(&store, &stream("a")).await.len(), 2);
}

pub(super) async fn exact_goes_on(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 2).await;
    assert_eq!(write(&store, &stream, exact(2), 1).await.first, 3);
    assert_eq!(write(&store, &stream, exact(3), 4).await.first, 4);
    assert_eq!(write(&store, &stream, exact(7), 1).await.first, 8);
    assert_eq!(read(&store, &stream).await.len(), 8);
}

pub(super) async fn any_begins_and_goes_on(store: Subject) {
    let stream = stream("a");
    for first in 1..=5 {
        let answer = store.append(Commit::new(vec![append(&stream, Expected::Any, 1)])).await.unwrap();
        assert_eq!(only(answer).first, first);
    }
    assert_eq!(read(&store, &stream).await.len(), 5);
}

pub(super) async fn nothing_happens_before_it_is_awaited(store: Subject) {
    drop(store.append(commit(&stream("a"), Expected::NoStream, 1)));
    let later = store.append(commit(&stream("b"), Expected::NoStream, 1));
    // Time enough for whatever should not be on its way.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(read_all(&store).await.is_empty());
    later.await.unwrap();
    assert_eq!(read_all(&store).await.len(), 1);
}
