//! Events that a view cannot take.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use factum::{
    Consistency, Position, RunningApp, Store,
    app::State,
    read::Wish,
    testing::chaos::{ChaosStore, Fault},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    app,
    domain::{Account, Balance, Fussy, MENDED, fill, open, pay},
    on_each, rows, status_of, until, until_state,
};

/// Whether the view is mended is one thing for all tests, so they take turns.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    MENDED.store(false, Ordering::SeqCst);
    turn
}

async fn sum(app: &RunningApp, account: u64) -> i64 {
    app.view::<Fussy>().get(&account).await.unwrap().unwrap().sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_taken_waits_and_so_do_those_behind_it() {
    let _turn = turn().await;
    on_each(|house| async move {
        MENDED.store(false, Ordering::SeqCst);
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Fussy>(Consistency::Eventual).start().await.unwrap();
        let accounts = app.repository::<Account>();
        fill(&accounts, 4, 1).await;
        let mut bad = Vec::new();
        for (number, amount) in [(1, 13), (2, 14), (3, 15)] {
            bad.push(accounts.execute(&number, pay(amount)).await.unwrap().position);
            accounts.execute(&number, pay(100)).await.unwrap();
        }
        let last = accounts.execute(&4, pay(7)).await.unwrap();
        // The others go on.
        app.view::<Fussy>().after(&last).within(Duration::from_secs(30)).get(&4).await.unwrap();
        assert_eq!(
            [sum(&app, 1).await, sum(&app, 2).await, sum(&app, 3).await, sum(&app, 4).await],
            [1, 1, 1, 8]
        );
        let letters = app.letters("fussy");
        assert_eq!(letters.count().await.unwrap(), 6);
        let all = letters.list(Position::START, 100).await.unwrap();
        for (index, error) in
            ["13 is not taken", "it panicked: 14 is not taken", "column `large`"].iter().enumerate()
        {
            let (first, behind) = (&all[2 * index], &all[2 * index + 1]);
            assert_eq!((first.position, first.name.as_str()), (bad[index], "Paid"));
            assert!(first.error.contains(error) && first.attempts >= 5, "{first:?}");
            assert_eq!((behind.stream.clone(), behind.attempts), (first.stream.clone(), 0));
            assert!(behind.error.contains("waits for an earlier event"), "{behind:?}");
        }
        assert_eq!(status_of(&app, "fussy")[0].letters, 6);
        let page = letters.list(all[1].position, 2).await.unwrap();
        assert_eq!(page, all[2..4]);

        // What comes later in such a stream waits as well.
        let later = accounts.execute(&1, pay(1_000)).await.unwrap();
        until("one letter more", || async { letters.count().await.unwrap() == 7 }).await;
        assert_eq!(sum(&app, 1).await, 1);

        // Tried again, it fails again, and says so.
        assert!(letters.retry(bad[0]).await.unwrap());
        assert!(!letters.retry(Position::START).await.unwrap());
        until("another attempt", || async {
            let first = &letters.list(Position::START, 1).await.unwrap()[0];
            first.attempts >= 10 && first.wish == Wish::Wait
        })
        .await;
        assert_eq!((letters.count().await.unwrap(), sum(&app, 1).await), (7, 1));

        // Let go, those behind it are taken.
        assert!(letters.skip(bad[1]).await.unwrap());
        until("the stream is free", || async { letters.count().await.unwrap() == 5 }).await;
        assert_eq!(sum(&app, 2).await, 1 + 100);

        // When the view is mended, all of them are taken in order. Those that somebody names draw those before them along.
        MENDED.store(true, Ordering::SeqCst);
        assert!(letters.retry(later.position).await.unwrap());
        until("the first stream is free", || async { letters.count().await.unwrap() == 2 }).await;
        assert_eq!(sum(&app, 1).await, 1 + 13 + 100 + 1_000);
        assert_eq!(letters.retry_all().await.unwrap(), 2);
        until("no letters", || async { letters.count().await.unwrap() == 0 }).await;
        assert_eq!(sum(&app, 3).await, 1 + 15 + 100);
        let next = accounts.execute(&1, pay(1)).await.unwrap();
        app.view::<Fussy>().after(&next).get(&1).await.unwrap();
        assert_eq!(sum(&app, 1).await, 1 + 13 + 100 + 1_000 + 1);
        app.shutdown().await;
    })
    .await;
}

/// A letter that is let go while an earlier one waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wishes_are_carried_out_in_the_order_of_the_stream() {
    let _turn = turn().await;
    on_each(|house| async move {
        MENDED.store(false, Ordering::SeqCst);
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Fussy>(Consistency::Eventual).start().await.unwrap();
        let accounts = app.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        let mut positions = Vec::new();
        for amount in [13, 1, 10, 13, 100] {
            positions.push(accounts.execute(&1, pay(amount)).await.unwrap().position);
        }
        let letters = app.letters("fussy");
        until("five letters", || async { letters.count().await.unwrap() == 5 }).await;
        assert!(letters.skip(positions[2]).await.unwrap());
        until("one is let go", || async { letters.count().await.unwrap() == 4 }).await;
        assert_eq!(sum(&app, 1).await, 0, "the first one waits still");
        assert!(letters.skip(positions[0]).await.unwrap());
        until("those up to the next bad one are taken", || async { letters.count().await.unwrap() == 2 })
            .await;
        assert_eq!(sum(&app, 1).await, 1);
        until("the next bad one has been tried", || async {
            letters.list(Position::START, 1).await.unwrap()[0].attempts >= 5
        })
        .await;
        let left = letters.list(Position::START, 10).await.unwrap();
        assert!(left[0].error.contains("13 is not taken") && left[0].attempts >= 5, "{left:?}");
        assert_eq!(left.iter().map(|letter| letter.position).collect::<Vec<_>>(), positions[3..]);
        app.shutdown().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_list_stops_the_reader_until_there_is_room() {
    let _turn = turn().await;
    on_each(|house| async move {
        MENDED.store(false, Ordering::SeqCst);
        let store = house.open().await.unwrap();
        let app = app(&store).letters_limit(3).view::<Fussy>(Consistency::Eventual).start().await.unwrap();
        let accounts = app.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        accounts.execute(&2, open("ann")).await.unwrap();
        for amount in [13, 2, 3, 4, 5] {
            accounts.execute(&1, pay(amount)).await.unwrap();
        }
        let other = accounts.execute(&2, pay(7)).await.unwrap();
        until_state(&app, "fussy", |state| *state == State::Full).await;
        let letters = app.letters("fussy");
        assert_eq!(letters.count().await.unwrap(), 3);
        let short = Duration::from_millis(50);
        assert!(app.view::<Fussy>().after(&other).within(short).get(&2).await.is_err());
        MENDED.store(true, Ordering::SeqCst);
        letters.retry_all().await.unwrap();
        let row = app.view::<Fussy>().after(&other).within(Duration::from_secs(30)).get(&2).await.unwrap();
        assert_eq!(row.unwrap().sum, 7);
        assert_eq!((letters.count().await.unwrap(), sum(&app, 1).await), (0, 13 + 2 + 3 + 4 + 5));
        until_state(&app, "fussy", |state| *state == State::Live).await;
        app.shutdown().await;
    })
    .await;
}

/// A whole page of events that cannot be taken, of many streams, takes as long as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bad_events_are_not_waited_for_one_by_one() {
    let _turn = turn().await;
    on_each(|house| async move {
        MENDED.store(false, Ordering::SeqCst);
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Fussy>(Consistency::Eventual);
        let plain = factum::Repository::<Account>::new(Arc::clone(&store));
        for number in 1..=60 {
            plain.execute(&number, open("ann")).await.unwrap();
            plain.execute(&number, pay(13)).await.unwrap();
        }
        let begun = std::time::Instant::now();
        let app = app.start().await.unwrap();
        until("all letters", || async { app.letters("fussy").count().await.unwrap() == 60 }).await;
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        app.shutdown().await;
    })
    .await;
}

/// An event store that fails now and then holds a reader up, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_is_asked_again() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let books = Arc::clone(&store).read_store().unwrap();
        let chaos = Arc::new(ChaosStore::new(Arc::clone(&store)).seeded(3).with(Fault::Read, 0.3));
        let app = factum::App::new(Arc::clone(&chaos) as Arc<dyn Store>)
            .read_store(books)
            .view::<Balance>(Consistency::Eventual)
            .page_size(2)
            .start()
            .await
            .unwrap();
        fill(&factum::Repository::<Account>::new(Arc::clone(&store)), 5, 5).await;
        let head = store.head().await.unwrap();
        app.view::<Balance>().after_position(head).within(Duration::from_secs(60)).get(&1).await.unwrap();
        let all = app.view::<Balance>().all().await.unwrap().rows;
        assert_eq!(all.iter().map(|row| row.balance).collect::<Vec<_>>(), [15; 5]);
        chaos.inject(1_000, Fault::Read);
        factum::Repository::<Account>::new(Arc::clone(&store)).execute(&1, pay(1)).await.unwrap();
        until_state(&app, "balance", |state| {
            matches!(state, State::Retrying { error, attempts, .. } if !error.is_empty() && *attempts > 2)
        })
        .await;
        app.shutdown().await;
        assert!(
            rows::<Balance>(
                &crate::app(&store).view::<Balance>(Consistency::Eventual).start().await.unwrap()
            )
            .await
            .len()
                == 5
        );
    })
    .await;
}

/// A row that would be one again after the next event, which comes in the same page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_taken_as_if_it_came_alone() {
    let _turn = turn().await;
    on_each(|house| async move {
        MENDED.store(false, Ordering::SeqCst);
        let store = house.open().await.unwrap();
        let plain = factum::Repository::<Account>::new(Arc::clone(&store));
        plain.execute(&1, open("ann")).await.unwrap();
        let bad = plain.execute(&1, pay(15)).await.unwrap();
        plain.execute(&1, pay(100)).await.unwrap();
        let app = app(&store).view::<Fussy>(Consistency::Eventual).start().await.unwrap();
        let letters = app.letters("fussy").list(Position::START, 10).await.unwrap();
        assert_eq!((letters.len(), letters[0].position), (2, bad.position));
        assert!(letters[0].error.contains("column `large`"), "{letters:?}");
        assert_eq!(sum(&app, 1).await, 0);
        app.shutdown().await;
    })
    .await;
}
