//! Much money moves at the same time, and none of it is lost.

mod clients;
mod proof;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use factum::{ExecuteError, Rejection, Repository, Store};
use indicatif::{ProgressBar, ProgressStyle};
use registration::domain::{Account, AccountCommand};

use self::{clients::Outcome, proof::Books};
use crate::{
    args::Bank,
    error::Result,
    screen::Screen,
    words::{per_second, thousands},
};

/// What is on each account when it is opened.
const DEPOSIT: u32 = 1000;

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
    let failure = tally.failure.map(|why| format!("the store failed: {why}"));
    let books = match Books::read(&**store).await {
        Ok(books) => books,
        // The store that failed has not come back; why it failed says more.
        Err(error) => return Err(failure.map_or(error, Into::into)),
    };
    let proof = books.prove()?;
    books.prove_all(&tally.moved)?;
    let sum = thousands(before.sum().unsigned_abs());
    screen.pairs(&[("proof", proof), ("before", format!("the sum was {sum}"))])?;
    if before.sum() != books.sum() {
        return Err(format!("the sum was {sum} before, and is {} now", books.sum()).into());
    }
    failure.map_or(Ok(()), |why| Err(why.into()))
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
    let mut outcomes = clients::start(store, bank);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {pos} transfers  {eta} left");
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
