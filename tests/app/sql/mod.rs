//! Views that write tables of their own shape.

pub(crate) mod ledger;
mod refused;
mod replaced;
mod taken;
mod values;

use std::future::Future;

use factum::{RunningApp, testing::contract::Harness};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    domain::{Account, AccountCommand, open, pay},
    houses,
};

/// Does the same on each store that has SQL.
pub(crate) async fn on_each<F: Future<Output = ()>>(test: impl Fn(Box<dyn Harness>) -> F) {
    for (name, house) in houses().await {
        if name != "memory" {
            eprintln!("on {name}");
            test(house).await;
        }
    }
}

/// Whether the view is mended is one thing for all tests, so they take turns.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// What happens in the tests: accounts of two owners, payments, one that is given away and one that is closed.
pub(crate) async fn fill(app: &RunningApp, accounts: u64, payments: i64) {
    let repository = app.repository::<Account>();
    for number in 1..=accounts {
        let owner = if number % 2 == 0 { "ann" } else { "bob" };
        repository.execute(&number, open(owner)).await.unwrap();
    }
    for amount in 1..=payments {
        for number in 1..=accounts {
            // Not one of those that are not taken.
            repository.execute(&number, pay(100 + amount)).await.unwrap();
        }
    }
    repository.execute(&1, AccountCommand::Give { owner: "cid".to_owned() }).await.unwrap();
    repository.execute(&1, pay(1)).await.unwrap();
    repository.execute(&2, AccountCommand::Close).await.unwrap();
}
