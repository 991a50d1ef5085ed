//! What the tests make views of.

use std::sync::atomic::{AtomicBool, Ordering};

use factum::{
    Aggregate, Repository, View,
    store::RecordedEvent,
    view::{Change, ProjectError, RecordedUse, ViewModel},
};

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Opened { owner },
    Paid { amount: i64 },
    Given { owner },
    #[ends]
    Closed,
}]
#[commands {
    Open => Opened,
    Pay => Paid,
    Give => Given,
    #[decide(Ok(vec![AccountEvent::Given { owner: to }, AccountEvent::Paid { amount }]))]
    GiveWith { to: String, amount: i64 } => Given | Paid,
    Close => Closed,
}]
pub struct Account {
    #[id]
    pub number: u64,
    pub owner: String,
    #[on(Paid += amount)]
    pub balance: i64,
}

/// One row for each account: rules that read no row.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Account), remove_on(Closed))]
pub struct Balance {
    #[key]
    pub number: u64,
    #[index]
    #[on(Opened, Given)]
    pub owner: String,
    #[index]
    #[on(Opened = 0, Paid += amount)]
    pub balance: i64,
    #[on(Opened = recorded.at)]
    pub since: chrono::DateTime<chrono::Utc>,
}

/// A row for all accounts of an amount: `+=` under a key from the payload.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Account), create_on(Paid))]
pub struct Amounts {
    #[key(Paid = amount)]
    pub amount: i64,
    #[on(Paid += 1)]
    pub times: i64,
}

/// Rules that read the row.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Account))]
pub struct Highest {
    #[key]
    pub number: u64,
    #[on(Opened = 0, Paid = self.balance + amount)]
    pub balance: i64,
    #[on(Opened = 0, Paid = self.highest.max(self.balance + amount))]
    pub highest: i64,
}

/// The same table by other rules: the next version of a program.
pub mod next {
    use super::*;

    #[derive(View, Clone, Debug, PartialEq)]
    #[view(of(Account), remove_on(Closed), epoch = 2)]
    pub struct Balance {
        #[key]
        pub number: u64,
        #[index]
        #[on(Opened, Given)]
        pub owner: String,
        #[on(Opened = 0, Paid += 2 * amount)]
        pub double: i64,
    }
}

/// Whether the views below have been mended.
pub static MENDED: AtomicBool = AtomicBool::new(false);

/// A view that cannot take some amounts: an error for 13, a panic for 14, a row that fits into no column for 15.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Account), by_hand)]
pub struct Fussy {
    #[key]
    pub number: u64,
    pub sum: i64,
    pub large: u64,
}

/// The events that `Fussy` reads, as a view that takes everything: the same table, for a program in which it is mended.
impl View for Fussy {
    const MODEL: &'static ViewModel = &ViewModel { recorded: RecordedUse::None, ..*Self::BY_HAND };

    fn changes(event: &RecordedEvent) -> Result<Vec<Change<Self>>, ProjectError> {
        let number: u64 = event.stream.id().parse().map_err(ProjectError::other)?;
        let mended = MENDED.load(Ordering::SeqCst);
        let changes = match factum::Recorded::<AccountEvent>::decode(event.clone())?.event {
            AccountEvent::Opened { .. } => vec![Change::put(&number, Self { number, sum: 0, large: 0 })?],
            AccountEvent::Paid { amount: 13 } if !mended => {
                return Err(ProjectError::other("13 is not taken"));
            }
            AccountEvent::Paid { amount: 14 } if !mended => panic!("14 is not taken"),
            AccountEvent::Paid { amount } => vec![Change::update(&number, move |row: &mut Self| {
                row.sum += amount;
                row.large = if amount == 15 && !mended { u64::MAX } else { 0 };
            })?],
            _ => Vec::new(),
        };
        Ok(changes)
    }
}

pub fn open(owner: &str) -> AccountCommand {
    AccountCommand::Open { owner: owner.to_owned() }
}

pub fn pay(amount: i64) -> AccountCommand {
    AccountCommand::Pay { amount }
}

/// Accounts 1 to `accounts`, each with so many payments.
pub async fn fill(repository: &Repository<Account>, accounts: u64, payments: i64) {
    for number in 1..=accounts {
        repository.execute(&number, open("ann")).await.unwrap();
        for amount in 1..=payments {
            repository.execute(&number, pay(amount)).await.unwrap();
        }
    }
}
