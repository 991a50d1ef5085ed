//! The domain in words.

use chrono::{DateTime, Utc};
use registration::{
    domain::{AccountEvent, User, UserEvent},
    mailing::{PresentEvent, SubscriberEvent},
};

/// What happened to a user.
pub(crate) fn user_event(event: &UserEvent) -> String {
    match event {
        UserEvent::Registered { email, name } => format!("registered: {name}, {email}"),
        UserEvent::EmailChanged { email } => format!("e-mail address changed: {email}"),
        UserEvent::EmailChangeFailed { wanted } => format!("e-mail address not changed: {wanted}"),
        UserEvent::NameChanged { name } => format!("name changed: {name}"),
        UserEvent::PhoneChanged { phone } => format!("phone changed: {phone}"),
        UserEvent::Locked { owner, until } => format!("locked by {owner} until {}", clock(*until)),
        UserEvent::Unlocked => "unlocked".to_owned(),
        UserEvent::Deregistered => "deregistered".to_owned(),
    }
}

/// What happened to an account.
pub(crate) fn account_event(event: &AccountEvent) -> String {
    match event {
        AccountEvent::Opened { owner, deposit } => format!("opened by {owner} with {deposit}"),
        AccountEvent::Deposited { amount, .. } => format!("{amount} deposited"),
        AccountEvent::Withdrawn { amount, .. } => format!("{amount} withdrawn"),
    }
}

/// What happened to the newsletter of somebody.
pub(crate) fn subscriber_event(event: &SubscriberEvent) -> String {
    match event {
        SubscriberEvent::Subscribed { email } => format!("subscribed: {email}"),
        SubscriberEvent::Unsubscribed => "unsubscribed".to_owned(),
    }
}

/// What happened to a present.
pub(crate) fn present_event(event: &PresentEvent) -> String {
    match event {
        PresentEvent::Ordered { email } => format!("ordered: {email}"),
        PresentEvent::Withdrawn => "withdrawn".to_owned(),
    }
}

/// The state in one line.
pub(crate) fn state(user: &User) -> String {
    let User { email, name, .. } = user;
    let phone = user.phone.as_ref().map_or_else(String::new, |phone| format!(", phone {phone}"));
    let lock = user
        .lock
        .as_ref()
        .map_or_else(String::new, |lock| format!(", locked by {} until {}", lock.owner, clock(lock.until)));
    format!("{name}, {email}{phone}{lock}")
}

/// A time of today.
fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M:%S%.3f").to_string()
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many per second; zero seconds count as a thousandth.
#[allow(clippy::cast_precision_loss, reason = "it is shown rounded")]
pub(crate) fn per_second(number: u64, seconds: f64) -> f64 {
    number as f64 / seconds.max(1e-3)
}
