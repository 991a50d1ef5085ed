//! What the store says about money.

use std::collections::HashMap;

use factum::{Recorded, Store};
use registration::domain::{Account, AccountEvent, AccountNumber};

use crate::{error::Result, events::each_event, words::thousands};

/// All money, folded from everything that is recorded.
#[derive(Default)]
pub(super) struct Books {
    /// What came in when accounts were opened: nothing comes in or goes out later.
    opened_with: i64,
    balances: HashMap<AccountNumber, i64>,
    /// What each transfer has come to: nothing, if it took from one account what it gave to another.
    transfers: HashMap<String, i64>,
}

impl Books {
    /// # Errors
    /// An account was below zero at some time, or the store cannot be read.
    pub(super) async fn read(store: &dyn Store) -> Result<Self> {
        let mut books = Self::default();
        each_event::<Account>(store, |number, recorded| books.apply(number, &recorded)).await?;
        Ok(books)
    }

    fn apply(&mut self, number: AccountNumber, recorded: &Recorded<AccountEvent>) -> Result<()> {
        let change = match recorded.event {
            AccountEvent::Opened { deposit, .. } => {
                self.opened_with += i64::from(deposit);
                i64::from(deposit)
            }
            AccountEvent::Deposited { amount, .. } => self.moved(recorded, amount.into()),
            AccountEvent::Withdrawn { amount, .. } => self.moved(recorded, -i64::from(amount)),
        };
        let balance = self.balances.entry(number).or_default();
        *balance += change;
        match *balance {
            0.. => Ok(()),
            below => Err(format!("account {number} was at {below} at version {}", recorded.version).into()),
        }
    }

    fn moved(&mut self, recorded: &Recorded<AccountEvent>, change: i64) -> i64 {
        if let Some(id) = &recorded.metadata().correlation_id {
            *self.transfers.entry(id.clone()).or_default() += change;
        }
        change
    }

    /// What is on all accounts together.
    pub(super) fn sum(&self) -> i64 {
        self.balances.values().sum()
    }

    /// Tells what is right.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn prove(&self) -> Result<String> {
        if let Some((id, change)) = self.transfers.iter().find(|(_, change)| **change != 0) {
            return Err(format!("transfer {id} is not whole: {change} too much").into());
        }
        let (sum, opened_with) = (self.sum(), self.opened_with);
        if sum != opened_with {
            return Err(format!("accounts were opened with {opened_with}, and hold {sum}").into());
        }
        Ok(format!(
            "{} accounts hold {}, which is what they were opened with; none was ever below zero; {} transfers, all of them whole",
            thousands(self.balances.len() as u64),
            thousands(sum.unsigned_abs()),
            thousands(self.transfers.len() as u64),
        ))
    }

    /// # Errors
    /// One of these transfers is not there.
    pub(super) fn prove_all(&self, transfers: &[String]) -> Result<()> {
        match transfers.iter().find(|id| !self.transfers.contains_key(*id)) {
            Some(id) => Err(format!("transfer {id} was acknowledged and is not recorded").into()),
            None => Ok(()),
        }
    }
}
