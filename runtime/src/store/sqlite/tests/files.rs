//! Whose file it is, and how it is opened.

use std::{fs, time::Duration};

use super::*;
use crate::{
    Metadata,
    read::ReadStore as _,
    store::{Durability, Name},
};

/// Opening must fail, with this kind and text, and leave the bytes as they are.
async fn refused(folder: &Folder, kind: StoreErrorKind, text: &str) {
    let before = fs::read(folder.path()).unwrap();
    let error = folder.open().await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(text), "{error}");
    assert_eq!(fs::read(folder.path()).unwrap(), before, "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    for content in [
        "x",
        "a text that is long enough to look like a header of a database, but is none".repeat(3).as_str(),
    ] {
        let folder = Folder::new();
        fs::write(folder.path(), content).unwrap();
        refused(&folder, StoreErrorKind::Foreign, "not a SQLite database").await;
    }
}

#[tokio::test]
async fn a_database_with_other_tables_is_refused() {
    let folder = Folder::new();
    folder.sql().execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
    refused(&folder, StoreErrorKind::Foreign, "other tables").await;
}

#[tokio::test]
async fn a_database_of_another_application_is_refused() {
    let folder = Folder::new();
    folder.sql().execute_batch("PRAGMA application_id = 77; CREATE TABLE theirs (a)").unwrap();
    refused(&folder, StoreErrorKind::Foreign, "0x4d").await;
}

#[tokio::test]
async fn a_database_with_another_version_number_is_refused() {
    let folder = Folder::new();
    folder.sql().execute_batch("PRAGMA user_version = 3").unwrap();
    refused(&folder, StoreErrorKind::Foreign, "its version is 3").await;
}

/// The tables are only in the log, which a careless look at the file would merge into it.
#[tokio::test]
async fn a_foreign_log_is_not_merged() {
    let (theirs, folder) = (Folder::new(), Folder::new());
    let connection = theirs.sql();
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);",
        )
        .unwrap();
    // As after a crash: nobody has the database open, and its log is there.
    let log = |folder: &Folder| folder.0.path().join("events.db-wal");
    fs::copy(theirs.path(), folder.path()).unwrap();
    fs::copy(log(&theirs), log(&folder)).unwrap();
    let before = fs::read(log(&folder)).unwrap();
    refused(&folder, StoreErrorKind::Foreign, "other tables").await;
    assert_eq!(fs::read(log(&folder)).unwrap(), before);
    let rows: i64 = folder.sql().query_row("SELECT count(*) FROM theirs", (), |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let folder = Folder::new();
    drop(folder.open().await.unwrap());
    folder.sql().execute_batch("PRAGMA user_version = 3").unwrap();
    refused(&folder, StoreErrorKind::Foreign, "written by a newer version").await;
}

/// As the first version made it, which knew no views.
#[tokio::test]
async fn a_file_of_an_earlier_version_is_brought_up_to_date() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
    drop(store);
    let books = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'factum\\_%' ESCAPE '\\'";
    let named = |connection: &rusqlite::Connection| -> Vec<String> {
        let mut found = connection.prepare(books).unwrap();
        found.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let connection = folder.sql();
    let before = named(&connection);
    assert_eq!(before.len(), 6, "{before:?}");
    for book in &before {
        connection.execute_batch(&format!("DROP TABLE {book}")).unwrap();
    }
    connection.execute_batch("PRAGMA user_version = 1").unwrap();
    drop(connection);

    let store = folder.open().await.unwrap();
    assert_eq!(versions(&store, "a").await, 1);
    assert_eq!(store.builds(&Name::from_static("todo")).await.unwrap(), []);
    assert_eq!(named(&folder.sql()), before);
}

#[tokio::test]
async fn a_version_that_never_was_is_damage() {
    let folder = Folder::new();
    drop(folder.open().await.unwrap());
    folder.sql().execute_batch("PRAGMA user_version = 0").unwrap();
    refused(&folder, StoreErrorKind::Corrupt, "version 0").await;
}

#[tokio::test]
async fn an_empty_file_is_a_new_store() {
    let folder = Folder::new();
    fs::write(folder.path(), "").unwrap();
    let store = folder.open().await.unwrap();
    store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
}

#[tokio::test]
async fn a_path_stands_as_it_is() {
    let folder = Folder::new();
    for name in ["a b.db", "100%41.db", "file:c.db", "d?mode=memory", "e#f", "ü.db"] {
        let path = folder.0.path().join(name);
        let store = SqliteStore::open(SqliteOptions::file(&path)).await.unwrap();
        store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
        drop(store);
        assert!(path.exists(), "{name}");
        let again = SqliteStore::open(SqliteOptions::file(&path)).await.unwrap();
        assert_eq!(versions(&again, "a").await, 1, "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_an_error() {
    let folder = Folder::new();
    let nowhere = SqliteOptions::file(folder.0.path().join("no folder/events.db"));
    for (options, kind) in [
        (SqliteOptions::file(""), StoreErrorKind::Invalid),
        (SqliteOptions::file(folder.0.path()), StoreErrorKind::Invalid),
        (nowhere, StoreErrorKind::Io),
        (folder.options().vfs("no such vfs"), StoreErrorKind::Invalid),
    ] {
        let error = SqliteStore::open(options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

/// A pipe would be waited for, for ever.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    let made = std::process::Command::new("mkfifo").arg(folder.path()).status();
    let pipe = made.is_ok_and(|made| made.success()).then(|| folder.path());
    for path in pipe.into_iter().chain(["/dev/null".into()]) {
        let error = SqliteStore::open(SqliteOptions::file(path)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("name a file"), "{error}");
    }
}

#[tokio::test]
async fn durability_is_what_is_in_force() {
    for (synchronous, durability, number) in [
        (Synchronous::Full, Durability::PowerLoss, 2),
        (Synchronous::Normal, Durability::Crash, 1),
        (Synchronous::Off, Durability::Crash, 0),
    ] {
        let folder = Folder::new();
        let store = SqliteStore::open(folder.options().synchronous(synchronous)).await.unwrap();
        assert_eq!(store.capabilities().durability, durability);
        let writer = lock(&store.core.writer);
        let pragma = |name: &str| -> rusqlite::types::Value {
            writer.session.connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get(0)).unwrap()
        };
        assert_eq!(pragma("synchronous"), number.into());
        assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    }
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    assert_eq!(store.capabilities().durability, Durability::Process);
    assert!(store.capabilities().wakes);
}

/// The log is merged into the file when the store is dropped, so that the file alone is everything.
#[tokio::test]
async fn a_dropped_store_leaves_one_file() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
    assert_eq!(versions(&store, "a").await, 1);
    store.read_all(&Filter::All, Position::START, 10).await.unwrap();
    drop(store);
    let files: Vec<_> =
        fs::read_dir(folder.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["events.db"]);
}

#[tokio::test]
async fn people_can_read_it() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    store.append(commit("7", Expected::NoStream, &["Made", "Sold"])).await.unwrap();
    drop(store);
    let shown: String = folder
        .sql()
        .query_row("SELECT concat_ws(' ', position, category, id, version, event, schema, payload) FROM log WHERE version = 2", (), |row| row.get(0))
        .unwrap();
    assert_eq!(shown, r#"2 thing 7 2 Sold 1 {"a":1}"#);
}

/// What is one column is shown as its parts, each NULL where it was not said.
#[tokio::test]
async fn people_can_read_metadata() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let all = Metadata::by("an\"n").correlation("c").causation("7").note("reason", "none");
    let said = [None, Some(Metadata::new()), Some(Metadata::by("bob")), Some(all)];
    let mut commit = commit("7", Expected::NoStream, &["Made"; 4]);
    for (event, metadata) in commit.appends[0].events.iter_mut().zip(&said) {
        event.metadata = metadata.clone().map(Arc::new);
    }
    store.append(commit).await.unwrap();
    let page = store.read_all(&Filter::All, Position::START, 10).await.unwrap();
    let read: Vec<_> = page.events.iter().map(|event| event.metadata.as_deref().cloned()).collect();
    assert_eq!(read, said);
    drop(store);
    let shown: String = folder
        .sql()
        .query_row(
            "SELECT group_concat(quote(actor) || quote(correlation_id) || quote(causation_id) || quote(notes), ' ' \
             ORDER BY position) FROM log",
            (),
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        shown,
        "NULLNULLNULLNULL NULLNULLNULLNULL 'bob'NULLNULLNULL 'an\"n''c''7''{\"reason\":\"none\"}'"
    );
}

#[tokio::test]
async fn a_write_protected_database_is_refused() {
    let folder = Folder::new();
    drop(folder.open().await.unwrap());
    let mut permissions = fs::metadata(folder.path()).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder.path(), permissions).unwrap();
    // A user who may do everything is not stopped by it.
    if fs::OpenOptions::new().append(true).open(folder.path()).is_err() {
        let error = folder.open().await.unwrap_err();
        assert!(error.to_string().contains("write-protected"), "{error}");
    }
}

#[tokio::test]
async fn many_may_make_the_same_file_at_once() {
    for _ in 0..10 {
        let folder = Arc::new(Folder::new());
        let start = Arc::new(std::sync::Barrier::new(6));
        let makers: Vec<_> = (0..6)
            .map(|maker| {
                let (folder, start) = (Arc::clone(&folder), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                    runtime.block_on(async {
                        let store = folder.open().await.unwrap();
                        store
                            .append(commit(&format!("{maker}"), Expected::NoStream, &["Made"]))
                            .await
                            .unwrap();
                    });
                })
            })
            .collect();
        for maker in makers {
            maker.join().unwrap();
        }
        let store = folder.open().await.unwrap();
        assert_eq!(store.head().await.unwrap(), Position::new(6));
    }
}

#[tokio::test]
async fn opening_waits_for_others_only_so_long() {
    let folder = Folder::new();
    let others = folder.sql();
    others.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let options = folder.options().busy_timeout(Duration::from_millis(20));
    let error = SqliteStore::open(options).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
}
