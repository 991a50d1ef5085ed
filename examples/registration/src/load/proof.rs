//! What the store says about sign-ups.

use std::collections::HashMap;

use factum::Store;
use registration::domain::{User, UserEvent, UserNumber, normal_address};

use super::tally::Answers;
use crate::{error::Result, events::each_event, words::thousands};

/// Who has which address, folded from everything that is recorded.
#[derive(Default)]
pub(super) struct Holders {
    by_address: HashMap<String, UserNumber>,
    /// `None` for those who have deregistered.
    by_user: HashMap<UserNumber, Option<String>>,
}

impl Holders {
    /// # Errors
    /// An address had two holders at the same time, or the store cannot be read.
    pub(super) async fn read(store: &dyn Store) -> Result<Self> {
        let mut holders = Self::default();
        each_event::<User>(store, |user, recorded| holders.apply(user, recorded.event)).await?;
        Ok(holders)
    }

    fn apply(&mut self, user: UserNumber, event: UserEvent) -> Result<()> {
        let address = match event {
            UserEvent::Registered { email, .. } | UserEvent::EmailChanged { email } => {
                Some(normal_address(&email))
            }
            UserEvent::Deregistered => None,
            _ => return Ok(()),
        };
        if let Some(Some(before)) = self.by_user.insert(user, address.clone()) {
            self.by_address.remove(&before);
        }
        let Some(address) = address else { return Ok(()) };
        match self.by_address.insert(address.clone(), user) {
            Some(other) => Err(format!("the address {address} has two holders, {other} and {user}").into()),
            None => Ok(()),
        }
    }

    /// Holds what was answered against what is recorded, and tells it.
    ///
    /// # Errors
    /// They differ.
    pub(super) fn prove(&self, answers: &Answers) -> Result<String> {
        for (user, email) in &answers.accepted {
            if self.by_address.get(&normal_address(email)) != Some(user) {
                return Err(format!("{user} was accepted and does not have the address {email}").into());
            }
        }
        for (user, email) in &answers.refused {
            if self.by_user.contains_key(user) {
                return Err(format!("{user} was refused and is recorded").into());
            }
            if !self.by_address.contains_key(&normal_address(email)) {
                return Err(format!("{user} was refused, and nobody has the address {email}").into());
            }
        }
        Ok(format!(
            "{} addresses in the store, none held twice; every sign-up that was accepted is there, and none that was refused",
            thousands(self.by_address.len() as u64)
        ))
    }
}
