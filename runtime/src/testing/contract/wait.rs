//! Waiting for events.

use std::{future::Future, time::Duration};

use super::support::{Subject, read_after, read_all, stream, together, write};
use crate::{
    Position,
    store::{Expected, Filter},
};

/// Longer than any wait that has something to wait for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the future gives, within reason.
pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("whoever waits is woken")
}

/// Waits until there is something after this position. Waking early is allowed, so it looks, and waits again.
pub(super) async fn something_after(store: &Subject, after: Position) {
    while read_after(store, &Filter::All, after, 10).await.0.is_empty() {
        store.wait(after).await.unwrap();
    }
}

pub(super) async fn returns_at_once_if_there_is_something(store: Subject) {
    write(&store, &stream("a"), Expected::NoStream, 3).await;
    soon(store.wait(Position::START)).await.unwrap();
    let whole = read_all(&store).await;
    for event in &whole[..2] {
        soon(store.wait(event.position)).await.unwrap();
    }
}

pub(super) async fn wakes_when_something_comes(store: Subject) {
    let mut after = Position::START;
    for number in 0..5 {
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { something_after(&store, after).await }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!waiting.is_finished(), "there is nothing yet");
        write(&store, &stream(format!("{number}")), Expected::NoStream, 1).await;
        soon(waiting).await.unwrap();
        after = store.head().await.unwrap();
    }
}

pub(super) async fn wakes_everybody(store: Subject) {
    const WAITING: usize = 20;
    soon(together(WAITING + 1, |number| {
        let store = store.clone();
        async move {
            if number == WAITING {
                tokio::time::sleep(Duration::from_millis(10)).await;
                write(&store, &stream("a"), Expected::NoStream, 1).await;
            } else {
                something_after(&store, Position::START).await;
            }
        }
    }))
    .await;
}

/// The event may come at any moment between finding nothing and waiting.
pub(super) async fn misses_nothing_between_read_and_wait(store: Subject) {
    const ROUNDS: usize = 60;
    let (ask, mut asked) = tokio::sync::mpsc::unbounded_channel::<()>();
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            while asked.recv().await.is_some() {
                write(&store, &stream("a"), Expected::Any, 1).await;
            }
        }
    });
    let mut after = Position::START;
    for round in 0..ROUNDS {
        let (nothing, last) = read_after(&store, &Filter::All, after, 10).await;
        assert!(nothing.is_empty());
        assert_eq!(last, after);
        ask.send(()).unwrap();
        if round % 3 > 0 {
            // Now the event is mostly there before the wait begins.
            tokio::time::sleep(Duration::from_millis(round as u64 % 3)).await;
        }
        soon(store.wait(after)).await.unwrap();
        soon(something_after(&store, after)).await;
        after = store.head().await.unwrap();
    }
    drop(ask);
    writing.await.unwrap();
}

pub(super) async fn can_be_given_up(store: Subject) {
    for _ in 0..5 {
        let _ = tokio::time::timeout(Duration::from_millis(2), store.wait(Position::START)).await;
    }
    write(&store, &stream("a"), Expected::NoStream, 1).await;
    soon(store.wait(Position::START)).await.unwrap();
    assert_eq!(read_all(&store).await.len(), 1);
}
