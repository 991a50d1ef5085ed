//! The order of positions, whatever others do with transactions of their own.

use std::{sync::Arc, time::Duration};

use factum::store::Expected;
use factum_tests::postgres::Postgres;
use tokio::{sync::Barrier, time::timeout};
use tokio_postgres::Client;

use super::{all, all_after, commit, events_of, somebody, stream};

/// Records an event as the store does, as far as the transaction that is open.
async fn record(writer: &Client, id: &str) {
    let sql = "SELECT append(ARRAY[$1::text::uuid], ARRAY[1], ARRAY[0], '{}', '{}', ARRAY[0], ARRAY[$1::text::uuid], ARRAY[1], \
               ARRAY[0], 'server', '{}', ARRAY[$1::text], ARRAY[gen_random_uuid()], ARRAY['Counted'], ARRAY[1], ARRAY['{}'], \
               ARRAY[NULL], ARRAY[NULL]::bytea[], ARRAY[NULL], false)";
    writer.query(sql, &[&id]).await.unwrap();
}

const HELD: &str = "8f2f6a50-6d3c-4b8e-9f0a-3d1f6c2e7a11";

#[tokio::test]
async fn who_commits_later_has_later_positions() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    store.append(commit("before", Expected::NoStream, 3)).await.unwrap();
    let held = somebody(&url).await;
    held.batch_execute("BEGIN").await.unwrap();
    record(&held, HELD).await;
    let later = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.append(commit("later", Expected::NoStream, 1)).await.unwrap().position() }
    });
    // The one that is on its way cannot be seen, and the one behind it waits.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = all(&store).await;
    assert_eq!(seen.len(), 3);
    assert_eq!(store.head().await.unwrap(), seen[2].position);
    assert!(!later.is_finished());
    held.batch_execute("COMMIT").await.unwrap();
    let later = later.await.unwrap();
    let rest = all_after(&store, seen[2].position).await;
    assert_eq!(rest.iter().map(|event| event.stream.id()).collect::<Vec<_>>(), [HELD, "later"]);
    assert_eq!(rest[1].position, later);
    assert_eq!(all(&store).await.len(), 5, "nothing came at or before what was passed");
}

#[tokio::test]
async fn what_is_rolled_back_moves_no_head() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    let first = store.append(commit("a", Expected::NoStream, 2)).await.unwrap().position();
    let writer = somebody(&url).await;
    writer.batch_execute("BEGIN").await.unwrap();
    record(&writer, HELD).await;
    writer.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.head().await.unwrap(), first);
    let second = store.append(commit("b", Expected::NoStream, 1)).await.unwrap().position();
    assert!(second > first);
    assert_eq!(all_after(&store, first).await.len(), 1);
}

#[tokio::test]
async fn a_foreign_transaction_that_stays_open_holds_up_nobody() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    store.append(commit("before", Expected::NoStream, 1)).await.unwrap();
    let foreign = somebody(&url).await;
    // It has written, read our events, and holds an id and a snapshot older than everything that follows.
    foreign
        .batch_execute(
            "BEGIN ISOLATION LEVEL SERIALIZABLE; CREATE TABLE theirs (n int); SELECT txid_current(); \
             SELECT count(*) FROM events",
        )
        .await
        .unwrap();
    let work = async {
        for number in 0..20 {
            store.append(commit(&format!("{number}"), Expected::NoStream, 1)).await.unwrap();
            assert_eq!(all(&store).await.len(), number + 2);
        }
    };
    timeout(Duration::from_secs(10), work).await.unwrap();
    foreign.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_race_do_not_interleave() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let start = Arc::new(Barrier::new(2));
    // Each with a store of its own, as in two processes.
    let writers = ["left", "right"].map(|id| {
        let (url, start) = (url.clone(), Arc::clone(&start));
        tokio::spawn(async move {
            let store = factum::open(&url).await.unwrap();
            start.wait().await;
            for round in 0..5 {
                store.append(commit(&format!("{id}{round}"), Expected::NoStream, 1_000)).await.unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    let store = factum::open(&url).await.unwrap();
    let events = all(&store).await;
    assert_eq!(events.len(), 10_000);
    for commit in events.chunks(1_000) {
        assert!(commit.iter().all(|event| event.stream == commit[0].stream), "another commit is in between");
    }
}

#[tokio::test]
async fn a_stream_is_in_its_order_on_tables_that_nobody_analysed() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    for number in 0..10 {
        store.append(commit(&format!("{number}"), Expected::NoStream, 2_000)).await.unwrap();
    }
    let client = somebody(&url).await;
    client.batch_execute("ALTER TABLE events SET (autovacuum_enabled = false)").await.unwrap();
    // As on the store's own connections.
    client.batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off").await.unwrap();
    for sql in [
        "SELECT position FROM events WHERE stream = '8f2f6a50-6d3c-4b8e-9f0a-3d1f6c2e7a11' AND version >= 1 \
         ORDER BY version LIMIT 513",
        "SELECT version FROM events WHERE stream = '8f2f6a50-6d3c-4b8e-9f0a-3d1f6c2e7a11' ORDER BY version DESC LIMIT 1",
        "SELECT * FROM events WHERE category = 'a' AND position > 100 ORDER BY position LIMIT 1001",
        "SELECT * FROM events WHERE position > 100 ORDER BY position LIMIT 1001",
    ] {
        let rows = client.query(&format!("EXPLAIN {sql}"), &[]).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(
            plan.contains("Index") && !plan.contains("Sort") && !plan.contains("Seq Scan"),
            "{sql}\n{plan}"
        );
    }
    assert_eq!(events_of(&store, stream("3").id()).await.len(), 2_000);
}
