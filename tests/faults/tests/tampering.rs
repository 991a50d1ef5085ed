//! Somebody has taken something out of the store with another tool. It is ours, and damaged.

use std::path::Path;

use factum::{
    Version,
    store::{AppendError, StoreErrorKind},
};
use factum_faults::Workload;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{new_directory, open};

/// A store with some commits, and its writer.
async fn store() -> (TempDir, Workload) {
    let directory = new_directory();
    let store = open(directory.path()).await.unwrap();
    let mut workload = Workload::new("a", Version::NONE, 1);
    for _ in 0..10 {
        let commit = workload.commit();
        let committed = store.append(commit.clone()).await.unwrap();
        workload.recorded(&commit, Some(&committed));
    }
    (directory, workload)
}

fn tamper(directory: &Path, sql: &str) {
    let connection = Connection::open(directory.join("store.db")).unwrap();
    connection.execute_batch(&format!("PRAGMA foreign_keys = off; {sql}")).unwrap();
}

#[tokio::test]
async fn tables_are_gone() {
    for table in ["events", "streams", "categories"] {
        let (directory, mut workload) = store().await;
        tamper(directory.path(), &format!("DROP VIEW log; DROP TABLE {table}"));
        let store = open(directory.path()).await.unwrap();
        let read = store.read_stream(&Workload::own("a"), Version::FIRST, 1).await;
        assert_eq!(read.expect_err(table).kind(), StoreErrorKind::Corrupt, "without {table}");
        let appended = store.append(workload.commit()).await;
        assert!(
            matches!(&appended, Err(AppendError::Failed(error)) if error.kind() == StoreErrorKind::Corrupt),
            "without {table}: {appended:?}"
        );
    }
}

/// A stream with a gap is not folded as if there were none.
#[tokio::test]
async fn an_event_is_gone() {
    let (directory, _) = store().await;
    tamper(directory.path(), "DELETE FROM events WHERE version = 3");
    let store = open(directory.path()).await.unwrap();
    let stream = Workload::own("a");
    let read = store.read_stream(&stream, Version::FIRST, 100).await;
    assert_eq!(read.expect_err("there is a gap").kind(), StoreErrorKind::Corrupt);
    let facts = store.read_facts(&stream, Version::FIRST, 100).await;
    assert_eq!(facts.expect_err("there is a gap").kind(), StoreErrorKind::Corrupt);
}
