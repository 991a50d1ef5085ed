//! Connections and servers that die.

use std::time::Duration;

use factum::store::{AppendError, Expected, Position, StoreErrorKind};
use factum_tests::{postgres::Postgres, proxy::Proxy};
use tokio::time::timeout;

use super::{all, commit, events_of, load::under_load, somebody};

#[tokio::test]
async fn an_answer_that_is_lost_after_the_commit_takes_effect_once() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let proxy = Proxy::start(server.port()).await;
    let through = url.replace(&server.port().to_string(), &proxy.port.to_string());
    let store = factum::open(&through).await.unwrap();
    store.append(commit("before", Expected::NoStream, 1)).await.unwrap();

    // Lost once, the store gives it again by itself.
    for expected in [Expected::NoStream, Expected::Any] {
        proxy.lose(1);
        let id = format!("{expected:?}");
        store.append(commit(&id, expected, 2)).await.unwrap();
        assert_eq!(proxy.left(), 0);
        assert_eq!(events_of(&store, &id).await.len(), 2, "{expected}");
    }

    // Lost again with the connection that was to bring it, it says so.
    proxy.lose(2);
    let twice = commit("twice", Expected::NoStream, 3);
    match store.append(twice.clone()).await {
        Err(AppendError::Unknown { commit, .. }) => assert_eq!(commit, twice.id),
        other => panic!("{other:?}"),
    }
    let first = store.append(twice.clone()).await.unwrap();
    let again = store.append(twice.clone()).await.unwrap();
    assert_eq!(first.position(), again.position());
    let recorded: Vec<_> = events_of(&store, "twice").await.iter().map(|event| event.id).collect();
    assert_eq!(recorded, (0..3).map(|index| twice.id.event(index)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_terminated_lose_nothing() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    let admin = somebody(&url).await;
    let schema = url.split_once("?schema=").unwrap().1;
    let mut terminated = 0;
    let met = under_load(&store, 8, async {
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                       WHERE pid <> pg_backend_pid() AND query LIKE 'WITH turn%' \
                       AND (SELECT true FROM pg_locks l WHERE l.pid = pg_stat_activity.pid \
                            AND l.relation = ($1 || '.events')::regclass LIMIT 1)";
            terminated += admin.query_one(sql, &[&schema]).await.unwrap().get::<_, i64>(0);
        }
    })
    .await;
    println!("{terminated} sessions terminated: {met:?}");
    assert!(met.acknowledged >= 200 && terminated >= 5, "{terminated} {met:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_loses_nothing_it_acknowledged() {
    let Some(server) = Postgres::start() else { return };
    let store = factum::open(&server.url("crash")).await.unwrap();
    let met = under_load(&store, 8, async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            tokio::task::block_in_place(|| server.crash());
            tokio::time::sleep(Duration::from_millis(100)).await;
            tokio::task::block_in_place(|| server.run());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    })
    .await;
    println!("3 crashes: {met:?}");
    assert!(met.acknowledged >= 200 && met.failed + met.unknown >= 3, "{met:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_said_to_be_and_is_found_again() {
    let Some(server) = Postgres::start() else { return };
    let store = factum::open(&server.url("gone")).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    assert_eq!(events_of(&store, "a").await.len(), 1);
    tokio::task::block_in_place(|| server.crash());
    let soon = Duration::from_secs(2);
    for _ in 0..3 {
        // The first one was on its way as far as the store can know, so its outcome is open.
        let failed =
            timeout(soon, store.append(commit("b", Expected::NoStream, 1))).await.unwrap().unwrap_err();
        let (AppendError::Failed(error) | AppendError::Unknown { cause: error, .. }) = failed else {
            panic!("{failed:?}")
        };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        let failed = timeout(soon, store.head()).await.unwrap().unwrap_err();
        assert_eq!(failed.kind(), StoreErrorKind::Unavailable, "{failed}");
        let failed = timeout(soon, store.wait(Position::START)).await.unwrap().unwrap_err();
        assert_eq!(failed.kind(), StoreErrorKind::Unavailable, "{failed}");
    }
    tokio::task::block_in_place(|| server.run());
    let found = async {
        store.append(commit("c", Expected::NoStream, 1)).await.unwrap();
        assert_eq!(all(&store).await.len(), 2);
        store.wait(Position::START).await.unwrap();
    };
    timeout(soon, found).await.unwrap();
}
