//! Views against programs by hand that write the same rows.

use super::{Effort, Row, commands::Sides, seed};
use crate::{
    Error,
    backends::Backend,
    database::{Clients, Length, Work},
    history,
    measure::{Sample, Turns},
};

const SEED: usize = 10;
const CLIENTS: u64 = 64;

/// From the first event on: a rebuild.
pub(super) async fn fill(backend: &dyn Backend, effort: Effort) -> Result<Row, Error> {
    let events = backend.replayed();
    let databases = [backend.ours().await?, backend.by_hand().await?];
    for database in &databases {
        seed(&**database, events / SEED as u64, &history(SEED), 1).await?;
    }
    let turns = Turns::take(effort.rounds, databases.len(), async |_, side| {
        let database = databases.get(side).ok_or("no such side")?;
        Ok(Sample::rate(events as f64 / database.fill().await?.as_secs_f64()))
    })
    .await?;
    let work = format!("a view of {events} events filled");
    let [ours, theirs] = &databases;
    let (ours, theirs) = (ours.overview().await?, theirs.overview().await?);
    if ours != theirs || ours.len() as u64 != events / SEED as u64 {
        return Err(format!("{work}: the rows differ ({} and {})", ours.len(), theirs.len()).into());
    }
    Ok(Row::new(backend.name(), &work, "events", "batches").of(&turns, 1).aim(0.5))
}

/// Commands whose rows are written in their transactions; `cold`: by a repository that keeps nothing of what it has loaded, as
/// the programs by hand do.
pub(super) async fn transactional(
    backend: &dyn Backend,
    effort: Effort,
    cold: bool,
) -> Result<Vec<Row>, Error> {
    let (work, kind) = match cold {
        false => ("commands with a transactional view, 64 clients", Work::Viewed),
        true => ("the same, cold", Work::ViewedCold),
    };
    let streams = backend.streams();
    let mut sides = Sides::prepare(backend, streams, kind, CLIENTS).await?;
    let turns =
        sides.take_turns(effort.rounds, CLIENTS, Length::Time(effort.time), |_, _| 0..streams).await?;
    sides.check(work).await?;
    sides.check_overviews(work).await?;
    let row = |(side, hand)| Row::new(backend.name(), work, "commands", hand).of(&turns, side).aim(0.8);
    Ok(sides.hands().map(row).collect())
}

/// From the command to the row, in a view that is filled behind the commands, against the same command without the view. The
/// clients rest as long as they work.
pub(super) async fn seen(backend: &dyn Backend, effort: Effort) -> Result<Row, Error> {
    let work = "command seen in an eventual view, 16 clients at half load";
    let streams = backend.streams();
    let database = backend.ours().await?;
    seed(&*database, streams, &history(SEED), 1).await?;
    let plan = || Clients { clients: 16, streams: 0..streams, length: Length::Time(effort.time) };
    let programs = database.programs(Work::Warm, 16).await?;
    let program = programs.first().ok_or("no program")?;
    let turns = Turns::take(effort.rounds, 2, async |_, side| match side {
        0 => database.seen(plan()).await,
        _ => Ok(program.run(plan()).await?.sample),
    })
    .await?;
    Ok(Row::new(backend.name(), work, "commands", "the command alone").of(&turns, 1))
}
