//! Connections of a pool that the program has already.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{Manager, Pool};
use factum::{
    Store,
    read::Work,
    store::{
        AppendError, Commit, Expected, Position, PostgresStore, StoreError, StoreErrorKind,
        postgres::{Lent, PostgresOptions},
    },
};
use factum_tests::postgres::Postgres;
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use super::{Subject, all, commit, events_of, somebody, stream};

/// A pool whose connections have settings of its own.
fn pool(url: &str, size: usize) -> Pool {
    let mut config: Config = url.split_once("?schema=").unwrap().0.parse().unwrap();
    config.options("-c synchronous_commit=off -c search_path=public -c statement_timeout=77s");
    Pool::builder(Manager::new(config, NoTls)).max_size(size).build().unwrap()
}

fn lending(pool: &Pool, url: &str) -> PostgresOptions {
    let pool = pool.clone();
    let options = PostgresOptions::lent(move || {
        let pool = pool.clone();
        async move { Ok(Lent::new(pool.get().await?, |client| client)) }
    });
    options.schema(url.split_once("?schema=").unwrap().1).unwrap()
}

async fn open(options: PostgresOptions) -> Result<Subject, StoreError> {
    let opened = timeout(Duration::from_secs(10), PostgresStore::open(options)).await.unwrap();
    opened.map(|store| Arc::new(store) as Arc<dyn Store>)
}

/// Waits until this many connections are in the pool.
async fn returned(pool: &Pool, connections: usize) {
    for _ in 0..100 {
        if pool.status().available == connections {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}, not {connections} available", pool.status());
}

#[tokio::test]
async fn a_store_borrows_three_and_gives_them_back_as_they_were() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let pool = pool(&url, 4);
    let store = open(lending(&pool, &url)).await.unwrap();
    returned(&pool, 1).await;
    store.append(commit("a", Expected::NoStream, 3)).await.unwrap();
    store.append(commit("a", Expected::Any, 1)).await.unwrap();
    assert_eq!(events_of(&store, "a").await.len(), 4);
    assert_eq!(all(&store).await.len(), 4);
    let status = pool.status();
    assert_eq!((status.size, status.available), (3, 0), "three are borrowed, and a fourth was not needed");
    // The store and others mean the same tables.
    let other = factum::open(&url).await.unwrap();
    assert_eq!(events_of(&other, "a").await.len(), 4);

    drop(store);
    returned(&pool, 3).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = pool.get().await.unwrap();
        for (name, value) in [
            ("synchronous_commit", "off"),
            ("search_path", "public"),
            ("statement_timeout", "77s"),
            ("enable_seqscan", "on"),
            ("plan_cache_mode", "auto"),
            ("jit", "on"),
        ] {
            let sql = "SELECT current_setting($1)";
            let found: String = client.query_one(sql, &[&name]).await.unwrap().get(0);
            assert_eq!(found, value, "{name}");
        }
        let sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement NOT LIKE '%pg_prepared%'";
        let left: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(left, 0, "statements of the store are left");
        clients.push(client);
    }
}

#[tokio::test]
async fn what_is_borrowed_is_set_up_for_the_store() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let pool = pool(&url, 3);
    let store = open(lending(&pool, &url)).await.unwrap();
    // What the session of an append thinks is found out by a table that tells.
    somebody(&url)
        .await
        .batch_execute(
            "CREATE TABLE told (setting text); CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO told VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$; \
             CREATE TRIGGER tell AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION tell()",
        )
        .await
        .unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    let told: String = somebody(&url).await.query_one("SELECT setting FROM told", &[]).await.unwrap().get(0);
    assert_eq!(told, "on", "what is acknowledged is durable, whatever the pool has set");
}

#[tokio::test]
async fn a_borrowed_connection_that_is_lost_is_replaced() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let mut config: Config = url.split_once("?schema=").unwrap().0.parse().unwrap();
    config.application_name("borrowed");
    let pool = Pool::builder(Manager::new(config, NoTls)).max_size(3).build().unwrap();
    let store = open(lending(&pool, &url)).await.unwrap();
    let admin = somebody(&url).await;
    for round in 0..5 {
        store.append(commit(&format!("{round}"), Expected::NoStream, 1)).await.unwrap();
        assert_eq!(events_of(&store, &format!("{round}")).await.len(), 1);
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'borrowed'";
        let terminated: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
        assert!(terminated >= 2, "{terminated}");
    }
    assert_eq!(all(&store).await.len(), 5);
    assert!(pool.status().size <= 3);
}

#[tokio::test]
async fn what_is_lent_and_is_of_no_use_is_refused() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    // None left, and nobody gives one back.
    let empty = pool(&url, 1);
    let taken = empty.get().await.unwrap();
    let error = open(lending(&empty, &url).timeout(Duration::from_millis(300))).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("borrowing"), "{error}");
    drop(taken);

    // One is not enough: the second is waited for, and then it is said so.
    let store = open(lending(&pool(&url, 1), &url).timeout(Duration::from_millis(300))).await.unwrap();
    store.read_stream(&stream("a"), factum::Version::FIRST, 1).await.unwrap();
    let failed = store.append(commit("a", Expected::NoStream, 1)).await.unwrap_err();
    let AppendError::Failed(error) = failed else { panic!("{failed:?}") };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");

    // In the middle of something.
    let busy = pool(&url, 1);
    busy.get().await.unwrap().batch_execute("BEGIN").await.unwrap();
    let error = open(lending(&busy, &url)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("middle of a transaction"), "{error}");

    // The driver's error is seen through that of the pool.
    let error = open(lending(&pool(&url.replace("/postgres?", "/nowhere?"), 1), &url)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("createdb"), "{error}");

    // Encryption is the lender's business.
    let tls = lending(&pool(&url, 1), &url).ssl_mode(factum::store::postgres::SslMode::Require);
    assert_eq!(open(tls).await.unwrap_err().kind(), StoreErrorKind::Invalid);
}

#[tokio::test]
async fn who_waits_on_lent_connections_looks_for_himself() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = open(lending(&pool(&url, 3), &url)).await.unwrap();
    assert!(!store.capabilities().wakes);
    let other = factum::open(&url).await.unwrap();
    assert!(other.capabilities().wakes);
    let waiting = tokio::spawn(async move { store.wait(Position::START).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    other.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    timeout(Duration::from_millis(800), waiting).await.unwrap().unwrap().unwrap();
}

/// Whatever comes in between, what is given back is in no transaction.
#[tokio::test]
async fn a_store_with_views_borrows_six_and_gives_them_back() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let pool = pool(&url, 7);
    let store = open(lending(&pool, &url)).await.unwrap();
    let views = Arc::clone(&store).read_store().unwrap();
    let table = super::views::counters();
    for fingerprint in 0..4 {
        // Both connections for writing are used.
        let readers = (0..8)
            .map(|reader| Work::new(format!("{fingerprint}.{reader}"), Position::START, Position::START));
        for work in readers {
            views.write(work).await.unwrap();
        }
        let build = views.prepare(&table, [fingerprint; 16], false).await.unwrap();
        views.promote(&build, true).await.unwrap();
    }
    let refused = Commit { rows: vec![super::views::add(1, 1)], ..commit("a", Expected::NoStream, 1) };
    for _ in 0..20 {
        assert!(matches!(store.append(refused.clone()).await, Err(AppendError::Row(_))));
    }
    let given_up = timeout(Duration::from_micros(300), store.append(refused.clone())).await;
    store.append(commit("b", Expected::Any, 1)).await.unwrap();
    all(&store).await;
    drop((given_up, views, store));
    returned(&pool, pool.status().size).await;
    assert!(pool.status().size <= 6, "{:?}", pool.status());
    for _ in 0..pool.status().size {
        let lent = pool.get().await.unwrap();
        // Within a transaction it would be the same time twice.
        let ask = "SELECT now()::text, current_setting('search_path')";
        let (first, second) =
            (lent.query_one(ask, &[]).await.unwrap(), lent.query_one(ask, &[]).await.unwrap());
        assert_ne!(first.get::<_, &str>(0), second.get::<_, &str>(0));
        assert_eq!(second.get::<_, &str>(1), "public");
    }
}
