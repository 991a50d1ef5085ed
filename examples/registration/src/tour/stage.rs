//! Where the story is told: what is asked, and what whoever asks gets.

use std::sync::Arc;

use factum::{ExecuteError, Metadata, Receipt, Repository, Store, TransactionErrorKind, Version, Versioned};
use registration::domain::{
    Account, AccountCommand, AccountNumber, User, UserCommand, UserEvent, UserNumber,
};

use crate::{
    error::{Result, explain},
    screen::{Screen, Style},
    words::{account_event, state, user_event},
};

/// What whoever asks has seen, or says beside it.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    Nothing,
    /// The user is to be at exactly this version.
    Expecting(Version),
    /// The user was at this version, and what has to do with the command is to be as it was.
    Seen(Version),
    /// It is to happen once under this key.
    Once(&'a str),
}

pub(super) struct Stage<'a> {
    pub(super) users: Repository<User>,
    pub(super) accounts: Repository<Account>,
    screen: &'a mut Screen,
    scene: u32,
}

impl<'a> Stage<'a> {
    pub(super) fn new(store: &Arc<dyn Store>, screen: &'a mut Screen) -> Self {
        let (users, accounts) = (Repository::new(Arc::clone(store)), Repository::new(Arc::clone(store)));
        Self { users, accounts, screen, scene: 0 }
    }

    /// Gives a command and tells what came of it: the version after it, or `None` if it was not carried out.
    pub(super) async fn ask(
        &mut self,
        by: &str,
        number: UserNumber,
        command: UserCommand,
        given: Given<'_>,
    ) -> Result<Option<Version>> {
        let saying = match given {
            Given::Nothing => String::new(),
            Given::Expecting(version) => format!(", expecting version {version}"),
            Given::Seen(version) => format!(", having seen version {version}"),
            Given::Once(key) => format!(", once under the key {key}"),
        };
        self.row("asked", Style::Dim, &format!("{} by {by}{saying}", serde_json::to_string(&command)?))?;
        let execute = self.users.execute(&number, command).with(Metadata::by(by));
        let answer = match given {
            Given::Nothing => execute,
            Given::Expecting(version) => execute.expecting(version),
            Given::Seen(version) => execute.rebase_from(version),
            Given::Once(key) => execute.once(key),
        };
        let version = self.answered(answer.await)?;
        if version.is_some() {
            self.state(number).await?;
        }
        Ok(version)
    }

    fn answered(
        &mut self,
        answer: std::result::Result<Receipt<UserEvent>, ExecuteError<User>>,
    ) -> Result<Option<Version>> {
        let error = match answer {
            Ok(receipt) => {
                self.recorded(&receipt)?;
                return Ok(Some(receipt.version));
            }
            Err(error) => error,
        };
        match &error {
            ExecuteError::Conflict(conflict) => {
                self.row("conflict", Style::Yellow, &explain(&error))?;
                if let Some(receipt) = &conflict.recorded {
                    self.recorded(receipt)?;
                }
            }
            ExecuteError::Taken(_) => self.row("taken", Style::Yellow, &explain(&error))?,
            ExecuteError::Rejected(_) | ExecuteError::KeyReused { .. } => {
                self.row("refused", Style::Red, &explain(&error))?;
            }
            // The story ends here: the store has failed.
            _ => return Err(error.into()),
        }
        Ok(None)
    }

    fn recorded(&mut self, receipt: &Receipt<UserEvent>) -> Result<()> {
        for recorded in &receipt.events {
            let text = format!("v{}: {}", recorded.version, user_event(&recorded.event));
            self.row("recorded", Style::Green, &text)?;
        }
        Ok(())
    }

    async fn state(&mut self, number: UserNumber) -> Result<()> {
        let Some(Versioned { state: now, version, ended, .. }) = self.users.load(&number).await? else {
            return Ok(());
        };
        let ended = if ended { " (deregistered)" } else { "" };
        self.row("state", Style::Bold, &format!("v{version}: {}{ended}", state(&now)))
    }

    /// Everything that happened to a user, and who asked for it.
    pub(super) async fn history(&mut self, number: UserNumber) -> Result<()> {
        for recorded in self.users.history(&number).await? {
            let by = recorded.actor().unwrap_or("-");
            let text = format!("{by:5} {}", user_event(&recorded.event));
            self.row(&format!("v{}", recorded.version), Style::Dim, &text)?;
        }
        Ok(())
    }

    /// Moves money and tells what came of it.
    pub(super) async fn transfer(
        &mut self,
        amount: u32,
        (payer, from): (&str, AccountNumber),
        (receiver, to): (&str, AccountNumber),
    ) -> Result<()> {
        self.row("asked", Style::Dim, &format!("{amount} from {payer} to {receiver}, all or nothing"))?;
        let moved = factum::transaction(self.accounts.store())
            .execute::<Account>(&from, AccountCommand::Withdraw { amount, to })
            .execute::<Account>(&to, AccountCommand::Deposit { amount, from })
            .with(Metadata::by(payer))
            .commit()
            .await;
        match moved {
            Ok((withdrawn, deposited)) => {
                for (whose, receipt) in [(payer, withdrawn), (receiver, deposited)] {
                    for recorded in &receipt.events {
                        let text =
                            format!("{whose} v{}: {}", recorded.version, account_event(&recorded.event));
                        self.row("recorded", Style::Green, &text)?;
                    }
                }
            }
            Err(error) => match &error.kind {
                TransactionErrorKind::Rejected(why) => {
                    let step = error.step.map_or(0, |step| step + 1);
                    self.row("refused", Style::Red, &format!("step {step}: {why}"))?;
                }
                _ => return Err(error.into()),
            },
        }
        let mut balances = Vec::new();
        for (whose, number) in [(payer, from), (receiver, to)] {
            if let Some(account) = self.accounts.load(&number).await? {
                balances.push(format!("{whose} has {}", account.balance));
            }
        }
        self.row("state", Style::Bold, &balances.join(", "))
    }

    pub(super) fn scene(&mut self, text: &str) -> Result<()> {
        if self.scene > 0 {
            self.screen.line("")?;
        }
        self.scene += 1;
        let title = self.screen.paint(Style::Bold, &format!("{:2} {text}", self.scene));
        Ok(self.screen.line(title)?)
    }

    pub(super) fn row(&mut self, name: &str, style: Style, text: &str) -> Result<()> {
        let name = self.screen.paint(style, &format!("{name:>8}"));
        Ok(self.screen.line(format_args!("   {name}  {text}"))?)
    }

    /// Shows what has been told so far, before somebody waits.
    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.screen.flush()?)
    }
}
