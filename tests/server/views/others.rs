//! Several who use the same views at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{
    Version,
    read::{RowChange, Value},
    store::{AppendError, Expected, PostgresStore, StoreErrorKind, postgres::PostgresOptions},
};
use factum_tests::postgres::Postgres;

use super::{
    super::{events_of, somebody, stream},
    add, amount, counter, counters, live, op, put, query, views, with_rows, work,
};

/// What was prepared for the build before finds the next one, in every process.
#[tokio::test]
async fn a_build_that_takes_its_place_is_found_by_statements_of_others() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let (here, there) = (factum::open(&url).await.unwrap(), factum::open(&url).await.unwrap());
    let (read_here, read_there) = (views(&here), views(&there));
    let mut expected = Expected::NoStream;
    for round in 0..5_u8 {
        let said = format!("build {round}");
        let build = live(&read_there, round, true, vec![counter(1, 0, &said)]).await;
        assert_eq!(read_here.find(&query()).await.unwrap(), [counter(1, 0, &said)]);
        let from = counter(1, 2, &said);
        let to = counter(1, 3, &said);
        for change in [
            RowChange::Put(counter(1, 1, &said)),
            RowChange::Add(vec![(1, Value::Integer(1))]),
            RowChange::Swap { from: Some(from), to: Some(to.clone()) },
        ] {
            here.append(with_rows("a", expected, vec![op(1, change)])).await.unwrap();
            expected = Expected::Any;
        }
        let keys = [vec![Value::Integer(1)]];
        assert_eq!(read_here.rows(&counters(), &build, &keys).await.unwrap(), [Some(to)]);
    }
    assert_eq!(events_of(&here, "a").await.len(), 15);
}

/// A reader that does not know yet that its build is the live one.
#[tokio::test]
async fn a_reader_goes_on_when_another_process_has_put_its_build_in_place() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let (here, there) =
        (views(&factum::open(&url).await.unwrap()), views(&factum::open(&url).await.unwrap()));
    let build = here.prepare(&counters(), [1; 16], false).await.unwrap();
    here.write(work(&here, &counters(), &build, vec![counter(1, 1, "")]).await).await.unwrap();
    there.promote(&build, false).await.unwrap();
    here.write(work(&here, &counters(), &build, vec![counter(2, 2, "")]).await).await.unwrap();
    let keys = [vec![Value::Integer(2)]];
    assert_eq!(here.rows(&counters(), &build, &keys).await.unwrap(), [Some(counter(2, 2, ""))]);
    assert_eq!(there.find(&query()).await.unwrap().len(), 2);
}

/// Several processes add to the same row, and lose nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_add_to_the_same_rows() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let stores = [factum::open(&url).await.unwrap(), factum::open(&url).await.unwrap()];
    live(&views(&stores[0]), 1, true, vec![counter(0, 0, "")]).await;
    let writers = (0..16_usize).map(|writer| {
        let store = Arc::clone(&stores[writer % 2]);
        tokio::spawn(async move {
            for round in 0..20_i64 {
                let own = i64::try_from(writer).unwrap() + 1;
                let rows = vec![
                    op(own, RowChange::Ensure(counter(own, 0, "own"))),
                    add(own, 1),
                    add(0, 1),
                    put(1_000 * own + round, round, "put"),
                ];
                store
                    .append(with_rows(&format!("w{writer}-{round}"), Expected::NoStream, rows))
                    .await
                    .unwrap();
            }
        })
    });
    for writer in futures_util::future::join_all(writers).await {
        writer.unwrap();
    }
    let rows = views(&stores[1]).find(&query()).await.unwrap();
    assert_eq!(rows.len(), 1 + 16 + 16 * 20);
    assert_eq!(amount(&rows[0]), 320);
    assert!(rows[1..=16].iter().all(|row| amount(row) == 20));
}

/// Nobody sees events of a commit of which a row is refused, not even over the same connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rolled_back_is_never_read() {
    let Some(server) = Postgres::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    live(&views(&store), 1, true, Vec::new()).await;
    let ended = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (store, ended) = (Arc::clone(&store), Arc::clone(&ended));
        async move {
            while !ended.load(Ordering::SeqCst) {
                let facts = store.read_facts(&stream("a"), Version::FIRST, 10).await.unwrap();
                assert_eq!(facts.iter().count(), 0);
            }
        }
    });
    for _ in 0..300 {
        let refused = store.append(with_rows("a", Expected::NoStream, vec![add(1, 1)])).await.unwrap_err();
        assert!(matches!(refused, AppendError::Row(_)), "{refused:?}");
    }
    ended.store(true, Ordering::SeqCst);
    reader.await.unwrap();
}

/// Somebody reads the table, in a transaction that he does not end.
#[tokio::test]
async fn who_reads_the_table_keeps_the_next_build_waiting() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let options: PostgresOptions = url.parse().unwrap();
    let store = PostgresStore::open(options.timeout(Duration::from_secs(2))).await.unwrap();
    let store: super::Subject = Arc::new(store);
    let read = views(&store);
    live(&read, 1, true, vec![counter(1, 1, "one")]).await;
    let mut reading = somebody(&url).await;
    let transaction = reading.transaction().await.unwrap();
    transaction.query("SELECT * FROM counters", &[]).await.unwrap();
    let next = read.prepare(&counters(), [2; 16], false).await.unwrap();
    let appending = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for number in 0..20 {
                let rows = vec![put(number, number, "meanwhile")];
                store.append(with_rows(&format!("s{number}"), Expected::NoStream, rows)).await.unwrap();
            }
        }
    });
    let refused = read.promote(&next, true).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused}");
    assert!(refused.to_string().contains("pg_stat_activity"), "{refused}");
    appending.await.unwrap();
    assert_eq!(read.find(&query()).await.unwrap().len(), 20);
    transaction.rollback().await.unwrap();
    read.promote(&next, true).await.unwrap();
    assert!(read.find(&query()).await.unwrap().is_empty());
}
