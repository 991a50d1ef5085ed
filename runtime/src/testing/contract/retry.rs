//! A commit that is given again: the answer to an outcome that is unknown.

use super::support::{
    Subject, append, commit, conflict, distinct_ids, exact, read, read_all, refused, stream, together, write,
};
use crate::store::{Commit, Committed, Expected};

/// The answer but for the tail, which is the store's affair.
pub(super) fn told(answer: &Committed) -> Vec<(u64, Vec<crate::Position>, chrono::DateTime<chrono::Utc>)> {
    answer.appends.iter().map(|append| (append.first.get(), append.positions.clone(), append.at)).collect()
}

/// Gives the commit three times: the answers are alike, and it is recorded once.
async fn takes_effect_once(store: &Subject, commit: Commit) {
    let before = read_all(store).await.len();
    let count: usize = commit.appends.iter().map(|append| append.events.len()).sum();
    let first = store.append(commit.clone()).await.unwrap();
    let after_first = read_all(store).await;
    assert_eq!(after_first.len(), before + count);
    for _ in 0..2 {
        let again = store.append(commit.clone()).await.unwrap();
        assert_eq!(told(&again), told(&first));
    }
    assert_eq!(read_all(store).await, after_first);
}

pub(super) async fn no_stream_takes_effect_once(store: Subject) {
    takes_effect_once(&store, commit(&stream("a"), Expected::NoStream, 2)).await;
}

pub(super) async fn exact_takes_effect_once(store: Subject) {
    write(&store, &stream("a"), Expected::NoStream, 3).await;
    takes_effect_once(&store, commit(&stream("a"), exact(3), 2)).await;
}

pub(super) async fn any_takes_effect_once(store: Subject) {
    takes_effect_once(&store, commit(&stream("a"), Expected::Any, 2)).await;
    takes_effect_once(&store, commit(&stream("a"), Expected::Any, 1)).await;
}

pub(super) async fn several_streams_take_effect_once(store: Subject) {
    let (a, b, c) = (stream("a"), stream("b"), stream("c"));
    write(&store, &b, Expected::NoStream, 4).await;
    let commit = Commit::new(vec![
        append(&a, Expected::NoStream, 2),
        append(&b, exact(4), 1),
        append(&c, Expected::Any, 3),
    ]);
    takes_effect_once(&store, commit).await;
}

pub(super) async fn other_commits_may_come_in_between(store: Subject) {
    let (a, b) = (stream("a"), stream("b"));
    let given = [
        commit(&a, Expected::NoStream, 2),
        commit(&a, exact(2), 1),
        commit(&a, Expected::Any, 2),
        Commit::new(vec![append(&a, exact(5), 1), append(&b, Expected::NoStream, 1)]),
    ];
    let mut answers = Vec::new();
    for commit in &given {
        answers.push(store.append(commit.clone()).await.unwrap());
    }
    write(&store, &a, exact(6), 3).await;
    write(&store, &b, exact(1), 3).await;
    let before = read_all(&store).await;
    for (commit, answer) in given.into_iter().zip(&answers).rev() {
        assert_eq!(told(&store.append(commit).await.unwrap()), told(answer));
    }
    assert_eq!(read_all(&store).await, before);
}

pub(super) async fn both_of_two_at_once_get_the_same_answer(store: Subject) {
    for round in 0..10 {
        let stream = stream(format!("{round}"));
        let expected = [Expected::NoStream, Expected::Any, exact(0)][round % 3];
        let commit = commit(&stream, expected, 2);
        let answers = together(2, |_| {
            let (store, commit) = (store.clone(), commit.clone());
            async move { store.append(commit).await.unwrap() }
        })
        .await;
        assert_eq!(told(&answers[0]), told(&answers[1]));
        assert_eq!(read(&store, &stream).await.len(), 2);
    }
    distinct_ids(&read_all(&store).await);
}

/// It is the id that makes a commit the same, not what is in it.
pub(super) async fn the_same_events_under_another_id_are_recorded(store: Subject) {
    let stream = stream("a");
    for _ in 0..3 {
        write(&store, &stream, Expected::Any, 1).await;
    }
    assert_eq!(read(&store, &stream).await.len(), 3);
}

pub(super) async fn a_failed_commit_is_not_remembered(store: Subject) {
    let (a, b) = (stream("a"), stream("b"));
    write(&store, &a, Expected::NoStream, 1).await;
    let conflicting = Commit::new(vec![append(&b, Expected::NoStream, 2), append(&a, exact(0), 1)]);
    conflict(&store, conflicting.clone()).await;
    conflict(&store, conflicting.clone()).await;
    let mut empty = conflicting.clone();
    empty.appends.clear();
    refused(&store, empty).await;
    let mut right = conflicting;
    right.appends[1].expected = exact(1);
    store.append(right).await.unwrap();
    assert_eq!((read(&store, &a).await.len(), read(&store, &b).await.len()), (2, 2));
}
