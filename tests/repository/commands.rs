//! What a command leads to.

use factum::{Metadata, Position, Rejection, Repository, Version, store::StreamId};
use factum_tests::counter::{Counter, CounterCommand, CounterError, CounterEvent};

use crate::{Failure, add, add_all, added, events, id, memory, open, opened, steps};

#[tokio::test]
async fn the_receipt_is_what_the_history_says() {
    let counters = Repository::<Counter>::new(memory());
    let metadata = Metadata::by("ann").note("reason", "sleepless");
    let mut receipts = Vec::new();
    for command in [open(), add(1), add_all([2, 3, 4]), CounterCommand::Close] {
        receipts.push(counters.execute(&id(), command).with(metadata.clone()).await.unwrap());
    }
    let history = counters.history(&id()).await.unwrap();
    let versions: Vec<_> = receipts.iter().map(|receipt| receipt.version.get()).collect();
    assert_eq!(versions, [1, 2, 5, 6]);
    for receipt in &receipts {
        assert_eq!(receipt.position, receipt.events.last().unwrap().position);
    }
    let received: Vec<_> = receipts.into_iter().flat_map(|receipt| receipt.events).collect();
    assert_eq!(received, history);
    assert!(history.iter().all(|recorded| recorded.metadata() == &metadata));
    assert!(history.iter().all(|recorded| recorded.stream == StreamId::new("counter", id())));
    assert_eq!(events(&history)[1..5], added(1..=4));
    assert_eq!(events(&history)[5], CounterEvent::Closed);
}

#[tokio::test]
async fn the_state_is_the_fold_of_the_history() {
    let counters = Repository::<Counter>::new(memory());
    assert!(counters.load(&id()).await.unwrap().is_none());
    opened(&counters, [5, 7]).await;
    let counter = counters.load(&id()).await.unwrap().unwrap();
    assert_eq!(counter.version, 3);
    assert!(!counter.ended);
    let expected = Counter { id: id(), label: "sheep".to_owned(), total: 12, steps: vec![5, 7] };
    assert_eq!(counter.state, expected);
    counters.execute(&id(), CounterCommand::Close).await.unwrap();
    let closed = counters.load(&id()).await.unwrap().unwrap();
    assert!(closed.ended);
    assert_eq!(closed.state, expected);
}

#[tokio::test]
async fn a_command_that_leads_to_nothing_records_nothing() {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, [1]).await;
    let head = counters.store().head().await.unwrap();
    let receipt = counters.execute(&id(), add_all([])).await.unwrap();
    assert_eq!((receipt.version, receipt.position), (Version::new(2), head));
    assert!(receipt.events.is_empty());
    assert_eq!(counters.store().head().await.unwrap(), head);
}

#[tokio::test]
async fn a_refused_command_records_nothing() {
    let counters = Repository::<Counter>::new(memory());
    let refused = async |command| match counters.execute(&id(), command).await {
        Err(Failure::Rejected(rejection)) => rejection,
        other => panic!("expected a rejection, got {other:?}"),
    };
    assert_eq!(refused(add(1)).await, Rejection::NotFound);
    assert_eq!(counters.store().head().await.unwrap(), Position::START);
    opened(&counters, [1]).await;
    let head = counters.store().head().await.unwrap();
    assert_eq!(refused(open()).await, Rejection::AlreadyExists);
    // The first of the two would be accepted.
    assert_eq!(refused(add_all([2, 1])).await, Rejection::Domain(CounterError::AlreadyTaken));
    assert_eq!(counters.store().head().await.unwrap(), head);
    counters.execute(&id(), CounterCommand::Close).await.unwrap();
    assert_eq!(refused(add(2)).await, Rejection::Ended);
    assert_eq!(steps(&counters).await, [1]);
}

#[tokio::test]
async fn aggregates_do_not_mix() {
    let counters = Repository::<Counter>::new(memory());
    for step in 0..30 {
        let id = format!("{}", step % 3);
        if step < 3 {
            counters.execute(&id, open()).await.unwrap();
        }
        counters.execute(&id, add(step)).await.unwrap();
    }
    for number in 0..3 {
        let counter = counters.load(&format!("{number}")).await.unwrap().unwrap();
        assert_eq!(counter.steps, (0..10).map(|step| step * 3 + number).collect::<Vec<_>>());
        assert_eq!(counter.id, number.to_string());
    }
}
