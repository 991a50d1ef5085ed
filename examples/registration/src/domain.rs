//! The domain: what users and accounts are, what can happen to them, and what can be asked of them.
//!
//! There is nothing else that a reader of the business rules has to know, and nothing here does I/O.
#![allow(missing_docs, reason = "the names of the domain say what they mean")]

#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use factum::Aggregate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(factum::Id, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserNumber(Uuid);

#[derive(factum::Id, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountNumber(u64);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    #[error("`{0}` is not an e-mail address")]
    NoAddress(String),
    #[error("{} has locked it until {} UTC", .0.owner, .0.until.format("%H:%M:%S%.3f"))]
    Locked(Lock),
    #[error("it is not locked")]
    NotLocked,
    #[error("whoever locks it has to say who they are")]
    Nobody,
}

/// A record that a clerk has taken for a while. It is a fact like any other: nothing waits, and no lock of a database is
/// held in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub owner: String,
    pub until: DateTime<Utc>,
}

/// Somebody who has registered.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(error = UserError)]
#[events {
    #[creates]
    Registered { email, name },
    EmailChanged { email },
    /// Two people changed the address at the same time, and this one came second.
    EmailChangeFailed { #[audit] wanted: String },
    NameChanged { name },
    PhoneChanged { phone: String },
    /// A clerk works on it; for others it stays as it is until then.
    Locked { owner: String, until: DateTime<Utc> },
    Unlocked,
    /// The address is free again.
    #[ends]
    Deregistered,
}]
#[commands {
    #[require(is_address(&email), UserError::NoAddress(email.clone()))]
    Register => Registered,

    #[require(is_address(&email), UserError::NoAddress(email.clone()))]
    #[require(is_open(&self.lock, ctx.actor(), ctx.now), locked(&self.lock))]
    #[on_conflict(EmailChangeFailed { wanted: email })]
    ChangeEmail => EmailChanged,

    #[require(is_open(&self.lock, ctx.actor(), ctx.now), locked(&self.lock))]
    ChangeName => NameChanged,

    #[require(is_open(&self.lock, ctx.actor(), ctx.now), locked(&self.lock))]
    ChangePhone => PhoneChanged,

    /// Also by who has it already, for longer; and by anybody when the time is over.
    #[require(ctx.actor().is_some(), UserError::Nobody)]
    #[require(is_open(&self.lock, ctx.actor(), ctx.now), locked(&self.lock))]
    #[decide(Ok(UserEvent::Locked {
        owner: ctx.actor().unwrap_or_default().to_owned(),
        until: ctx.now + TimeDelta::seconds(seconds.into()),
    }))]
    Lock { seconds: u32 } => Locked,

    #[require(is_owner(&self.lock, ctx.actor()), locked(&self.lock))]
    Unlock => Unlocked,

    #[require(is_open(&self.lock, ctx.actor(), ctx.now), locked(&self.lock))]
    Deregister => Deregistered,
}]
pub struct User {
    #[id]
    pub number: UserNumber,
    #[unique(by = normal_address)]
    pub email: String,
    pub name: String,
    #[on(PhoneChanged = Some(phone))]
    pub phone: Option<String>,
    #[on(Locked = Some(Lock { owner, until }), Unlocked = None)]
    pub lock: Option<Lock>,
}

/// Addresses that are this same text are the same address, however they are written.
#[must_use]
pub fn normal_address(email: &str) -> String {
    email.trim().to_lowercase()
}

fn is_address(email: &str) -> bool {
    let parts = email.trim().split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !email.trim().contains(char::is_whitespace)
}

/// Whether nobody else has locked it, or their time is over.
fn is_open(lock: &Option<Lock>, actor: Option<&str>, now: DateTime<Utc>) -> bool {
    lock.as_ref().is_none_or(|lock| lock.until <= now) || is_owner(lock, actor)
}

fn is_owner(lock: &Option<Lock>, actor: Option<&str>) -> bool {
    lock.as_ref().is_some_and(|lock| Some(&*lock.owner) == actor)
}

fn locked(lock: &Option<Lock>) -> UserError {
    lock.clone().map_or(UserError::NotLocked, UserError::Locked)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("there are only {0} on it")]
    TooLittle(i64),
}

/// Money. It comes in with the opening only; from then on it moves between accounts.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(error = AccountError)]
#[events {
    #[creates]
    Opened { owner, deposit: u32 },
    Deposited { amount: u32, #[audit] from: AccountNumber },
    Withdrawn { amount: u32, #[audit] to: AccountNumber },
}]
#[commands {
    Open => Opened,

    Deposit => Deposited,

    #[require(self.balance >= i64::from(amount), AccountError::TooLittle(self.balance))]
    Withdraw => Withdrawn,
}]
pub struct Account {
    #[id]
    pub number: AccountNumber,
    pub owner: String,
    #[on(Opened = deposit.into(), Deposited += i64::from(amount), Withdrawn -= i64::from(amount))]
    pub balance: i64,
}
