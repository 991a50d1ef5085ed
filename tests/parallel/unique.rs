//! `#[unique]`: a value follows the state of the aggregate, whatever changes it.

use factum::{ExecuteError, Repository, store::StreamId};

use crate::{
    account::{Account, AccountCommand, change_email, change_phone, register, registered},
    memory,
};

fn field(error: &ExecuteError<Account>) -> &'static str {
    error.taken().unwrap_or_else(|| panic!("{error}")).field
}

#[tokio::test]
async fn an_address_is_taken_once() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "Ann@example.org").await;
    let error = accounts.execute(&2, register("ann@EXAMPLE.org")).await.unwrap_err();
    assert_eq!(field(&error), "email");
    assert_eq!(error.taken().unwrap().by, None, "whoever asks does not find out who there is");
    assert!(accounts.load(&2).await.unwrap().is_none());
    registered(&accounts, 2, "bob@example.org").await;
    let error = accounts.execute(&2, change_email("ANN@example.org")).await.unwrap_err();
    assert_eq!(field(&error), "email");
    // In another spelling it is the same value, and one's own.
    accounts.execute(&1, change_email("ann@example.org")).await.unwrap();
}

#[tokio::test]
async fn a_value_that_changes_is_free_for_others() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "ann@example.org").await;
    accounts.execute(&1, change_email("anna@example.org")).await.unwrap();
    registered(&accounts, 2, "ann@example.org").await;
    assert_eq!(field(&accounts.execute(&1, change_email("ann@example.org")).await.unwrap_err()), "email");
}

#[tokio::test]
async fn what_has_ended_holds_nothing() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "ann@example.org").await;
    accounts.execute(&1, change_phone("1")).await.unwrap();
    accounts.execute(&1, AccountCommand::Deregister {}).await.unwrap();
    registered(&accounts, 2, "ann@example.org").await;
    accounts.execute(&2, change_phone("1")).await.unwrap();
}

#[tokio::test]
async fn a_scope_belongs_to_the_value_and_none_is_no_value() {
    let accounts = Repository::<Account>::new(memory());
    let tenant =
        |number: u64, tenant| AccountCommand::Register { email: format!("{number}@example.org"), tenant };
    for (number, of) in [(1, 1), (2, 1), (3, 2)] {
        accounts.execute(&number, tenant(number, of)).await.unwrap();
    }
    accounts.execute(&1, change_phone("7")).await.unwrap();
    accounts.execute(&3, change_phone("7")).await.unwrap();
    let error = accounts.execute(&2, change_phone("7")).await.unwrap_err();
    assert_eq!(field(&error), "phone");
    assert_eq!(error.taken().unwrap().by, Some(StreamId::new("account", "1")), "this one was asked to tell");
    accounts.execute(&1, AccountCommand::ChangePhone { phone: None }).await.unwrap();
    accounts.execute(&2, change_phone("7")).await.unwrap();
}

/// What the store holds is what a fold of all accounts says, after everything that many clients did at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_live_accounts_share_an_address_and_none_is_lost() {
    const CLIENTS: u64 = 16;
    let store = memory();
    let accounts = Repository::<Account>::new(store.clone());
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let accounts = Repository::<Account>::new(store.clone());
        clients.spawn(async move {
            let mut dice = client;
            for _ in 0..60 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (number, email) = ((dice >> 33) % 12, format!("{}@example.org", (dice >> 40) % 9));
                let command = match (dice >> 50) % 4 {
                    0 => AccountCommand::Deregister {},
                    1 => register(&email),
                    _ => change_email(&email),
                };
                match accounts.execute(&(number + 100 * ((dice >> 55) % 5)), command).await {
                    Ok(_) | Err(ExecuteError::Rejected(_) | ExecuteError::Taken(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    clients.join_all().await;
    let mut held = std::collections::HashMap::new();
    for number in (0..5).flat_map(|block| (0..12).map(move |number| number + 100 * block)) {
        if let Some(account) = accounts.load(&number).await.unwrap().filter(|account| !account.ended) {
            assert_eq!(held.insert(account.email.clone(), number), None, "{} is held twice", account.email);
        }
    }
    // What nobody has is free, and what somebody has is not.
    for email in (0..9).map(|number| format!("{number}@example.org")) {
        let outcome = accounts.execute(&(10_000 + held.len() as u64), register(&email)).await;
        assert_eq!(outcome.is_err(), held.contains_key(&email), "{email}");
        if outcome.is_ok() {
            held.insert(email, 10_000 + held.len() as u64);
        }
    }
    assert!(store.head().await.unwrap() > factum::Position::START);
}
