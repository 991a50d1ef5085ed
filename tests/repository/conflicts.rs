//! Other writers.

use std::sync::Arc;

use factum::{Conflict, Rejection, Repository, Retry, Version, testing::chaos::Fault};
use factum_tests::counter::{Counter, CounterCommand, CounterError, CounterEvent};
use tokio::task::JoinSet;

use crate::{Failure, add, add_all, added, chaotic, events, id, memory, open, opened, steps};

fn conflict(outcome: Result<factum::Receipt<CounterEvent>, Failure>) -> Conflict<CounterEvent> {
    match outcome {
        Err(Failure::Conflict(conflict)) => *conflict,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

#[tokio::test]
async fn a_command_is_decided_again() {
    let (store, counters) = chaotic();
    opened(&counters, []).await;
    store.inject(20, Fault::Conflict);
    let receipt = counters.execute(&id(), add(1)).await.unwrap();
    assert_eq!(store.met(Fault::Conflict), 20);
    assert_eq!(receipt.version, 2);
    assert_eq!(steps(&counters).await, [1]);
}

#[tokio::test]
async fn but_not_for_ever() {
    let (store, counters) = chaotic();
    opened(&counters, []).await;
    let counters = counters.with_retry(Retry::attempts(3));
    store.inject(2, Fault::Conflict);
    counters.execute(&id(), add(1)).await.unwrap();
    store.inject(3, Fault::Conflict);
    let conflict = conflict(counters.execute(&id(), add(2)).await);
    assert_eq!(conflict.expected, 2);
    assert_eq!(store.met(Fault::Conflict), 5);
    assert_eq!(steps(&counters).await, [1]);
}

#[tokio::test]
async fn or_not_at_all() {
    for retry in [Retry::never(), Retry::attempts(0), Retry::attempts(1)] {
        let (store, counters) = chaotic();
        opened(&counters, []).await;
        let counters = counters.with_retry(retry);
        store.inject(1, Fault::Conflict);
        conflict(counters.execute(&id(), add(1)).await);
        assert!(steps(&counters).await.is_empty());
    }
}

#[tokio::test]
async fn an_expected_version_that_is_so() {
    let counters = Repository::<Counter>::new(memory());
    let first = counters.execute(&id(), open()).expecting(Version::NONE).await.unwrap();
    let second = counters.execute(&id(), add(1)).expecting(first.version).await.unwrap();
    counters.execute(&id(), add_all([2, 3])).expecting(second.version).await.unwrap();
    counters.execute(&id(), add(4)).expecting(4).await.unwrap();
    assert_eq!(steps(&counters).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn an_expected_version_that_is_not_so() {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, [1, 2, 3]).await;
    let once = [(0, vec![]), (1, added([1, 2, 3])), (3, added([3]))];
    let never = [5, 900, u64::MAX].map(|version| (version, vec![]));
    for (expected, since) in once.into_iter().chain(never) {
        let conflict = conflict(counters.execute(&id(), add(9)).expecting(expected).await);
        assert_eq!((conflict.expected, conflict.actual), (Version::new(expected), Version::new(4)));
        if expected == 0 {
            assert_eq!(conflict.since, counters.history(&id()).await.unwrap());
        } else {
            assert_eq!(events(&conflict.since), since);
        }
    }
    assert_eq!(steps(&counters).await, [1, 2, 3]);
}

/// It is not even decided: the caller has said what it was thinking of.
#[tokio::test]
async fn a_stale_command_is_a_conflict_before_it_is_a_rejection() {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, [1]).await;
    conflict(counters.execute(&id(), add(1)).expecting(1).await);
    conflict(counters.execute(&"nobody".to_owned(), add(1)).expecting(1).await);
    let outcome = counters.execute(&id(), add(1)).expecting(2).await;
    assert_eq!(outcome.unwrap_err().rejection(), Some(&Rejection::Domain(CounterError::AlreadyTaken)));
}

#[tokio::test]
async fn an_expected_version_is_not_retried() {
    let (store, counters) = chaotic();
    opened(&counters, [1]).await;
    store.inject(1, Fault::Conflict);
    conflict(counters.execute(&id(), add(2)).expecting(2).await);
    assert_eq!(store.met(Fault::Conflict), 1);
    assert_eq!(steps(&counters).await, [1]);
}

#[tokio::test]
async fn what_happened_since_may_be_long() {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, [0]).await;
    counters.execute(&id(), add_all(1..1_500)).await.unwrap();
    let conflict = conflict(counters.execute(&id(), CounterCommand::Close).expecting(2).await);
    assert_eq!(conflict.actual, 1_501);
    assert_eq!(events(&conflict.since), added(1..1_500));
    assert!(conflict.since.iter().map(|recorded| recorded.version.get()).eq(3..=1_501));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_lose_nothing() {
    const WRITERS: u64 = 32;
    const STEPS: u64 = 8;
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, []).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let counters = counters.clone();
        writers.spawn(async move {
            for step in 0..STEPS {
                counters.execute(&id(), add(writer * STEPS + step)).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let mut steps = steps(&counters).await;
    steps.sort_unstable();
    assert_eq!(steps, (0..WRITERS * STEPS).collect::<Vec<_>>());
}

/// Whoever is decided again sees what came in between: of equal steps one is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_is_decided_again_on_the_new_state() {
    let counters = Arc::new(Repository::<Counter>::new(memory()));
    opened(&counters, []).await;
    for round in 0..20 {
        let mut writers = JoinSet::new();
        for _ in 0..8 {
            let counters = Arc::clone(&counters);
            writers.spawn(async move { counters.execute(&id(), add(round)).await });
        }
        let outcomes = writers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for failure in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(failure.rejection(), Some(&Rejection::Domain(CounterError::AlreadyTaken)));
        }
    }
    assert_eq!(steps(&counters).await, (0..20).collect::<Vec<_>>());
}
