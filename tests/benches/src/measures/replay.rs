//! Everything that there is, decoded, in the order in which it was recorded.

use std::time::Instant;

use super::{Effort, Row, seed};
use crate::{
    Error,
    backends::Backend,
    history,
    measure::{Sample, Turns},
};

const SEED: usize = 10;

/// How much memory may come on top after the first tenth.
const ALLOWED_MIB: f64 = 32.0;

/// With what is resident measured on the way.
pub(super) async fn replay(backend: &dyn Backend, effort: Effort) -> Result<Row, Error> {
    let events = backend.replayed();
    let databases = [backend.ours().await?, backend.by_hand().await?];
    for database in &databases {
        seed(&**database, events / SEED as u64, &history(SEED), 1).await?;
    }
    let mut most_grown = 0.0_f64;
    let turns = Turns::take(effort.rounds, databases.len(), async |_, side| {
        let database = databases.get(side).ok_or("no such side")?;
        let (mut seen, mut early, mut highest) = (0, 0.0, 0.0_f64);
        let began = Instant::now();
        let found = database
            .replay(&mut |_| {
                seen += 1;
                if seen % 10_000 == 0 {
                    let resident = resident_mib().unwrap_or(f64::NAN);
                    early = if seen <= events.div_ceil(10) { resident } else { early };
                    highest = highest.max(resident);
                }
            })
            .await?;
        let rate = found as f64 / began.elapsed().as_secs_f64();
        if side == 0 {
            most_grown = most_grown.max(highest - early);
        }
        if found != events {
            return Err(format!("replay: {events} events should be there, {found} are").into());
        }
        Ok(Sample::rate(rate))
    })
    .await?;
    if most_grown > ALLOWED_MIB {
        return Err(format!("a replay grew by {most_grown:.1} MiB; {ALLOWED_MIB} are allowed").into());
    }
    let work = format!("replay of {events} events (memory +{most_grown:.1} MiB)");
    Ok(Row::new(backend.name(), &work, "events", "one scan").of(&turns, 1).aim(0.6))
}

/// What the process has in memory. Linux tells; elsewhere it is not a number.
fn resident_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}
