//! Appends whose outcome is unknown, and those that fail.

use factum::{
    LoadError,
    store::{StoreErrorKind, StreamId},
    testing::chaos::Fault,
};

use crate::{Failure, add, add_all, chaotic, id, opened, steps};

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let (store, counters) = chaotic();
    opened(&counters, [1]).await;
    for (number, times) in [1, 2, 4].into_iter().enumerate() {
        let number = number as u64;
        store.inject(times, Fault::AnswerLost);
        let receipt = counters.execute(&id(), add_all([number * 10 + 2, number * 10 + 3])).await.unwrap();
        assert_eq!(receipt.version, 4 + number * 2);
        let history = counters.history(&id()).await.unwrap();
        assert_eq!(receipt.events, history[history.len() - 2..]);
    }
    assert_eq!(store.met(Fault::AnswerLost), 7);
    assert_eq!(steps(&counters).await, [1, 2, 3, 12, 13, 22, 23]);
}

#[tokio::test]
async fn a_lost_request_is_sent_again() {
    let (store, counters) = chaotic();
    opened(&counters, []).await;
    store.inject(4, Fault::RequestLost);
    counters.execute(&id(), add(1)).await.unwrap();
    store.inject(2, Fault::RequestLost);
    store.inject(2, Fault::AnswerLost);
    counters.execute(&id(), add(2)).expecting(2).await.unwrap();
    assert_eq!(steps(&counters).await, [1, 2]);
}

/// And then the caller can find out.
#[tokio::test]
async fn in_the_end_it_stays_unknown() {
    for (fault, recorded) in [(Fault::RequestLost, false), (Fault::AnswerLost, true)] {
        let (store, counters) = chaotic();
        opened(&counters, []).await;
        store.inject(100, fault);
        let commit = match counters.execute(&id(), add(1)).await {
            Err(Failure::Unknown { stream, commit, cause }) => {
                assert_eq!(stream, StreamId::new("counter", id()));
                assert_eq!(cause.kind(), StoreErrorKind::Unavailable);
                commit
            }
            other => panic!("expected an unknown outcome, got {other:?}"),
        };
        let history = counters.history(&id()).await.unwrap();
        assert_eq!(history.iter().any(|event| event.id == commit.event(0)), recorded);
        assert_eq!(history.len(), if recorded { 2 } else { 1 });
        assert!(store.met(fault) < 100, "it is not tried for ever");
    }
}

/// That a second attempt failed says nothing about the first.
#[tokio::test]
async fn a_failure_does_not_settle_what_was_unknown() {
    for lost in [Fault::AnswerLost, Fault::RequestLost] {
        let (store, counters) = chaotic();
        opened(&counters, []).await;
        store.inject(1, lost);
        store.inject(100, Fault::Failure);
        let outcome = counters.execute(&id(), add(1)).await;
        assert!(matches!(outcome, Err(Failure::Unknown { .. })), "{outcome:?}");
    }
    let (store, counters) = chaotic();
    opened(&counters, []).await;
    store.inject(1, Fault::AnswerLost);
    store.inject(2, Fault::Failure);
    counters.execute(&id(), add(1)).await.unwrap();
    assert_eq!(steps(&counters).await, [1]);
}

#[tokio::test]
async fn a_failure_is_reported_at_once() {
    let (store, counters) = chaotic();
    opened(&counters, [1]).await;
    store.inject(1, Fault::Failure);
    match counters.execute(&id(), add(2)).await {
        Err(Failure::Store { stream, cause }) => {
            assert_eq!(stream, StreamId::new("counter", id()));
            assert_eq!(cause.kind(), StoreErrorKind::Unavailable);
        }
        other => panic!("expected the store's failure, got {other:?}"),
    }
    assert_eq!(steps(&counters).await, [1]);
}

#[tokio::test]
async fn a_read_that_fails_is_reported_with_its_stream() {
    let (store, counters) = chaotic();
    // A warm one would not be read.
    let counters = counters.cold();
    opened(&counters, [1]).await;
    let is_it = |error: &LoadError| match error {
        LoadError::Store { stream, cause } => {
            *stream == StreamId::new("counter", id()) && cause.kind() == StoreErrorKind::Unavailable
        }
        _ => false,
    };
    store.inject(1, Fault::Read);
    assert!(is_it(&counters.load(&id()).await.unwrap_err()));
    store.inject(1, Fault::Read);
    assert!(is_it(&counters.history(&id()).await.unwrap_err()));
    store.inject(1, Fault::Read);
    match counters.execute(&id(), add(2)).await {
        Err(Failure::Load(error)) => assert!(is_it(&error)),
        other => panic!("expected the load to fail, got {other:?}"),
    }
    assert_eq!(store.met(Fault::Read), 3);
    assert_eq!(steps(&counters).await, [1]);
}
