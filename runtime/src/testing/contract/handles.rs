//! Several handles on the same data: one after the other, and at once.

use super::{
    Harness, claims, commit_rows, keys, position, race,
    retry::told,
    snapshots,
    support::{
        Subject, commit, conflict, distinct_ids, exact, only, read, read_after, read_all, refused, stream,
        together, write,
    },
    tail::{commit_with, tail_of},
    wait::{something_after, soon},
};
use crate::{
    Position,
    store::{AppendError, Expected, Filter, Standing, StoreErrorKind},
};

async fn open(harness: &dyn Harness) -> Subject {
    harness.open().await.expect("the store opens")
}

async fn two(harness: &dyn Harness) -> [Subject; 2] {
    [open(harness).await, open(harness).await]
}

pub(super) async fn what_was_acknowledged_is_there_after_reopening(harness: &dyn Harness) {
    let mut before = Vec::new();
    for round in 0..5 {
        let store = open(harness).await;
        assert_eq!(read_all(&store).await, before);
        write(&store, &stream("a"), exact(round * 2), 2).await;
        write(&store, &stream(format!("{round}")), Expected::NoStream, 1).await;
        before = read_all(&store).await;
    }
    let store = open(harness).await;
    assert_eq!(read(&store, &stream("a")).await.len(), 10);
    assert_eq!(conflict(&store, commit(&stream("3"), Expected::NoStream, 1)).await.2, 1);
}

pub(super) async fn positions_go_on_after_reopening(harness: &dyn Harness) {
    let mut head = Position::START;
    for _ in 0..4 {
        let store = open(harness).await;
        assert_eq!(store.head().await.unwrap(), head);
        conflict(&store, commit(&stream("b"), exact(1), 1)).await;
        let answer = write(&store, &stream("a"), Expected::Any, 2).await;
        assert!(answer.positions[0] > head);
        head = answer.positions[1];
        let (nothing, _) = read_after(&store, &Filter::All, head, 10).await;
        assert!(nothing.is_empty());
    }
}

pub(super) async fn a_commit_is_remembered_after_reopening(harness: &dyn Harness) {
    let given = [
        commit(&stream("a"), Expected::NoStream, 2),
        commit(&stream("a"), Expected::Any, 1),
        commit(&stream("a"), exact(3), 2),
    ];
    let mut answers = Vec::new();
    for commit in &given {
        answers.push(open(harness).await.append(commit.clone()).await.unwrap());
    }
    let store = open(harness).await;
    for (commit, answer) in given.into_iter().zip(&answers) {
        assert_eq!(told(&store.append(commit).await.unwrap()), told(answer));
    }
    assert_eq!(read_all(&store).await.len(), 5);
}

pub(super) async fn each_sees_what_the_others_wrote(harness: &dyn Harness) {
    let stores = two(harness).await;
    for round in 0..6 {
        let (writer, reader) = (&stores[round % 2], &stores[(round + 1) % 2]);
        write(writer, &stream("a"), exact(round as u64), 1).await;
        assert_eq!(read(reader, &stream("a")).await.len(), round + 1);
        assert_eq!(reader.head().await.unwrap(), writer.head().await.unwrap());
        assert_eq!(read_all(reader).await, read_all(writer).await);
    }
}

pub(super) async fn a_conflict_with_another_handle_is_noticed(harness: &dyn Harness) {
    let [one, two] = two(harness).await;
    write(&one, &stream("a"), Expected::NoStream, 1).await;
    assert_eq!(conflict(&two, commit(&stream("a"), Expected::NoStream, 1)).await.2, 1);
    write(&two, &stream("a"), exact(1), 2).await;
    assert_eq!(conflict(&one, commit(&stream("a"), exact(1), 1)).await.2, 3);
    assert_eq!(read_all(&one).await.len(), 3);
}

pub(super) async fn a_tail_from_before_another_handle_wrote_does_no_harm(harness: &dyn Harness) {
    let [one, two] = two(harness).await;
    let stream = stream("a");
    write(&one, &stream, Expected::NoStream, 3).await;
    let tail = tail_of(&one, &stream).await;
    write(&two, &stream, exact(3), 2).await;
    assert_eq!(conflict(&one, commit_with(&stream, exact(3), tail.clone())).await.2, 5);
    assert_eq!(only(one.append(commit_with(&stream, exact(5), tail.clone())).await.unwrap()).first, 6);
    write(&two, &stream, exact(7), 1).await;
    assert_eq!(only(one.append(commit_with(&stream, Expected::Any, tail)).await.unwrap()).first, 9);
    assert_eq!(read(&two, &stream).await.len(), 10);
}

pub(super) async fn a_commit_may_be_given_again_through_another(harness: &dyn Harness) {
    let [one, two] = two(harness).await;
    for (expected, first) in [(Expected::NoStream, 1), (exact(2), 3), (Expected::Any, 5)] {
        let commit = commit(&stream("a"), expected, 2);
        let answer = one.append(commit.clone()).await.unwrap();
        assert_eq!(answer.appends[0].first, first);
        assert_eq!(told(&two.append(commit).await.unwrap()), told(&answer));
    }
    assert_eq!(read(&two, &stream("a")).await.len(), 6);
}

pub(super) async fn both_of_two_at_once_get_the_same_answer(harness: &dyn Harness) {
    let stores = two(harness).await;
    for round in 0..10 {
        let stream = stream(format!("{round}"));
        let commit = commit(&stream, [Expected::NoStream, Expected::Any][round % 2], 2);
        let answers = together(2, |number| {
            let (store, commit) = (stores[number].clone(), commit.clone());
            async move { store.append(commit).await.unwrap() }
        })
        .await;
        assert_eq!(told(&answers[0]), told(&answers[1]));
        assert_eq!(read(&stores[0], &stream).await.len(), 2);
    }
    distinct_ids(&read_all(&stores[1]).await);
}

pub(super) async fn one_creator_wins(harness: &dyn Harness) {
    let stores = two(harness).await;
    for round in 0..10 {
        let outcomes = together(2, |number| {
            let (store, commit) =
                (stores[number].clone(), commit(&stream(format!("{round}")), Expected::NoStream, 1));
            async move { store.append(commit).await }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let conflicts = |outcome: &&Result<_, _>| matches!(outcome, Err(AppendError::Conflict { .. }));
        assert_eq!(outcomes.iter().filter(conflicts).count(), 1, "{outcomes:?}");
    }
    assert_eq!(read_all(&stores[0]).await.len(), 10);
}

pub(super) async fn writers_on_two_lose_nothing(harness: &dyn Harness) {
    const WRITERS: usize = 16;
    const COMMITS: usize = 5;
    let stores = two(harness).await;
    let ids = together(WRITERS, |writer| {
        let store = stores[writer % 2].clone();
        async move {
            let mut ids = Vec::new();
            for number in 0..COMMITS {
                // Every other commit is to a stream of the writer's own, the rest to one that all write to.
                let commit = if number % 2 == 0 {
                    commit(&stream(format!("{writer}")), exact(number as u64 / 2), 1)
                } else {
                    commit(&stream("shared"), Expected::Any, 1)
                };
                ids.push(commit.id.event(0));
                store.append(commit).await.unwrap();
            }
            ids
        }
    })
    .await;
    for store in &stores {
        let stored = distinct_ids(&read_all(store).await);
        assert_eq!(stored.len(), WRITERS * COMMITS);
        assert!(ids.iter().flatten().all(|id| stored.contains(id)));
        assert_eq!(read(store, &stream("shared")).await.len(), WRITERS * 2);
    }
}

pub(super) async fn a_tailing_reader_misses_nothing(harness: &dyn Harness) {
    let [writer, reader] = two(harness).await;
    position::follow(writer, reader).await;
}

pub(super) async fn what_was_acknowledged_is_seen_at_once(harness: &dyn Harness) {
    let [writer, reader] = two(harness).await;
    race::acknowledged_then_seen(writer, reader).await;
}

pub(super) async fn waiting_notices_another_handle(harness: &dyn Harness) {
    let [writer, reader] = two(harness).await;
    let mut after = Position::START;
    for _ in 0..3 {
        let waiting = tokio::spawn({
            let reader = reader.clone();
            async move { something_after(&reader, after).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        assert!(!waiting.is_finished(), "there is nothing yet");
        write(&writer, &stream("a"), Expected::Any, 1).await;
        soon(waiting).await.unwrap();
        after = reader.head().await.unwrap();
    }
}

pub(super) async fn a_claim_is_held_after_reopening(harness: &dyn Harness) {
    let (a, b) = (stream("a"), stream("b"));
    {
        let store = open(harness).await;
        if !claims::constrained(&store, &[claims::NAME]).await {
            return;
        }
        let commit = claims::one(&a, Expected::NoStream, vec![claims::take("x", &a)]);
        store.append(commit).await.unwrap();
    }
    let store = open(harness).await;
    let wants = claims::one(&b, Expected::NoStream, vec![claims::take("x", &b)]);
    assert_eq!(claims::taken(&store, wants).await.1, a);
    let unaware = refused(&store, commit(&b, Expected::NoStream, 1)).await;
    assert_eq!(unaware.kind(), StoreErrorKind::Constrained);
}

pub(super) async fn a_key_is_remembered_after_reopening(harness: &dyn Harness) {
    {
        let store = open(harness).await;
        if !keys::remembers(&store) {
            return;
        }
        let commit = keys::keyed(&stream("a"), Expected::NoStream, 2, keys::key("k"));
        store.append(commit).await.unwrap();
    }
    let store = open(harness).await;
    let found = store.remembered(&keys::key("k")).await.unwrap().unwrap();
    assert_eq!(found.events, read_all(&store).await);
    keys::used(&store, keys::keyed(&stream("b"), Expected::NoStream, 1, keys::key("k"))).await;
}

pub(super) async fn a_snapshot_is_there_after_reopening(harness: &dyn Harness) {
    let a = stream("a");
    {
        let store = open(harness).await;
        if !snapshots::keeps(&store) {
            return;
        }
        write(&store, &a, Expected::NoStream, 3).await;
        store.save_snapshot(snapshots::snapshot(&a, 2)).await.unwrap();
    }
    let (store, other) = (open(harness).await, open(harness).await);
    assert_eq!(store.snapshot(&a).await.unwrap(), Some(snapshots::snapshot(&a, 2)));
    other.save_snapshot(snapshots::snapshot(&a, 3)).await.unwrap();
    assert_eq!(store.snapshot(&a).await.unwrap(), Some(snapshots::snapshot(&a, 3)));
}

/// When it is on record, no handle goes around it any more, whatever it has seen before.
pub(super) async fn a_constraint_holds_for_every_handle(harness: &dyn Harness) {
    let [one, other] = two(harness).await;
    if !claims::supports(&one) {
        return;
    }
    let writing = tokio::spawn({
        let other = other.clone();
        async move {
            let mut version = 0;
            loop {
                match other.append(commit(&stream("a"), exact(version), 1)).await {
                    Ok(_) => version += 1,
                    Err(AppendError::Failed(error)) => return (version, error),
                    Err(error) => panic!("{error}"),
                }
                tokio::task::yield_now().await;
            }
        }
    });
    while read(&one, &stream("a")).await.len() < 5 {
        tokio::task::yield_now().await;
    }
    let (a, constraint) = (stream("a"), claims::constraint(&claims::NAME));
    one.constrain(&constraint, Some(Standing::Building)).await.unwrap();
    let seen = read(&one, &a).await.len() as u64;
    let (version, error) = writing.await.unwrap();
    assert_eq!(error.kind(), StoreErrorKind::Constrained, "{error}");
    assert_eq!(version, seen, "a commit went around the constraint after it was on record");
    // Who has seen that it is not in force yet uses it when it is.
    other.append(claims::one(&a, exact(version), Vec::new())).await.unwrap();
    one.constrain(&constraint, Some(Standing::InForce)).await.unwrap();
    other.append(claims::one(&a, exact(version + 1), vec![claims::take("x", &a)])).await.unwrap();
    // And none goes on to use it when it is not there any more.
    one.constrain(&constraint, None).await.unwrap();
    let late = claims::one(&a, exact(version + 2), vec![claims::take("y", &a)]);
    assert_eq!(refused(&other, late).await.kind(), StoreErrorKind::Constrained);
    write(&other, &a, exact(version + 2), 1).await;
}

pub(super) async fn of_many_who_want_it_one_gets_it(harness: &dyn Harness) {
    let stores = two(harness).await;
    claims::race(&stores).await;
}

pub(super) async fn of_many_under_one_key_one_takes_effect(harness: &dyn Harness) {
    let stores = two(harness).await;
    keys::race(&stores).await;
}

pub(super) async fn rows_of_commits_are_seen_by_all(harness: &dyn Harness) {
    let [one, two] = two(harness).await;
    commit_rows::reach_another_handle(one, two).await;
}
