//! What is measured. Each ends by checking that nothing was lost or doubled.

mod commands;
mod decode;
mod import;
mod load;
mod replay;
mod signups;
mod snapshots;
mod views;

use std::time::Duration;

use clap::ValueEnum;

use crate::{
    Error, Fact,
    backends::Backend,
    database::{Database, number},
    measure::{Sample, Turns},
};

/// A kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// Commands on distinct streams: load ten events, decide, append one.
    Commands,
    /// Commands to streams whose states are known, against those that load them.
    Warm,
    /// Commands on one stream, 16 and 64 clients.
    Hot,
    /// Appends alone, where there is something to compare them with.
    Append,
    /// Loads of streams of 10 and of 1,000 events.
    Load,
    /// Loads of streams of 10,000 events that have snapshots, against those of 100 events.
    Snapshots,
    /// Everything, decoded.
    Replay,
    /// A thousand events in a transaction.
    Import,
    /// Sign-ups, each with an address that must be unique: what the rule costs, and against programs by hand.
    Signups,
    /// Views: filled from everything, written with commands, and seen behind them.
    Views,
    /// Decode and fold, without a store.
    Decode,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// The length of a round of commands.
    pub time: Duration,
    /// How many rounds.
    pub rounds: usize,
}

/// One comparison.
#[derive(Clone, Debug)]
pub struct Row {
    /// The store.
    pub backend: &'static str,
    /// The work.
    pub work: String,
    /// What is counted.
    pub unit: &'static str,
    /// The program by hand.
    pub hand: &'static str,
    /// How many clients, where it is commands on distinct streams.
    pub clients: Option<u64>,
    /// Our medians.
    pub ours: Sample,
    /// Its medians.
    pub theirs: Sample,
    /// The smallest and the largest ratio of a round.
    pub spread: (f64, f64),
    /// What the ratio should be at least.
    pub aim: Option<f64>,
}

impl Row {
    fn new(backend: &'static str, work: &str, unit: &'static str, hand: &'static str) -> Self {
        let nothing = Sample::rate(f64::NAN);
        let (work, spread) = (work.to_owned(), (f64::NAN, f64::NAN));
        Self { backend, work, unit, hand, clients: None, ours: nothing, theirs: nothing, spread, aim: None }
    }

    /// With what our side and this one came to.
    fn of(self, turns: &Turns, side: usize) -> Self {
        Self { ours: turns.medians(0), theirs: turns.medians(side), spread: turns.spread(side), ..self }
    }

    fn aim(self, aim: impl Into<Option<f64>>) -> Self {
        Self { aim: aim.into(), ..self }
    }

    /// How fast ours is, as a share of it.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.ours.rate / self.theirs.rate
    }
}

/// Carries out a kind of measurement on a backend; nothing where there is nothing to compare.
///
/// # Errors
/// Something failed, was lost or doubled.
pub async fn run(measure: Measure, backend: &dyn Backend, effort: Effort) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    match measure {
        Measure::Commands => {
            for clients in [1, 16, 64] {
                rows.extend(commands::commands(backend, effort, clients).await?);
            }
        }
        Measure::Warm if backend.is_durable() => rows.extend(commands::warm(backend, effort).await?),
        Measure::Hot if backend.is_durable() => {
            rows.extend(commands::hot(backend, effort, 16).await?);
            // By hand on JetStream, so many would read each other's events for minutes.
            if backend.name() != "JetStream" {
                rows.extend(commands::hot(backend, effort, 64).await?);
            }
            rows.extend(commands::crowd(backend, effort).await?);
        }
        Measure::Append if backend.is_durable() => rows.extend(commands::appends(backend, effort).await?),
        Measure::Load if backend.is_durable() => {
            for events in [10, 1_000] {
                rows.push(load::load(backend, effort, events).await?);
            }
        }
        Measure::Snapshots => rows.push(snapshots::load(backend, effort).await?),
        Measure::Replay if backend.is_durable() => rows.push(replay::replay(backend, effort).await?),
        Measure::Import if backend.is_durable() => rows.push(import::import(backend, effort).await?),
        Measure::Signups if backend.is_durable() => rows.extend(signups::sign_ups(backend, effort).await?),
        Measure::Views if backend.is_durable() && backend.name() != "JetStream" => {
            rows.push(views::fill(backend, effort).await?);
            for cold in [false, true] {
                rows.extend(views::transactional(backend, effort, cold).await?);
            }
            rows.push(views::seen(backend, effort).await?);
        }
        Measure::Decode if !backend.is_durable() => rows.push(decode::decode(effort).await?),
        _ => {}
    }
    Ok(rows)
}

/// Gives each of so many streams this history. A thousand streams grow side by side, as those do in life that are open at
/// the same time: event by event, or by as many as `at_once`.
async fn seed(database: &dyn Database, streams: u64, history: &[Fact], at_once: usize) -> Result<(), Error> {
    const TOGETHER: u64 = 1_000;
    for from in (0..streams).step_by(TOGETHER as usize) {
        let mut already = 0;
        for events in history.chunks(at_once) {
            database.append(from..streams.min(from + TOGETHER), already, events).await?;
            already += events.len() as u64;
        }
    }
    database.settle().await
}

/// That there are the events of the seed, and each that a client was told is recorded once, and no others.
async fn check(
    name: &str,
    database: &dyn Database,
    seeded: u64,
    acknowledged: &mut [u64],
) -> Result<(), Error> {
    let mut found = Vec::new();
    let events = database.replay(&mut |text| found.extend(text.and_then(number))).await?;
    found.sort_unstable();
    acknowledged.sort_unstable();
    let expected = seeded + acknowledged.len() as u64;
    if events == expected && found == *acknowledged {
        return Ok(());
    }
    Err(format!(
        "{name}: {expected} events should be there, {events} are; {} were acknowledged, {} are found",
        acknowledged.len(),
        found.len()
    )
    .into())
}
