//! Each event takes effect once, or not at all.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use factum::{App, Consistency, Position, app::State, testing::contract::Harness};
use tokio::runtime::Runtime;

use super::{
    fill,
    ledger::{Ledger, MENDED, expected, tables},
    on_each, turn,
};
use crate::{
    app,
    domain::{Account, open, pay},
    status_of, until, until_state,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_holds_what_follows_from_the_events_at_both_levels() {
    for level in [Consistency::Awaited, Consistency::Eventual] {
        on_each(|house| async move {
            let store = house.open().await.unwrap();
            let app = app(&store).sql_view(Ledger, level).page_size(7).start().await.unwrap();
            fill(&app, 4, 5).await;
            assert_eq!(tables(&app).await, expected(&app).await);
            assert_eq!(app.letters("ledger").count().await.unwrap(), 0);
            app.shutdown().await;
            // Another process goes on where that one was.
            let again = crate::app(&store).sql_view(Ledger, level).start().await.unwrap();
            assert_eq!(tables(&again).await, expected(&again).await);
            fill_more(&again).await;
            assert_eq!(tables(&again).await, expected(&again).await);
            again.shutdown().await;
        })
        .await;
    }
}

async fn fill_more(app: &factum::RunningApp) {
    let accounts = app.repository::<Account>();
    accounts.execute(&9, open("dan")).await.unwrap();
    accounts.execute(&9, pay(5)).await.unwrap();
}

#[tokio::test]
async fn what_is_awaited_is_there_and_what_is_not_can_be_waited_for() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let balance = "SELECT balance FROM {accounts} WHERE number = $1";
        for level in [Consistency::Awaited, Consistency::Eventual] {
            let app = app(&store).sql_view(Ledger, level).start().await.unwrap();
            let accounts = app.repository::<Account>();
            let number = if level == Consistency::Awaited { 1 } else { 2 };
            accounts.execute(&number, open("ann")).await.unwrap();
            for paid in 1..=20 {
                let receipt = accounts.execute(&number, pay(1)).await.unwrap();
                assert_eq!(receipt.late, []);
                let mut ledger = app.sql_view::<Ledger>();
                if level == Consistency::Eventual {
                    ledger = ledger.after(&receipt);
                    ledger.ready().await.unwrap();
                }
                let found = ledger.query(balance, &[i64::try_from(number).unwrap().into()]).await.unwrap();
                assert_eq!(found, [[paid.into()]]);
            }
            app.shutdown().await;
        }
    })
    .await;
}

/// The runtime is dropped in the middle of whatever is under way, again and again.
#[test]
fn each_event_takes_effect_once_whatever_is_cut_off() {
    runtime().block_on(on_each(|house| async move {
        let store = house.open().await.unwrap();
        let plain = App::new(Arc::clone(&store)).start().await.unwrap();
        fill(&plain, 6, 60).await;
        plain.shutdown().await;
        let (house, head) = (Arc::new(house), store.head().await.unwrap());
        let books = Arc::clone(&store).read_store().unwrap();
        let mut reached = BTreeSet::new();
        for _ in 0..100 {
            let house = Arc::clone(&house);
            // A thread of its own, because a runtime must not be dropped within another one.
            let begun = std::thread::spawn(move || begin_and_cut_off(&**house));
            tokio::task::block_in_place(|| begun.join().unwrap());
            let position = books.position("ledger#1").await.unwrap();
            if position >= head {
                break;
            }
            reached.insert(position);
        }
        assert!(reached.len() > 2, "cut off in the middle: {reached:?}");
        let app = app(&store).sql_view(Ledger, Consistency::Eventual).start().await.unwrap();
        assert_eq!(tables(&app).await, expected(&app).await);
        assert_eq!(app.letters("ledger").count().await.unwrap(), 0);
        app.shutdown().await;
    }));
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Fills the view until it has come further, and some milliseconds more.
fn begin_and_cut_off(house: &dyn Harness) {
    let cut_off = runtime();
    cut_off.block_on(async {
        // A store that is busy with what was cut off before may not answer: that is one more.
        let Ok(store) = house.open().await else { return };
        let books = Arc::clone(&store).read_store().unwrap();
        let before = books.position("ledger#1").await.unwrap_or(Position::START);
        let further = async {
            while books.position("ledger#1").await.is_ok_and(|position| position == before) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_micros(fastrand::u64(..8_000))).await;
        };
        let filled = App::new(store).lease(Duration::from_millis(100)).page_size(1).rebuild_at_most(300);
        // Until it is filled for the first time `start` does not come back.
        tokio::select! {
            _ = filled.sql_view(Ledger, Consistency::Eventual).start() => {}
            () = further => {}
        }
    });
    cut_off.shutdown_background();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_fails_leaves_nothing_and_others_are_kept() {
    let _turn = turn().await;
    on_each(|house| async move {
        MENDED.store(false, Ordering::SeqCst);
        let store = house.open().await.unwrap();
        let app = app(&store).sql_view(Ledger, Consistency::Eventual).page_size(64).start().await.unwrap();
        fill(&app, 4, 2).await;
        let before = tables(&app).await;
        let accounts = app.repository::<Account>();
        let mut behind = Vec::new();
        for (number, amount) in (10..).zip(13..=18) {
            accounts.execute(&number, open("eve")).await.unwrap();
            accounts.execute(&number, pay(amount)).await.unwrap();
            // It would follow, and waits.
            behind.push(accounts.execute(&number, pay(1_000)).await.unwrap());
        }
        let last = accounts.execute(&3, pay(7)).await.unwrap();
        app.sql_view::<Ledger>().after(&last).within(Duration::from_secs(30)).ready().await.unwrap();
        let letters = app.letters("ledger").list(Position::START, 100).await.unwrap();
        let said: Vec<_> =
            letters.iter().filter(|letter| letter.attempts > 0).map(|letter| &letter.error).collect();
        let expected_words = [
            "13 is not taken",
            "it panicked: 14 is not taken",
            "check",
            "check",
            "it waits for something else than its transaction",
            "`COMMIT` is refused",
        ];
        assert_eq!((said.len(), letters.len()), (6, 12), "{said:?}");
        for (error, word) in said.iter().zip(expected_words) {
            assert!(error.to_lowercase().contains(&word.to_lowercase()), "{error}");
            assert!(error.contains("`ledger`"), "{error}");
        }
        let now = tables(&app).await;
        let balance = |number: i64| now.0.iter().find(|row| row[0] == number.into()).unwrap()[2].clone();
        assert!((10..16).all(|number| balance(number) == 0.into()), "nothing of them: {now:?}");
        assert!(now.1.iter().all(|row| row[0] != "eve".into()), "nothing of them: {now:?}");
        let paid = before.0.iter().find(|row| row[0] == 3.into()).unwrap()[2].clone();
        assert_ne!(balance(3), paid, "others go on");
        MENDED.store(true, Ordering::SeqCst);
        assert_eq!(app.letters("ledger").retry_all().await.unwrap(), 12);
        let settled = || async { app.letters("ledger").count().await.unwrap() == 0 };
        until("the letters are settled", settled).await;
        let (accounts, owners) = tables(&app).await;
        let (all, of_owners) = expected(&app).await;
        // What is late comes late: the ages depend on the order.
        let without_age = |rows: Vec<factum::read::Values>| -> Vec<_> {
            rows.into_iter().map(|row| row[..3].to_vec()).collect()
        };
        assert_eq!((without_age(accounts), owners), (without_age(all), of_owners));
        app.shutdown().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_somebody_dropped_is_an_error_and_no_letter() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).sql_view(Ledger, Consistency::Eventual).start().await.unwrap();
        fill(&app, 2, 1).await;
        tables(&app).await;
        assert!(house.meddle("DROP TABLE owners").await.unwrap());
        app.repository::<Account>().execute(&1, pay(1)).await.unwrap();
        until_state(&app, "ledger", |state| matches!(state, State::Retrying { .. })).await;
        let State::Retrying { error, .. } = &status_of(&app, "ledger")[0].state else {
            panic!("it works again")
        };
        assert!(error.contains("`owners`") && error.contains("somebody dropped it"), "{error}");
        assert_eq!(app.letters("ledger").count().await.unwrap(), 0);
        let error = app.sql_view::<Ledger>().query("SELECT paid FROM {owners}", &[]).await.unwrap_err();
        assert!(error.to_string().contains("`owners`"), "{error}");
        // What it says helps.
        app.rebuild_sql::<Ledger>().await.unwrap().done().await.unwrap();
        assert_eq!(tables(&app).await, expected(&app).await);
        app.shutdown().await;
    })
    .await;
}
