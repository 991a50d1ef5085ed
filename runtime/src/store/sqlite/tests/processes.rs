//! Others that use the same file.

use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn an_append_gives_up_when_others_write_for_too_long() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.options().busy_timeout(Duration::from_millis(30))).await.unwrap();
    let others = folder.sql();
    others.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap_err();
    let AppendError::Failed(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    others.execute_batch("ROLLBACK").unwrap();
    store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
}

#[tokio::test]
async fn an_append_waits_while_others_write() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let others = folder.sql();
    others.execute_batch("BEGIN IMMEDIATE").unwrap();
    let releasing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        others.execute_batch("ROLLBACK").unwrap();
    });
    let began = Instant::now();
    store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(40));
    releasing.join().unwrap();
}

/// A transaction that others have open is not in the way of those who read.
#[tokio::test]
async fn reading_waits_for_nobody() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
    let others = folder.sql();
    others.execute_batch("BEGIN IMMEDIATE; DELETE FROM events").unwrap();
    assert_eq!(versions(&store, "a").await, 1);
    assert_eq!(store.read_facts(&stream_id("a"), Version::FIRST, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_store_on_the_file_sees_and_wakes() {
    let folder = Folder::new();
    let (one, other) = (folder.open().await.unwrap(), folder.open().await.unwrap());
    assert!(!one.capabilities().wakes);
    let waiting = one.wait(Position::START);
    let writing = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        other.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
    };
    let (woken, ()) = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(waiting, writing) })
        .await
        .unwrap();
    woken.unwrap();
    assert_eq!(versions(&one, "a").await, 1);
    let tail = one.read_facts(&stream_id("a"), Version::FIRST, 10).await.unwrap().tail;
    other.append(commit("a", Expected::Exact(Version::FIRST), &["Sold"])).await.unwrap();
    // The tail is stale, and the insertion notices it.
    let stale = Append { tail, ..append("a", Expected::Exact(Version::FIRST), &["Sold"]) };
    let error = one.append(Commit::new(vec![stale])).await.unwrap_err();
    assert!(matches!(error, AppendError::Conflict { actual, .. } if actual == 2), "{error}");
}

/// Stores that know nothing of each other lose nothing, and their positions have no gaps.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_on_one_file_lose_nothing() {
    const EACH: usize = 50;
    let folder = Folder::new();
    let mut writers = Vec::new();
    for store in 0..3 {
        let options = folder.options().synchronous(Synchronous::Off);
        let store = (store, Arc::new(SqliteStore::open(options).await.unwrap()));
        for task in 0..4 {
            let (number, store) = (store.0, Arc::clone(&store.1));
            writers.push(tokio::spawn(async move {
                for event in 0..EACH {
                    let stream = format!("{number}-{task}");
                    let expected = Expected::Exact(Version::new(event as u64));
                    store.append(commit(&stream, expected, &["Made"])).await.unwrap();
                    store.append(commit("all", Expected::Any, &["Made"])).await.unwrap();
                }
            }));
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let store = folder.open().await.unwrap();
    let page = store.read_all(&Filter::All, Position::START, 10_000).await.unwrap();
    let positions: Vec<_> = page.events.iter().map(|event| event.position.get()).collect();
    assert_eq!(positions, (1..=(3 * 4 * EACH * 2) as u128).collect::<Vec<_>>());
}
