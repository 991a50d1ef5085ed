//! Who waits is woken, by a notification or else by looking for himself.

use std::time::{Duration, Instant};

use factum::store::{Expected, Position};
use factum_tests::{postgres::Postgres, proxy::Proxy};
use tokio::{task::JoinHandle, time::timeout};

use super::{Subject, commit, somebody};

/// As long as the store says that it takes at most without notifications, and what the machine may need.
const SLOW: Duration = Duration::from_millis(1_000 + 1_000);

/// Somebody who waits for what comes next, and how long that took from being asked.
async fn waiting(store: &Subject) -> JoinHandle<Instant> {
    let (store, after) = (store.clone(), store.head().await.unwrap());
    let waiting = tokio::spawn(async move {
        store.wait(after).await.unwrap();
        Instant::now()
    });
    // Until it waits.
    tokio::time::sleep(Duration::from_millis(150)).await;
    waiting
}

async fn woken(waiting: JoinHandle<Instant>, since: Instant) -> Duration {
    timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap().duration_since(since)
}

/// Two stores, as in two processes: what one records, the other has to hear of.
async fn two(url: &str) -> (Subject, Subject) {
    (factum::open(url).await.unwrap(), factum::open(url).await.unwrap())
}

#[tokio::test]
async fn notifications_come_faster_than_looking() {
    let Some(server) = Postgres::shared() else { return };
    let (here, there) = two(&server.fresh()).await;
    let mut took = Vec::new();
    for number in 0..9 {
        let waiting = waiting(&here).await;
        there.append(commit(&format!("{number}"), Expected::NoStream, 1)).await.unwrap();
        took.push(woken(waiting, Instant::now()).await);
    }
    took.sort_unstable();
    // By looking each second it would be half a second in the middle.
    assert!(took[4] < Duration::from_millis(200), "{took:?}");
}

#[tokio::test]
async fn a_notification_that_is_lost_is_made_up_for() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let proxy = Proxy::start(server.port()).await;
    let here = factum::open(&url.replace(&server.port().to_string(), &proxy.port.to_string())).await.unwrap();
    let there = factum::open(&url).await.unwrap();
    let schema = url.split_once("?schema=").unwrap().1;
    proxy.mute(format!("factum\0{schema}\0").as_bytes());
    let mut took = Vec::new();
    for number in 0..5 {
        let waiting = waiting(&here).await;
        there.append(commit(&format!("{number}"), Expected::NoStream, 1)).await.unwrap();
        took.push(woken(waiting, Instant::now()).await);
    }
    assert!(took.iter().all(|took| *took < SLOW), "{took:?}");
    assert!(took.iter().any(|took| *took > Duration::from_millis(200)), "notifications came: {took:?}");
}

#[tokio::test]
async fn a_listener_that_is_terminated_misses_nothing() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let named = format!("{url}&application_name=listens");
    let (here, there) = two(&named).await;
    let admin = somebody(&url).await;
    for number in 0..5 {
        let waiting = waiting(&here).await;
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE application_name = 'listens' AND query = 'LISTEN factum'";
        let terminated: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(terminated, 1, "round {number}");
        there.append(commit(&format!("{number}"), Expected::NoStream, 1)).await.unwrap();
        let took = woken(waiting, Instant::now()).await;
        assert!(took < SLOW, "{took:?}");
    }
}

#[tokio::test]
async fn who_cannot_listen_looks() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let there = factum::open(&url).await.unwrap();
    let schema = url.split_once("?schema=").unwrap().1;
    let admin = somebody(&url).await;
    admin
        .batch_execute(&format!(
            "CREATE ROLE limited LOGIN CONNECTION LIMIT 2; GRANT USAGE ON SCHEMA {schema} TO limited; \
             GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO limited"
        ))
        .await
        .unwrap();
    let limited = url.replace("factum@", "limited@");
    let here = factum::open(&limited).await.unwrap();
    assert_eq!(here.head().await.unwrap(), Position::START);
    // With the one that loads, this is as many as there may be.
    let mut taken = Err(String::new());
    for _ in 0..50 {
        let (base, _) = limited.split_once("?schema=").unwrap();
        taken = tokio_postgres::connect(base, tokio_postgres::NoTls).await.map_err(|error| error.to_string());
        if taken.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (_client, connection) = taken.unwrap();
    tokio::spawn(connection);
    for number in 0..3 {
        let waiting = waiting(&here).await;
        there.append(commit(&format!("{number}"), Expected::NoStream, 1)).await.unwrap();
        let took = woken(waiting, Instant::now()).await;
        assert!(took < Duration::from_millis(500), "{took:?}");
    }
}
