//! Handlers that fail, panic, or take too long: nothing is skipped, and others go on.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{
    Position, Recorded,
    app::{StartError, State},
    handler::{Delivery, Handler, HandlerError},
    testing::chaos::{ChaosStore, Fault},
};

use crate::{
    app,
    domain::{Tally, TallyCommand, User, UserCommand, UserEvent, done, sign_up, sign_up_many},
    status, stores, until,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Error,
    Panic,
    TooLong,
}

/// Has trouble with one user until it is mended.
struct Troubled {
    trouble: Trouble,
    mended: Arc<AtomicBool>,
    done: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl Handler for Troubled {
    type Source = User;
    const NAME: &'static str = "troubled";
    const TIME_LIMIT: Duration = Duration::from_millis(20);

    async fn handle(&self, event: &Recorded<UserEvent>, _: &Delivery<'_>) -> Result<(), HandlerError> {
        let id = event.aggregate_id::<User>()?;
        if id == 2 && !self.mended.load(Ordering::Relaxed) {
            match self.trouble {
                Trouble::Error => return Err(std::io::Error::other("the mail server is away").into()),
                Trouble::Panic => panic!("index out of range"),
                Trouble::TooLong => std::future::pending().await,
            }
        }
        self.done.lock().unwrap().push((id, event.version.get()));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_waits_with_those_behind_it_and_others_go_on() {
    for (trouble, said) in [
        (Trouble::Error, "the mail server is away"),
        (Trouble::Panic, "it panicked: index out of range"),
        (Trouble::TooLong, "it took longer than 20ms"),
    ] {
        for (_folder, store) in stores().await {
            let (mended, noted) = (Arc::new(AtomicBool::new(false)), Arc::default());
            let handler = Troubled { trouble, mended: Arc::clone(&mended), done: Arc::clone(&noted) };
            let app = app(&store).handler(handler).start().await.unwrap();
            sign_up_many(&store, 1..=3).await;
            let users = app.repository::<User>();
            users.execute(&2, UserCommand::Confirm).await.unwrap();
            users.execute(&1, UserCommand::Confirm).await.unwrap();
            until(|| async { noted.lock().unwrap().len() == 3 }).await;
            let letters = app.letters("troubled");
            until(|| async { letters.count().await.unwrap() == 2 }).await;
            let waiting = letters.list(Position::START, 10).await.unwrap();
            assert_eq!(waiting[0].error, said);
            assert_eq!((waiting[0].attempts, &*waiting[0].name), (5, "SignedUp"));
            assert!(waiting[1].error.contains("earlier event"), "{}", waiting[1].error);
            assert_eq!(waiting[1].attempts, 0);
            until(|| async { status(&app, "troubled").state == State::Live }).await;
            assert_eq!(status(&app, "troubled").letters, 2);

            // It is tried again, and fails again.
            assert!(letters.retry(waiting[1].position).await.unwrap());
            until(|| async { letters.list(Position::START, 1).await.unwrap()[0].attempts == 10 }).await;
            assert_eq!(letters.count().await.unwrap(), 2);

            mended.store(true, Ordering::Relaxed);
            assert!(letters.retry(waiting[0].position).await.unwrap());
            until(|| async { letters.count().await.unwrap() == 0 }).await;
            app.shutdown().await;
            let mut noted = noted.lock().unwrap().clone();
            assert_eq!(noted[3..], [(2, 1), (2, 2)]);
            noted.sort_unstable();
            assert_eq!(noted, [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_go_lets_those_behind_it_through() {
    for (_folder, store) in stores().await {
        let (mended, noted) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let handler =
            Troubled { trouble: Trouble::Panic, mended: Arc::clone(&mended), done: Arc::clone(&noted) };
        let app = app(&store).handler(handler).start().await.unwrap();
        sign_up_many(&store, [2]).await;
        app.repository::<User>().execute(&2, UserCommand::Confirm).await.unwrap();
        let letters = app.letters("troubled");
        until(|| async { letters.count().await.unwrap() == 2 }).await;
        mended.store(true, Ordering::Relaxed);
        let first = letters.list(Position::START, 1).await.unwrap()[0].position;
        assert!(letters.skip(first).await.unwrap());
        until(|| async { letters.count().await.unwrap() == 0 }).await;
        assert_eq!(*noted.lock().unwrap(), [(2, 2)]);
        assert!(!letters.skip(first).await.unwrap());
        app.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_stops_the_handler_until_there_is_room() {
    for (_folder, store) in stores().await {
        let (mended, noted) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let handler =
            Troubled { trouble: Trouble::Error, mended: Arc::clone(&mended), done: Arc::clone(&noted) };
        let app = app(&store).letters_limit(2).handler(handler).start().await.unwrap();
        sign_up_many(&store, [2]).await;
        let users = app.repository::<User>();
        for email in ["b", "c", "d"] {
            users.execute(&2, UserCommand::Rename { email: email.into() }).await.unwrap();
        }
        until(|| async { status(&app, "troubled").state == State::Full }).await;
        sign_up_many(&store, [3]).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(
            noted.lock().unwrap().is_empty(),
            "it goes on although nothing could be kept of what it cannot do"
        );
        mended.store(true, Ordering::Relaxed);
        app.letters("troubled").retry_all().await.unwrap();
        until(|| async { noted.lock().unwrap().len() == 5 }).await;
        app.shutdown().await;
        assert_eq!(noted.lock().unwrap()[..4], [(2, 1), (2, 2), (2, 3), (2, 4)]);
    }
}

/// Gives a command.
struct Counting;

impl Handler for Counting {
    type Source = User;
    const NAME: &'static str = "counting";

    async fn handle(&self, event: &Recorded<UserEvent>, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
        let id = event.aggregate_id::<User>()?;
        delivery.execute::<Tally>(&id, TallyCommand::Count { what: "signed up".into() }).await?;
        Ok(())
    }
}

/// A store that is away is no fault of the event.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_makes_no_dead_letters() {
    let memory = factum::open("memory:").await.unwrap();
    sign_up_many(&memory, [1]).await;
    let chaos = Arc::new(ChaosStore::new(Arc::clone(&memory)));
    // More often than an event is tried.
    chaos.inject(7, Fault::Failure);
    let app = factum::App::new(chaos).read_store(Arc::clone(&memory).read_store().unwrap());
    let app = app.handler(Counting).start().await.unwrap();
    until(|| async { !done(&memory, 1).await.is_empty() }).await;
    until(|| async { status(&app, "counting").state == State::Live }).await;
    assert_eq!((app.letters("counting").count().await.unwrap(), done(&memory, 1).await.len()), (0, 1));
    app.shutdown().await;
}

#[tokio::test]
async fn two_of_one_name_are_refused() {
    let store = factum::open("memory:").await.unwrap();
    let error = app(&store).handler(Counting).handler(Counting).start().await.unwrap_err();
    assert!(matches!(error, StartError::SameHandler { ref name } if name == "counting"), "{error}");
    assert!(error.to_string().contains("`counting`"));
}

/// Of two processes, one does the work; the other one takes over when it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_apps_does_the_work_and_the_other_takes_over() {
    for (_folder, store) in stores().await {
        let one = app(&store).handler(Counting).start().await.unwrap();
        until(|| async { status(&one, "counting").state == State::Live }).await;
        let two = app(&store).handler(Counting).start().await.unwrap();
        one.repository::<User>().execute(&1, sign_up("a@example.org")).await.unwrap();
        until(|| async { done(&store, 1).await.len() == 1 }).await;
        assert_eq!(status(&two, "counting").state, State::Waiting);
        drop(one);
        two.repository::<User>().execute(&2, sign_up("b@example.org")).await.unwrap();
        until(|| async { done(&store, 2).await.len() == 1 }).await;
        two.shutdown().await;
        assert_eq!((done(&store, 1).await.len(), done(&store, 2).await.len()), (1, 1));
    }
}
