//! A story, told while it happens: what is asked, what is recorded, and the state that comes of it.

use factum::{ExecuteError, Metadata, Position, Receipt, Version, store::Durability};
use helpdesk::domain::{Incident, IncidentCommand, IncidentEvent, IncidentNumber};

use crate::{
    args,
    desk::Desk,
    error::{Result, explain},
    screen::{Screen, Style},
    time,
    words::{event, short, state},
};

const ANN: u64 = 1;
const BOB: u64 = 2;
const CARL: u64 = 3;

type Answer = std::result::Result<Receipt<IncidentEvent>, ExecuteError<Incident>>;

/// The URL as it can be shown.
fn without_password(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (login, rest))) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{rest}")
        }
        None => url.to_owned(),
    }
}

pub(crate) async fn run(desk: &Desk, screen: &mut Screen) -> Result<()> {
    if desk.store().head().await? != Position::START {
        return Err(format!(
            "the tour begins with a fresh store, and {} holds events, which are left alone: name another one, such as \
             `helpdesk tour --store sqlite:another.db`",
            without_password(&desk.url)
        )
        .into());
    }
    let mut tour = Tour { desk, screen, scene: 0 };
    let mouse = IncidentNumber::new();
    let seen = tour.one_incident(mouse).await?;
    tour.two_writers(mouse, seen).await?;
    tour.reopened(mouse).await?;
    let removed = tour.removed().await?;
    tour.the_past(mouse, seen).await?;
    tour.what_now(mouse, removed)
}

struct Tour<'a> {
    desk: &'a Desk,
    screen: &'a mut Screen,
    scene: u32,
}

impl Tour<'_> {
    async fn one_incident(&mut self, mouse: IncidentNumber) -> Result<Version> {
        self.scene("Ann, user 1, reports a broken mouse.")?;
        let report = IncidentCommand::Report { reporter: ANN.into(), text: "mouse broken".into() };
        self.ask("ann", mouse, report, None).await?;
        self.scene("She looks closer and corrects the description.")?;
        let change = IncidentCommand::ChangeText { text: "left mouse button broken".into() };
        self.ask("ann", mouse, change, None).await?;
        self.scene("Bob, user 2, will take care of it.")?;
        let seen = self.ask("ann", mouse, IncidentCommand::Assign { to: BOB.into() }, None).await?;
        Ok(seen.map_or(Version::NONE, |receipt| receipt.version))
    }

    async fn two_writers(&mut self, mouse: IncidentNumber, seen: Version) -> Result<()> {
        self.scene(&format!(
            "Bob and Carl, user 3, both look at version {seen}. Bob is faster and closes the incident."
        ))?;
        let close = IncidentCommand::Close { solution: "new mouse".into() };
        self.ask("bob", mouse, close, Some(seen)).await?;
        self.scene(&format!(
            "Carl still has version {seen} before him. That is a conflict, and he learns what he missed."
        ))?;
        self.ask("carl", mouse, IncidentCommand::Assign { to: CARL.into() }, Some(seen)).await?;
        self.scene("He insists, whatever the version is. Now the domain itself refuses.")?;
        self.ask("carl", mouse, IncidentCommand::Assign { to: CARL.into() }, None).await?;
        Ok(())
    }

    async fn reopened(&mut self, mouse: IncidentNumber) -> Result<()> {
        self.scene("The new mouse breaks, too. One command, two events, recorded together or not at all.")?;
        let reopen = IncidentCommand::Reopen { reason: "the new one broke".into(), to: CARL.into() };
        self.ask("ann", mouse, reopen, None).await?;
        self.scene("Ann and Bob correct the text at the same moment. Neither expects a version, so the second is decided on what the first one left.")?;
        let change = |text: &str| IncidentCommand::ChangeText { text: text.into() };
        let (ann, bob) = (change("both mice broken"), change("mouse cable bitten through"));
        self.asked("ann", &ann, None)?;
        self.asked("bob", &bob, None)?;
        let execute = |by, command| self.desk.incidents.execute(&mouse, command).with(Metadata::by(by));
        let (ann, bob) = tokio::join!(execute("ann", ann), execute("bob", bob));
        let mut answers = [ann, bob];
        answers.sort_by_key(|answer| answer.as_ref().map_or(Version::NONE, |receipt| receipt.version));
        for answer in answers {
            self.answered(mouse, answer)?;
        }
        self.state(mouse).await
    }

    async fn removed(&mut self) -> Result<IncidentNumber> {
        self.scene("Somebody reports what is none of the help desk's business, and it is removed.")?;
        let weather = IncidentNumber::new();
        let report = IncidentCommand::Report { reporter: CARL.into(), text: "it rains".into() };
        self.ask("carl", weather, report, None).await?;
        self.ask("bob", weather, IncidentCommand::Remove, None).await?;
        self.scene("After the last event comes nothing more. What happened stays on record.")?;
        self.ask("carl", weather, IncidentCommand::ChangeText { text: "it still rains".into() }, None)
            .await?;
        Ok(weather)
    }

    async fn the_past(&mut self, mouse: IncidentNumber, seen: Version) -> Result<()> {
        self.scene("Every version of the mouse's incident can be asked for.")?;
        let history = self.desk.incidents.history(&mouse).await?;
        for recorded in &history {
            if let Some(then) = self.desk.incidents.load_at_version(&mouse, recorded.version).await? {
                self.row(&format!("v{}", recorded.version), Style::Dim, &state(&then))?;
            }
        }
        self.scene("Every moment, too.")?;
        for recorded in history.iter().filter(|recorded| recorded.version == seen) {
            let at = recorded.at;
            if let Some(then) = self.desk.incidents.load_as_of(&mouse, at).await? {
                self.row("when", Style::Dim, &format!("{} UTC", time::show(at)))?;
                self.row("state", Style::Bold, &format!("v{}: {}", then.version, state(&then)))?;
            }
        }
        Ok(())
    }

    fn what_now(&mut self, mouse: IncidentNumber, removed: IncidentNumber) -> Result<()> {
        if self.desk.store().capabilities().durability == Durability::Process {
            return Ok(());
        }
        let store = match &*self.desk.url {
            args::STORE => String::new(),
            url => format!(" --store '{}'", without_password(url)),
        };
        self.scene("All of it is still there, for `helpdesk` or `cargo run -p helpdesk --` to show:")?;
        for command in [
            "list --all".to_owned(),
            format!("show {}", short(mouse)),
            format!("show {} --at-version 3", short(mouse)),
            format!("history {}", short(mouse)),
            format!("history {}", short(removed)),
        ] {
            self.screen.line(format_args!("   helpdesk {command}{store}"))?;
        }
        Ok(())
    }

    /// Gives a command and tells what came of it. `None` if it was not carried out.
    async fn ask(
        &mut self,
        by: &str,
        number: IncidentNumber,
        command: IncidentCommand,
        expected: Option<Version>,
    ) -> Result<Option<Receipt<IncidentEvent>>> {
        self.asked(by, &command, expected)?;
        let mut execute = self.desk.incidents.execute(&number, command).with(Metadata::by(by));
        if let Some(version) = expected {
            execute = execute.expecting(version);
        }
        let receipt = self.answered(number, execute.await)?;
        if receipt.is_some() {
            self.state(number).await?;
        }
        Ok(receipt)
    }

    fn asked(&mut self, by: &str, command: &IncidentCommand, expected: Option<Version>) -> Result<()> {
        let expecting = expected.map_or_else(String::new, |version| format!(", expecting version {version}"));
        let command = serde_json::to_string(command)?;
        self.row("asked", Style::Dim, &format!("{command} by {by}{expecting}"))
    }

    fn answered(&mut self, number: IncidentNumber, answer: Answer) -> Result<Option<Receipt<IncidentEvent>>> {
        match answer {
            Ok(receipt) => {
                for recorded in &receipt.events {
                    let text = format!("v{}: {}", recorded.version, event(&recorded.event));
                    self.row("recorded", Style::Green, &text)?;
                }
                Ok(Some(receipt))
            }
            Err(error @ ExecuteError::Conflict(_)) => {
                self.row("conflict", Style::Yellow, &explain(number, &error))?;
                Ok(None)
            }
            Err(error @ ExecuteError::Rejected(_)) => {
                self.row("refused", Style::Red, &explain(number, &error))?;
                Ok(None)
            }
            // The story ends here: the store has failed.
            Err(error) => Err(error.into()),
        }
    }

    async fn state(&mut self, number: IncidentNumber) -> Result<()> {
        let Some(now) = self.desk.incidents.load(&number).await? else { return Ok(()) };
        let removed = if now.ended { " (removed)" } else { "" };
        self.row("state", Style::Bold, &format!("v{}: {}{removed}", now.version, state(&now)))
    }

    fn scene(&mut self, text: &str) -> Result<()> {
        if self.scene > 0 {
            self.screen.line("")?;
        }
        self.scene += 1;
        let title = self.screen.paint(Style::Bold, &format!("{:2} {text}", self.scene));
        Ok(self.screen.line(title)?)
    }

    fn row(&mut self, name: &str, style: Style, text: &str) -> Result<()> {
        let name = self.screen.paint(style, &format!("{name:>8}"));
        Ok(self.screen.line(format_args!("   {name}  {text}"))?)
    }
}
