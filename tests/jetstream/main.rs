//! What can only be tried on NATS servers: those that are not right, and those that die.

#![cfg(all(feature = "jetstream", unix))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod cluster;
mod content;
mod cut;
mod refused;
mod restart;
mod tls;

use std::sync::Arc;

use factum::{
    Store, Version,
    store::{Append, Commit, Expected, Filter, Name, NewEvent, Payload, Position, RecordedEvent, StreamId},
};

type Subject = Arc<dyn Store>;

fn stream(id: &str) -> StreamId {
    StreamId::new("server", id)
}

fn event(number: usize) -> NewEvent {
    NewEvent {
        name: Name::from_static("Counted"),
        schema: 1,
        payload: Payload::json(format!("{{\"number\":{number}}}")),
        metadata: None,
    }
}

/// A commit of this many events.
fn commit(id: &str, expected: Expected, events: usize) -> Commit {
    let events = (0..events).map(event).collect();
    Commit::new(vec![Append { stream: stream(id), expected, tail: None, events }])
}

async fn all(store: &Subject) -> Vec<RecordedEvent> {
    let (mut events, mut after) = (Vec::new(), Position::START);
    loop {
        let page = store.read_all(&Filter::All, after, 1_000).await.unwrap();
        after = page.last;
        events.extend(page.events);
        if page.end {
            return events;
        }
    }
}

async fn events_of(store: &Subject, id: &str) -> Vec<RecordedEvent> {
    let (stream, mut events, mut from) = (stream(id), Vec::new(), Some(Version::FIRST));
    while let Some(next) = from {
        let page = store.read_stream(&stream, next, 1_000).await.unwrap();
        events.extend(page.events);
        from = page.next;
    }
    events
}
