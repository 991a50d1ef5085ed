//! Processes: state, deadlines, and commands that take effect once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{
    Position, Recorded, Repository,
    app::State,
    handler::HandlerError,
    process::{Actions, Process},
};
use serde::{Deserialize, Serialize};

use crate::{
    app,
    domain::{Tally, TallyCommand, User, UserCommand, UserEvent, done, sign_up, sign_up_many},
    status, stores, until,
};

/// A sign-up that is not confirmed in time is undone. Longer in real life.
struct Confirmation(Duration);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Pending {
    email: String,
    renamed: u32,
}

impl Process for Confirmation {
    type Source = User;
    type State = Pending;
    const NAME: &'static str = "confirmation";

    fn key(&self, event: &Recorded<UserEvent>) -> Option<String> {
        Some(event.stream.id().to_owned())
    }

    fn begins(&self, event: &Recorded<UserEvent>) -> bool {
        matches!(event.event, UserEvent::SignedUp { .. })
    }

    fn react(
        &self,
        state: &mut Pending,
        event: &Recorded<UserEvent>,
        actions: &mut Actions,
    ) -> Result<(), HandlerError> {
        match &event.event {
            UserEvent::SignedUp { email } => {
                assert_eq!(actions.now(), event.at);
                state.email.clone_from(email);
                actions.after("too late", self.0);
            }
            UserEvent::Renamed { email } if email == "impossible" => {
                return Err("nobody has that name".into());
            }
            UserEvent::Renamed { email } => {
                state.renamed += 1;
                state.email.clone_from(email);
            }
            UserEvent::Confirmed => {
                let what = format!("{} after {} names", state.email, state.renamed);
                actions.execute::<Tally>(&event.aggregate_id::<User>()?, TallyCommand::Count { what });
                actions.end();
            }
            UserEvent::Removed => actions.end(),
        }
        Ok(())
    }

    fn due(
        &self,
        key: &str,
        state: &mut Pending,
        deadline: &str,
        actions: &mut Actions,
    ) -> Result<(), HandlerError> {
        assert_eq!(deadline, "too late");
        let id = key.parse()?;
        actions.execute::<User>(&id, UserCommand::Remove);
        actions.execute::<Tally>(&id, TallyCommand::Count { what: format!("{} was too late", state.email) });
        Ok(())
    }
}

const LONG: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn who_confirms_stays_and_who_does_not_is_removed() {
    for (_folder, store) in stores().await {
        let app = app(&store).process(Confirmation(Duration::from_millis(300))).start().await.unwrap();
        let users = app.repository::<User>();
        for number in 1..=3 {
            users.execute(&number, sign_up(&format!("{number}@example.org"))).await.unwrap();
        }
        users.execute(&2, UserCommand::Rename { email: "two".into() }).await.unwrap();
        users.execute(&2, UserCommand::Confirm).await.unwrap();
        for number in [1, 3] {
            until(|| async { users.load(&number).await.unwrap().unwrap().ended }).await;
            until(|| async { !done(&store, number).await.is_empty() }).await;
            assert_eq!(done(&store, number).await, [format!("{number}@example.org was too late")]);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!users.load(&2).await.unwrap().unwrap().ended);
        assert_eq!(done(&store, 2).await, ["two after 1 names"]);
        let removed = &users.history(&1).await.unwrap()[1];
        let notes = &removed.metadata().notes;
        assert_eq!((removed.actor(), notes["deadline"].as_str()), (Some("confirmation"), Some("too late")));
        app.shutdown().await;
    }
}

/// Times that come while nobody is there are noticed afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn deadlines_outlive_the_process() {
    for (_folder, store) in stores().await {
        let before = app(&store).process(Confirmation(Duration::from_millis(100))).start().await.unwrap();
        sign_up_many(&store, [1]).await;
        let head = store.head().await.unwrap();
        until(|| async { status(&before, "confirmation").position >= head }).await;
        drop(before);
        tokio::time::sleep(Duration::from_millis(150)).await;
        let users = Repository::<User>::new(Arc::clone(&store));
        // A day would be too long: what counts is what was set.
        let after = app(&store).process(Confirmation(LONG)).start().await.unwrap();
        until(|| async { users.load(&1).await.unwrap().unwrap().ended }).await;
        after.shutdown().await;
    }
}

/// What was waited for does not come any more where the aggregate is faster; the command is refused, and that is no error.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_refused_is_no_error() {
    for (_folder, store) in stores().await {
        let app = app(&store).process(Confirmation(Duration::ZERO)).start().await.unwrap();
        let users = Repository::<User>::new(Arc::clone(&store));
        for number in 1..=20 {
            let confirm = async {
                users.execute(&number, sign_up("x")).await.unwrap();
                let _ = users.execute(&number, UserCommand::Confirm).await;
            };
            confirm.await;
        }
        let head = store.head().await.unwrap();
        until(|| async { status(&app, "confirmation").position >= head }).await;
        until(|| async { status(&app, "confirmation").state == State::Live }).await;
        assert_eq!(status(&app, "confirmation").letters, 0);
        for number in 1..=20 {
            until(|| async { !done(&store, number).await.is_empty() }).await;
            let user = users.load(&number).await.unwrap().unwrap();
            assert!(user.ended != user.confirmed, "{user:?}");
        }
        app.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_taken_is_a_dead_letter_and_changes_nothing() {
    for (_folder, store) in stores().await {
        let app = app(&store).process(Confirmation(LONG)).start().await.unwrap();
        let users = app.repository::<User>();
        for number in [1, 2] {
            users.execute(&number, sign_up(&format!("{number}@example.org"))).await.unwrap();
        }
        users.execute(&1, UserCommand::Rename { email: "impossible".into() }).await.unwrap();
        for number in [1, 2] {
            users.execute(&number, UserCommand::Confirm).await.unwrap();
        }
        until(|| async { done(&store, 2).await.len() == 1 }).await;
        let letters = app.letters("confirmation");
        until(|| async { letters.count().await.unwrap() == 2 }).await;
        assert!(done(&store, 1).await.is_empty());
        let first = &letters.list(Position::START, 1).await.unwrap()[0];
        assert_eq!(first.error, "nobody has that name");
        letters.skip(first.position).await.unwrap();
        until(|| async { letters.count().await.unwrap() == 0 }).await;
        assert_eq!(done(&store, 1).await, ["1@example.org after 0 names"]);
        app.shutdown().await;
    }
}

/// Fails when a time has come, until it is mended.
struct Late(Arc<AtomicBool>);

impl Process for Late {
    type Source = User;
    type State = ();
    const NAME: &'static str = "late";

    fn key(&self, event: &Recorded<UserEvent>) -> Option<String> {
        Some(event.stream.id().to_owned())
    }

    fn react(&self, (): &mut (), _: &Recorded<UserEvent>, actions: &mut Actions) -> Result<(), HandlerError> {
        actions.after("one", LONG);
        actions.after("one", Duration::ZERO);
        actions.after("two", Duration::ZERO);
        actions.cancel("two");
        Ok(())
    }

    fn due(&self, key: &str, (): &mut (), name: &str, actions: &mut Actions) -> Result<(), HandlerError> {
        if !self.0.load(Ordering::Relaxed) {
            panic!("not yet");
        }
        actions.execute::<Tally>(&key.parse()?, TallyCommand::Count { what: name.to_owned() });
        actions.end();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_when_its_time_has_come_does_not_stop_others() {
    for (_folder, store) in stores().await {
        let mended = Arc::new(AtomicBool::new(false));
        let app = app(&store).process(Late(Arc::clone(&mended))).start().await.unwrap();
        sign_up_many(&store, [1]).await;
        let books = app.read_store();
        let pushed_back = || async {
            let found = books.processes("late", &["1".to_owned()]).await.unwrap();
            found[0].as_ref().is_some_and(|state| state.deadlines[0].due > chrono::Utc::now())
        };
        until(pushed_back).await;
        mended.store(true, Ordering::Relaxed);
        sign_up_many(&store, [2]).await;
        until(|| async { done(&store, 2).await == ["one"] }).await;
        assert!(done(&store, 1).await.is_empty());
        app.shutdown().await;
    }
}
