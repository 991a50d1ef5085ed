//! Views that are filled anew while everybody goes on.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{Consistency, Position, Repository, app::RebuildError};

use crate::{
    app,
    domain::{Account, Amounts, Balance, fill, next, open, pay},
    on_each, rows, table, until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_and_writers_go_on_while_a_view_is_filled_anew() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store)
            .view::<Balance>(Consistency::Awaited)
            .view::<Amounts>(Consistency::Eventual)
            .page_size(7)
            .rebuild_at_most(400)
            .start()
            .await
            .unwrap();
        fill(&app.repository::<Account>(), 20, 8).await;
        let going_on = Arc::new(AtomicBool::new(true));
        let reader = tokio::spawn({
            let (app, going_on) = (app.clone(), Arc::clone(&going_on));
            async move {
                let mut looked = 0;
                while going_on.load(Ordering::SeqCst) {
                    let rows = app.view::<Balance>().all().await.unwrap().rows;
                    assert!(rows.len() >= 20, "an empty or half view: {} rows", rows.len());
                    assert!(rows.iter().all(|row| row.balance >= 36), "a view that goes back: {rows:?}");
                    looked += 1;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                looked
            }
        });
        let writer = tokio::spawn({
            let (app, going_on) = (app.clone(), Arc::clone(&going_on));
            async move {
                let accounts = app.repository::<Account>();
                let mut paid = 0;
                while going_on.load(Ordering::SeqCst) {
                    let receipt = accounts.execute(&1, pay(1)).await.unwrap();
                    assert_eq!(receipt.late, []);
                    paid += 1;
                    assert_eq!(app.view::<Balance>().get(&1).await.unwrap().unwrap().balance, 36 + paid);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                paid
            }
        });
        let mut seen = Vec::new();
        let rebuild = app.rebuild::<Balance>().await.unwrap();
        assert_eq!(app.rebuilds().await.len(), 1);
        assert_eq!(
            app.rebuild::<Balance>().await.unwrap().status().reader,
            rebuild.status().reader,
            "the same one"
        );
        let watched = async {
            loop {
                seen.push(rebuild.changed().await);
            }
        };
        tokio::select! {
            () = watched => {}
            done = rebuild.done() => done.unwrap(),
        }
        app.rebuild::<Amounts>().await.unwrap().done().await.unwrap();
        going_on.store(false, Ordering::SeqCst);
        let (looked, paid) = (reader.await.unwrap(), writer.await.unwrap());
        assert!(looked > 10 && paid > 5, "{looked} {paid}");
        assert!(seen.is_sorted_by_key(|status| (status.position, status.events)), "{seen:?}");
        assert!(seen.iter().any(|status| status.share() > 0.2 && status.share() < 0.9), "{seen:?}");
        assert!(app.rebuilds().await.is_empty());
        assert_eq!(rows::<Balance>(&app).await[0].balance, 36 + paid);
        assert_eq!(rows::<Amounts>(&app).await.iter().map(|row| row.times).sum::<i64>(), 160 + paid);
        let generations = app.read_store().builds("balance").await.unwrap();
        assert_eq!(
            generations.iter().map(|build| build.generation).collect::<Vec<_>>(),
            [2],
            "the old one is gone"
        );
        app.shutdown().await;
    })
    .await;
}

/// It goes on where it was, in the process that comes next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_was_interrupted_goes_on() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let start = |speed| {
            app(&store).page_size(5).rebuild_at_most(speed).view::<Amounts>(Consistency::Eventual).start()
        };
        let first = start(1_000_000).await.unwrap();
        fill(&first.repository::<Account>(), 10, 10).await;
        first.shutdown().await;
        let slow = start(50).await.unwrap();
        let rebuild = slow.rebuild::<Amounts>().await.unwrap();
        until("some of it is done", || async { rebuild.status().position > Position::START }).await;
        let done = tokio::spawn({
            let rebuild = rebuild.clone();
            async move { rebuild.done().await }
        });
        slow.shutdown().await;
        let error = done.await.unwrap().unwrap_err();
        assert!(matches!(error, RebuildError::Stopped { view: "amounts", .. }), "{error}");
        let (was_at, done) = (rebuild.status().position, rebuild.status().events);
        assert!(was_at < store.head().await.unwrap(), "it was not interrupted");

        let again = start(1_000_000).await.unwrap();
        let builds = || async { again.read_store().builds("amounts").await.unwrap() };
        until("the new rows are live", || async { builds().await.iter().all(|build| build.generation == 2) })
            .await;
        until("it is told how much was left", || async {
            let status = again.status();
            status.iter().any(|status| status.reader == "amounts#2" && status.events + done == 110)
        })
        .await;
        let all = rows::<Amounts>(&again).await;
        assert!(all.len() == 10 && all.iter().all(|row| row.times == 10), "{all:?}");
        again.shutdown().await;
    })
    .await;
}

/// A view that has changed is filled beside the old rows, which are read until then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_rows_are_read_until_the_new_ones_are_there() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let old = app(&store).view::<Balance>(Consistency::Eventual).start().await.unwrap();
        fill(&old.repository::<Account>(), 10, 10).await;
        assert_eq!(rows::<Balance>(&old).await.len(), 10);
        old.shutdown().await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let new = {
            let told = Arc::clone(&told);
            app(&store)
                .page_size(5)
                .rebuild_at_most(200)
                .on_progress(move |status| told.lock().unwrap().push(status.clone()))
                .view::<next::Balance>(Consistency::Awaited)
                .start()
                .await
                .unwrap()
        };
        assert_eq!(table::<Balance>(&store).await.len(), 10, "the old rows are there");
        let error = new.view::<next::Balance>().get(&1).await.unwrap_err();
        assert!(matches!(error, factum::app::ReadError::Filling { view: "balance", .. }), "{error}");
        // Nobody waits for rows on which nobody is at work.
        let begun = std::time::Instant::now();
        let receipt = new.repository::<Account>().execute(&1, pay(1)).await.unwrap();
        assert_eq!(receipt.late.len(), 1);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        for rebuild in new.rebuilds().await {
            rebuild.done().await.unwrap();
        }
        let row = new.view::<next::Balance>().after(&receipt).get(&1).await.unwrap();
        assert_eq!(row.unwrap().double, 2 * (55 + 1));
        assert_eq!(new.repository::<Account>().execute(&1, pay(1)).await.unwrap().late, []);
        let told = told.lock().unwrap();
        assert!(told.len() >= 2 && told.is_sorted_by_key(|status| status.position), "{told:?}");
        assert!(told.iter().any(|status| status.events_per_second > 0.0), "{told:?}");
    })
    .await;
}

/// What is new is filled before the app has started.
#[tokio::test]
async fn a_view_that_is_new_is_whole_when_the_app_has_started() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let plain = Repository::<Account>::new(Arc::clone(&store));
        fill(&plain, 10, 10).await;
        plain.execute(&11, open("eve")).await.unwrap();
        for level in crate::LEVELS {
            let app = app(&store).page_size(3).view::<Balance>(level).start().await.unwrap();
            let all = app.view::<Balance>().all().await.unwrap().rows;
            assert_eq!(all.len(), 11);
            assert!(all[..10].iter().all(|row| row.balance == 55), "{all:?}");
            app.shutdown().await;
        }
    })
    .await;
}

/// A version that was rolled back before its rows were there leaves nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_fills_any_more_is_removed() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let start = || app(&store).view::<Balance>(Consistency::Eventual).start();
        let old = start().await.unwrap();
        fill(&old.repository::<Account>(), 10, 10).await;
        rows::<Balance>(&old).await;
        old.shutdown().await;
        let slow = app(&store).page_size(1).rebuild_at_most(5);
        let next = slow.view::<next::Balance>(Consistency::Eventual).start().await.unwrap();
        next.shutdown().await;
        let generations = || async {
            let builds = Arc::clone(&store).read_store().unwrap().builds("balance").await.unwrap();
            builds.into_iter().map(|build| build.generation).collect::<Vec<_>>()
        };
        assert_eq!(generations().await, [1, 2]);
        let old = start().await.unwrap();
        assert_eq!(rows::<Balance>(&old).await.len(), 10);
        old.rebuild::<Balance>().await.unwrap().done().await.unwrap();
        until("the others are gone", || async { generations().await == [3] }).await;
        assert_eq!(rows::<Balance>(&old).await.len(), 10);
        old.shutdown().await;
    })
    .await;
}
