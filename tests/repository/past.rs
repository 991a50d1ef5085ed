//! States of then, and histories.

use std::time::Duration;

use chrono::TimeDelta;
use factum::{LoadError, Repository, Version, store::StreamId};
use factum_tests::counter::{Counter, CounterCommand, CounterEvent};

use crate::{add, add_all, events, id, memory, opened};

/// More than two pages.
const LONG: u64 = 1_300;

async fn long() -> Repository<Counter> {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, []).await;
    counters.execute(&id(), add_all(1..LONG)).await.unwrap();
    counters
}

#[tokio::test]
async fn each_version_is_the_fold_of_so_many_events() {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, 1..=5).await;
    counters.execute(&id(), CounterCommand::Close).await.unwrap();
    assert!(counters.load_at_version(&id(), Version::NONE).await.unwrap().is_none());
    for version in 1..=7 {
        let counter = counters.load_at_version(&id(), version).await.unwrap().unwrap();
        assert_eq!(counter.version, version);
        assert_eq!(counter.steps, (1..version.min(6)).collect::<Vec<_>>());
        assert_eq!(counter.ended, version == 7);
    }
}

#[tokio::test]
async fn a_version_that_is_not_there_yet() {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, [1]).await;
    let nobody = "nobody".to_owned();
    for (id, version, come) in [(id(), 3, 2), (id(), u64::MAX, 2), (nobody.clone(), 1, 0)] {
        match counters.load_at_version(&id, version).await {
            Err(LoadError::NoSuchVersion { stream, asked, latest }) => {
                assert_eq!(stream, StreamId::new("counter", &id));
                assert_eq!((asked, latest), (Version::new(version), Version::new(come)));
            }
            other => panic!("expected that there is no such version, got {other:?}"),
        }
    }
    assert!(counters.load_at_version(&nobody, 0).await.unwrap().is_none());
}

#[tokio::test]
async fn a_version_on_any_page() {
    let counters = long().await;
    for version in [1, 2, 511, 512, 513, 1_023, 1_024, 1_025, LONG - 1, LONG] {
        let counter = counters.load_at_version(&id(), version).await.unwrap().unwrap();
        assert_eq!((counter.version.get(), counter.steps.len() as u64), (version, version - 1));
    }
    assert!(counters.load_at_version(&id(), LONG + 1).await.is_err());
}

#[tokio::test]
async fn as_of_a_time_is_the_longest_prefix() {
    let counters = Repository::<Counter>::new(memory());
    opened(&counters, []).await;
    for step in 0..6 {
        counters.execute(&id(), add_all([step * 2, step * 2 + 1])).await.unwrap();
        tokio::time::sleep(Duration::from_millis(u64::from(step % 2 == 0))).await;
    }
    let history = counters.history(&id()).await.unwrap();
    let moment = TimeDelta::microseconds(1);
    assert!(counters.load_as_of(&id(), history[0].at - moment).await.unwrap().is_none());
    for at in history.iter().flat_map(|recorded| [recorded.at, recorded.at - moment, recorded.at + moment]) {
        let prefix = history.iter().take_while(|recorded| recorded.at <= at).count() as u64;
        let counter = counters.load_as_of(&id(), at).await.unwrap();
        assert_eq!(counter.map_or(0, |counter| counter.version.get()), prefix);
    }
    assert!(counters.load_as_of(&"nobody".to_owned(), history[3].at).await.unwrap().is_none());
}

#[tokio::test]
async fn as_of_a_time_on_any_page() {
    let counters = long().await;
    let last = counters.history(&id()).await.unwrap().last().unwrap().at;
    let counter = counters.load_as_of(&id(), last).await.unwrap().unwrap();
    assert_eq!(counter.version, LONG);
}

#[tokio::test]
async fn a_history_of_several_pages() {
    let counters = long().await;
    let mut stream = counters.history_stream(&id());
    let mut history = Vec::new();
    while let Some(recorded) = stream.next().await {
        history.push(recorded.unwrap());
    }
    assert!(stream.next().await.is_none(), "the end is the end");
    assert!(history.iter().map(|recorded| recorded.version.get()).eq(1..=LONG));
    assert_eq!(events(&history)[1..], crate::added(1..LONG));
    assert_eq!(history, counters.history(&id()).await.unwrap());
    assert_eq!(history[0].aggregate_id::<Counter>().unwrap(), id());
}

/// A page at a time: what is appended while it is read comes at the end, if that was not reached.
#[tokio::test]
async fn a_history_that_grows_while_it_is_read() {
    let counters = long().await;
    let mut stream = counters.history_stream(&id());
    let first = stream.next().await.unwrap().unwrap();
    assert!(matches!(first.event, CounterEvent::Opened { .. }));
    counters.execute(&id(), add(0)).await.unwrap();
    let mut last = first;
    while let Some(recorded) = stream.next().await {
        last = recorded.unwrap();
    }
    assert_eq!((last.version.get(), last.event), (LONG + 1, CounterEvent::Added { step: 0 }));
}

#[tokio::test]
async fn the_history_of_nobody_is_empty() {
    let counters = Repository::<Counter>::new(memory());
    assert!(counters.history(&id()).await.unwrap().is_empty());
    assert!(counters.history_stream(&id()).next().await.is_none());
}
