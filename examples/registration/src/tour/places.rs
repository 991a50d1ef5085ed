//! One rule in three places: what each costs, and what each can miss.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use factum::{
    Aggregate, App, ExecuteError, Metadata, Position, Repository, app::RunningApp, store::MemoryStore,
};
use registration::{
    domain::{User, UserCommand, UserNumber},
    mailing::{OnePresentEach, Present, PresentCommand, Subscriber, SubscriberCommand},
};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::Tour;
use crate::{
    error::Result,
    screen::Style,
    words::{present_event, subscriber_event},
};

/// How many sign up in each place to see what it costs.
const SIGN_UPS: u32 = 50;

impl Tour<'_> {
    pub(super) async fn three_places(&mut self) -> Result<()> {
        let app = self.app().await?;
        self.looked_up(&app).await?;
        self.made_good(&app).await?;
        self.overlooked(app).await?;
        let app = self.app().await?;
        self.costs(&app).await?;
        app.shutdown().await;
        Ok(())
    }

    /// What looks addresses up, and finds those that are there twice. On a store that keeps no tables, they are in memory.
    async fn app(&self) -> Result<RunningApp> {
        let store = self.stage.users.store();
        let mut app = App::new(Arc::clone(store)).unique::<Subscriber>().on_duplicate(OnePresentEach);
        if Arc::clone(store).read_store().is_none() {
            app = app.read_store(Arc::new(MemoryStore::new()));
        }
        Ok(app.start().await?)
    }

    async fn looked_up(&mut self, app: &RunningApp) -> Result<()> {
        self.stage.scene("Users are refused by the commit. Where less depends on it, the same rule stands elsewhere. For the newsletter, a table of who has which address is asked before the commit (enforce = view).")?;
        let subscribers = app.repository::<Subscriber>();
        let address = self.address("ann");
        let ann = self.give(&subscribers, "ann", subscribe(address.clone()), subscriber_event).await?;
        caught_up(app, ann).await?;
        self.give(&subscribers, "bob", subscribe(address.to_uppercase()), subscriber_event).await?;
        Ok(())
    }

    async fn made_good(&mut self, app: &RunningApp) -> Result<()> {
        self.stage.scene("Everybody may order a present. That an address has two is found behind the commit, and the second one is withdrawn (enforce = after).")?;
        let presents = app.repository::<Present>();
        let order = || PresentCommand::Order { email: self.address("ann") };
        let (hers, his) = (order(), order());
        self.give(&presents, "ann", hers, present_event).await?;
        let bob = UserNumber::new();
        let second = self.give_for(&presents, ("bob", bob), his, present_event).await?;
        caught_up(app, second).await?;
        for recorded in presents.history(&bob).await? {
            let text = format!("{}, by {}", present_event(&recorded.event), recorded.actor().unwrap_or("-"));
            self.stage.row(&format!("v{}", recorded.version), Style::Dim, &text)?;
        }
        Ok(())
    }

    async fn overlooked(&mut self, app: RunningApp) -> Result<()> {
        self.stage.scene("The table is behind the commits by some milliseconds. Here it stands still, and two who want the same address for the newsletter both get it.")?;
        let subscribers = app.repository::<Subscriber>();
        app.shutdown().await;
        let address = self.address("fay.and.gus");
        self.give(&subscribers, "fay", subscribe(address.clone()), subscriber_event).await?;
        let gus = self.give(&subscribers, "gus", subscribe(address.clone()), subscriber_event).await?;
        self.stage.scene("When it goes on it has both, and a third one is refused.")?;
        let app = self.app().await?;
        caught_up(&app, gus).await?;
        self.give(&app.repository::<Subscriber>(), "hal", subscribe(address), subscriber_event).await?;
        app.shutdown().await;
        Ok(())
    }

    async fn costs(&mut self, app: &RunningApp) -> Result<()> {
        self.stage.scene(&format!(
            "What it costs: {SIGN_UPS} sign-ups one after the other in each place, and what each place can miss."
        ))?;
        let (register, order) = (
            |email| UserCommand::Register { email, name: "One of many".to_owned() },
            |email| PresentCommand::Order { email },
        );
        let (append, _) = self.many(&app.repository::<User>(), register).await?;
        let (view, _) = self.many(&app.repository::<Subscriber>(), subscribe).await?;
        let (after, last) = self.many(&app.repository::<Present>(), order).await?;
        let begun = Instant::now();
        caught_up(app, last).await?;
        let found = milliseconds(begun.elapsed());
        for (place, each, misses) in [
            ("append", append, "nothing: of two, one is refused".to_owned()),
            ("view", view, "who took the address a moment ago".to_owned()),
            (
                "after",
                after,
                format!("nothing, but it is found later: all of these {found} ms after the last"),
            ),
        ] {
            self.stage.row(
                place,
                Style::Bold,
                &format!("{} ms each; misses {misses}", milliseconds(each)),
            )?;
        }
        Ok(())
    }

    /// Lets many sign up, each with an address of its own: how long one took, and where the last one is.
    async fn many<A: Aggregate<Id = UserNumber>>(
        &self,
        people: &Repository<A>,
        command: impl Fn(String) -> A::Command,
    ) -> Result<(Duration, Position)>
    where
        A::Error: std::error::Error + Send + Sync + 'static,
    {
        let (begun, mut last) = (Instant::now(), Position::START);
        for number in 0..SIGN_UPS {
            let email = self.address(&format!("number{number}"));
            last = people.execute(&UserNumber::new(), command(email)).await?.position;
        }
        Ok((begun.elapsed() / SIGN_UPS, last))
    }

    async fn give<A: Aggregate<Id = UserNumber>>(
        &mut self,
        people: &Repository<A>,
        by: &str,
        command: A::Command,
        words: fn(&A::Event) -> String,
    ) -> Result<Position>
    where
        A::Command: Serialize,
        A::Error: std::error::Error + Send + Sync + 'static,
    {
        self.give_for(people, (by, UserNumber::new()), command, words).await
    }

    /// Gives a command and tells what came of it: where it is recorded, if it is.
    async fn give_for<A: Aggregate<Id = UserNumber>>(
        &mut self,
        people: &Repository<A>,
        (by, number): (&str, UserNumber),
        command: A::Command,
        words: fn(&A::Event) -> String,
    ) -> Result<Position>
    where
        A::Command: Serialize,
        A::Error: std::error::Error + Send + Sync + 'static,
    {
        let asked = format!("{} by {by}", serde_json::to_string(&command)?);
        self.stage.row("asked", Style::Dim, &asked)?;
        match people.execute(&number, command).with(Metadata::by(by)).await {
            Ok(receipt) => {
                for recorded in &receipt.events {
                    let text = format!("v{}: {}", recorded.version, words(&recorded.event));
                    self.stage.row("recorded", Style::Green, &text)?;
                }
                Ok(receipt.position)
            }
            Err(ExecuteError::Taken(taken)) => {
                let text = format!("the `{}` is somebody else's", taken.field);
                self.stage.row("taken", Style::Yellow, &text)?;
                Ok(Position::START)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn subscribe(email: String) -> SubscriberCommand {
    SubscriberCommand::Subscribe { email }
}

/// Waits until everybody who reads events behind the commits has come so far.
async fn caught_up(app: &RunningApp, position: Position) -> Result<()> {
    let all_there = async {
        while app.status().iter().any(|reader| reader.position < position) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(60), all_there)
        .await
        .map_err(|_| "those who read events do not come so far")?;
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "it is shown rounded")]
fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}
