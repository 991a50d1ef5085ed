//! What the tests change: an account that two people share.

use factum::{Aggregate, Repository};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("the account is locked")]
    Locked,
    #[error("there is not enough money")]
    Poor,
}

#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(error = AccountError)]
#[events {
    #[creates]
    Registered { email, tenant },
    EmailChanged { email },
    EmailChangeFailed { #[audit] wanted: String, #[audit] kept: String = self.email.clone() },
    PhoneChanged { phone },
    PasswordChanged { password },
    Paid { amount: i64 },
    Locked,
    Unlocked,
    #[ends]
    Deregistered,
}]
#[commands {
    Register => Registered,

    #[require(!self.locked, AccountError::Locked)]
    #[on_conflict(EmailChangeFailed { wanted: email })]
    ChangeEmail => EmailChanged,

    ChangePhone => PhoneChanged,
    ChangePassword => PasswordChanged,

    /// Of money that is there.
    #[require(self.balance + amount >= 0, AccountError::Poor)]
    Pay => Paid,

    /// Of money that there may not be.
    Book { amount: i64 } => Paid,

    #[decide(Ok(self.balance.ne(&0).then(|| AccountEvent::Paid { amount: -self.balance })))]
    Empty {} => Paid,

    #[reads(locked)]
    #[decide(Ok((!*locked).then_some(AccountEvent::Locked)))]
    Lock {} => Locked,
    Unlock => Unlocked,
    #[decide(self.farewell())]
    Deregister {} => Deregistered,
}]
pub(crate) struct Account {
    #[id]
    pub(crate) number: u64,
    pub(crate) tenant: u32,
    #[unique(by = str::to_lowercase)]
    pub(crate) email: String,
    /// Unique among those of a tenant; none is no value.
    #[unique(with = tenant, show_holder)]
    pub(crate) phone: Option<String>,
    pub(crate) password: String,
    #[on(Paid += amount)]
    pub(crate) balance: i64,
    #[on(Locked = true, Unlocked = false)]
    pub(crate) locked: bool,
}

impl Account {
    fn farewell(&self) -> Result<AccountEvent, AccountError> {
        if self.balance == 0 { Ok(AccountEvent::Deregistered) } else { Err(AccountError::Poor) }
    }
}

pub(crate) fn register(email: &str) -> AccountCommand {
    AccountCommand::Register { email: email.to_owned(), tenant: 1 }
}

pub(crate) fn change_email(email: &str) -> AccountCommand {
    AccountCommand::ChangeEmail { email: email.to_owned() }
}

pub(crate) fn change_phone(phone: &str) -> AccountCommand {
    AccountCommand::ChangePhone { phone: Some(phone.to_owned()) }
}

pub(crate) fn change_password(password: &str) -> AccountCommand {
    AccountCommand::ChangePassword { password: password.to_owned() }
}

/// An account at version 1.
pub(crate) async fn registered(accounts: &Repository<Account>, number: u64, email: &str) {
    accounts.execute(&number, register(email)).await.unwrap();
}
