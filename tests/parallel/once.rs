//! `once`: a command that is sent again takes effect once.

use std::sync::Arc;

use factum::{
    ExecuteError, Repository, Retry,
    store::StoreErrorKind,
    testing::chaos::{ChaosStore, Fault},
};

use crate::{
    account::{Account, AccountCommand, change_email, change_password, register, registered},
    memory,
};

fn book(amount: i64) -> AccountCommand {
    AccountCommand::Book { amount }
}

#[tokio::test]
async fn the_second_time_gives_the_first_receipt() {
    let store = memory();
    let accounts = Repository::<Account>::new(store.clone());
    registered(&accounts, 1, "us@example.org").await;
    let first = accounts.execute(&1, book(5)).once("request 1").await.unwrap();
    accounts.execute(&1, book(7)).once("request 2").await.unwrap();
    // Also elsewhere, later.
    let elsewhere = Repository::<Account>::new(store);
    let again = elsewhere.execute(&1, book(5)).once("request 1").await.unwrap();
    assert_eq!(again, first);
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, 12);
    // Also when it would not be possible any more, or is expected of another version.
    let created = accounts.execute(&2, register("you@example.org")).once("request 3").await.unwrap();
    assert_eq!(accounts.execute(&2, register("you@example.org")).once("request 3").await.unwrap(), created);
    let strict = accounts.execute(&1, book(5)).once("request 1").expecting(1).await.unwrap();
    assert_eq!(strict, first);
}

#[tokio::test]
async fn another_command_under_the_same_key_is_an_error() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    registered(&accounts, 2, "you@example.org").await;
    accounts.execute(&1, book(5)).once("request").await.unwrap();
    for (number, command) in [(1, book(6)), (2, book(5)), (1, change_password("x"))] {
        let error = accounts.execute(&number, command).once("request").await.unwrap_err();
        assert!(matches!(&error, ExecuteError::KeyReused { key, .. } if key == "request"), "{error}");
    }
    assert_eq!(accounts.history(&1).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_refused_or_led_to_nothing_is_decided_anew() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    let pay = || accounts.execute(&1, AccountCommand::Pay { amount: -5 }).once("pay");
    assert!(pay().await.unwrap_err().rejection().is_some());
    let empty = || accounts.execute(&1, AccountCommand::Empty {}).once("empty");
    assert!(empty().await.unwrap().events.is_empty());
    accounts.execute(&1, book(7)).await.unwrap();
    assert_eq!(pay().await.unwrap().events.len(), 1);
    assert_eq!(empty().await.unwrap().events.len(), 1);
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_takes_effect_and_all_get_its_receipt() {
    let store = memory();
    let accounts = Repository::<Account>::new(store.clone());
    registered(&accounts, 1, "us@example.org").await;
    let mut phones = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let accounts = Repository::<Account>::new(store.clone());
        phones.spawn(async move { accounts.execute(&1, book(5)).once("request").await.unwrap() });
    }
    let receipts = phones.join_all().await;
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, 5);
}

#[tokio::test]
async fn lost_answers_change_nothing() {
    let store = Arc::new(
        ChaosStore::new(memory()).seeded(3).with(Fault::AnswerLost, 0.3).with(Fault::RequestLost, 0.2),
    );
    let accounts = Repository::<Account>::new(store.clone());
    registered(&accounts, 1, "us@example.org").await;
    for number in 0..100 {
        let key = format!("request {number}");
        // The phone gives up, and sends it again.
        while accounts.execute(&1, book(1)).once(&key).await.is_err() {}
        accounts.execute(&1, book(1)).once(&key).await.unwrap();
    }
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, 100);
    assert!(store.met(Fault::AnswerLost) > 20);
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let accounts = Repository::<Account>::new(memory());
    for key in [String::new(), "k".repeat(10_000)] {
        let error = accounts.execute(&1, register("us@example.org")).once(key).await.unwrap_err();
        let ExecuteError::Store { cause, .. } = &error else { panic!("{error}") };
        assert_eq!(cause.kind(), StoreErrorKind::Invalid);
        assert!(error.to_string().contains("idempotency key"), "{error}");
    }
    assert!(accounts.load(&1).await.unwrap().is_none());
}

/// The failure of a stale command is not what the key stands for.
#[tokio::test]
async fn a_conflict_that_is_recorded_does_not_use_up_the_key() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_password("x")).await.unwrap();
    let change = || accounts.execute(&1, change_email("me@example.org")).once("change");
    assert!(change().expecting(1).await.unwrap_err().conflict().unwrap().recorded.is_some());
    let version = accounts.load(&1).await.unwrap().unwrap().version;
    assert_eq!(change().expecting(version).await.unwrap().version, version.next());
}

/// Two of one request, at the same time: the second finds that nothing is left to do, or that it is late, and it is still
/// the first one's receipt that it gets. Nothing is recorded of a conflict with oneself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_comes_too_late_for_its_own_command_gets_its_receipt() {
    for retry in [Retry::default(), Retry::never()] {
        for round in 0..60 {
            let store = memory();
            let accounts = Repository::<Account>::new(store.clone());
            registered(&accounts, 1, "us@example.org").await;
            let mut phones = tokio::task::JoinSet::new();
            for _ in 0..6 {
                let accounts = Repository::<Account>::new(store.clone()).with_retry(retry.clone());
                phones.spawn(async move {
                    let command = match round % 3 {
                        0 => AccountCommand::Deregister {},
                        1 => AccountCommand::Lock {},
                        _ => change_email("me@example.org"),
                    };
                    let execute = accounts.execute(&1, command).once("request");
                    if round % 3 == 2 { execute.expecting(1).await } else { execute.await }.unwrap()
                });
            }
            let receipts = phones.join_all().await;
            assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{round}");
            assert_eq!((receipts[0].version.get(), accounts.history(&1).await.unwrap().len()), (2, 2));
        }
    }
}

/// The key is another's by the time that the command is recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_commands_under_one_key_one_is_told_so() {
    for _ in 0..60 {
        let store = memory();
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..4 {
            let accounts = Repository::<Account>::new(store.clone()).with_retry(Retry::never());
            clients.spawn(async move {
                accounts.execute(&number, register(&format!("{number}@example.org"))).once("request").await
            });
        }
        let outcomes = clients.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert!(matches!(error, ExecuteError::KeyReused { .. }), "{error}");
        }
    }
}
