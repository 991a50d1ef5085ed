//! What a read hands back for the append that follows: a hint that changes nothing.

use super::support::{Subject, append, conflict, exact, only, read, read_all, stream, write};
use crate::{
    Version,
    store::{Commit, Expected, StreamId, Tail},
};

/// The tail at the end of the stream as it is now; a store need not give one.
pub(super) async fn tail_of(store: &Subject, stream: &StreamId) -> Option<Tail> {
    let mut from = Version::FIRST;
    loop {
        let page = store.read_stream(stream, from, 2).await.unwrap();
        match page.next {
            Some(next) => from = next,
            None => return page.tail,
        }
    }
}

/// A commit of two events that hands back this tail.
pub(super) fn commit_with(stream: &StreamId, expected: Expected, tail: Option<Tail>) -> Commit {
    let mut append = append(stream, expected, 2);
    append.tail = tail;
    Commit::new(vec![append])
}

pub(super) async fn an_append_takes_the_tail_of_a_read(store: Subject) {
    let stream = stream("a");
    for version in [0, 2, 4, 6] {
        let tail = tail_of(&store, &stream).await;
        let answer = store.append(commit_with(&stream, exact(version), tail)).await.unwrap();
        assert_eq!(only(answer).first, version + 1);
    }
    assert_eq!(read(&store, &stream).await.len(), 8);
}

pub(super) async fn an_append_takes_the_tail_of_an_append(store: Subject) {
    let stream = stream("a");
    let mut tail = None;
    for version in [0, 2, 4, 6] {
        let answer = only(store.append(commit_with(&stream, exact(version), tail)).await.unwrap());
        assert_eq!(answer.first, version + 1);
        tail = answer.tail;
        write(&store, &super::support::stream("another"), Expected::Any, 1).await;
    }
    assert_eq!(read(&store, &stream).await.len(), 8);
}

pub(super) async fn an_append_needs_no_tail(store: Subject) {
    let stream = stream("a");
    for version in [0, 2, 4] {
        tail_of(&store, &stream).await;
        let answer = store.append(commit_with(&stream, exact(version), None)).await.unwrap();
        assert_eq!(only(answer).first, version + 1);
    }
}

pub(super) async fn a_stale_tail_does_no_harm(store: Subject) {
    let stream = stream("a");
    let before_all = tail_of(&store, &stream).await;
    write(&store, &stream, Expected::NoStream, 3).await;
    let after_three = tail_of(&store, &stream).await;
    write(&store, &stream, exact(3), 2).await;
    for (tail, expected, first) in [
        (before_all.clone(), exact(5), 6),
        (after_three.clone(), exact(7), 8),
        (before_all, Expected::Any, 10),
        (after_three, Expected::Any, 12),
    ] {
        let answer = store.append(commit_with(&stream, expected, tail)).await.unwrap();
        assert_eq!(only(answer).first, first);
    }
    assert_eq!(read(&store, &stream).await.len(), 13);
}

pub(super) async fn a_stale_tail_hides_no_conflict(store: Subject) {
    let stream = stream("a");
    let before_all = tail_of(&store, &stream).await;
    write(&store, &stream, Expected::NoStream, 3).await;
    let after_three = tail_of(&store, &stream).await;
    write(&store, &stream, exact(3), 2).await;
    for (tail, expected) in [(before_all, Expected::NoStream), (after_three, exact(3))] {
        let (_, _, actual) = conflict(&store, commit_with(&stream, expected, tail)).await;
        assert_eq!(actual, 5);
    }
    assert_eq!(read_all(&store).await.len(), 5);
}
