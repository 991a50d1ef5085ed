//! From the tables of one version to those of the next.

use std::sync::Arc;

use factum::store::{Expected, PostgresStore, StoreErrorKind};
use factum_tests::postgres::Postgres;

use super::{Subject, all, commit, events_of, refused::refusal, somebody};

/// Two more than there are. Neither can be taken twice.
fn two_more(steps: &[&'static str]) -> Vec<&'static str> {
    let more =
        ["ALTER TABLE events ADD COLUMN colour text", "CREATE TABLE colours AS SELECT colour FROM events"];
    [steps, &more].concat()
}

fn one_that_fails(steps: &[&'static str]) -> Vec<&'static str> {
    [steps, &["ALTER TABLE events ADD COLUMN colour text", "ALTER TABLE nowhere ADD COLUMN colour text"]]
        .concat()
}

async fn version(url: &str) -> i32 {
    somebody(url).await.query_one("SELECT version FROM factum", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn tables_of_an_older_version_are_brought_up_to_date() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let before = factum::open(&url).await.unwrap();
    before.append(commit("a", Expected::NoStream, 3)).await.unwrap();
    let first = version(&url).await;

    // All at once: one of them takes the steps, the others find them done.
    let opening = (0..4).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { PostgresStore::open_with_steps(two_more, url.parse()?).await })
    });
    let opening: Vec<_> = opening.collect();
    for opened in opening {
        let store: Subject = Arc::new(opened.await.unwrap().unwrap());
        store.append(commit("a", Expected::Any, 1)).await.unwrap();
    }
    assert_eq!(version(&url).await, first + 2);
    let colours: i64 =
        somebody(&url).await.query_one("SELECT count(*) FROM colours", &[]).await.unwrap().get(0);
    assert_eq!(colours, 3, "the steps were taken in their order, once, over what was there");
    // The one that was at work meanwhile still is.
    before.append(commit("a", Expected::Any, 1)).await.unwrap();
    assert_eq!(events_of(&before, "a").await.len(), 8);

    let (kind, message) = refusal(&url).await;
    assert_eq!(kind, StoreErrorKind::Foreign, "{message}");
    let versions = [format!("of version {}", first + 2), format!("up to version {first}")];
    assert!(versions.iter().all(|version| message.contains(version)), "{message}");
}

#[tokio::test]
async fn new_tables_take_every_step() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store: Subject =
        Arc::new(PostgresStore::open_with_steps(two_more, url.parse().unwrap()).await.unwrap());
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    somebody(&url).await.query_one("SELECT count(*) FROM colours", &[]).await.unwrap();
    assert_eq!(all(&store).await.len(), 1);
}

#[tokio::test]
async fn a_step_that_fails_leaves_everything_as_it_was() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let before = factum::open(&url).await.unwrap();
    before.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    let first = version(&url).await;
    let error = PostgresStore::open_with_steps(one_that_fails, url.parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(version(&url).await, first);
    let columns =
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'events'::regclass AND attname = 'colour'";
    let columns: i64 = somebody(&url).await.query_one(columns, &[]).await.unwrap().get(0);
    assert_eq!(columns, 0);
    // And the lock is free.
    let after = factum::open(&url).await.unwrap();
    assert_eq!(events_of(&after, "a").await.len(), 1);
    PostgresStore::open_with_steps(two_more, url.parse().unwrap()).await.unwrap();
}
