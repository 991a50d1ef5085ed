//! What is particular to SQLite. What every store must do is told by the contract suite.

mod claims;
mod damage;
mod files;
mod groups;
mod plans;
mod processes;
mod rows;
mod speed;
mod tables;

use std::{path::Path, sync::Arc};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::{Append, ClaimChange, ClaimValue, Expected, NewEvent, Payload};

/// A folder of its own for a database.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("events.db")
    }

    fn options(&self) -> SqliteOptions {
        SqliteOptions::file(self.path())
    }

    async fn open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(self.options()).await
    }

    /// The database, past the store.
    fn sql(&self) -> Connection {
        sql(&self.path())
    }
}

fn sql(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection
}

fn event(name: &'static str) -> NewEvent {
    NewEvent {
        name: Name::from_static(name),
        schema: 1,
        payload: Payload::json(r#"{"a":1}"#),
        metadata: None,
    }
}

fn append(stream: &str, expected: Expected, names: &[&'static str]) -> Append {
    let events = names.iter().copied().map(event).collect();
    Append { stream: stream_id(stream), expected, tail: None, events }
}

fn commit(stream: &str, expected: Expected, names: &[&'static str]) -> Commit {
    Commit::new(vec![append(stream, expected, names)])
}

fn stream_id(id: &str) -> StreamId {
    StreamId::new("thing", id)
}

async fn versions(store: &SqliteStore, stream: &str) -> usize {
    store.read_stream(&stream_id(stream), Version::FIRST, 100).await.unwrap().events.len()
}
