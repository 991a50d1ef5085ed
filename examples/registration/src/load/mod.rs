//! Many people sign up at the same time.

mod clients;
mod proof;
mod tally;

use std::sync::Arc;

use factum::{Repository, Store};

use self::{clients::Plan, proof::Holders, tally::Tally};
use crate::{args::Load, error::Result, screen::Screen};

pub(crate) async fn run(store: &Arc<dyn Store>, load: &Load, screen: &mut Screen) -> Result<()> {
    let users = Repository::new(Arc::clone(store));
    let mut tally = Tally::new(load);
    let mut answers = clients::start(&users, Plan::new(load), load.clients);
    while let Some(answer) = answers.recv().await {
        tally.add(answer);
    }
    let answers = tally.report(screen)?;
    let holders = match Holders::read(&**store).await {
        Ok(holders) => holders,
        // The store that failed has not come back; why it failed says more.
        Err(error) => return Err(answers.failure.map_or(error, Into::into)),
    };
    screen.pairs(&[("proof", holders.prove(&answers)?)])?;
    answers.failure.map_or(Ok(()), |why| Err(why.into()))
}
