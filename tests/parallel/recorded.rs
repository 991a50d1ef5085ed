//! `#[on_conflict]`: that a command came too late is recorded, and the caller still gets to know it.

use std::sync::Arc;

use factum::{
    ExecuteError, Metadata, Repository,
    testing::chaos::{ChaosStore, Fault},
};

use crate::{
    account::{Account, AccountCommand, AccountEvent, change_email, change_password, registered},
    memory,
};

fn failed(wanted: &str, kept: &str) -> AccountEvent {
    AccountEvent::EmailChangeFailed { wanted: wanted.to_owned(), kept: kept.to_owned() }
}

#[tokio::test]
async fn the_second_of_two_people_is_recorded_as_having_failed() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_email("bob@example.org")).expecting(1).await.unwrap();
    let alice = accounts
        .execute(&1, change_email("alice@example.org"))
        .expecting(1)
        .with(Metadata::by("Alice"))
        .await
        .unwrap_err();
    let conflict = alice.conflict().unwrap();
    assert_eq!((conflict.expected, conflict.actual, conflict.since.len()), (1.into(), 2.into(), 1));
    let recorded = conflict.recorded.as_ref().unwrap();
    assert_eq!(recorded.version, 3);
    assert_eq!(recorded.events[0].event, failed("alice@example.org", "bob@example.org"));
    let history = accounts.history(&1).await.unwrap();
    assert_eq!(history.len(), 3);
    assert_eq!((history[2].actor(), history[2].id), (Some("Alice"), recorded.events[0].id));
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().email, "bob@example.org");
}

#[tokio::test]
async fn with_rebase_from_too() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_email("bob@example.org")).await.unwrap();
    let error = accounts.execute(&1, change_email("alice@example.org")).rebase_from(1).await.unwrap_err();
    let conflict = error.conflict().unwrap();
    assert_eq!(conflict.fields, ["email"]);
    assert!(conflict.recorded.is_some());
    // A failure changes no field, so it is in nobody's way.
    accounts.execute(&1, change_email("alice@example.org")).rebase_from(2).await.unwrap();
}

#[tokio::test]
async fn a_command_without_it_records_nothing() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_password("x")).await.unwrap();
    let error = accounts.execute(&1, change_password("y")).expecting(1).await.unwrap_err();
    assert!(error.conflict().unwrap().recorded.is_none());
    assert_eq!(accounts.history(&1).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_is_recorded_of_what_is_not_there_or_has_ended() {
    let accounts = Repository::<Account>::new(memory());
    let error = accounts.execute(&1, change_email("x")).expecting(1).await.unwrap_err();
    assert!(error.conflict().unwrap().recorded.is_none());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, AccountCommand::Deregister {}).await.unwrap();
    let error = accounts.execute(&1, change_email("x")).expecting(1).await.unwrap_err();
    assert!(error.conflict().unwrap().recorded.is_none());
    assert_eq!(accounts.history(&1).await.unwrap().len(), 2);
}

/// The record of a failure meets others as well, and lost answers: it is there once.
#[tokio::test]
async fn it_is_recorded_once_whatever_comes_in_between() {
    let store = Arc::new(ChaosStore::new(memory()));
    let accounts = Repository::<Account>::new(store.clone());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_password("x")).await.unwrap();
    store.inject(3, Fault::Conflict);
    store.inject(2, Fault::AnswerLost);
    let error = accounts.execute(&1, change_email("late@example.org")).expecting(1).await.unwrap_err();
    assert!(error.conflict().unwrap().recorded.is_some(), "{error}");
    assert_eq!((store.met(Fault::Conflict), store.met(Fault::AnswerLost)), (3, 2));
    assert_eq!(accounts.history(&1).await.unwrap().len(), 3);
}

#[tokio::test]
async fn who_cannot_record_it_says_so() {
    let store = Arc::new(ChaosStore::new(memory()));
    let accounts = Repository::<Account>::new(store.clone());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_password("x")).await.unwrap();
    store.inject(1, Fault::Failure);
    let error = accounts.execute(&1, change_email("late@example.org")).expecting(1).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Store { .. }), "{error}");
}

/// Whoever expected nothing is not late, only slower each time: that is no news for the domain.
#[tokio::test]
async fn who_expected_nothing_is_not_recorded_as_late() {
    let store = Arc::new(ChaosStore::new(memory()));
    let accounts = Repository::<Account>::new(store.clone()).with_retry(factum::Retry::attempts(2));
    registered(&accounts, 1, "us@example.org").await;
    store.inject(2, Fault::Conflict);
    let error = accounts.execute(&1, change_email("me@example.org")).await.unwrap_err();
    assert!(error.conflict().unwrap().recorded.is_none());
    assert_eq!(accounts.history(&1).await.unwrap().len(), 1);
}
