//! A view of two tables and an index, in SQL that both databases take.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use factum::{
    Position, Recorded, RunningApp,
    handler::{HandlerError, Source},
    read::{SqlTransaction, Values},
    store::Filter,
    view::SqlView,
};

use crate::domain::{Account, AccountEvent};

/// Whether it takes what it does not take.
pub(crate) static MENDED: AtomicBool = AtomicBool::new(false);

/// Accounts, and what their owners have paid. Each payment makes all other accounts older: many rows by one statement.
///
/// It takes no payment of 13 (an error of its own), 14 (a panic), 15 (a statement that the database refuses), 16 (another one,
/// of which it says nothing), 17 (it waits for something else) and 18 (it ends the transaction); each time after it has written.
#[derive(Debug)]
pub(crate) struct Ledger;

impl SqlView for Ledger {
    type Source = Account;
    const NAME: &'static str = "ledger";
    const VERSION: u32 = 1;
    const TABLES: &'static [(&'static str, &'static str)] = &[
        (
            "accounts",
            "CREATE TABLE {accounts} (number BIGINT PRIMARY KEY, owner TEXT NOT NULL, balance BIGINT NOT NULL, \
             age BIGINT NOT NULL CHECK (age >= 0))",
        ),
        ("accounts_by_owner", "CREATE INDEX {accounts_by_owner} ON {accounts} (owner)"),
        ("owners", "CREATE TABLE {owners} (owner TEXT PRIMARY KEY, paid BIGINT NOT NULL)"),
    ];

    async fn project(
        &self,
        event: &Recorded<AccountEvent>,
        transaction: &mut SqlTransaction<'_>,
    ) -> Result<(), HandlerError> {
        let number: i64 = event.stream.id().parse()?;
        match &event.event {
            AccountEvent::Opened { owner } => {
                let values = [number.into(), owner.into()];
                transaction.execute("INSERT INTO {accounts} VALUES ($1, $2, 0, 0)", &values).await?;
            }
            AccountEvent::Paid { amount } => {
                let values = [number.into(), (*amount).into()];
                let older = "UPDATE {accounts} SET age = age + 1 WHERE number <> $1";
                transaction.execute(older, &values[..1]).await?;
                let paid = "UPDATE {accounts} SET balance = balance + $2 WHERE number = $1";
                assert_eq!(transaction.execute(paid, &values).await?, 1);
                let owner = transaction.query("SELECT owner FROM {accounts} WHERE number = $1", &values[..1]);
                let owner = owner.await?[0][0].clone();
                let paid = "INSERT INTO {owners} VALUES ($1, $2) \
                            ON CONFLICT (owner) DO UPDATE SET paid = {owners}.paid + excluded.paid";
                transaction.execute(paid, &[owner, (*amount).into()]).await?;
                if !MENDED.load(Ordering::SeqCst) {
                    stumble(*amount, transaction).await?;
                }
            }
            AccountEvent::Given { owner } => {
                let values = [number.into(), owner.into()];
                transaction.execute("UPDATE {accounts} SET owner = $2 WHERE number = $1", &values).await?;
            }
            AccountEvent::Closed => {
                transaction.execute("DELETE FROM {accounts} WHERE number = $1", &[number.into()]).await?;
            }
        }
        Ok(())
    }
}

async fn stumble(amount: i64, transaction: &mut SqlTransaction<'_>) -> Result<(), HandlerError> {
    let refused = "UPDATE {accounts} SET age = -1";
    match amount {
        13 => return Err("13 is not taken".into()),
        14 => panic!("14 is not taken"),
        15 => drop(transaction.execute(refused, &[]).await?),
        16 => drop(transaction.execute(refused, &[]).await),
        17 => tokio::time::sleep(Duration::from_millis(1)).await,
        18 => drop(transaction.execute("COMMIT", &[]).await?),
        _ => {}
    }
    Ok(())
}

/// The next version: it counts in other units, in a table more, and one less.
#[derive(Debug)]
pub(crate) struct NextLedger;

impl SqlView for NextLedger {
    type Source = Account;
    const NAME: &'static str = "ledger";
    const VERSION: u32 = 2;
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("accounts", "CREATE TABLE {accounts} (number BIGINT PRIMARY KEY, cents BIGINT NOT NULL)"),
        ("payments", "CREATE TABLE {payments} (number BIGINT NOT NULL, cents BIGINT NOT NULL)"),
    ];

    fn filter(&self) -> Filter {
        <Account as Source>::filter()
    }

    async fn project(
        &self,
        event: &Recorded<AccountEvent>,
        transaction: &mut SqlTransaction<'_>,
    ) -> Result<(), HandlerError> {
        let number: i64 = event.stream.id().parse()?;
        match &event.event {
            AccountEvent::Opened { .. } => {
                transaction.execute("INSERT INTO {accounts} VALUES ($1, 0)", &[number.into()]).await?;
            }
            AccountEvent::Paid { amount } => {
                let values = [number.into(), (100 * amount).into()];
                transaction.execute("INSERT INTO {payments} VALUES ($1, $2)", &values).await?;
                let all = "UPDATE {accounts} SET cents = (SELECT sum(cents) FROM {payments} WHERE number = $1) \
                           WHERE number = $1";
                transaction.execute(all, &values[..1]).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// What the tables hold, in order.
pub(crate) type Tables = (Vec<Values>, Vec<Values>);

/// The tables when they contain everything that has happened so far.
pub(crate) async fn tables(app: &RunningApp) -> Tables {
    let head = app.store().head().await.unwrap();
    let ledger = app.sql_view::<Ledger>().after_position(head).within(Duration::from_secs(30));
    let accounts = "SELECT number, owner, balance, age FROM {accounts} ORDER BY number";
    let owners = "SELECT owner, paid FROM {owners} ORDER BY owner";
    (ledger.query(accounts, &[]).await.unwrap(), ledger.query(owners, &[]).await.unwrap())
}

/// What they have to hold.
pub(crate) async fn expected(app: &RunningApp) -> Tables {
    let page = app.store().read_all(&Filter::All, Position::START, usize::MAX).await.unwrap();
    assert!(page.end, "all of it");
    let (mut accounts, mut owners) = (BTreeMap::<i64, (String, i64, i64)>::new(), BTreeMap::new());
    for event in page.events {
        let number: i64 = event.stream.id().parse().unwrap();
        match Recorded::<AccountEvent>::decode(event).unwrap().event {
            AccountEvent::Opened { owner } => drop(accounts.insert(number, (owner, 0, 0))),
            AccountEvent::Paid { amount } => {
                for (_, account) in accounts.iter_mut().filter(|(other, _)| **other != number) {
                    account.2 += 1;
                }
                let account = accounts.get_mut(&number).unwrap();
                account.1 += amount;
                *owners.entry(account.0.clone()).or_insert(0) += amount;
            }
            AccountEvent::Given { owner } => accounts.get_mut(&number).unwrap().0 = owner,
            AccountEvent::Closed => drop(accounts.remove(&number)),
        }
    }
    let account = |(number, (owner, balance, age)): (i64, (String, i64, i64))| {
        vec![number.into(), owner.into(), balance.into(), age.into()]
    };
    let owner = |(owner, paid): (String, i64)| vec![owner.into(), paid.into()];
    (accounts.into_iter().map(account).collect(), owners.into_iter().map(owner).collect())
}
