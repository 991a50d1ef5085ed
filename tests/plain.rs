//! Plain events to write, and reads of everything.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::sync::Arc;

use factum::{
    Store, Version,
    store::{Append, Commit, Expected, Filter, Name, NewEvent, Payload, Position, RecordedEvent, StreamId},
};

/// The store that is tried.
pub type Subject = Arc<dyn Store>;

/// The stream with this id.
#[must_use]
pub fn stream(id: &str) -> StreamId {
    StreamId::new("server", id)
}

/// An event that differs from those with another number.
#[must_use]
pub fn event(number: usize) -> NewEvent {
    NewEvent {
        name: Name::from_static("Counted"),
        schema: 1,
        payload: Payload::json(format!("{{\"number\":{number}}}")),
        metadata: None,
    }
}

/// A commit of this many events.
#[must_use]
pub fn commit(id: &str, expected: Expected, events: usize) -> Commit {
    let events = (0..events).map(event).collect();
    Commit::new(vec![Append { stream: stream(id), expected, tail: None, events }])
}

/// Everything that there is.
///
/// # Panics
/// It cannot be read.
pub async fn all(store: &Subject) -> Vec<RecordedEvent> {
    all_after(store, Position::START).await
}

/// Everything after this position.
///
/// # Panics
/// It cannot be read.
pub async fn all_after(store: &Subject, after: Position) -> Vec<RecordedEvent> {
    let (mut events, mut after) = (Vec::new(), after);
    loop {
        let page = store.read_all(&Filter::All, after, 1_000).await.unwrap();
        after = page.last;
        events.extend(page.events);
        if page.end {
            return events;
        }
    }
}

/// The events of the stream with this id.
///
/// # Panics
/// They cannot be read.
pub async fn events_of(store: &Subject, id: &str) -> Vec<RecordedEvent> {
    let (stream, mut events, mut from) = (stream(id), Vec::new(), Some(Version::FIRST));
    while let Some(next) = from {
        let page = store.read_stream(&stream, next, 1_000).await.unwrap();
        events.extend(page.events);
        from = page.next;
    }
    events
}
