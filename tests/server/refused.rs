//! Servers and databases that are not right: each is a typed error with advice, soon.

use std::time::Duration;

use factum::store::{AppendError, Expected, Payload, StoreErrorKind};
use factum_tests::postgres::Postgres;
use tokio::time::timeout;

use super::{all, commit, events_of, somebody};

/// Why the store does not open.
pub(crate) async fn refusal(url: &str) -> (StoreErrorKind, String) {
    let opened = timeout(Duration::from_secs(15), factum::open(url)).await.unwrap();
    let error = opened.unwrap_err();
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn no_server() {
    let (kind, message) = refusal("postgres://ann:secret@127.0.0.1:1/desk").await;
    assert_eq!(kind, StoreErrorKind::Unavailable, "{message}");
    assert!(message.contains("host and port") && !message.contains("secret"), "{message}");
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let (kind, message) = refusal(&format!("postgres://ann@127.0.0.1:{port}/desk?timeout=200")).await;
    assert_eq!(kind, StoreErrorKind::Unavailable, "{message}");
    assert!(message.contains("200ms"), "{message}");
}

#[tokio::test]
async fn users_databases_and_rights_that_are_missing() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let admin = somebody(&url).await;
    admin.batch_execute("CREATE ROLE guest LOGIN").await.unwrap();
    for (from, to, kind, advice) in [
        ("factum@", "nobody@", StoreErrorKind::Denied, "user name and password"),
        ("/postgres?", "/nowhere?", StoreErrorKind::Invalid, "createdb"),
        ("factum@", "guest@", StoreErrorKind::Denied, "making the tables"),
    ] {
        let (found, message) = refusal(&url.replace(from, to)).await;
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(advice), "{message}");
    }

    // Tables that somebody else made are not to be read by everybody.
    let store = factum::open(&url).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    let (kind, message) = refusal(&url.replace("factum@", "guest@")).await;
    assert_eq!(kind, StoreErrorKind::Denied, "{message}");
}

#[tokio::test]
async fn a_schema_of_somebody_else() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let schema = url.split_once("?schema=").unwrap().1;
    let admin = somebody(&url).await;
    admin
        .batch_execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.events (n int)"))
        .await
        .unwrap();
    let (kind, message) = refusal(&url).await;
    assert_eq!(kind, StoreErrorKind::Foreign, "{message}");
    assert!(message.contains("?schema=name"), "{message}");
    let sql = "SELECT count(*) FROM pg_class WHERE relnamespace = $1::text::regnamespace";
    let tables: i64 = admin.query_one(sql, &[&schema]).await.unwrap().get(0);
    assert_eq!(tables, 1, "nothing was added");
}

#[tokio::test]
async fn tables_of_another_version() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    drop(factum::open(&url).await.unwrap());
    somebody(&url).await.batch_execute("UPDATE factum SET version = 7").await.unwrap();
    let (kind, message) = refusal(&url).await;
    assert_eq!(kind, StoreErrorKind::Foreign, "{message}");
    assert!(message.contains("version 7") && message.contains("version 1"), "{message}");
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_text() {
    let Some(server) = Postgres::shared() else { return };
    let admin = somebody(&server.fresh()).await;
    admin.batch_execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0").await.unwrap();
    let (kind, message) = refusal(&server.fresh().replace("/postgres?", "/latin?")).await;
    assert_eq!(kind, StoreErrorKind::Foreign, "{message}");
    assert!(message.contains("--encoding=UTF8"), "{message}");
}

#[tokio::test]
async fn a_lock_that_is_never_released_fails_the_append_and_records_nothing() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&format!("{url}&timeout=500")).await.unwrap();
    let other = somebody(&url).await;
    other
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1717794925, 'events'::regclass::oid::int)")
        .await
        .unwrap();
    let held = store.append(commit("a", Expected::NoStream, 1)).await.unwrap_err();
    let AppendError::Failed(error) = held else { panic!("{held:?}") };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    other.batch_execute("ROLLBACK").await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_not_there_and_is_not_to_be_made() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    for _ in 0..2 {
        let error = factum::open_existing(&url).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Missing, "{error}");
    }
    factum::open(&url).await.unwrap();
    factum::open_existing(&url).await.unwrap();
}

#[tokio::test]
async fn who_may_only_read() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    store.append(commit("a", Expected::NoStream, 2)).await.unwrap();
    let schema = url.split_once("?schema=").unwrap().1;
    somebody(&url)
        .await
        .batch_execute(&format!(
            "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA {schema} TO reader; \
             GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader"
        ))
        .await
        .unwrap();
    let reader = factum::open(&url.replace("factum@", "reader@")).await.unwrap();
    assert_eq!(all(&reader).await.len(), 2);
    for expected in [Expected::NoStream, Expected::Any] {
        let refused = reader.append(commit("b", expected, 1)).await.unwrap_err();
        let AppendError::Failed(error) = refused else { panic!("{refused:?}") };
        assert_eq!(error.kind(), StoreErrorKind::Denied, "{error}");
        assert!(error.to_string().contains("owner"), "{error}");
    }
    assert_eq!(all(&store).await.len(), 2);
}

#[tokio::test]
async fn a_payload_over_the_limit() {
    let Some(server) = Postgres::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    let mut large = commit("a", Expected::NoStream, 1);
    large.appends[0].events[0].payload = Payload::json(format!("\"{}\"", "a".repeat(256 << 20)));
    let refused = timeout(Duration::from_secs(5), store.append(large)).await.unwrap().unwrap_err();
    let AppendError::Failed(error) = refused else { panic!("{refused:?}") };
    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("268435456"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_payloads_at_once() {
    let Some(server) = Postgres::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    let text = Payload::json(format!("\"{}\"", "a".repeat(24 << 20)));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let mut large = commit(&format!("{number}"), Expected::NoStream, 1);
        large.appends[0].events[0].payload = text.clone();
        let store = store.clone();
        tasks.spawn(async move { store.append(large).await.unwrap() });
    }
    assert_eq!(tasks.join_all().await.len(), 8);
    assert_eq!(events_of(&store, "7").await[0].payload, text);
}
