//! Many events at once into new streams.

use std::time::Instant;

use super::{Effort, Row, check};
use crate::{
    Error,
    backends::Backend,
    history,
    measure::{Sample, Turns},
};

/// A transaction: a hundred streams of ten events.
const STREAMS: u64 = 100;
const EVENTS: usize = 10;

/// A thousand events in a transaction, one after the other.
pub(super) async fn import(backend: &dyn Backend, effort: Effort) -> Result<Row, Error> {
    let transactions = backend.replayed() / 10_000;
    let databases = [backend.ours().await?, backend.by_hand().await?];
    let history = history(EVENTS);
    let mut next = [0, 0];
    let turns = Turns::take(effort.rounds, databases.len(), async |_, side| {
        let database = databases.get(side).ok_or("no such side")?;
        let next = next.get_mut(side).ok_or("no such side")?;
        let began = Instant::now();
        for _ in 0..transactions {
            database.append(*next..*next + STREAMS, 0, &history).await?;
            *next += STREAMS;
        }
        let events = transactions * STREAMS * EVENTS as u64;
        Ok(Sample::rate(events as f64 / began.elapsed().as_secs_f64()))
    })
    .await?;
    for (database, streams) in databases.iter().zip(next) {
        check("import", &**database, streams * EVENTS as u64, &mut []).await?;
    }
    let hand = match backend.name() {
        "PostgreSQL" => "unnest of 1,000",
        "JetStream" => "batches of 1,000",
        _ => "transactions of 1,000",
    };
    let aim = (backend.name() != "JetStream").then_some(0.7);
    Ok(Row::new(backend.name(), "bulk import", "events", hand).of(&turns, 1).aim(aim))
}
