//! Several aggregates at once: all or nothing.

use std::sync::Arc;

use factum::{
    Metadata, Receipt, Rejection, Repository, Retry, Store, TransactionErrorKind, Version,
    testing::chaos::{ChaosStore, Fault},
};

use crate::{
    account::{Account, AccountCommand, AccountError, change_email, register, registered},
    memory,
};

mod course {
    use factum::Aggregate;

    #[derive(Clone, Debug, PartialEq, thiserror::Error)]
    #[error("the course is full")]
    pub(super) struct Full;

    #[derive(Aggregate, Debug)]
    #[aggregate(error = Full)]
    #[events { #[creates] Announced { seats }, Subscribed { by: u64 } }]
    #[commands {
        Announce => Announced,
        #[require(self.taken.len() < self.seats, Full)]
        Subscribe => Subscribed,
    }]
    pub(super) struct Course {
        #[id]
        #[allow(dead_code, reason = "the stream has it")]
        pub(super) name: String,
        pub(super) seats: usize,
        #[on(Subscribed => self.taken.push(by))]
        pub(super) taken: Vec<u64>,
    }
}

use course::{Course, CourseCommand, Full};

fn book(amount: i64) -> AccountCommand {
    AccountCommand::Book { amount }
}

async fn balances(store: &Arc<dyn Store>, numbers: impl IntoIterator<Item = u64>) -> Vec<i64> {
    let accounts = Repository::<Account>::new(store.clone());
    let mut balances = Vec::new();
    for number in numbers {
        balances.push(accounts.load(&number).await.unwrap().unwrap().balance);
    }
    balances
}

async fn two_accounts() -> Arc<dyn Store> {
    let store = memory();
    let accounts = Repository::<Account>::new(store.clone());
    registered(&accounts, 1, "ann@example.org").await;
    registered(&accounts, 2, "bob@example.org").await;
    store
}

#[tokio::test]
async fn aggregates_of_different_types_change_together() {
    let store = two_accounts().await;
    let name = "Rust".to_owned();
    Repository::<Course>::new(store.clone())
        .execute(&name, CourseCommand::Announce { seats: 1 })
        .await
        .unwrap();
    let (subscribed, paid): (Receipt<course::CourseEvent>, _) = factum::transaction(&store)
        .execute::<Course>(&name, CourseCommand::Subscribe { by: 1 })
        .execute::<Account>(&1, book(-10))
        .with(Metadata::by("Ann"))
        .commit()
        .await
        .unwrap();
    assert_eq!((subscribed.version, paid.version), (Version::new(2), Version::new(2)));
    assert!(subscribed.position < paid.position);
    let history = Repository::<Account>::new(store.clone()).history(&1).await.unwrap();
    assert_eq!(history[1], paid.events[0]);
    assert_eq!(history[1].actor(), Some("Ann"));
    // The next one gets no seat, and keeps the money.
    let error = factum::transaction(&store)
        .execute::<Account>(&2, book(-10))
        .execute::<Course>(&name, CourseCommand::Subscribe { by: 2 })
        .commit()
        .await
        .unwrap_err();
    assert_eq!(error.step, Some(1));
    assert_eq!(error.rejection::<Course>(), Some(&Rejection::Domain(Full)));
    assert_eq!(error.rejection::<Account>(), None);
    assert_eq!(error.to_string(), "step 2 (`course/Rust`): the course is full");
    assert_eq!(balances(&store, [1, 2]).await, [-10, 0]);
}

#[tokio::test]
async fn each_step_may_expect_a_version() {
    let store = two_accounts().await;
    let error = factum::transaction(&store)
        .execute::<Account>(&1, book(-10))
        .execute::<Account>(&2, book(10))
        .expecting(2)
        .commit()
        .await
        .unwrap_err();
    assert_eq!(error.step, Some(1));
    assert!(
        matches!(error.kind, TransactionErrorKind::Conflict { expected, actual } if expected == 2 && actual == 1),
        "{error}"
    );
    factum::transaction(&store)
        .execute::<Account>(&1, book(-10))
        .expecting(1)
        .execute::<Account>(&2, book(10))
        .expecting(1)
        .commit()
        .await
        .unwrap();
    assert_eq!(balances(&store, [1, 2]).await, [-10, 10]);
}

#[tokio::test]
async fn the_same_aggregate_twice_makes_no_sense() {
    let store = two_accounts().await;
    let error = factum::transaction(&store)
        .execute::<Account>(&1, book(-10))
        .execute::<Account>(&1, book(10))
        .commit()
        .await
        .unwrap_err();
    assert_eq!(error.step, Some(1));
    assert!(matches!(error.kind, TransactionErrorKind::Store(_)), "{error}");
    assert_eq!(balances(&store, [1]).await, [0]);
    assert_eq!(Repository::<Account>::new(store).history(&1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_at_all_is_fine() {
    let store = two_accounts().await;
    factum::transaction(&store).commit().await.unwrap();
    let (nothing, locked) = factum::transaction(&store)
        .execute::<Account>(&1, AccountCommand::Empty {})
        .execute::<Account>(&2, AccountCommand::Lock {})
        .commit()
        .await
        .unwrap();
    assert_eq!((nothing.version, nothing.events.len()), (1.into(), 0));
    assert_eq!((locked.version, locked.events.len()), (2.into(), 1));
}

#[tokio::test]
async fn unique_values_hold_across_steps() {
    let store = two_accounts().await;
    let taken = |outcome: Result<_, factum::TransactionError>| match outcome.map(|_: ((), ())| ()) {
        Err(error) => match error.kind {
            TransactionErrorKind::Taken(taken) => (error.step, taken.field),
            _ => panic!("{error}"),
        },
        Ok(()) => panic!("it is taken"),
    };
    let both = factum::transaction(&store)
        .execute::<Account>(&3, register("new@example.org"))
        .execute::<Account>(&4, register("NEW@example.org"))
        .commit()
        .await;
    assert_eq!(taken(both.map(|_| ((), ()))), (Some(1), "email"));
    let held = factum::transaction(&store)
        .execute::<Account>(&3, register("new@example.org"))
        .execute::<Account>(&4, register("bob@example.org"))
        .commit()
        .await;
    assert_eq!(taken(held.map(|_| ((), ()))), (Some(1), "email"));
    // Two change places.
    factum::transaction(&store)
        .execute::<Account>(&1, change_email("bob@example.org"))
        .execute::<Account>(&2, change_email("ann@example.org"))
        .commit()
        .await
        .unwrap();
    let accounts = Repository::<Account>::new(store);
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().email, "bob@example.org");
}

#[tokio::test]
async fn it_is_decided_again_as_a_whole() {
    let store = Arc::new(ChaosStore::new(two_accounts().await));
    let shared: Arc<dyn Store> = store.clone();
    store.inject(5, Fault::Conflict);
    store.inject(2, Fault::AnswerLost);
    factum::transaction(&shared)
        .execute::<Account>(&1, book(-10))
        .execute::<Account>(&2, book(10))
        .commit()
        .await
        .unwrap();
    assert_eq!(balances(&shared, [1, 2]).await, [-10, 10]);
    store.inject(1, Fault::Conflict);
    let error = factum::transaction(&shared)
        .execute::<Account>(&1, book(-10))
        .execute::<Account>(&2, book(10))
        .with_retry(Retry::never())
        .commit()
        .await
        .unwrap_err();
    assert!(matches!(error.kind, TransactionErrorKind::Conflict { .. }), "{error}");
}

/// Opposite orders, many at once: money is neither made nor lost, and nobody waits for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn money_is_conserved() {
    const ACCOUNTS: u64 = 6;
    let store = memory();
    let accounts = Repository::<Account>::new(store.clone());
    for number in 0..ACCOUNTS {
        registered(&accounts, number, &format!("{number}@example.org")).await;
        accounts.execute(&number, book(100)).await.unwrap();
    }
    let mut payers = tokio::task::JoinSet::new();
    for payer in 0..16_u64 {
        let store = store.clone();
        payers.spawn(async move {
            for round in 0..10 {
                let (from, to) = ((payer + round) % ACCOUNTS, (payer * 3 + round * 5 + 1) % ACCOUNTS);
                if from == to {
                    continue;
                }
                let outcome = factum::transaction(&store)
                    .execute::<Account>(&from, AccountCommand::Pay { amount: -30 })
                    .execute::<Account>(&to, AccountCommand::Pay { amount: 30 })
                    .commit()
                    .await;
                if let Err(error) = outcome {
                    assert_eq!(
                        error.rejection::<Account>(),
                        Some(&Rejection::Domain(AccountError::Poor)),
                        "{error}"
                    );
                }
            }
        });
    }
    payers.join_all().await;
    let balances = balances(&store, 0..ACCOUNTS).await;
    assert_eq!(balances.iter().sum::<i64>(), 100 * ACCOUNTS as i64);
    assert!(balances.iter().all(|balance| *balance >= 0));
}
