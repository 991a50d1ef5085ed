//! Loads, one after the other.

use std::time::Instant;

use super::{Effort, Row, seed};
use crate::{
    Error,
    backends::Backend,
    history,
    measure::{Sample, Turns},
};

/// Of streams of this many events.
pub(super) async fn load(backend: &dyn Backend, effort: Effort, events: usize) -> Result<Row, Error> {
    let (streams, at_once, name) =
        if events > 100 { (20, 50, "load of 1,000 events") } else { (2_000, 1, "load of 10 events") };
    let databases = [backend.ours().await?, backend.by_hand().await?];
    for database in &databases {
        seed(&**database, streams, &history(events), at_once).await?;
    }
    let mut number = 0_u64;
    let turns = Turns::take(effort.rounds, databases.len(), async |_, side| {
        let database = databases.get(side).ok_or("no such side")?;
        let start = Instant::now();
        let mut latencies = Vec::new();
        while start.elapsed() < effort.time / 2 {
            number += 7_919;
            let began = Instant::now();
            let found = database.load(number % streams).await?;
            latencies.push(began.elapsed().as_secs_f64() * 1e6);
            if found != events as u64 {
                return Err(format!("{name}: {found} were found").into());
            }
        }
        Ok(per_event(Sample::of(latencies, start.elapsed()), events))
    })
    .await?;
    let aim = (backend.name() == "JetStream" && events == 10).then_some(1.0 / 1.5);
    let hand = if backend.name() == "JetStream" { "direct get, batched" } else { "select" };
    Ok(Row::new(backend.name(), name, "events", hand).of(&turns, 1).aim(aim))
}

fn per_event(sample: Sample, events: usize) -> Sample {
    Sample { rate: sample.rate * events as f64, ..sample }
}
