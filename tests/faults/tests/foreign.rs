//! Files that are not ours. They are refused, and stay as they are.

use std::{fs, path::Path};

use factum::store::StoreErrorKind;
use factum_faults::Image;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{new_directory, open};

/// A directory with a file in the place of the store.
fn with_file(content: &[u8]) -> TempDir {
    let directory = new_directory();
    fs::write(directory.path().join("store.db"), content).expect("the file can be written");
    directory
}

/// A directory with a database of another application, which is still open.
fn with_database(sql: &str) -> (TempDir, Connection) {
    let directory = new_directory();
    let connection = Connection::open(directory.path().join("store.db")).expect("the database can be made");
    connection.execute_batch(sql).expect("the SQL is right");
    (directory, connection)
}

/// The files that matter: what is shared in memory comes and goes with those who have it open.
fn files(directory: &Path) -> Image {
    let mut image = Image::of(directory);
    image.files.retain(|name, _| name != "store.db-shm");
    image
}

async fn assert_refused(directory: &Path, what: &str) {
    let before = files(directory);
    for time in 0..2 {
        let error = open(directory).await.map(drop).expect_err(what);
        assert_eq!(error.kind(), StoreErrorKind::Foreign, "{what}: {error}");
        assert!(error.to_string().contains("store.db"), "{what}: the error does not name the file: {error}");
        assert!(files(directory) == before, "{what}: touched when it was opened {time} times");
    }
}

#[tokio::test]
async fn other_files() {
    let text = "Dear diary,\ntoday nothing happened.\n";
    let binary: Vec<u8> =
        (0..20_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (content, what) in [
        (text.as_bytes(), "a short text"),
        (text.repeat(1000).as_bytes(), "a long text"),
        (b"x", "one letter"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture"),
        (&binary, "other bytes"),
        (&[0; 8192], "zeros"),
    ] {
        assert_refused(with_file(content).path(), what).await;
    }
}

#[tokio::test]
async fn other_databases() {
    for (sql, what) in [
        ("CREATE TABLE notes (text)", "another table"),
        ("CREATE TABLE events (text)", "a table of the same name"),
        ("PRAGMA application_id = 7", "another application, without tables"),
        ("PRAGMA application_id = 7; CREATE TABLE notes (text)", "another application"),
        ("PRAGMA user_version = 3", "another version, without tables"),
    ] {
        let (directory, connection) = with_database(sql);
        drop(connection);
        assert_refused(directory.path(), what).await;
    }
}

/// The other application has died: what it wrote last is in its log or its journal, and must stay there for it.
#[tokio::test]
async fn other_databases_after_a_crash() {
    let tables = "CREATE TABLE notes (text); INSERT INTO notes VALUES ('first');";
    let more = "INSERT INTO notes VALUES ('second');";
    // So much that a part of the transaction is written before its end.
    let much = "INSERT INTO notes SELECT randomblob(500000);";
    for (sql, expected, what) in [
        (format!("PRAGMA journal_mode = wal; {tables} {more}"), 2, "a log"),
        (
            format!("{tables} PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; {more} {much}"),
            1,
            "a journal",
        ),
    ] {
        let (running, connection) = with_database(&sql);
        let crashed = new_directory();
        files(running.path()).write_to(crashed.path());
        assert!(files(crashed.path()).files.len() == 2, "{what}: there is none");
        drop(connection);
        assert_refused(crashed.path(), what).await;

        let connection = Connection::open(crashed.path().join("store.db")).unwrap();
        let count: i64 = connection.query_row("SELECT count(*) FROM notes", (), |row| row.get(0)).unwrap();
        assert_eq!(count, expected, "{what}: the other application does not find what it wrote");
    }
}

#[tokio::test]
async fn a_newer_version() {
    let directory = new_directory();
    drop(open(directory.path()).await.unwrap());
    let connection = Connection::open(directory.path().join("store.db")).unwrap();
    connection.pragma_update(None, "user_version", 1000).unwrap();
    drop(connection);
    assert_refused(directory.path(), "a newer version").await;
}
