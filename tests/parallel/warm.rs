//! Warm state: what is known of an aggregate between commands saves a round trip, and never an answer.

use std::{pin::pin, sync::Arc};

use factum::{
    ExecuteError, Rejection, Repository, Retry, Store, Version,
    testing::chaos::{ChaosStore, Fault},
};
use factum_tests::counter::{Counter, CounterCommand, CounterError};

use crate::{
    account::{Account, AccountCommand, AccountError, change_email, change_password, register, registered},
    memory,
    watched::{Asked, Watched, watched},
};

fn book(amount: i64) -> AccountCommand {
    AccountCommand::Book { amount }
}

fn asked(appends: &[usize], reads: &[u64]) -> Asked {
    Asked { appends: appends.to_vec(), reads: reads.iter().map(|from| Version::new(*from)).collect() }
}

/// Does what is given, and after it nothing else is to be done for the account to be warm.
async fn warm(accounts: &Repository<Account>, watched: &Watched) {
    registered(accounts, 1, "ann@example.org").await;
    accounts.execute(&1, book(10)).await.unwrap();
    watched.take();
}

#[tokio::test]
async fn a_command_is_one_append() {
    let (watched, accounts, _) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    assert_eq!(watched.take(), asked(&[1], &[]));
    for amount in 0..3 {
        let receipt = accounts.execute(&1, book(amount)).await.unwrap();
        assert_eq!(watched.take(), asked(&[1], &[]));
        assert_eq!(receipt.version, 2 + amount as u64);
    }
    accounts.execute(&1, change_email("anna@example.org")).await.unwrap();
    accounts.execute(&1, book(9)).expecting(5).await.unwrap();
    accounts.execute(&1, book(9)).rebase_from(6).await.unwrap();
    // Clones know as much.
    accounts.clone().execute(&1, book(9)).once("key").await.unwrap();
    assert_eq!(watched.take(), asked(&[1, 1, 1, 1], &[]));
    // To be sent again costs nothing of what is known.
    accounts.execute(&1, book(9)).once("key").await.unwrap();
    accounts.execute(&1, book(0)).await.unwrap();
    assert_eq!(watched.take(), asked(&[1], &[]));
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, 30);
    assert_eq!(watched.take(), asked(&[], &[1]));
}

#[tokio::test]
async fn one_that_is_not_known_is_loaded_once() {
    let (watched, accounts, elsewhere) = watched();
    registered(&elsewhere, 1, "ann@example.org").await;
    elsewhere.execute(&1, book(5)).await.unwrap();
    accounts.execute(&1, book(1)).await.unwrap();
    assert_eq!(watched.take(), asked(&[1], &[1]));
    accounts.execute(&1, book(1)).await.unwrap();
    assert_eq!(watched.take(), asked(&[1], &[]));
}

#[tokio::test]
async fn it_can_be_done_without() {
    let (watched, accounts, _) = watched();
    let accounts = accounts.cold();
    warm(&accounts, &watched).await;
    accounts.execute(&1, book(1)).await.unwrap();
    accounts.execute(&1, book(1)).await.unwrap();
    assert_eq!(watched.take(), asked(&[1, 1], &[1, 1]));
}

#[tokio::test]
async fn what_others_wrote_is_fetched_and_no_more() {
    let memory = memory();
    let watched = Watched::new(Arc::clone(&memory));
    let counters = Repository::<Counter>::new(Arc::clone(&watched) as Arc<_>).with_retry(Retry::never());
    let elsewhere = Repository::<Counter>::new(memory);
    let (id, add) = ("sheep".to_owned(), |step| CounterCommand::Add { step });
    counters.execute(&id, CounterCommand::Open { label: String::new() }).await.unwrap();
    counters.execute(&id, add(1)).await.unwrap();
    elsewhere.execute(&id, add(2)).await.unwrap();
    elsewhere.execute(&id, add(3)).await.unwrap();
    watched.take();
    // To have known too little is no race that was lost, so there is no conflict.
    let receipt = counters.execute(&id, add(4)).await.unwrap();
    assert_eq!((watched.take(), receipt.version), (asked(&[1, 1], &[3]), Version::new(5)));
    // What would have been possible is not any more.
    elsewhere.execute(&id, add(5)).await.unwrap();
    let error = counters.execute(&id, add(5)).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::Domain(CounterError::AlreadyTaken)));
    assert_eq!(watched.take(), asked(&[1], &[6]));
    counters.execute(&id, add(6)).await.unwrap();
    assert_eq!(watched.take(), asked(&[1], &[]));
}

/// Where the state has to go on before the append, to tell which values are held after, there is a copy to return to.
#[tokio::test]
async fn with_unique_values_too() {
    let (watched, accounts, elsewhere) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    for _ in 0..70 {
        accounts.execute(&1, book(1)).await.unwrap();
    }
    elsewhere.execute(&1, change_email("anna@example.org")).await.unwrap();
    watched.take();
    accounts.execute(&1, change_email("annie@example.org")).await.unwrap();
    assert_eq!(watched.take(), asked(&[1, 1], &[72]));
    registered(&accounts, 2, "anna@example.org").await;
}

#[tokio::test]
async fn a_refusal_is_confirmed() {
    let (watched, accounts, elsewhere) = watched();
    warm(&accounts, &watched).await;
    accounts.execute(&1, AccountCommand::Lock {}).await.unwrap();
    watched.take();
    let error = accounts.execute(&1, change_email("anna@example.org")).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::Domain(AccountError::Locked)));
    assert_eq!(watched.take(), asked(&[], &[4]));
    elsewhere.execute(&1, AccountCommand::Unlock {}).await.unwrap();
    accounts.execute(&1, change_email("anna@example.org")).await.unwrap();
    assert_eq!(watched.take(), asked(&[1], &[4]));
    let error = accounts.execute(&1, register("anna@example.org")).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::AlreadyExists));
    elsewhere.execute(&1, AccountCommand::Empty {}).await.unwrap();
    accounts.execute(&1, AccountCommand::Deregister {}).await.unwrap();
    let error = accounts.execute(&1, book(1)).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::Ended));
}

#[tokio::test]
async fn that_there_is_nothing_to_do_is_confirmed() {
    let (watched, accounts, elsewhere) = watched();
    warm(&accounts, &watched).await;
    accounts.execute(&1, AccountCommand::Empty {}).await.unwrap();
    watched.take();
    let nothing = accounts.execute(&1, AccountCommand::Empty {}).await.unwrap();
    assert_eq!((nothing.version, nothing.events.len()), (3.into(), 0));
    assert_eq!(watched.take(), asked(&[], &[4]));
    let booked = elsewhere.execute(&1, book(7)).await.unwrap();
    let emptied = accounts.execute(&1, AccountCommand::Empty {}).await.unwrap();
    assert_eq!((emptied.version, emptied.events.len()), (5.into(), 1));
    assert!(emptied.position > booked.position);
    assert_eq!(watched.take(), asked(&[1], &[4]));
}

#[tokio::test]
async fn an_expected_version_is_confirmed() {
    let (watched, accounts, elsewhere) = watched();
    warm(&accounts, &watched).await;
    let seen = elsewhere.execute(&1, book(1)).await.unwrap().version;
    // Somebody has seen more than is known here …
    accounts.execute(&1, book(1)).expecting(seen).await.unwrap();
    assert_eq!(watched.take(), asked(&[1], &[3]));
    // … or as much, and that is not the latest.
    elsewhere.execute(&1, book(1)).await.unwrap();
    for expected in [4, 3, 9] {
        let error = accounts.execute(&1, book(1)).expecting(expected).await.unwrap_err();
        let conflict = error.conflict().unwrap();
        assert_eq!((conflict.expected, conflict.actual), (expected.into(), 5.into()));
        assert_eq!(conflict.since.len() as u64, 5_u64.saturating_sub(expected));
    }
}

#[tokio::test]
async fn what_happened_since_a_version_is_seen_before_and_after_what_is_known() {
    let (watched, accounts, elsewhere) = watched();
    warm(&accounts, &watched).await;
    accounts.execute(&1, change_password("x")).await.unwrap();
    watched.take();
    // Of the three events that are known, two happened since.
    let error = accounts.execute(&1, change_password("y")).rebase_from(1).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().fields, ["password"]);
    accounts.execute(&1, book(1)).rebase_from(1).await.unwrap();
    elsewhere.execute(&1, change_password("z")).await.unwrap();
    accounts.execute(&1, book(1)).rebase_from(3).await.unwrap();
    // And what is not known yet when it was decided.
    elsewhere.execute(&1, change_password("!")).await.unwrap();
    let error = accounts.execute(&1, change_password("?")).rebase_from(6).await.unwrap_err();
    assert_eq!(
        (&error.conflict().unwrap().fields[..], error.conflict().unwrap().since.len()),
        (&["password"][..], 1)
    );
    accounts.execute(&1, book(1)).rebase_from(6).await.unwrap();
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, 13);
}

#[tokio::test]
async fn unique_values_are_right() {
    let (watched, accounts, elsewhere) = watched();
    warm(&accounts, &watched).await;
    accounts.execute(&1, change_email("anna@example.org")).await.unwrap();
    registered(&elsewhere, 2, "ann@example.org").await;
    let error = accounts.execute(&1, change_email("ann@example.org")).await.unwrap_err();
    assert!(error.taken().is_some(), "{error}");
    // It is decided again on the address that it has by now, so that is the one which is free after.
    elsewhere.execute(&1, change_email("annie@example.org")).await.unwrap();
    accounts.execute(&1, change_email("ann.e@example.org")).await.unwrap();
    registered(&elsewhere, 3, "annie@example.org").await;
    assert!(elsewhere.execute(&4, register("ann.e@example.org")).await.unwrap_err().taken().is_some());
    watched.take();
    accounts.execute(&1, book(1)).await.unwrap();
    assert_eq!(watched.take(), asked(&[1], &[]));
}

/// Whatever became of it, it is not what is known.
#[tokio::test(start_paused = true)]
async fn an_outcome_that_is_unknown_leaves_nothing() {
    for (fault, balance) in [(Fault::AnswerLost, 16), (Fault::RequestLost, 11)] {
        let chaos = Arc::new(ChaosStore::new(memory()));
        let watched = Watched::new(Arc::clone(&chaos) as Arc<_>);
        let accounts = Repository::<Account>::new(Arc::clone(&watched) as Arc<_>);
        warm(&accounts, &watched).await;
        chaos.inject(5, fault);
        let error = accounts.execute(&1, book(5)).await.unwrap_err();
        assert!(matches!(error, ExecuteError::Unknown { .. }), "{error}");
        watched.take();
        accounts.execute(&1, book(1)).await.unwrap();
        assert_eq!(watched.take(), asked(&[1], &[1]));
        assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, balance);
    }
    // The same where the store has failed, or could not be read.
    let chaos = Arc::new(ChaosStore::new(memory()));
    let accounts = Repository::<Account>::new(Arc::clone(&chaos) as Arc<_>);
    registered(&accounts, 1, "ann@example.org").await;
    chaos.inject(1, Fault::Failure);
    assert!(matches!(accounts.execute(&1, book(5)).await.unwrap_err(), ExecuteError::Store { .. }));
    chaos.inject(1, Fault::Read);
    let error = accounts.execute(&1, AccountCommand::Pay { amount: -1 }).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Load(_)), "{error}");
    assert_eq!(accounts.execute(&1, book(1)).await.unwrap().version, 2);
}

/// Dropped before it is recorded, or before it is known that it was.
#[tokio::test]
async fn a_command_that_is_dropped_leaves_nothing() {
    for recorded in [false, true] {
        let (watched, accounts, _) = watched();
        warm(&accounts, &watched).await;
        let lock = if recorded { watched.answers.lock().await } else { watched.requests.lock().await };
        {
            let mut dropped = pin!(accounts.execute(&1, book(5)).into_future());
            assert!(futures_util::poll!(&mut dropped).is_pending());
        }
        drop(lock);
        let receipt = accounts.execute(&1, book(1)).await.unwrap();
        assert_eq!(receipt.version, if recorded { 4 } else { 3 });
        assert_eq!(watched.take(), asked(&[1, 1], &[1]));
        assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, if recorded { 16 } else { 11 });
    }
}

/// Several aggregates are changed past what is known of them.
#[tokio::test]
async fn a_transaction_is_one_of_the_others() {
    let (watched, accounts, _) = watched();
    warm(&accounts, &watched).await;
    registered(&accounts, 2, "bob@example.org").await;
    let store: Arc<dyn Store> = watched.clone();
    let pay = |amount| AccountCommand::Pay { amount };
    factum::transaction(&store)
        .execute::<Account>(&1, pay(-10))
        .execute::<Account>(&2, pay(10))
        .commit()
        .await
        .unwrap();
    let error = accounts.execute(&1, pay(-1)).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::Domain(AccountError::Poor)));
    accounts.execute(&2, pay(-10)).await.unwrap();
}

#[tokio::test]
async fn so_many_are_known_and_no_more() {
    const ALL: u64 = 100;
    for (most, expected) in [(1, 0..=1), (10, 0..=10), (100, 80..=100), (usize::MAX, 100..=100)] {
        let watched = Watched::new(memory());
        let counters = Repository::<Counter>::new(Arc::clone(&watched) as Arc<_>).with_warm(most);
        let open = CounterCommand::Open { label: String::new() };
        for counter in 0..ALL {
            counters.execute(&counter.to_string(), open.clone()).await.unwrap();
        }
        watched.take();
        for counter in 0..ALL {
            counters.execute(&counter.to_string(), CounterCommand::Add { step: 1 }).await.unwrap();
        }
        let loaded = watched.take().reads.len();
        let known = ALL as usize - loaded;
        assert!(expected.contains(&known), "of {most} are {known} known");
    }
}

/// Several processes that serve the same aggregates: an append in vain may spoil a transaction that others share.
#[tokio::test]
async fn where_others_write_as_often_what_is_new_is_read_first() {
    let (watched, accounts, elsewhere) = watched();
    for id in 0..20 {
        registered(&accounts, id, &format!("{id}@example.org")).await;
    }
    let mut in_vain = 0;
    for round in 0..10 {
        for id in 0..20 {
            elsewhere.execute(&id, book(1)).await.unwrap();
            watched.take();
            accounts.execute(&id, book(1)).await.unwrap();
            let asked = watched.take();
            match asked.appends.len() {
                1 => assert_eq!(asked.reads, [Version::new(2 + 2 * round)], "no more than what is new"),
                appends => in_vain += appends - 1,
            }
        }
    }
    assert!((1..10).contains(&in_vain), "{in_vain} appends in vain");
    // Those that wait for each other and are carried out together do so, too.
    watched.take();
    let held_up = watched.answers.lock().await;
    let spawn = || {
        let accounts = accounts.clone();
        tokio::spawn(async move { accounts.execute(&0, book(1)).await })
    };
    let first = spawn();
    while watched.take().appends.is_empty() {
        tokio::task::yield_now().await;
    }
    let others = [spawn(), spawn()];
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    elsewhere.execute(&0, book(-3)).await.unwrap();
    drop(held_up);
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(watched.take(), asked(&[2], &[23]));
    // A while after the others have gone, an append is enough again.
    for _ in 0..100 {
        for id in 0..20 {
            accounts.execute(&id, book(1)).await.unwrap();
        }
    }
    watched.take();
    accounts.execute(&0, book(1)).await.unwrap();
    assert_eq!(watched.take(), asked(&[1], &[]));
    assert_eq!(accounts.load(&0).await.unwrap().unwrap().balance, 121);
}
