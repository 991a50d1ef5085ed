//! Every event is given, in the order of its stream, and commands because of it take effect once.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use factum::{
    Recorded, Repository,
    handler::{Delivery, Everything, Handler, HandlerError, OneOf2},
    store::RecordedEvent,
};

use crate::{
    app,
    domain::{Tally, TallyCommand, User, UserCommand, UserEvent, done, sign_up, sign_up_many},
    status, stores, until,
};

/// Writes down what it is given.
struct Noted(Arc<Mutex<Vec<(u64, u64)>>>);

impl Handler for Noted {
    type Source = User;
    const NAME: &'static str = "noted";

    async fn handle(&self, event: &Recorded<UserEvent>, _: &Delivery<'_>) -> Result<(), HandlerError> {
        tokio::time::sleep(Duration::from_micros(u64::from(fastrand::u8(..)))).await;
        let id = event.aggregate_id::<User>()?;
        self.0.lock().unwrap().push((id, event.version.get()));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_happened_and_will_happen_is_given_in_the_order_of_its_stream() {
    for (_folder, store) in stores().await {
        sign_up_many(&store, 1..=40).await;
        let noted = Arc::new(Mutex::new(Vec::new()));
        let app = app(&store).handler(Noted(Arc::clone(&noted))).start().await.unwrap();
        let users = app.repository::<User>();
        for round in 0..5 {
            for number in 1..=40 {
                let email = format!("{number}-{round}@example.org");
                users.execute(&number, UserCommand::Rename { email }).await.unwrap();
            }
        }
        until(|| async { noted.lock().unwrap().len() >= 240 }).await;
        app.shutdown().await;
        let noted = noted.lock().unwrap();
        assert_eq!(noted.len(), 240);
        for number in 1..=40 {
            let versions: Vec<_> = noted.iter().filter(|(of, _)| *of == number).map(|(_, at)| *at).collect();
            assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
        }
    }
}

/// Gives a command, and fails after it now and then.
struct Forgetful(AtomicU32);

impl Handler for Forgetful {
    type Source = User;
    const NAME: &'static str = "forgetful";

    async fn handle(&self, event: &Recorded<UserEvent>, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
        let UserEvent::SignedUp { email } = &event.event else { return Ok(()) };
        let id = event.aggregate_id::<User>()?;
        for what in ["first", "second"] {
            let what = format!("{what} for {email}");
            delivery.execute::<Tally>(&id, TallyCommand::Count { what }).await?;
            if self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
                return Err("it has forgotten whether it was done".into());
            }
        }
        assert_eq!(delivery.key(), format!("forgetful/{}", event.position));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_take_effect_once_however_often_the_event_is_given() {
    for (_folder, store) in stores().await {
        let app = app(&store).handler(Forgetful(AtomicU32::new(0))).start().await.unwrap();
        sign_up_many(&store, 1..=12).await;
        for number in 1..=12 {
            until(|| async { done(&store, number).await.len() >= 2 }).await;
        }
        let head = store.head().await.unwrap();
        until(|| async { status(&app, "forgetful").position >= head }).await;
        app.shutdown().await;
        for number in 1..=12 {
            let expected = ["first", "second"].map(|what| format!("{what} for {number}@example.org"));
            assert_eq!(done(&store, number).await, expected);
        }
        let history = Repository::<Tally>::new(Arc::clone(&store)).history(&1).await.unwrap();
        let user = Repository::<User>::new(Arc::clone(&store)).history(&1).await.unwrap();
        assert_eq!(history[0].actor(), Some("forgetful"));
        assert_eq!(history[0].metadata().causation_id, Some(user[0].id.to_string()));
        assert_eq!(history[0].metadata().correlation_id, Some(user[0].id.to_string()));
    }
}

/// The same handler in a later version of the program: it would give another command.
struct Reformed;

impl Handler for Reformed {
    type Source = User;
    const NAME: &'static str = "forgetful";

    async fn handle(&self, event: &Recorded<UserEvent>, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
        let id = event.aggregate_id::<User>()?;
        let first =
            delivery.execute::<Tally>(&id, TallyCommand::Count { what: "something else".into() }).await?;
        delivery
            .execute::<Tally>(&id, TallyCommand::Count { what: format!("{} events", first.events.len()) })
            .await?;
        Ok(())
    }
}

/// Gives its first command and never comes to its end.
struct CutOff;

impl Handler for CutOff {
    type Source = User;
    const NAME: &'static str = "forgetful";

    async fn handle(&self, event: &Recorded<UserEvent>, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
        let id = event.aggregate_id::<User>()?;
        delivery.execute::<Tally>(&id, TallyCommand::Count { what: "first".into() }).await?;
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_of_before_has_done_counts() {
    for (_folder, store) in stores().await {
        sign_up_many(&store, [7]).await;
        let before = app(&store).handler(CutOff).start().await.unwrap();
        until(|| async { !done(&store, 7).await.is_empty() }).await;
        // As if it had been killed.
        drop(before);
        let after = app(&store).handler(Reformed).start().await.unwrap();
        until(|| async { done(&store, 7).await.len() >= 2 }).await;
        after.shutdown().await;
        assert_eq!(done(&store, 7).await, ["first", "2 events"]);
    }
}

/// What is given of two aggregates.
struct Both(Arc<Mutex<Vec<&'static str>>>);

impl Handler for Both {
    type Source = (User, Tally);
    const NAME: &'static str = "both";

    async fn handle(
        &self,
        event: &OneOf2<Recorded<UserEvent>, Recorded<crate::domain::TallyEvent>>,
        delivery: &Delivery<'_>,
    ) -> Result<(), HandlerError> {
        let (what, stored) = match event {
            OneOf2::First(user) => ("user", user.position),
            OneOf2::Second(tally) => ("tally", tally.position),
        };
        assert_eq!(delivery.stored().position, stored);
        self.0.lock().unwrap().push(what);
        Ok(())
    }
}

/// All of them, as they are stored.
struct All(Arc<AtomicU32>);

impl Handler for All {
    type Source = Everything;
    const NAME: &'static str = "all";
    const SIDE_BY_SIDE: usize = 1;

    async fn handle(&self, event: &RecordedEvent, _: &Delivery<'_>) -> Result<(), HandlerError> {
        assert!(event.stream.category() == "user" || event.stream.category() == "tally");
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn events_of_several_aggregates_come_in_one_order() {
    for (_folder, store) in stores().await {
        let (both, all) = (Arc::default(), Arc::new(AtomicU32::new(0)));
        let app = app(&store)
            .handler(Both(Arc::clone(&both)))
            .handler(All(Arc::clone(&all)))
            .start()
            .await
            .unwrap();
        app.repository::<User>().execute(&1, sign_up("a@example.org")).await.unwrap();
        app.repository::<Tally>().execute(&1, TallyCommand::Count { what: "x".into() }).await.unwrap();
        until(|| async { all.load(Ordering::Relaxed) == 3 && both.lock().unwrap().len() == 3 }).await;
        app.shutdown().await;
        assert_eq!(*both.lock().unwrap(), ["user", "tally", "tally"]);
    }
}
