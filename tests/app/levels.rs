//! The same rows at each level.

use std::{sync::Arc, time::Duration};

use factum::{Consistency, ExecuteError, Repository, Store, View, app::ReadError};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::{
    LEVELS, app,
    domain::{Account, AccountCommand, Amounts, Balance, Fussy, Highest, open, pay},
    fresh, on_each, rows, table,
};

#[tokio::test]
async fn a_transactional_view_is_there_with_the_events() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Balance>(Consistency::Transactional).start().await.unwrap();
        let accounts = app.repository::<Account>();
        let receipt = accounts.execute(&1, open("ann")).await.unwrap();
        accounts.execute(&1, pay(7)).await.unwrap();
        let row = app.view::<Balance>().get(&1).await.unwrap().unwrap();
        assert_eq!((row.owner.as_str(), row.balance, row.since), ("ann", 7, receipt.events[0].at));
        accounts.execute(&1, AccountCommand::Close).await.unwrap();
        assert_eq!(app.view::<Balance>().get(&1).await.unwrap(), None);
        assert!(app.status().is_empty(), "nobody has to fill it");
        app.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn rules_that_read_the_row_see_what_is_in_it() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Highest>(Consistency::Transactional).start().await.unwrap();
        let accounts = app.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        for amount in [5, -3, 4, -6] {
            accounts.execute(&1, pay(amount)).await.unwrap();
        }
        let row = app.view::<Highest>().get(&1).await.unwrap();
        assert_eq!(row, Some(Highest { number: 1, balance: 0, highest: 6 }));
        app.shutdown().await;
    })
    .await;
}

/// Rows that many commits of different streams change at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_meet_in_a_row_all_count() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store)
            .view::<Amounts>(Consistency::Transactional)
            .view::<Shared>(Consistency::Transactional)
            .start()
            .await
            .unwrap();
        let tasks = (1..=8).map(|number| {
            let accounts = app.repository::<Account>();
            tokio::spawn(async move {
                accounts.execute(&number, open("ann")).await.unwrap();
                for _ in 0..10 {
                    accounts.execute(&number, pay(1)).await.unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(app.view::<Amounts>().get(&1).await.unwrap().unwrap().times, 80);
        assert_eq!(app.view::<Shared>().get(&1).await.unwrap().unwrap().times, 80);
        app.shutdown().await;
    })
    .await;
}

/// `Amounts` by a rule that reads the row.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Account), create_on(Paid))]
pub struct Shared {
    #[key(Paid = amount)]
    pub amount: i64,
    #[on(Paid = self.times + 1)]
    pub times: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_a_command_sees_it_in_awaited_views() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Balance>(Consistency::Awaited).start().await.unwrap();
        let accounts = app.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        for balance in 1..=50 {
            let receipt = accounts.execute(&1, pay(1)).await.unwrap();
            assert_eq!(receipt.late, []);
            assert_eq!(app.view::<Balance>().get(&1).await.unwrap().unwrap().balance, balance);
        }
        let (first, second) = app
            .transaction()
            .execute::<Account>(&2, open("ben"))
            .execute::<Account>(&1, pay(-50))
            .commit()
            .await
            .unwrap();
        assert_eq!((first.late, second.late), (Vec::new(), Vec::new()));
        let both = app.view::<Balance>().get_many(&[2, 3, 1]).await.unwrap();
        let both: Vec<_> = both.into_iter().map(|row| row.map(|row| row.balance)).collect();
        assert_eq!(both, [Some(0), None, Some(0)]);
        app.shutdown().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_finds_ones_own_write_in_eventual_views() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Balance>(Consistency::Eventual).start().await.unwrap();
        let accounts = app.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        for balance in 1..=50 {
            let receipt = accounts.execute(&1, pay(1)).await.unwrap();
            let row = app.view::<Balance>().after(&receipt).get(&1).await.unwrap().unwrap();
            assert_eq!(row.balance, balance);
        }
        app.shutdown().await;
    })
    .await;
}

/// One that is not kept ready by anybody says how far it has come.
#[tokio::test]
async fn what_is_late_says_how_far_it_has_come() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let busy = app(&store).view::<Fussy>(Consistency::Eventual).start().await.unwrap();
        let accounts = busy.repository::<Account>();
        let seen = accounts.execute(&1, open("ann")).await.unwrap();
        busy.view::<Fussy>().after(&seen).get(&1).await.unwrap();
        busy.shutdown().await;
        // Somebody who has the work, and does not do it.
        let books = Arc::clone(&store).read_store().unwrap();
        books.lease("fussy#1", "nobody", Duration::from_secs(60)).await.unwrap().unwrap();
        let short = Duration::from_millis(50);
        let app = app(&store)
            .view::<Fussy>(Consistency::Awaited)
            .awaited_timeout(short)
            .after_timeout(short)
            .start()
            .await
            .unwrap();
        let receipt = app.repository::<Account>().execute(&1, pay(1)).await.unwrap();
        assert_eq!((receipt.late.len(), receipt.late[0].view), (1, "fussy"));
        assert_eq!(receipt.late[0].reached, Some(seen.position));
        let error = app.view::<Fussy>().after(&receipt).get(&1).await.unwrap_err();
        let ReadError::Late { wanted, reached, .. } = &error else { panic!("{error}") };
        assert_eq!((*wanted, *reached), (receipt.position, Some(seen.position)));
        assert!(error.to_string().contains("`fussy` has not come to position"), "{error}");
        // What it has seen before needs no waiting.
        assert!(app.view::<Fussy>().after(&seen).get(&1).await.unwrap().is_some());
        books.release("fussy#1", "nobody").await.unwrap();
        app.view::<Fussy>().after(&receipt).within(Duration::from_secs(30)).get(&1).await.unwrap();
        app.shutdown().await;
    })
    .await;
}

/// One caller's failing row is that caller's failure, of several at the same time too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_fails_its_caller_alone() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Limited>(Consistency::Transactional).start().await.unwrap();
        let accounts = app.repository::<Account>();
        for number in 1..=4 {
            accounts.execute(&number, open("ann")).await.unwrap();
        }
        let tasks = (0..40).map(|n| {
            let accounts = app.repository::<Account>();
            tokio::spawn(async move { (n, accounts.execute(&(n % 4 + 1), pay(n as i64)).await) })
        });
        for task in tasks.collect::<Vec<_>>() {
            let (n, outcome) = task.await.unwrap();
            match outcome {
                Ok(receipt) => assert!(n % 10 != 3 && receipt.events.len() == 1, "{n}"),
                Err(ExecuteError::View { refused, .. }) => {
                    assert_eq!(n % 10, 3);
                    assert!(refused.to_string().contains("`limited` cannot take `Paid`"), "{refused}");
                }
                Err(error) => panic!("{n}: {error}"),
            }
        }
        let sums: i64 = rows::<Limited>(&app).await.iter().map(|row| row.sum).sum();
        assert_eq!(sums, (0..40).filter(|n| n % 10 != 3).sum::<i64>());
        app.shutdown().await;
    })
    .await;
}

/// A view that cannot take amounts that end with 3.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Account), by_hand)]
pub struct Limited {
    #[key]
    pub number: u64,
    pub sum: i64,
}

impl View for Limited {
    const MODEL: &'static factum::view::ViewModel =
        &factum::view::ViewModel { recorded: factum::view::RecordedUse::None, ..*Self::BY_HAND };

    fn changes(
        event: &factum::store::RecordedEvent,
    ) -> Result<Vec<factum::view::Change<Self>>, factum::view::ProjectError> {
        use crate::domain::AccountEvent;
        use factum::view::{Change, ProjectError};
        let number: u64 = event.stream.id().parse().map_err(ProjectError::other)?;
        Ok(match factum::Recorded::<AccountEvent>::decode(event.clone())?.event {
            AccountEvent::Opened { .. } => vec![Change::put(&number, Self { number, sum: 0 })?],
            AccountEvent::Paid { amount } if amount % 10 == 3 => panic!("an unlucky number"),
            AccountEvent::Paid { amount } => {
                vec![Change::update(&number, move |row: &mut Self| row.sum += amount)?]
            }
            _ => Vec::new(),
        })
    }
}

/// Random commands: which account, and what.
fn commands() -> impl Strategy<Value = Vec<(u64, AccountCommand)>> {
    let command = prop_oneof![
        Just(open("ann")),
        (-3_i64..4).prop_map(pay),
        Just(AccountCommand::Give { owner: "ben".to_owned() }),
        (1_i64..4).prop_map(|amount| AccountCommand::GiveWith { to: "eve".to_owned(), amount }),
        Just(AccountCommand::Close),
    ];
    prop::collection::vec((1_u64..4, command), 1..30)
}

async fn give(accounts: &Repository<Account>, commands: &[(u64, AccountCommand)]) {
    for (number, command) in commands {
        // Refused ones are as good as none.
        match accounts.execute(number, command.clone()).await {
            Ok(_) | Err(ExecuteError::Rejected(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// The rows without what differs from store to store.
async fn all_rows(store: &Arc<dyn Store>) -> String {
    let balances: Vec<_> =
        table::<Balance>(store).await.into_iter().map(|mut row| (row.remove(3), row).1).collect();
    let (amounts, highest) = (table::<Amounts>(store).await, table::<Highest>(store).await);
    format!("{balances:?}\n{amounts:?}\n{highest:?}")
}

async fn same_rows(kind: &str, commands: &[(u64, AccountCommand)]) {
    let mut at_each = Vec::new();
    for level in LEVELS {
        let store = fresh(kind).await;
        let app = app(&store)
            .view::<Balance>(level)
            .view::<Amounts>(level)
            .view::<Highest>(level)
            .page_size(3)
            .start()
            .await
            .unwrap();
        give(&app.repository::<Account>(), commands).await;
        let (balances, _, _) =
            (rows::<Balance>(&app).await, rows::<Amounts>(&app).await, rows::<Highest>(&app).await);
        let rows_now = all_rows(&store).await;
        if level != Consistency::Transactional {
            app.rebuild::<Balance>().await.unwrap().done().await.unwrap();
            app.rebuild::<Amounts>().await.unwrap().done().await.unwrap();
            app.rebuild::<Highest>().await.unwrap().done().await.unwrap();
            assert_eq!(all_rows(&store).await, rows_now, "after a rebuild");
            assert_eq!(rows::<Balance>(&app).await, balances);
        }
        app.shutdown().await;
        at_each.push(rows_now);
    }
    assert!(at_each.windows(2).all(|two| two[0] == two[1]), "{at_each:#?}");
}

#[test]
fn each_level_and_each_rebuild_come_to_the_same_rows() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let houses = runtime.block_on(crate::houses());
    for (name, _) in houses {
        let cases = if name == "memory" { 40 } else { 4 };
        let mut runner =
            TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
        let run = runner.run(&commands(), |commands| {
            runtime.block_on(same_rows(name, &commands));
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("on {name}: {error}"));
    }
}

/// A store of events that keeps no views has them elsewhere.
#[cfg(all(feature = "jetstream", unix))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_on_jetstream_and_views_elsewhere() {
    use factum::{App, app::StartError, testing::contract::Harness};
    let stream = factum_tests::nats::Stream::new();
    if stream.missing().is_some() {
        return;
    }
    for (kind, _) in crate::houses().await {
        let store = factum_tests::nats::Stream::new();
        let store = store.open().await.unwrap();
        let error =
            App::new(Arc::clone(&store)).view::<Balance>(Consistency::Awaited).start().await.unwrap_err();
        assert!(matches!(error, StartError::NoReadStore), "{error}");
        let elsewhere = fresh(kind).await.read_store().unwrap();
        let there = |level| app(&store).read_store(Arc::clone(&elsewhere)).view::<Balance>(level);
        let error = there(Consistency::Transactional).start().await.unwrap_err();
        assert!(matches!(error, StartError::Elsewhere { view: "balance" }), "{error}");
        let app = there(Consistency::Awaited).start().await.unwrap();
        let accounts = app.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        for balance in 1..=20 {
            assert_eq!(accounts.execute(&1, pay(1)).await.unwrap().late, []);
            assert_eq!(app.view::<Balance>().get(&1).await.unwrap().unwrap().balance, balance, "{kind}");
        }
        app.rebuild::<Balance>().await.unwrap().done().await.unwrap();
        assert_eq!(app.view::<Balance>().get(&1).await.unwrap().unwrap().balance, 20);
        app.shutdown().await;
    }
}
