//! Connections and servers that die in the middle of rows.

use std::{sync::Arc, time::Duration};

use factum::{
    Position,
    read::{ReadStore, WorkError},
    store::{AppendError, Expected},
};
use factum_tests::{
    postgres::Postgres,
    proxy::{Cut, Proxy},
};

use super::{
    super::{Subject, all},
    add, amount, counter, counters, live, put, query, views, with_rows, work,
};

/// Gives a commit until it is known what became of it.
async fn surely(store: &Subject, commit: factum::store::Commit) {
    for _ in 0..400 {
        match store.append(commit.clone()).await {
            Ok(_) => return,
            Err(AppendError::Unknown { .. } | AppendError::Failed(_)) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("the server is gone for good");
}

#[tokio::test]
async fn rows_whose_answer_is_lost_take_effect_once() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let proxy = Proxy::start(server.port()).await;
    let through = url.replace(&server.port().to_string(), &proxy.port.to_string());
    let store = factum::open(&through).await.unwrap();
    live(&views(&store), 1, true, vec![counter(0, 0, "")]).await;
    store.append(with_rows("before", Expected::NoStream, vec![add(0, 1)])).await.unwrap();
    let (mut count, mut cuts) = (1, 0);
    for cut in [Cut::Question, Cut::Asked, Cut::Answer] {
        for expected in [Expected::NoStream, Expected::Any] {
            for times in 1..=3 {
                (0..times).for_each(|_| proxy.plan(cut));
                let commit = with_rows(&format!("{cut:?} {expected:?} {times}"), expected, vec![add(0, 1)]);
                surely(&store, commit.clone()).await;
                proxy.heal();
                store.append(commit).await.unwrap();
                (count, cuts) = (count + 1, cuts + times);
            }
        }
    }
    assert!(proxy.met() >= cuts / 2, "{} of {cuts}", proxy.met());
    assert_eq!(amount(&views(&store).find(&query()).await.unwrap()[0]), count);
    assert_eq!(all(&store).await.len(), usize::try_from(count).unwrap());
}

/// Readers ask where they are, and go on from there.
async fn go_on(store: &Arc<dyn ReadStore>, build: &factum::read::Build, upto: u128) {
    let mut next = 0;
    while next < upto {
        let Ok(position) = store.position(&build.reader()).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        next = position.get();
        let mut work = work_at(build, position);
        let number = i64::try_from(next).unwrap();
        if let Some(rows) = work.rows.as_mut().map(Arc::make_mut) {
            rows.put = (0..20).map(|row| counter(20 * number + row, number, "put")).collect();
        }
        match store.write(work).await {
            Ok(()) | Err(WorkError::Store(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn work_at(build: &factum::read::Build, after: Position) -> factum::read::Work {
    let mut work = factum::read::Work::new(build.reader(), after, Position::new(after.get() + 1));
    work.rows = Some(Arc::new(factum::read::Rows {
        table: counters(),
        build: build.clone(),
        put: Vec::new(),
        remove: Vec::new(),
    }));
    work
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_leaves_rows_with_their_events() {
    let Some(server) = Postgres::start() else { return };
    let store = factum::open(&server.url("crash")).await.unwrap();
    let read = views(&store);
    live(&read, 1, true, vec![counter(0, 0, "")]).await;
    let beside = read.prepare(&counters(), [2; 16], false).await.unwrap();
    let reading = tokio::spawn({
        let (read, beside) = (Arc::clone(&read), beside.clone());
        async move { go_on(&read, &beside, 300).await }
    });
    let writers = (0..8_i64).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for round in 0..40 {
                let rows = vec![add(0, 1), put(1 + 40 * writer + round, round, "put")];
                surely(&store, with_rows(&format!("{writer} {round}"), Expected::NoStream, rows)).await;
            }
        })
    });
    let writers = tokio::spawn(futures_util::future::join_all(writers));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| server.crash());
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::task::block_in_place(|| server.run());
    }
    for writer in writers.await.unwrap() {
        writer.unwrap();
    }
    reading.await.unwrap();
    assert_eq!(all(&store).await.len(), 320);
    let rows = read.find(&query()).await.unwrap();
    assert_eq!((rows.len(), amount(&rows[0])), (321, 320));

    // What the reader has written is all there, and nothing of it twice.
    let position = read.position(&beside.reader()).await.unwrap().get();
    read.promote(&beside, false).await.unwrap();
    let rows = read.find(&query()).await.unwrap();
    assert_eq!(rows.len() as u128, 20 * position);
    let ends = work(&read, &counters(), &beside, Vec::new()).await;
    assert_eq!(ends.after.get(), position);
}
