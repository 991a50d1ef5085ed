//! What can only be tried on a database server: others who hold transactions open, connections that die, crashes.

#![cfg(all(feature = "postgres", unix))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod ahead;
mod faults;
mod load;
mod log;
mod migration;
mod order;
mod pool;
mod refused;
mod tail;
mod tls;

use std::sync::Arc;

use factum::{
    Store, Version,
    store::{Append, Commit, Expected, Filter, Name, NewEvent, Payload, Position, RecordedEvent, StreamId},
};
use tokio_postgres::{Client, NoTls};

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

async fn all(store: &Subject, after: Position) -> Vec<RecordedEvent> {
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

async fn events_of(store: &Subject, id: &str) -> Vec<RecordedEvent> {
    let (stream, mut events, mut from) = (stream(id), Vec::new(), Some(Version::FIRST));
    while let Some(next) = from {
        let page = store.read_stream(&stream, next, 1_000).await.unwrap();
        events.extend(page.events);
        from = page.next;
    }
    events
}

/// Somebody with a connection of his own to the store's tables.
async fn somebody(url: &str) -> Client {
    let (base, schema) = url.split_once("?schema=").unwrap();
    let mut config: tokio_postgres::Config = base.parse().unwrap();
    let (client, connection) =
        config.options(format!("-c search_path={schema}")).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
