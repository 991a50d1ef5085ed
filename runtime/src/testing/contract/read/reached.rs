//! Waiting until a reader has come somewhere.

use std::time::Duration;

use super::{
    super::{support::together, wait::soon},
    support::{Subject, advance},
};
use crate::Position;

/// Waits until it is so. Waking early is allowed, so it looks, and waits again.
pub(super) async fn arrives(store: &Subject, reader: &str, position: u128) {
    while store.position(reader).await.unwrap() < Position::new(position) {
        store.reached(reader, Position::new(position)).await.unwrap();
    }
}

pub(super) async fn at_once_if_it_is_so(store: Subject) {
    soon(store.reached("mail", Position::START)).await.unwrap();
    advance(&store, "mail", 5).await;
    for position in [0, 4, 5] {
        soon(store.reached("mail", Position::new(position))).await.unwrap();
    }
}

pub(super) async fn wakes_when_it_is_so(store: Subject) {
    for round in 1..=5 {
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { arrives(&store, "mail", round * 10).await }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        // Not far enough, and somebody else.
        advance(&store, "mail", round * 10 - 1).await;
        advance(&store, "post", round * 10).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!waiting.is_finished(), "it is not there yet");
        advance(&store, "mail", round * 10).await;
        soon(waiting).await.unwrap();
    }
}

pub(super) async fn wakes_everybody(store: Subject) {
    const WAITING: usize = 20;
    soon(together(WAITING + 1, |number| {
        let store = store.clone();
        async move {
            if number == WAITING {
                tokio::time::sleep(Duration::from_millis(10)).await;
                advance(&store, "mail", 20).await;
            } else {
                arrives(&store, "mail", 1 + number as u128).await;
            }
        }
    }))
    .await;
}

pub(super) async fn can_be_given_up(store: Subject) {
    for _ in 0..5 {
        let waiting = store.reached("mail", Position::new(1));
        let _ = tokio::time::timeout(Duration::from_millis(2), waiting).await;
    }
    advance(&store, "mail", 1).await;
    soon(store.reached("mail", Position::new(1))).await.unwrap();
}
