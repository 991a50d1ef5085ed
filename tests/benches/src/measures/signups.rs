//! People who sign up, each with an address that nobody else has.

use super::{Effort, Row};
use crate::{
    Error,
    backends::Backend,
    database::{Clients, Database, Length, Runner, Work, number_of},
    measure::Turns,
};

const CLIENTS: u64 = 64;

/// What the rule costs, and against programs by hand. They take turns on databases of their own.
pub(super) async fn sign_ups(backend: &dyn Backend, effort: Effort) -> Result<Vec<Row>, Error> {
    let work = "sign-ups, 64 clients";
    let databases = [backend.ours().await?, backend.ours().await?, backend.by_hand().await?];
    let works = [Work::SignUp, Work::SignUpFreely, Work::SignUp];
    let mut runners: Vec<(usize, Runner)> = Vec::new();
    for (index, (database, work)) in databases.iter().zip(works).enumerate() {
        runners.extend(database.programs(work, CLIENTS).await?.into_iter().map(|runner| (index, runner)));
    }
    let mut acknowledged: [Vec<u64>; 3] = Default::default();
    let turns = Turns::take(effort.rounds, runners.len(), async |_, side| {
        let (index, runner) = runners.get(side).ok_or("no such side")?;
        let plan = Clients { clients: CLIENTS, streams: 0..1, length: Length::Time(effort.time) };
        let done = runner.run(plan).await?;
        acknowledged.get_mut(*index).ok_or("no such side")?.extend(done.acknowledged);
        Ok(done.sample)
    })
    .await?;
    for (database, acknowledged) in databases.iter().zip(&mut acknowledged) {
        check(work, &**database, acknowledged).await?;
    }
    let row = |(side, (_, runner)): (usize, &(usize, Runner))| {
        // The rule may cost 1.6 times as much.
        let aim = if side == 1 { 1.0 / 1.6 } else { 0.6 };
        Row::new(backend.name(), work, "sign-ups", runner.name).of(&turns, side).aim(aim)
    };
    Ok(runners.iter().enumerate().skip(1).map(row).collect())
}

/// That everybody who was told so has signed up, once, and nobody else.
async fn check(name: &str, database: &dyn Database, acknowledged: &mut [u64]) -> Result<(), Error> {
    let addresses = database.addresses().await?;
    let mut found: Vec<_> = addresses.iter().filter_map(|address| number_of(address)).collect();
    found.sort_unstable();
    acknowledged.sort_unstable();
    if found == *acknowledged && found.len() == addresses.len() {
        return Ok(());
    }
    let (told, there) = (acknowledged.len(), addresses.len());
    Err(format!("{name}: {told} were told that they have signed up, {there} addresses are there").into())
}
