//! Several apps on one store, as in several processes.

use std::{sync::Arc, time::Duration};

use factum::{Consistency, Store, app::State};

use crate::{
    app,
    domain::{Account, Amounts, Balance, open, pay},
    on_each, rows, status_of, until, until_state,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_apps_does_the_work_and_both_see_it() {
    on_each(|house| async move {
        let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
        let start =
            |store| app(store).view::<Balance>(Consistency::Awaited).view::<Amounts>(Consistency::Eventual);
        let one = start(&one).start().await.unwrap();
        let two = start(&two).start().await.unwrap();
        until_state(&two, "balance", |state| *state == State::Waiting).await;
        until_state(&one, "balance", |state| *state == State::Live).await;
        // The one that does not do the work waits for the other.
        let accounts = two.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        for balance in 1..=10 {
            let receipt = accounts.execute(&1, pay(1)).await.unwrap();
            assert_eq!(receipt.late, []);
            assert_eq!(two.view::<Balance>().get(&1).await.unwrap().unwrap().balance, balance);
            let times = two.view::<Amounts>().after(&receipt).get(&1).await.unwrap().unwrap().times;
            assert_eq!(times, balance);
        }
        // It takes over at once when the other one is shut down.
        one.shutdown().await;
        let receipt = accounts.execute(&1, pay(1)).await.unwrap();
        assert_eq!(receipt.late, []);
        until_state(&two, "balance", |state| *state == State::Live).await;
        two.shutdown().await;
    })
    .await;
}

/// A process that dies with its leases.
#[test]
fn another_one_takes_over_when_one_is_gone() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ours = runtime();
    ours.block_on(on_each(|house| async move {
        let theirs = runtime();
        let store = house.open().await.unwrap();
        let first = theirs
            .spawn({
                let store = house.open().await.unwrap();
                async move { app(&store).view::<Amounts>(Consistency::Eventual).start().await.unwrap() }
            })
            .await
            .unwrap();
        until_state(&first, "amounts", |state| *state == State::Live).await;
        let second = app(&store).view::<Amounts>(Consistency::Eventual).start().await.unwrap();
        let accounts = second.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        accounts.execute(&1, pay(1)).await.unwrap();
        assert_eq!(rows::<Amounts>(&second).await[0].times, 1);
        assert_eq!(status_of(&second, "amounts")[0].state, State::Waiting);
        // All that it did ends in the middle: nothing is given back.
        theirs.shutdown_background();
        let died = std::time::Instant::now();
        let receipt = accounts.execute(&1, pay(1)).await.unwrap();
        let patient = second.view::<Amounts>().after(&receipt).within(Duration::from_secs(30));
        assert_eq!(patient.get(&1).await.unwrap().unwrap().times, 2);
        assert!(died.elapsed() < Duration::from_secs(5), "the lease is one second: {:?}", died.elapsed());
        until_state(&first, "amounts", |state| matches!(state, State::Stopped { .. })).await;
        let State::Stopped { reason } = status_of(&first, "amounts").remove(0).state else { panic!() };
        assert!(reason.contains("runtime"), "{reason}");
        second.shutdown().await;
    }));
}

/// An app that is dropped gives its work back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_app_stops() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Amounts>(Consistency::Awaited).start().await.unwrap();
        let accounts = app.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        let clone = app.clone();
        drop(app);
        assert_eq!(accounts.execute(&1, pay(1)).await.unwrap().late, []);
        drop(clone);
        let books = Arc::clone(&store).read_store().unwrap();
        until("the lease is free", || async {
            let lease = books.lease("amounts#1", "somebody", Duration::from_millis(1)).await.unwrap();
            lease.is_some()
        })
        .await;
        // Its repositories go on, and wait for nobody.
        let begun = std::time::Instant::now();
        let late = accounts.execute(&1, pay(1)).await.unwrap().late;
        assert_eq!((late.len(), late[0].view), (1, "amounts"));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    })
    .await;
}

/// Two that start at the same time, with a view that is new to the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_start_at_the_same_time_agree() {
    on_each(|house| async move {
        for level in crate::LEVELS {
            let stores: [Arc<dyn Store>; 2] = [house.open().await.unwrap(), house.open().await.unwrap()];
            let before = crate::app(&stores[0]).start().await.unwrap();
            drop(before);
            let start =
                |store: &Arc<dyn Store>| app(store).view::<Balance>(level).view::<Amounts>(level).start();
            let (one, two) = tokio::join!(start(&stores[0]), start(&stores[1]));
            let (one, two) = (one.unwrap(), two.unwrap());
            let (ours, theirs) = (one.repository::<Account>(), two.repository::<Account>());
            let (number, next) = (10 * (level as u64 + 1), 10 * (level as u64 + 1) + 1);
            ours.execute(&number, open("ann")).await.unwrap();
            theirs.execute(&next, open("ann")).await.unwrap();
            for _ in 0..5 {
                let (one, two) = tokio::join!(
                    ours.execute(&number, pay(level as i64)),
                    theirs.execute(&next, pay(level as i64))
                );
                drop((one.unwrap(), two.unwrap()));
            }
            let head = stores[0].head().await.unwrap();
            for app in [&one, &two] {
                let times = app.view::<Amounts>().after_position(head).get(&(level as i64)).await.unwrap();
                assert_eq!(times.unwrap().times, 10, "{level:?}");
                let row = app.view::<Balance>().after_position(head).get(&number).await.unwrap();
                assert_eq!(row.unwrap().balance, 5 * level as i64, "{level:?}");
            }
            one.shutdown().await;
            two.shutdown().await;
        }
    })
    .await;
}
