//! Who moves money, and between which accounts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use factum::{Metadata, Store, TransactionError, TransactionErrorKind};
use registration::domain::{Account, AccountCommand, AccountNumber};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use uuid::Uuid;

use crate::args::Bank;

/// No transfer is of more, so that accounts run dry now and then.
const MOST: u32 = 500;

/// What became of a transfer.
pub(super) enum Outcome {
    /// It is recorded under this id.
    Moved(String),
    /// There was not enough on the account.
    Refused,
    /// Others were faster each time.
    GivenUp,
    /// The store failed: it is not recorded, or nobody knows.
    Failed(String),
}

/// Starts the clients, each of which waits for its answer before it goes on. The outcomes end when all are done.
pub(super) fn start(store: &Arc<dyn Store>, bank: &Bank) -> UnboundedReceiver<Outcome> {
    let (done, outcomes) = mpsc::unbounded_channel();
    let plan = Arc::new(Plan {
        accounts: bank.accounts,
        left: AtomicU64::new(bank.transfers),
        failed: AtomicBool::new(false),
    });
    for _ in 0..bank.clients {
        tokio::spawn(client(Arc::clone(store), Arc::clone(&plan), done.clone()));
    }
    outcomes
}

/// What the clients have in common.
struct Plan {
    accounts: u64,
    left: AtomicU64,
    failed: AtomicBool,
}

impl Plan {
    /// Whether there is another transfer to make.
    fn goes_on(&self) -> bool {
        let take = |left: u64| left.checked_sub(1);
        !self.failed.load(Ordering::Relaxed)
            && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Two different accounts.
    fn accounts(&self) -> (AccountNumber, AccountNumber) {
        let from = fastrand::u64(0..self.accounts);
        let to = (from + fastrand::u64(1..self.accounts)) % self.accounts;
        ((from + 1).into(), (to + 1).into())
    }
}

async fn client(store: Arc<dyn Store>, plan: Arc<Plan>, done: UnboundedSender<Outcome>) {
    while plan.goes_on() {
        let (from, to) = plan.accounts();
        let (amount, id) = (fastrand::u32(1..=MOST), Uuid::now_v7().to_string());
        let moved = factum::transaction(&store)
            .execute::<Account>(&from, AccountCommand::Withdraw { amount, to })
            .execute::<Account>(&to, AccountCommand::Deposit { amount, from })
            .with(Metadata::new().correlation(id.clone()))
            .commit()
            .await;
        let outcome = match moved {
            Ok(_) => Outcome::Moved(id),
            Err(TransactionError { kind: TransactionErrorKind::Rejected(_), .. }) => Outcome::Refused,
            Err(TransactionError { kind: TransactionErrorKind::Conflict { .. }, .. }) => Outcome::GivenUp,
            Err(error) => {
                plan.failed.store(true, Ordering::Relaxed);
                Outcome::Failed(error.to_string())
            }
        };
        if done.send(outcome).is_err() {
            return;
        }
    }
}
