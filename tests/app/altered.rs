//! Tables of views that somebody changed by hand.

use factum::{
    Consistency::{Awaited, Eventual, Transactional},
    ExecuteError, RunningApp,
    app::{ReadError, RebuildError},
    store::StoreErrorKind,
    testing::contract::Harness,
};

use crate::{
    LEVELS, app,
    domain::{Account, Balance, Highest, fill, open, pay},
    houses, rows, until,
};

/// What somebody does to a table.
#[derive(Clone, Copy, Debug)]
enum Change {
    DropsAColumn,
    DropsTheTable,
    AddsAColumn,
}

const CHANGES: [Change; 3] = [Change::DropsAColumn, Change::DropsTheTable, Change::AddsAColumn];

/// Does it; `false` where nobody can.
async fn change(change: Change, kind: &str, house: &dyn Harness, table: &str) -> bool {
    let column = if table.starts_with("balance") { "since" } else { "highest" };
    let sql = match (change, kind) {
        (Change::DropsAColumn, _) => format!("ALTER TABLE {table} DROP COLUMN {column}"),
        (Change::DropsTheTable, _) => format!("DROP TABLE {table}"),
        // Without a default, nothing can be written any more.
        (Change::AddsAColumn, "postgres") => format!(
            "ALTER TABLE {table} ADD COLUMN more integer NOT NULL DEFAULT 0; \
             ALTER TABLE {table} ALTER COLUMN more DROP DEFAULT"
        ),
        (Change::AddsAColumn, _) => {
            format!("ALTER TABLE {table} ADD COLUMN more INTEGER NOT NULL DEFAULT 0")
        }
    };
    house.meddle(&sql).await.unwrap()
}

async fn generations(app: &RunningApp, view: &str) -> Vec<u64> {
    let builds = app.read_store().builds(view).await.unwrap();
    builds.into_iter().map(|build| build.generation).collect()
}

async fn balances(app: &RunningApp) -> Vec<i64> {
    rows::<Balance>(app).await.iter().map(|row| row.balance).collect()
}

/// Whether the view says so; that it cannot say anything is no answer yet.
async fn are_there<const N: usize>(app: &RunningApp, balances: [i64; N]) -> bool {
    match app.view::<Balance>().all().await {
        Ok(found) => found.rows.iter().map(|row| row.balance).eq(balances),
        Err(ReadError::Filling { view: "balance", .. }) => false,
        Err(ReadError::Store { cause, .. }) if cause.kind() == StoreErrorKind::Altered => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_starts_fills_anew_what_somebody_changed() {
    for how in CHANGES {
        for level in LEVELS {
            for (kind, house) in houses().await {
                let store = house.open().await.unwrap();
                let start = || app(&store).page_size(3).view::<Balance>(level).view::<Highest>(level).start();
                let first = start().await.unwrap();
                fill(&first.repository::<Account>(), 3, 4).await;
                assert_eq!(balances(&first).await, [10; 3]);
                first.shutdown().await;
                if !change(how, kind, &*house, "balance").await {
                    continue;
                }
                change(how, kind, &*house, "highest").await;
                let again = start().await.unwrap();
                let context = format!("{how:?} {level:?} on {kind}");
                let all = again.view::<Balance>().all().await.unwrap().rows;
                assert!(all.len() == 3 && all.iter().all(|row| row.balance == 10), "{context}: {all:?}");
                let accounts = again.repository::<Account>();
                for number in 1..=3 {
                    accounts.execute(&number, pay(1)).await.unwrap();
                }
                assert_eq!(balances(&again).await, [11; 3], "{context}");
                let highest = rows::<Highest>(&again).await;
                assert!(highest.len() == 3 && highest.iter().all(|row| row.highest == 11), "{context}");
                assert_eq!(generations(&again, "balance").await, [2], "{context}");
                again.shutdown().await;
                // That was that.
                let once_more = start().await.unwrap();
                assert_eq!(generations(&once_more, "balance").await, [2], "{context}");
                once_more.shutdown().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_at_work_fills_anew_what_somebody_changes() {
    for how in CHANGES {
        for level in [Awaited, Eventual] {
            for (kind, house) in houses().await {
                let store = house.open().await.unwrap();
                let other = house.open().await.unwrap();
                let start = |store| app(store).page_size(3).view::<Balance>(level).start();
                let one = start(&store).await.unwrap();
                fill(&one.repository::<Account>(), 3, 4).await;
                assert_eq!(balances(&one).await, [10; 3]);
                let two = start(&other).await.unwrap();
                if !change(how, kind, &*house, "balance").await {
                    continue;
                }
                let context = format!("{how:?} {level:?} on {kind}");
                for number in 1..=3 {
                    one.repository::<Account>().execute(&number, pay(1)).await.unwrap();
                }
                until(&context, || are_there(&one, [11; 3])).await;
                until(&context, || are_there(&two, [11; 3])).await;
                assert_eq!(one.letters("balance").count().await.unwrap(), 0, "{context}");
                assert_eq!(generations(&one, "balance").await, [2], "{context}");
                // Whoever is left goes on with it.
                one.shutdown().await;
                two.repository::<Account>().execute(&1, pay(1)).await.unwrap();
                assert_eq!(balances(&two).await, [12, 11, 11], "{context}");
                two.shutdown().await;
            }
        }
    }
}

/// Nobody writes rows beside the events, and the programs that are at work go on when one that starts has filled the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transactional_view_is_mended_by_an_app_that_starts() {
    for how in CHANGES {
        for (kind, house) in houses().await {
            let store = house.open().await.unwrap();
            let start = || app(&store).view::<Balance>(Transactional).view::<Highest>(Transactional).start();
            let one = start().await.unwrap();
            let accounts = one.repository::<Account>();
            fill(&accounts, 3, 4).await;
            if !change(how, kind, &*house, "balance").await {
                continue;
            }
            change(how, kind, &*house, "highest").await;
            let context = format!("{how:?} on {kind}");
            let error = accounts.execute(&4, open("eve")).await.unwrap_err();
            match &error {
                ExecuteError::Store { cause, .. } => {
                    let kinds = [StoreErrorKind::Altered, StoreErrorKind::Constrained];
                    assert!(kinds.contains(&cause.kind()), "{context}: {error}");
                    assert!(error.to_string().contains("start"), "{context}: {error}");
                }
                // PostgreSQL has something against the row.
                ExecuteError::View { .. } => {
                    assert!(error.to_string().contains("balance"), "{context}: {error}")
                }
                _ => panic!("{context}: {error:?}"),
            }
            let two = start().await.unwrap();
            for accounts in [&accounts, &two.repository::<Account>()] {
                for number in 1..=3 {
                    accounts
                        .execute(&number, pay(1))
                        .await
                        .unwrap_or_else(|error| panic!("{context}: {error}"));
                }
            }
            assert_eq!(balances(&one).await, [12; 3], "{context}");
            let highest = rows::<Highest>(&two).await;
            assert!(
                highest.len() == 3 && highest.iter().all(|row| row.highest == 12),
                "{context}: {highest:?}"
            );
            one.shutdown().await;
            two.shutdown().await;
        }
    }
}

/// Two that start at the same time do it together, and once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_start_at_the_same_time_fill_it_once() {
    for level in LEVELS {
        for (kind, house) in houses().await {
            let stores = [house.open().await.unwrap(), house.open().await.unwrap()];
            let start = |store| app(store).page_size(5).view::<Highest>(level).start();
            let before = start(&stores[0]).await.unwrap();
            fill(&before.repository::<Account>(), 3, 4).await;
            rows::<Highest>(&before).await;
            before.shutdown().await;
            if !change(Change::DropsTheTable, kind, &*house, "highest").await {
                continue;
            }
            let (one, two) = tokio::join!(start(&stores[0]), start(&stores[1]));
            let (one, two) = (one.unwrap(), two.unwrap());
            one.repository::<Account>().execute(&1, pay(1)).await.unwrap();
            two.repository::<Account>().execute(&2, pay(1)).await.unwrap();
            for app in [&one, &two] {
                let highest: Vec<_> = rows::<Highest>(app).await.iter().map(|row| row.highest).collect();
                assert_eq!(highest, [11, 11, 10], "{level:?} on {kind}");
            }
            assert_eq!(generations(&one, "highest").await, [2], "{level:?} on {kind}");
            one.shutdown().await;
            two.shutdown().await;
        }
    }
}

/// While commands go on as long as the database lets them, which none of the new rows may lack.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_written_while_a_transactional_view_is_mended_is_in_it() {
    for (kind, house) in houses().await.into_iter().filter(|(kind, _)| *kind == "postgres") {
        let store = house.open().await.unwrap();
        let other = house.open().await.unwrap();
        let one =
            app(&store).view::<Balance>(Transactional).view::<Highest>(Transactional).start().await.unwrap();
        let accounts = one.repository::<Account>();
        fill(&accounts, 3, 20).await;
        // Nothing that PostgreSQL minds.
        for table in ["balance", "highest"] {
            house.meddle(&format!("ALTER TABLE {table} ADD COLUMN more integer")).await.unwrap();
        }
        let writer = tokio::spawn(async move {
            let (mut paid, mut refused) = (0, 0);
            while paid < 400 {
                match accounts.execute(&(1 + paid % 3), pay(1)).await {
                    Ok(_) => paid += 1,
                    Err(_) => refused += 1,
                }
                assert!(refused < 100_000, "nobody can write any more");
            }
            refused
        });
        let start = app(&other).page_size(5).view::<Balance>(Transactional).view::<Highest>(Transactional);
        let two = start.start().await.unwrap();
        let refused = writer.await.unwrap();
        eprintln!("on {kind}: {refused} commands were refused meanwhile");
        let expected = [210 + 134, 210 + 133, 210 + 133];
        assert_eq!(balances(&two).await, expected);
        assert_eq!(rows::<Highest>(&two).await.iter().map(|row| row.highest).collect::<Vec<_>>(), expected);
        assert_eq!(generations(&two, "balance").await, [2]);
    }
}

/// Somebody does it to rows that nobody reads yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_is_filled_may_be_changed_too() {
    for how in CHANGES {
        for (kind, house) in houses().await {
            let store = house.open().await.unwrap();
            let start =
                |speed| app(&store).page_size(2).rebuild_at_most(speed).view::<Balance>(Eventual).start();
            let app = start(100).await.unwrap();
            fill(&app.repository::<Account>(), 5, 8).await;
            balances(&app).await;
            let rebuild = app.rebuild::<Balance>().await.unwrap();
            until("some of it is done", || async { rebuild.status().events > 0 }).await;
            if !change(how, kind, &*house, "balance__2").await {
                continue;
            }
            let error = rebuild.done().await.unwrap_err();
            let RebuildError::Stopped { view: "balance", reason } = &error else { panic!("{error}") };
            assert!(reason.contains("build 3 is filled in its place"), "{reason}");
            for rebuild in app.rebuilds().await {
                rebuild.done().await.unwrap();
            }
            assert_eq!((balances(&app).await, generations(&app, "balance").await), (vec![36; 5], vec![3]));
            app.shutdown().await;

            // And between two programs.
            let slow = start(20).await.unwrap();
            let rebuild = slow.rebuild::<Balance>().await.unwrap();
            until("some of it is done", || async { rebuild.status().events > 0 }).await;
            slow.shutdown().await;
            change(how, kind, &*house, "balance__4").await;
            let app = start(1_000_000).await.unwrap();
            until("the rows are live", || async { generations(&app, "balance").await == [5] }).await;
            assert_eq!(balances(&app).await, [36; 5]);
            app.shutdown().await;
        }
    }
}
