//! What the store says about money.

use std::collections::HashMap;

use factum::Store;
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
        each_event::<Account>(store, |number, recorded| {
            let transfer = recorded.metadata().correlation_id.as_deref();
            books.apply(number, transfer, &recorded.event)
        })
        .await?;
        Ok(books)
    }

    fn apply(&mut self, number: AccountNumber, transfer: Option<&str>, event: &AccountEvent) -> Result<()> {
        let change = match event {
            AccountEvent::Opened { deposit, .. } => i64::from(*deposit),
            AccountEvent::Deposited { amount, .. } => i64::from(*amount),
            AccountEvent::Withdrawn { amount, .. } => -i64::from(*amount),
        };
        match (event, transfer) {
            (AccountEvent::Opened { .. }, _) => self.opened_with += change,
            (_, Some(transfer)) => *self.transfers.entry(transfer.to_owned()).or_default() += change,
            // The story moves money without a number for it; it is in the sum all the same.
            (_, None) => {}
        }
        let balance = self.balances.entry(number).or_default();
        *balance += change;
        match *balance {
            0.. => Ok(()),
            below => Err(format!("account {number} was at {below}").into()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn books(events: &[(u64, Option<&str>, AccountEvent)]) -> Result<Books> {
        let mut books = Books::default();
        for (number, transfer, event) in events {
            books.apply((*number).into(), *transfer, event)?;
        }
        Ok(books)
    }

    fn opened(number: u64) -> (u64, Option<&'static str>, AccountEvent) {
        (number, None, AccountEvent::Opened { owner: "ann".into(), deposit: 100 })
    }

    fn withdrawn(amount: u32) -> (u64, Option<&'static str>, AccountEvent) {
        (1, Some("a"), AccountEvent::Withdrawn { amount, to: 2.into() })
    }

    fn deposited(transfer: Option<&'static str>) -> (u64, Option<&'static str>, AccountEvent) {
        (2, transfer, AccountEvent::Deposited { amount: 70, from: 1.into() })
    }

    #[test]
    fn money_that_moved_is_all_there() {
        let books = books(&[opened(1), opened(2), withdrawn(70), deposited(Some("a"))]).unwrap();
        assert!(books.prove().unwrap().starts_with("2 accounts hold 200"));
        assert!(books.prove_all(&["a".into()]).is_ok());
    }

    #[test]
    fn what_is_wrong_is_found() {
        let said = |error: Result<String>| error.unwrap_err().to_string();
        let half = books(&[opened(1), opened(2), withdrawn(70)]).unwrap();
        assert_eq!(said(half.prove()), "transfer a is not whole: -70 too much");
        let whole = [opened(1), opened(2), withdrawn(70), deposited(Some("a"))];
        let more = books(&[&whole[..], &[deposited(None)]].concat()).unwrap();
        assert_eq!(said(more.prove()), "accounts were opened with 200, and hold 270");
        let below = books(&[opened(1), withdrawn(101)]);
        assert_eq!(said(below.map(|_| String::new())), "account 1 was at -1");
        let lost = books(&whole).unwrap().prove_all(&["b".into()]);
        assert!(said(lost.map(|()| String::new())).contains("transfer b was acknowledged"));
    }
}
