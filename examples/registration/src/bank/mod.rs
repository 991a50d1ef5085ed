//! Much money moves at the same time, and none of it is lost.

mod proof;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use factum::{ExecuteError, Metadata, Rejection, Repository, Store, TransactionError, TransactionErrorKind};
use indicatif::{ProgressBar, ProgressStyle};
use registration::domain::{Account, AccountCommand, AccountNumber};
use tokio::sync::mpsc::{self, UnboundedSender};
use uuid::Uuid;

use self::proof::Books;
use crate::{
    args::Bank,
    error::Result,
    screen::Screen,
    words::{per_second, thousands},
};

/// What is on each account when it is opened.
const DEPOSIT: u32 = 1000;
/// No transfer is of more, so that accounts run dry now and then.
const MOST: u32 = 500;

/// Only proves that what is in the store is right.
pub(crate) async fn check(store: &Arc<dyn Store>, screen: &mut Screen) -> Result<()> {
    let books = Books::read(&**store).await?;
    screen.pairs(&[("proof", books.prove()?)])?;
    Ok(())
}

pub(crate) async fn run(store: &Arc<dyn Store>, bank: &Bank, screen: &mut Screen) -> Result<()> {
    open_accounts(store, bank).await?;
    let before = Books::read(&**store).await?;
    before.prove()?;
    let tally = transfer(store, bank).await;
    tally.report(screen)?;
    let books = Books::read(&**store).await?;
    let proof = books.prove()?;
    books.prove_all(&tally.moved)?;
    let sum = thousands(before.sum().unsigned_abs());
    screen.pairs(&[("proof", proof), ("before", format!("the sum was {sum}"))])?;
    if before.sum() != books.sum() {
        return Err(format!("the sum was {sum} before, and is {} now", books.sum()).into());
    }
    tally.failure.map_or(Ok(()), |why| Err(format!("the store failed: {why}").into()))
}

async fn open_accounts(store: &Arc<dyn Store>, bank: &Bank) -> Result<()> {
    let accounts = Repository::<Account>::new(Arc::clone(store));
    let next = Arc::new(AtomicU64::new(1));
    let (last, mut openers) = (bank.accounts, tokio::task::JoinSet::new());
    for _ in 0..bank.clients {
        let (accounts, next) = (accounts.clone(), Arc::clone(&next));
        openers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > last {
                    return Ok(());
                }
                let open = AccountCommand::Open { owner: format!("customer {number}"), deposit: DEPOSIT };
                match accounts.execute(&number.into(), open).await {
                    // By an earlier run, or by another one at this moment.
                    Ok(_) | Err(ExecuteError::Rejected(Rejection::AlreadyExists)) => {}
                    Err(error) => return Err(error),
                }
            }
        });
    }
    while let Some(opened) = openers.join_next().await {
        opened??;
    }
    Ok(())
}

/// What became of a transfer.
enum Outcome {
    /// It is recorded under this id.
    Moved(String),
    /// There was not enough on the account.
    Refused,
    /// Others were faster each time.
    GivenUp,
    /// The store failed: it is not recorded, or nobody knows.
    Failed(String),
}

struct Tally {
    began: Instant,
    moved: Vec<String>,
    refused: u64,
    given_up: u64,
    failure: Option<String>,
}

impl Tally {
    fn report(&self, screen: &mut Screen) -> Result<()> {
        let seconds = self.began.elapsed().as_secs_f64();
        let moved = self.moved.len() as u64;
        screen.pairs(&[
            ("moved", format!("{} transfers", thousands(moved))),
            ("refused", format!("{}, because there was too little", thousands(self.refused))),
            ("given up", format!("{}, because others were faster each time", thousands(self.given_up))),
            ("rate", format!("{:.0} per second, for {seconds:.1} s", per_second(moved, seconds))),
        ])?;
        Ok(())
    }
}

async fn transfer(store: &Arc<dyn Store>, bank: &Bank) -> Tally {
    let (done, mut outcomes) = mpsc::unbounded_channel();
    let plan = Arc::new(Plan {
        accounts: bank.accounts,
        left: AtomicU64::new(bank.transfers),
        failed: AtomicBool::new(false),
    });
    for _ in 0..bank.clients {
        tokio::spawn(client(Arc::clone(store), Arc::clone(&plan), done.clone()));
    }
    drop(done);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {per_sec}  {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(bank.transfers).with_style(style);
    let mut tally =
        Tally { began: Instant::now(), moved: Vec::new(), refused: 0, given_up: 0, failure: None };
    while let Some(outcome) = outcomes.recv().await {
        match outcome {
            Outcome::Moved(id) => tally.moved.push(id),
            Outcome::Refused => tally.refused += 1,
            Outcome::GivenUp => tally.given_up += 1,
            Outcome::Failed(why) => tally.failure = tally.failure.or(Some(why)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    tally
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
        let moved = move_money(&store, (&from, &to), amount, &id).await;
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

/// What moves money, all or nothing.
fn move_money<'a>(
    store: &'a Arc<dyn Store>,
    (from, to): (&'a AccountNumber, &'a AccountNumber),
    amount: u32,
    id: &str,
) -> impl Future<Output = std::result::Result<impl Sized, TransactionError>> + Send + 'a {
    factum::transaction(store)
        .execute::<Account>(from, AccountCommand::Withdraw { amount, to: *to })
        .execute::<Account>(to, AccountCommand::Deposit { amount, from: *from })
        .with(Metadata::new().correlation(id))
        .commit()
}
