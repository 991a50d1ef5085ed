//! The rules of the domain: given what has happened, when this is asked, then that happens.

use chrono::{DateTime, TimeDelta, Utc};
use factum::{Aggregate, Rejection, SampleId};

use super::{
    Account, AccountCommand, AccountError, AccountEvent, Lock, User, UserCommand, UserError, UserEvent,
    is_address, normal_address,
};
use crate::mailing::{Present, Subscriber};

factum::laws!(User as user_laws);
factum::laws!(Account as account_laws);
factum::laws!(Subscriber as subscriber_laws);
factum::laws!(Present as present_laws);

fn registered() -> UserEvent {
    UserEvent::Registered { email: "ann@example.org".into(), name: "Ann".into() }
}

fn change_email() -> UserCommand {
    UserCommand::ChangeEmail { email: "ann@example.com".into() }
}

fn nine() -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn minutes_past_nine(minutes: i64) -> DateTime<Utc> {
    nine() + TimeDelta::minutes(minutes)
}

/// From nine o'clock on, for an hour.
fn locked(owner: &str) -> UserEvent {
    UserEvent::Locked { owner: owner.into(), until: minutes_past_nine(60) }
}

fn refusal(owner: &str) -> UserError {
    UserError::Locked(Lock { owner: owner.into(), until: minutes_past_nine(60) })
}

const HOUR: UserCommand = UserCommand::Lock { seconds: 3600 };

#[test]
fn a_user_begins_with_a_registration() {
    let register = UserCommand::Register { email: "ann@example.org".into(), name: "Ann".into() };
    User::given([]).when(register.clone()).then([registered()]);
    User::given([registered()]).when(register).then_rejected(Rejection::AlreadyExists);
    User::given([]).when(change_email()).then_rejected(Rejection::NotFound);
}

#[test]
fn what_is_no_address_is_refused() {
    for email in ["", "ann", "@example.org", "ann@", "ann lee@example.org"] {
        let refused = UserError::NoAddress(email.into());
        let register = UserCommand::Register { email: email.into(), name: "Ann".into() };
        User::given([]).when(register).then_rejected(refused.clone());
        User::given([registered()])
            .when(UserCommand::ChangeEmail { email: email.into() })
            .then_rejected(refused);
    }
    assert!(is_address(" ann@example.org "));
}

#[test]
fn an_address_is_the_same_however_it_is_written() {
    assert_eq!(normal_address("  Ann@Example.ORG\n"), normal_address("ann@example.org"));
    assert_ne!(normal_address("ann@example.org"), normal_address("ann@example.com"));
}

#[test]
fn a_clerk_locks_a_record_for_a_while() {
    User::given([registered()]).at(nine()).by("dora").when(HOUR).then([locked("dora")]);
    User::given([registered()]).at(nine()).when(HOUR).then_rejected(UserError::Nobody);
}

#[test]
fn what_is_locked_is_refused_to_others() {
    let commands = [
        change_email(),
        UserCommand::ChangeName { name: "Anna".into() },
        UserCommand::ChangePhone { phone: "1".into() },
        UserCommand::Deregister,
        HOUR,
    ];
    for command in commands {
        let given = || User::given([registered(), locked("dora")]).at(minutes_past_nine(59));
        given().by("ann").when(command).then_rejected(refusal("dora"));
    }
    let given = || User::given([registered(), locked("dora")]).at(minutes_past_nine(59));
    given().when(change_email()).then_rejected(refusal("dora"));
    given()
        .by("dora")
        .when(change_email())
        .then([UserEvent::EmailChanged { email: "ann@example.com".into() }]);
}

#[test]
fn a_lock_can_be_made_longer_by_its_owner() {
    let until = minutes_past_nine(90);
    User::given([registered(), locked("dora")])
        .at(minutes_past_nine(30))
        .by("dora")
        .when(HOUR)
        .then([UserEvent::Locked { owner: "dora".into(), until }]);
}

#[test]
fn another_takes_over_when_the_time_is_over() {
    let until = minutes_past_nine(120);
    User::given([registered(), locked("dora")])
        .at(minutes_past_nine(60))
        .by("eric")
        .when(HOUR)
        .then([UserEvent::Locked { owner: "eric".into(), until }]);
    User::given([registered(), locked("dora")])
        .at(minutes_past_nine(60))
        .when(UserCommand::ChangeName { name: "Anna".into() })
        .then([UserEvent::NameChanged { name: "Anna".into() }]);
}

#[test]
fn only_the_owner_releases_a_lock() {
    let given = |clerk| User::given([registered(), locked("dora")]).at(minutes_past_nine(99)).by(clerk);
    given("dora").when(UserCommand::Unlock).then([UserEvent::Unlocked]);
    given("eric").when(UserCommand::Unlock).then_rejected(refusal("dora"));
    User::given([registered()]).by("dora").when(UserCommand::Unlock).then_rejected(UserError::NotLocked);
}

#[test]
fn nothing_follows_the_deregistration() {
    User::given([registered()]).when(UserCommand::Deregister).then([UserEvent::Deregistered]);
    User::given([registered(), UserEvent::Deregistered]).when(change_email()).then_rejected(Rejection::Ended);
}

#[test]
fn the_state_is_what_the_events_come_to() {
    User::given([
        registered(),
        UserEvent::EmailChangeFailed { wanted: "anna@example.org".into() },
        UserEvent::PhoneChanged { phone: "1".into() },
        locked("dora"),
        UserEvent::Unlocked,
        UserEvent::NameChanged { name: "Anna".into() },
        locked("eric"),
    ])
    .then_state(&User {
        number: SampleId::sample(),
        email: "ann@example.org".into(),
        name: "Anna".into(),
        phone: Some("1".into()),
        lock: Some(Lock { owner: "eric".into(), until: minutes_past_nine(60) }),
    });
}

#[test]
fn an_account_is_never_below_zero() {
    let opened = || AccountEvent::Opened { owner: "Ann".into(), deposit: 100 };
    let withdraw = |amount| AccountCommand::Withdraw { amount, to: 2.into() };
    let withdrawn = |amount| AccountEvent::Withdrawn { amount, to: 2.into() };
    Account::given([opened()]).when(withdraw(100)).then([withdrawn(100)]);
    Account::given([opened()]).when(withdraw(101)).then_rejected(AccountError::TooLittle(100));
    Account::given([opened(), withdrawn(60)]).when(withdraw(60)).then_rejected(AccountError::TooLittle(40));
    let deposited = AccountEvent::Deposited { amount: 20, from: 2.into() };
    Account::given([opened(), withdrawn(60), deposited]).when(withdraw(60)).then([withdrawn(60)]);
}
