//! The SQLite store where things go wrong.

mod countdown;
mod foreign;
mod full;
mod garbage;
mod kill;
mod power;
mod repository;
mod tampering;
mod views;

use std::{path::Path, sync::Arc};

use factum::{Store, store::StoreError};
use factum_faults::{Disk, Entry, Findings, Ledger, check};
use tempfile::TempDir;

/// A new directory; in memory where there is such a place, because real syncs are of no use to most tests here.
fn new_directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory can be made")
}

/// Opens the store in this directory as users do.
async fn open(directory: &Path) -> Result<Arc<dyn Store>, StoreError> {
    factum::open(&format!("sqlite:{}/store.db", directory.display())).await
}

/// Opens it on a disk that can fail, with these options.
async fn open_on(disk: &Disk, directory: &Path, options: &str) -> Result<Arc<dyn Store>, StoreError> {
    factum::open(&format!("sqlite:{}/store.db?vfs={}{options}", directory.display(), disk.vfs())).await
}

/// Opens the store as users do and checks it. What is open in the ledger is given again, and then is there, once.
async fn verify(directory: &Path, entries: Vec<Entry>, context: &str) {
    let store = open(directory).await.unwrap_or_else(|error| panic!("{context}: {error}"));
    let findings = examine(directory, &*store, &entries, context).await;
    assert!(findings.are_good(), "{context}: {findings:#?}");
    let ledger = Ledger::default();
    ledger.reset(entries);
    if ledger.give_again(&*store).await.unwrap_or_else(|error| panic!("{context}: {error}")) > 0 {
        let findings = examine(directory, &*store, &ledger.entries(), context).await;
        assert!(findings.are_good(), "{context}, after giving commits again: {findings:#?}");
    }
}

/// Compares the store with what was given and answered, and lets SQLite check the file.
async fn examine(directory: &Path, store: &dyn Store, entries: &[Entry], context: &str) -> Findings {
    let findings = check(store, entries).await.unwrap_or_else(|error| panic!("{context}: {error}"));
    let said = integrity(directory).unwrap_or_else(|error| error.to_string());
    assert_eq!(said, "ok", "{context}");
    findings
}

/// What SQLite itself says about the file.
fn integrity(directory: &Path) -> Result<String, rusqlite::Error> {
    let connection = rusqlite::Connection::open(directory.join("store.db"))?;
    connection.query_row("PRAGMA integrity_check", (), |row| row.get(0))
}
