//! Appends that expect what is not so.

use super::support::{Subject, commit, conflict, exact, only, read, read_all, stream, write};
use crate::store::Expected;

/// With a stream of three events: what is expected is reported back with the version that the stream has.
async fn expecting_is_a_conflict(store: &Subject, expected: Expected) {
    let stream = stream("a");
    write(store, &stream, Expected::NoStream, 3).await;
    let (named, reported, actual) = conflict(store, commit(&stream, expected, 1)).await;
    assert_eq!(named, stream);
    assert_eq!(reported, expected);
    assert_eq!(actual, 3);
    assert_eq!(read(store, &stream).await.len(), 3);
}

pub(super) async fn no_stream_on_a_stream_that_is_there(store: Subject) {
    expecting_is_a_conflict(&store, Expected::NoStream).await;
}

pub(super) async fn exact_behind(store: Subject) {
    expecting_is_a_conflict(&store, exact(2)).await;
}

pub(super) async fn exact_ahead(store: Subject) {
    expecting_is_a_conflict(&store, exact(4)).await;
    // Numbers that not every database has.
    for version in [1 << 32, 1 << 63, u64::MAX] {
        let (_, expected, actual) = conflict(&store, commit(&stream("a"), exact(version), 1)).await;
        assert_eq!((expected, actual.get()), (exact(version), 3));
    }
}

pub(super) async fn exact_on_no_stream(store: Subject) {
    let stream = stream("nobody's");
    let (named, expected, actual) = conflict(&store, commit(&stream, exact(1), 1)).await;
    assert_eq!((named, expected, actual.get()), (stream.clone(), exact(1), 0));
    assert!(read(&store, &stream).await.is_empty());
}

pub(super) async fn nothing_is_recorded(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 2).await;
    let before = read_all(&store).await;
    for expected in [Expected::NoStream, exact(0), exact(1), exact(3)] {
        conflict(&store, commit(&stream, expected, 5)).await;
    }
    assert_eq!(read_all(&store).await, before);
    assert_eq!(read(&store, &stream).await, before);
}

pub(super) async fn the_next_append_leaves_no_gap(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 1).await;
    conflict(&store, commit(&stream, Expected::NoStream, 3)).await;
    assert_eq!(write(&store, &stream, exact(1), 1).await.first, 2);
    assert_eq!(read(&store, &stream).await.len(), 2);
    assert_eq!(read_all(&store).await.len(), 2);
}

/// It has not taken effect, so its id is not used up.
pub(super) async fn a_commit_that_conflicted_can_be_given_again(store: Subject) {
    let stream = stream("a");
    let early = commit(&stream, exact(2), 1);
    conflict(&store, early.clone()).await;
    write(&store, &stream, Expected::NoStream, 2).await;
    assert_eq!(only(store.append(early.clone()).await.unwrap()).first, 3);
    assert_eq!(read(&store, &stream).await[2].id, early.id.event(0));
}
