//! More than fits a page.

use super::support::{
    Subject, append, commit, distinct_ids, exact, only, read, read_after, read_all, read_from, stream,
};
use crate::{
    Version,
    store::{Commit, Expected, Filter, Position},
};

pub(super) async fn a_stream_of_5_000_events(store: Subject) {
    let stream = stream("long");
    for number in 0..10 {
        store.append(commit(&stream, exact(number * 500), 500)).await.unwrap();
    }
    let whole = read(&store, &stream).await;
    assert_eq!(distinct_ids(&whole).len(), 5_000);
    assert_eq!(read_from(&store, &stream, Version::FIRST, 333).await, whole);
    assert_eq!(read_from(&store, &stream, Version::new(4_990), 3).await, whole[4_989..]);
    assert_eq!(read_after(&store, &Filter::All, Position::START, 512).await.0, whole);
}

pub(super) async fn a_commit_of_10_000_events(store: Subject) {
    let stream = stream("long");
    let commit = commit(&stream, Expected::NoStream, 10_000);
    let answer = only(store.append(commit.clone()).await.unwrap());
    assert_eq!((answer.first.get(), answer.positions.len()), (1, 10_000));
    let events = read(&store, &stream).await;
    assert_eq!(events.len(), 10_000);
    for (index, (event, given)) in events.iter().zip(&commit.appends[0].events).enumerate() {
        assert_eq!(event.id, commit.id.event(index));
        assert_eq!(event.payload, given.payload);
        assert_eq!(event.position, answer.positions[index]);
    }
    // And once, as any other.
    let again = only(store.append(commit).await.unwrap());
    assert_eq!(again.positions, answer.positions);
    assert_eq!(read_all(&store).await.len(), 10_000);
}

pub(super) async fn a_thousand_streams_in_a_commit(store: Subject) {
    let streams: Vec<_> = (0..1_000).map(|number| stream(format!("{number}"))).collect();
    let commit = |expected| Commit::new(streams.iter().map(|stream| append(stream, expected, 2)).collect());
    store.append(commit(Expected::NoStream)).await.unwrap();
    let answer = store.append(commit(exact(2))).await.unwrap();
    assert!(answer.appends.len() == 1_000 && answer.appends.iter().all(|append| append.first == 3));
    assert_eq!(distinct_ids(&read_all(&store).await).len(), 4_000);
    assert_eq!(read(&store, &streams[999]).await.len(), 4);
}
