//! Many commands to one aggregate: they are carried out together, and each has its own answer.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use factum::{
    ExecuteError, Metadata, Receipt, Rejection, Repository, Store, Version,
    testing::chaos::{ChaosStore, Fault},
};
use tokio::task::{JoinHandle, JoinSet};

use crate::{
    account::{
        Account, AccountCommand, AccountError, AccountEvent, change_email, change_password, register,
        registered,
    },
    memory,
    watched::{Watched, watched},
};

type Outcome = Result<Receipt<AccountEvent>, ExecuteError<Account>>;

fn book(amount: i64) -> AccountCommand {
    AccountCommand::Book { amount }
}

/// What the command to the account leads to, in a task.
fn give(accounts: &Repository<Account>, command: AccountCommand) -> JoinHandle<Outcome> {
    give_as(accounts, command, Metadata::new())
}

fn give_as(
    accounts: &Repository<Account>,
    command: AccountCommand,
    metadata: Metadata,
) -> JoinHandle<Outcome> {
    let accounts = accounts.clone();
    tokio::spawn(async move { accounts.execute(&1, command).with(metadata).await })
}

/// Lets everybody come as far as possible.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

async fn balance(accounts: &Repository<Account>) -> i64 {
    accounts.load(&1).await.unwrap().unwrap().balance
}

#[tokio::test]
async fn those_who_wait_are_recorded_at_once() {
    for warm in [0, 8] {
        let (watched, accounts, _) = watched();
        let accounts = accounts.with_warm(warm);
        registered(&accounts, 1, "ann@example.org").await;
        watched.take();
        let lock = watched.requests.lock().await;
        let tasks: Vec<_> =
            (0..20).map(|by| give_as(&accounts, book(by), Metadata::by(by.to_string()))).collect();
        settle().await;
        drop(lock);
        let mut receipts = Vec::new();
        for task in tasks {
            receipts.push(task.await.unwrap().unwrap());
        }
        assert_eq!(watched.take().appends, [1, 19]);
        // In the order in which they came, each with its own.
        let history = accounts.history(&1).await.unwrap();
        for (index, receipt) in receipts.iter().enumerate() {
            assert_eq!(receipt.version, 2 + index as u64);
            assert_eq!(receipt.events[..], history[index + 1..index + 2]);
            assert_eq!(receipt.position, receipt.events[0].position);
            assert_eq!(receipt.events[0].actor(), Some(&*index.to_string()));
            assert_eq!(receipt.events[0].event, AccountEvent::Paid { amount: index as i64 });
        }
        assert_eq!(balance(&accounts).await, 190);
    }
}

#[tokio::test]
async fn each_has_its_own_answer() {
    let (watched, accounts, _) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    registered(&accounts, 2, "bob@example.org").await;
    watched.take();
    let pay = |amount| AccountCommand::Pay { amount };
    let expecting = |version: u64| {
        let accounts = accounts.clone();
        tokio::spawn(async move { accounts.execute(&1, book(100)).expecting(version).await })
    };
    let rebased = |version: u64| {
        let accounts = accounts.clone();
        tokio::spawn(async move { accounts.execute(&1, book(1)).rebase_from(version).await })
    };
    let once = |key: &'static str| {
        let accounts = accounts.clone();
        tokio::spawn(async move { accounts.execute(&1, book(1_000)).once(key).await })
    };
    let lock = watched.requests.lock().await;
    let first = give(&accounts, book(10));
    settle().await;
    let paid = give(&accounts, pay(-8));
    let poor = give(&accounts, pay(-3));
    let stale = expecting(1);
    let (keyed, keyed_again) = (once("key"), once("key"));
    let taken = give(&accounts, change_email("bob@example.org"));
    let nothing = give(&accounts, AccountCommand::Lock {});
    let still_nothing = give(&accounts, AccountCommand::Lock {});
    let locked = give(&accounts, change_email("anna@example.org"));
    let (late, in_time) = (rebased(1), rebased(2));
    let last = give(&accounts, book(0));
    settle().await;
    drop(lock);
    assert_eq!(first.await.unwrap().unwrap().version, 2);
    assert_eq!(paid.await.unwrap().unwrap().version, 3);
    let rejection = |outcome: Outcome| outcome.unwrap_err().rejection().cloned();
    assert_eq!(rejection(poor.await.unwrap()), Some(Rejection::Domain(AccountError::Poor)));
    let stale = stale.await.unwrap().unwrap_err();
    let conflict = stale.conflict().unwrap();
    assert_eq!(conflict.expected, 1);
    assert!(conflict.since.len() >= 2);
    assert_eq!(keyed.await.unwrap().unwrap(), keyed_again.await.unwrap().unwrap());
    assert_eq!(taken.await.unwrap().unwrap_err().taken().unwrap().field, "email");
    let lock_event = nothing.await.unwrap().unwrap();
    let nothing = still_nothing.await.unwrap().unwrap();
    assert_eq!(lock_event.events.len(), 1);
    assert_eq!((nothing.version, nothing.position), (lock_event.version, lock_event.position));
    assert!(nothing.events.is_empty());
    assert_eq!(rejection(locked.await.unwrap()), Some(Rejection::Domain(AccountError::Locked)));
    late.await.unwrap().unwrap();
    in_time.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    assert_eq!(balance(&accounts).await, 1_004);
    let history = accounts.history(&1).await.unwrap();
    assert_eq!(history.len(), 8);
    assert!(history.iter().zip(1..).all(|(event, version)| event.version == Version::new(version)));
}

/// Unique values: nobody fails for what another one wants, and what is released and taken in a row is right in the end.
#[tokio::test]
async fn claims_of_one_are_its_own() {
    let (watched, accounts, elsewhere) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    registered(&accounts, 2, "bob@example.org").await;
    let lock = watched.requests.lock().await;
    let first = give(&accounts, book(1));
    settle().await;
    watched.take();
    let emails = ["a", "b", "bob", "c", "a"].map(|name| format!("{name}@example.org"));
    let mut tasks = Vec::new();
    for email in &emails {
        tasks.push((give(&accounts, book(1)), give(&accounts, change_email(email)), email));
    }
    settle().await;
    drop(lock);
    first.await.unwrap().unwrap();
    for (booked, changed, email) in tasks {
        booked.await.unwrap().unwrap();
        assert_eq!(changed.await.unwrap().is_err(), email == "bob@example.org", "{email}");
    }
    assert_eq!(balance(&accounts).await, 6);
    for free in ["ann", "b", "c"] {
        registered(&elsewhere, 10 + u64::from(free.as_bytes()[0]), &format!("{free}@example.org")).await;
    }
    assert!(elsewhere.execute(&3, register("a@example.org")).await.unwrap_err().taken().is_some());
}

#[tokio::test]
async fn a_conflict_decides_all_of_them_again() {
    let (watched, accounts, elsewhere) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    accounts.execute(&1, book(10)).await.unwrap();
    let lock = watched.requests.lock().await;
    let first = give(&accounts, book(0));
    settle().await;
    watched.take();
    let tasks: Vec<_> = (0..10).map(|_| give(&accounts, AccountCommand::Pay { amount: -1 })).collect();
    // The first one through, and the others are held up while somebody else is faster.
    let next = watched.requests.lock();
    drop(lock);
    let lock = next.await;
    first.await.unwrap().unwrap();
    settle().await;
    assert_eq!(watched.take().appends, [10]);
    elsewhere.execute(&1, AccountCommand::Pay { amount: -7 }).await.unwrap();
    drop(lock);
    let mut versions = Vec::new();
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(receipt) => versions.push(receipt.version.get()),
            Err(error) => {
                assert_eq!(error.rejection(), Some(&Rejection::Domain(AccountError::Poor)));
                refused += 1;
            }
        }
    }
    assert_eq!((versions, refused), (vec![5, 6, 7], 7));
    assert_eq!(watched.take().appends, [3]);
    assert_eq!(balance(&accounts).await, 0);
}

/// Then what is missing is read, and not what was known.
#[tokio::test]
async fn they_go_on_from_what_was_known() {
    let (watched, accounts, elsewhere) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    for _ in 0..70 {
        accounts.execute(&1, book(0)).await.unwrap();
    }
    accounts.execute(&1, book(10)).await.unwrap();
    let lock = watched.requests.lock().await;
    let first = give(&accounts, book(0));
    settle().await;
    let tasks: Vec<_> = (0..10).map(|_| give(&accounts, AccountCommand::Pay { amount: -1 })).collect();
    let next = watched.requests.lock();
    drop(lock);
    let lock = next.await;
    first.await.unwrap().unwrap();
    let last = give(&accounts, book(5));
    settle().await;
    elsewhere.execute(&1, book(-6)).await.unwrap();
    watched.take();
    drop(lock);
    let mut paid = 0;
    for task in tasks {
        paid += i64::from(task.await.unwrap().is_ok());
    }
    last.await.unwrap().unwrap();
    assert_eq!((watched.take().reads, paid), (vec![Version::new(74)], 4));
    assert_eq!(balance(&accounts).await, 5);
}

/// Only refusals: there is no append that would prove them.
#[tokio::test]
async fn refusals_alone_are_confirmed() {
    let (watched, accounts, elsewhere) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    let lock = watched.requests.lock().await;
    let first = give(&accounts, book(0));
    settle().await;
    let tasks: Vec<_> = (0..4).map(|_| give(&accounts, AccountCommand::Pay { amount: -1 })).collect();
    watched.take();
    let answers = watched.answers.lock().await;
    drop(lock);
    settle().await;
    elsewhere.execute(&1, book(2)).await.unwrap();
    drop(answers);
    first.await.unwrap().unwrap();
    let mut paid = 0;
    for task in tasks {
        paid += u64::from(task.await.unwrap().is_ok());
    }
    assert_eq!(paid, 2);
    let asked = watched.take();
    assert_eq!((asked.appends, asked.reads), (vec![2], vec![Version::new(3)]));
}

/// A store with its accounts, in which the append of nine commands that wait is about to be made.
async fn about_to(fault: Fault, times: usize) -> (Repository<Account>, Vec<Outcome>) {
    let chaos = Arc::new(ChaosStore::new(memory()));
    let watched = Watched::new(Arc::clone(&chaos) as Arc<_>);
    let accounts = Repository::<Account>::new(Arc::clone(&watched) as Arc<_>);
    registered(&accounts, 1, "ann@example.org").await;
    let answers = watched.answers.lock().await;
    let mut tasks: Vec<_> = (0..10).map(|_| give(&accounts, book(1))).collect();
    tasks.push(give(&accounts, AccountCommand::Pay { amount: -100 }));
    settle().await;
    chaos.inject(times, fault);
    drop(answers);
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    (accounts, outcomes)
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_whose_it_is() {
    let (accounts, outcomes) = about_to(Fault::Failure, 1).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
    assert!(outcomes[10].as_ref().unwrap_err().rejection().is_some());
    assert_eq!(balance(&accounts).await, 10);
    let (accounts, outcomes) = about_to(Fault::Failure, 4).await;
    let failed = outcomes.iter().filter(|outcome| matches!(outcome, Err(ExecuteError::Store { .. }))).count();
    assert_eq!((failed, balance(&accounts).await), (3, 7));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_that_of_all() {
    for (fault, recorded) in [(Fault::RequestLost, false), (Fault::AnswerLost, true)] {
        let (accounts, outcomes) = about_to(fault, 5).await;
        let mut commits = Vec::new();
        for outcome in &outcomes[1..10] {
            match outcome {
                Err(ExecuteError::Unknown { commit, .. }) => commits.push(*commit),
                other => panic!("expected an unknown outcome, got {other:?}"),
            }
        }
        commits.dedup();
        assert_eq!(commits.len(), 1);
        let history = accounts.history(&1).await.unwrap();
        assert_eq!(history.iter().any(|event| event.id == commits[0].event(0)), recorded);
        assert_eq!(history.len(), if recorded { 11 } else { 2 });
        // One that recorded nothing knows it.
        assert!(outcomes[10].as_ref().unwrap_err().rejection().is_some());
        assert_eq!(accounts.execute(&1, book(1)).await.unwrap().version.get(), history.len() as u64 + 1);
    }
    let (accounts, outcomes) = about_to(Fault::AnswerLost, 3).await;
    assert!(
        outcomes[..10].iter().zip(2..).all(|(outcome, version)| outcome.as_ref().unwrap().version == version)
    );
    assert_eq!(balance(&accounts).await, 10);
}

/// Whoever goes away takes nobody along.
#[tokio::test]
async fn those_who_are_dropped_are_not_missed() {
    for dropped in [vec![0], vec![1], vec![3], vec![0, 1, 2], vec![0, 1, 2, 3, 4], vec![5, 6, 9]] {
        for early in [true, false] {
            let (watched, accounts, _) = watched();
            registered(&accounts, 1, "ann@example.org").await;
            let mut lock = watched.requests.lock().await;
            let tasks: Vec<_> = (0..10).map(|power| give(&accounts, book(1 << power))).collect();
            settle().await;
            if !early {
                // The first one through; the others are on their way.
                let next = watched.requests.lock();
                drop(lock);
                lock = next.await;
                settle().await;
            }
            for index in &dropped {
                tasks[*index].abort();
            }
            settle().await;
            drop(lock);
            let mut expected = 0;
            for (power, task) in tasks.into_iter().enumerate() {
                match task.await {
                    Ok(outcome) => {
                        outcome.unwrap();
                        expected |= 1 << power;
                    }
                    // Those who were waiting in line were not carried out, those on their way were.
                    Err(_) if !early => expected |= 1 << power,
                    Err(_) => assert!(dropped.contains(&power)),
                }
            }
            assert_eq!(balance(&accounts).await, expected, "{dropped:?}, early: {early}");
            accounts.execute(&1, book(0)).await.unwrap();
        }
    }
}

/// A place in the line is given up with the command: it does not stand between those who are left.
#[tokio::test]
async fn whoever_goes_away_leaves_no_gap() {
    let (watched, accounts, _) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    watched.take();
    let lock = watched.requests.lock().await;
    let one = give(&accounts, book(1));
    let two = give(&accounts, book(2));
    let alone = {
        let accounts = accounts.clone();
        tokio::spawn(async move { accounts.execute(&1, book(4)).once("key").await })
    };
    let three = give(&accounts, book(8));
    settle().await;
    alone.abort();
    assert!(alone.await.unwrap_err().is_cancelled());
    drop(lock);
    for task in [one, two, three] {
        task.await.unwrap().unwrap();
    }
    // With a command that goes alone between them, they would be recorded one by one.
    assert_eq!(watched.take().appends, [1, 2]);
    assert_eq!(balance(&accounts).await, 11);
}

mod bomb {
    use factum::Aggregate;

    /// Something that takes badly to being touched.
    #[derive(Aggregate, Debug)]
    #[aggregate(error = std::convert::Infallible)]
    #[events { #[creates] Made { #[audit] by: String }, Touched { times: u64 } }]
    #[commands {
        Make => Made,
        #[decide(if touch == 0 { panic!("on purpose") } else { Ok(BombEvent::Touched { times: touch }) })]
        Touch { touch: u64 } => Touched,
    }]
    pub(super) struct Bomb {
        #[id]
        #[allow(dead_code, reason = "the stream has it")]
        pub(super) number: u64,
        #[on(Touched += times)]
        pub(super) touched: u64,
    }
}

#[tokio::test]
async fn a_panic_is_whose_it_is() {
    use bomb::{Bomb, BombCommand};
    let watched = Watched::new(memory());
    let bombs = Repository::<Bomb>::new(Arc::clone(&watched) as Arc<_>);
    bombs.execute(&1, BombCommand::Make { by: "Ann".to_owned() }).await.unwrap();
    let lock = watched.requests.lock().await;
    let give = |touch| {
        let bombs = bombs.clone();
        tokio::spawn(async move { bombs.execute(&1, BombCommand::Touch { touch }).await })
    };
    let tasks: Vec<_> = [1, 1, 0, 1, 1, 0, 1].map(|touch| (touch, give(touch))).into();
    settle().await;
    drop(lock);
    for (touch, task) in tasks {
        assert_eq!(task.await.is_ok(), touch == 1);
    }
    assert_eq!(bombs.load(&1).await.unwrap().unwrap().touched, 5);
    bombs.execute(&1, BombCommand::Touch { touch: 1 }).await.unwrap();
}

#[tokio::test]
async fn there_is_a_limit_to_what_is_recorded_at_once() {
    let (watched, accounts, _) = watched();
    registered(&accounts, 1, "ann@example.org").await;
    watched.take();
    let lock = watched.requests.lock().await;
    let mut tasks: Vec<_> = (0..151).map(|_| give(&accounts, book(1))).collect();
    settle().await;
    drop(lock);
    for task in tasks.drain(..) {
        task.await.unwrap().unwrap();
    }
    assert_eq!(watched.take().appends, [1, 64, 64, 22]);
    // Of bytes too.
    let lock = watched.requests.lock().await;
    let long = "x".repeat(100 * 1024);
    let tasks: Vec<_> = (0..8).map(|_| give(&accounts, change_password(&long))).collect();
    settle().await;
    drop(lock);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(watched.take().appends, [1, 3, 3, 1]);
}

/// A future that has begun and that nobody polls is in nobody's way for ever.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let chaos = Arc::new(ChaosStore::new(memory()));
    let accounts = Repository::<Account>::new(Arc::clone(&chaos) as Arc<_>);
    registered(&accounts, 1, "ann@example.org").await;
    // It would go on after a pause.
    chaos.inject(1, Fault::RequestLost);
    let mut stuck = pin!(accounts.execute(&1, book(1)).into_future());
    assert!(futures_util::poll!(&mut stuck).is_pending());
    let begun = tokio::time::Instant::now();
    accounts.execute(&1, book(2)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    let begun = tokio::time::Instant::now();
    accounts.execute(&1, book(4)).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO, "by now there is another line");
    stuck.await.unwrap();
    assert_eq!(balance(&accounts).await, 7);
}

/// … nor of those who come when it has not moved for long: they do not wait at all.
#[tokio::test(start_paused = true)]
async fn nobody_waits_where_nothing_moves() {
    let chaos = Arc::new(ChaosStore::new(memory()));
    let accounts = Repository::<Account>::new(Arc::clone(&chaos) as Arc<_>);
    registered(&accounts, 1, "ann@example.org").await;
    chaos.inject(1, Fault::RequestLost);
    let mut stuck = pin!(accounts.execute(&1, book(1)).into_future());
    assert!(futures_util::poll!(&mut stuck).is_pending());
    tokio::time::advance(Duration::from_secs(3)).await;
    let begun = tokio::time::Instant::now();
    accounts.execute(&1, book(2)).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    stuck.await.unwrap();
    assert_eq!(balance(&accounts).await, 3);
}

/// Lines need a runtime; without one, commands meet in the store.
#[test]
fn it_works_without_a_runtime() {
    let mut context = Context::from_waker(Waker::noop());
    let (watched, accounts, _) = watched();
    let mut registered = pin!(registered(&accounts, 1, "ann@example.org"));
    assert!(registered.as_mut().poll(&mut context).is_ready());
    let lock = watched.requests.try_lock().unwrap();
    let mut one = pin!(accounts.execute(&1, book(1)).into_future());
    let mut two = pin!(accounts.execute(&1, book(2)).into_future());
    assert!(one.as_mut().poll(&mut context).is_pending());
    assert!(two.as_mut().poll(&mut context).is_pending());
    drop(lock);
    let mut pending = 2;
    let mut done = [false, false];
    for _ in 0..20 {
        for (future, done) in [&mut one, &mut two].into_iter().zip(&mut done) {
            if !*done && let Poll::Ready(outcome) = future.as_mut().poll(&mut context) {
                outcome.unwrap();
                *done = true;
                pending -= 1;
            }
        }
    }
    assert_eq!(pending, 0);
}

/// Many tasks on many threads, other processes among them: versions are unique and without gaps, and each receipt has what the
/// stream has.
async fn crowd(store: Arc<dyn Store>, clients: i64, commands: i64) {
    let accounts = Repository::<Account>::new(Arc::clone(&store));
    registered(&accounts, 1, "ann@example.org").await;
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        // Every eighth is elsewhere.
        let accounts = if client % 8 == 7 { Repository::new(Arc::clone(&store)) } else { accounts.clone() };
        tasks.spawn(async move {
            let mut receipts = Vec::new();
            for command in 0..commands {
                let amount = client * commands + command;
                let receipt = accounts.execute(&1, book(amount)).await.unwrap();
                assert_eq!(receipt.events[0].event, AccountEvent::Paid { amount });
                receipts.push(receipt);
                // What leads to nothing and what is refused is among them.
                let nothing = accounts.execute(&1, AccountCommand::Unlock {}).await.unwrap();
                receipts.push(nothing);
                let error =
                    accounts.execute(&1, AccountCommand::Pay { amount: i64::MIN / 2 }).await.unwrap_err();
                assert_eq!(error.rejection(), Some(&Rejection::Domain(AccountError::Poor)));
            }
            assert!(receipts.is_sorted_by(|before, after| before.version < after.version));
            receipts
        });
    }
    let receipts: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let history = accounts.history(&1).await.unwrap();
    assert_eq!(history.len() as i64, 1 + 2 * clients * commands);
    let mut versions: Vec<_> = receipts.iter().map(|receipt| receipt.version.get()).collect();
    versions.sort_unstable();
    assert!(versions.into_iter().eq(2..=history.len() as u64));
    for receipt in receipts {
        let version = receipt.version.get() as usize;
        assert_eq!(receipt.events[..], history[version - 1..version]);
    }
    let total = clients * commands;
    assert_eq!(balance(&accounts).await, total * (total - 1) / 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_memory() {
    for clients in [16, 64] {
        crowd(memory(), clients, 20).await;
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_file() {
    let file = factum_tests::stores::SqliteFile::new("?synchronous=off");
    crowd(factum::testing::contract::Harness::open(&file).await.unwrap(), 64, 10).await;
}

#[cfg(all(feature = "postgres", unix))]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgres() {
    if factum_tests::postgres::Postgres::shared().is_some() {
        let schema = factum_tests::postgres::Schema::new();
        crowd(factum::testing::contract::Harness::open(&schema).await.unwrap(), 64, 4).await;
    }
}

#[cfg(all(feature = "jetstream", unix))]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_jetstream() {
    if factum_tests::nats::Nats::shared().is_some() {
        let stream = factum_tests::nats::Stream::new();
        crowd(factum::testing::contract::Harness::open(&stream).await.unwrap(), 64, 4).await;
    }
}
