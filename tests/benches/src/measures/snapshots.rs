//! Loads of long streams that have snapshots, against those of short ones that have none.

use std::time::Instant;

use super::{Effort, Row, seed};
use crate::{
    Error,
    backends::Backend,
    history,
    measure::{Sample, Turns},
};

const STREAMS: u64 = 20;

/// How long the long ones are when their snapshots are kept.
const LONG: usize = 10_000;

/// How many events come later, half as many as lie between two snapshots.
const TAIL: usize = 50;

const SHORT: usize = 100;

/// Both are ours.
pub(super) async fn load(backend: &dyn Backend, effort: Effort) -> Result<Row, Error> {
    let name = "load of 10,000 events, snapshots";
    let (long, short) = (backend.ours().await?, backend.ours().await?);
    let events = history(LONG + TAIL);
    let (events, tail) = events.split_at(LONG);
    seed(&*long, STREAMS, events, 50).await?;
    for stream in 0..STREAMS {
        long.keep(stream).await?;
    }
    long.append(0..STREAMS, LONG as u64, tail).await?;
    seed(&*short, STREAMS, &history(SHORT), SHORT).await?;
    let mut number = 0_u64;
    let turns = Turns::take(effort.rounds, 2, async |_, side| {
        let start = Instant::now();
        let mut latencies = Vec::new();
        while start.elapsed() < effort.time / 2 {
            number += 7_919;
            let began = Instant::now();
            let (found, expected) = match side {
                0 => (long.load_kept(number % STREAMS).await?, LONG + TAIL),
                _ => (short.load(number % STREAMS).await?, SHORT),
            };
            latencies.push(began.elapsed().as_secs_f64() * 1e6);
            if found != expected as u64 {
                return Err(format!("{name}: {found} events were found, not {expected}").into());
            }
        }
        Ok(Sample::of(latencies, start.elapsed()))
    })
    .await?;
    Ok(Row::new(backend.name(), name, "loads", "load of 100 events").of(&turns, 1).aim(1.0 / 3.0))
}
