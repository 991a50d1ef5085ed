//! Clients that give commands.

use std::ops::Range;

use super::{Effort, Row, check, seed};
use crate::{
    Error,
    backends::Backend,
    database::{Clients, Database, Length, Runner, Work},
    history,
    measure::Turns,
};

const SEED: usize = 10;

/// Both databases with their programs, and what these were told.
pub(super) struct Sides {
    databases: [Box<dyn Database>; 2],
    seeded: u64,
    /// Ours first, each with the number of its database.
    runners: Vec<(Runner, usize)>,
    acknowledged: [Vec<u64>; 2],
}

impl Sides {
    pub(super) async fn prepare(
        backend: &dyn Backend,
        streams: u64,
        work: Work,
        clients: u64,
    ) -> Result<Self, Error> {
        let databases = [backend.ours().await?, backend.by_hand().await?];
        let mut runners = Vec::new();
        for (number, database) in databases.iter().enumerate() {
            seed(&**database, streams, &history(SEED), 1).await?;
            let programs = database.programs(work, clients).await?;
            runners.extend(programs.into_iter().map(|runner| (runner, number)));
        }
        let seeded = streams * SEED as u64;
        Ok(Self { databases, seeded, runners, acknowledged: Default::default() })
    }

    /// Each round on the streams that `streams` gives for it.
    pub(super) async fn take_turns(
        &mut self,
        rounds: usize,
        clients: u64,
        length: Length,
        streams: impl Fn(usize, usize) -> Range<u64>,
    ) -> Result<Turns, Error> {
        let Self { runners, acknowledged, .. } = self;
        Turns::take(rounds, runners.len(), async |round, side| {
            let (runner, database) = runners.get(side).ok_or("no such side")?;
            let plan = Clients { clients, streams: streams(round, side), length };
            let done = runner.run(plan).await?;
            acknowledged.get_mut(*database).ok_or("no such database")?.extend(done.acknowledged);
            Ok(done.sample)
        })
        .await
    }

    pub(super) async fn check(&mut self, name: &str) -> Result<(), Error> {
        for (database, acknowledged) in self.databases.iter().zip(&mut self.acknowledged) {
            check(name, &**database, self.seeded, acknowledged).await?;
        }
        Ok(())
    }

    /// That each row of the overviews has as many edits as its stream.
    pub(super) async fn check_overviews(&self, name: &str) -> Result<(), Error> {
        for (database, acknowledged) in self.databases.iter().zip(&self.acknowledged) {
            let rows = database.overview().await?;
            let edits: u64 = rows.iter().map(|row| row.edits).sum();
            let seeded = history(SEED).iter().filter(|(name, _)| *name == "TextChanged").count() as u64;
            let expected = rows.len() as u64 * seeded + acknowledged.len() as u64;
            if edits != expected || rows.len() as u64 != self.seeded / SEED as u64 {
                return Err(format!("{name}: {expected} edits should be in the rows, {edits} are").into());
            }
        }
        Ok(())
    }

    pub(super) fn hands(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.runners.iter().map(|(runner, _)| runner.name).enumerate().skip(1)
    }
}

/// On distinct streams.
pub(super) async fn commands(backend: &dyn Backend, effort: Effort, clients: u64) -> Result<Vec<Row>, Error> {
    let work = format!("commands, {clients} {}", if clients == 1 { "client" } else { "clients" });
    let streams = backend.streams();
    let (times, rounds) = if backend.anew_each_round() { (effort.rounds, 1) } else { (1, effort.rounds) };
    let (mut turns, mut hands) = (Turns::default(), Vec::new());
    for _ in 0..times {
        let mut sides = Sides::prepare(backend, streams, Work::Command, clients).await?;
        let length = Length::Time(effort.time);
        turns.extend(sides.take_turns(rounds, clients, length, |_, _| 0..streams).await?);
        sides.check(&work).await?;
        hands = sides.hands().collect();
    }
    let row = |(side, hand): (usize, &'static str)| {
        let row = Row::new(backend.name(), &work, "commands", hand).of(&turns, side);
        let aim = match (backend.name(), hand, clients) {
            ("PostgreSQL", "select + insert", 1) | ("PostgreSQL", "grouped", 64) => Some(0.9),
            ("PostgreSQL", "select + insert", 64) => Some(1.6),
            ("JetStream", _, 64) => Some(0.8),
            _ => None,
        };
        Row { clients: Some(clients), ..row.aim(aim) }
    };
    Ok(hands.into_iter().map(row).collect())
}

/// On streams whose states are known, against the same commands of ours that load them, and the programs by hand.
pub(super) async fn warm(backend: &dyn Backend, effort: Effort) -> Result<Vec<Row>, Error> {
    const CLIENTS: u64 = 64;
    let work = "warm commands, 64 clients";
    // A half for who knows them, and a half for who loads them: one that is changed behind its back is not known any more.
    let half = backend.streams() / 2;
    let mut sides = Sides::prepare(backend, 2 * half, Work::Warm, CLIENTS).await?;
    let cold = sides.runners.len();
    let [ours, _] = &sides.databases;
    sides.runners.extend(ours.programs(Work::Command, CLIENTS).await?.into_iter().map(|runner| (runner, 0)));
    // As many in a row as there are streams come to each of them.
    let (warm, _) = sides.runners.first().ok_or("no program")?;
    let length = Length::Commands(half.div_ceil(CLIENTS));
    let done = warm.run(Clients { clients: CLIENTS, streams: 0..half, length }).await?;
    let [acknowledged, _] = &mut sides.acknowledged;
    acknowledged.extend(done.acknowledged);
    let length = Length::Time(effort.time);
    let streams = |_, side| if side == cold { half..2 * half } else { 0..half };
    let turns = sides.take_turns(effort.rounds, CLIENTS, length, streams).await?;
    sides.check(work).await?;
    let row = |(side, hand): (usize, &'static str)| {
        let hand = if side == cold { "factum, cold" } else { hand };
        let aim = match (backend.name(), hand) {
            ("SQLite", "factum, cold") => Some(1.4),
            (_, "factum, cold") => Some(1.7),
            ("PostgreSQL", "select + insert") => Some(2.5),
            _ => None,
        };
        Row::new(backend.name(), work, "commands", hand).of(&turns, side).aim(aim)
    };
    Ok(sides.hands().map(row).collect())
}

/// On one stream: a new one in each round, so that nobody has longer streams for having been faster.
pub(super) async fn hot(backend: &dyn Backend, effort: Effort, clients: u64) -> Result<Vec<Row>, Error> {
    const COMMANDS: u64 = 640;
    let work = &format!("commands, {clients} clients on one stream");
    // More streams than there can be sides.
    let streams = effort.rounds as u64 * 4;
    let mut sides = Sides::prepare(backend, streams, Work::Warm, clients).await?;
    let stream = |round: usize, side: usize| (round * 4 + side) as u64;
    let turns = sides
        .take_turns(effort.rounds, clients, Length::Commands(COMMANDS / clients), |round, side| {
            stream(round, side)..stream(round, side) + 1
        })
        .await?;
    sides.check(work).await?;
    for side in 0..sides.runners.len() {
        let database = sides.databases.get(side.min(1)).ok_or("no such side")?;
        for round in 0..effort.rounds {
            let events = database.load(stream(round, side)).await?;
            let expected = SEED as u64 + COMMANDS;
            if events != expected {
                return Err(format!("{work}: the stream should have {expected} events, not {events}").into());
            }
        }
    }
    let row = |(side, hand)| {
        let aim = match hand {
            "select + insert" => Some(1.8),
            "grouped" => Some(5.0),
            _ => None,
        };
        Row::new(backend.name(), work, "commands", hand).of(&turns, side).aim(aim)
    };
    Ok(sides.hands().map(row).collect())
}

/// Many of ours on one stream against one of ours that gives as many commands to one: what getting in each other's way
/// costs, and whether each has its share.
pub(super) async fn crowd(backend: &dyn Backend, effort: Effort) -> Result<Vec<Row>, Error> {
    const COMMANDS: u64 = 640;
    let work = "commands, 16 clients on one stream";
    let database = backend.ours().await?;
    let streams = effort.rounds as u64 * 2;
    seed(&*database, streams, &history(SEED), 1).await?;
    let runners = database.programs(Work::Warm, 16).await?;
    let runner = runners.first().ok_or("no program")?;
    let (mut acknowledged, mut slowest) = (Vec::new(), f64::INFINITY);
    let turns = Turns::take(effort.rounds, 2, async |round, side| {
        let stream = (round * 2 + side) as u64;
        let clients = if side == 0 { 16 } else { 1 };
        let length = Length::Commands(COMMANDS / clients);
        let done = runner.run(Clients { clients, streams: stream..stream + 1, length }).await?;
        acknowledged.extend(done.acknowledged);
        slowest = slowest.min(done.slowest);
        Ok(done.sample)
    })
    .await?;
    check(work, &*database, streams * SEED as u64, &mut acknowledged).await?;
    if slowest < 1.0 / 3.0 {
        return Err(format!("{work}: the slowest client has {slowest:.2} of the mean").into());
    }
    Ok(vec![Row::new(backend.name(), work, "commands", "factum, 1 client").of(&turns, 1).aim(0.5)])
}

/// Appends alone, 64 at a time.
pub(super) async fn appends(backend: &dyn Backend, effort: Effort) -> Result<Vec<Row>, Error> {
    const CLIENTS: u64 = 64;
    let work = "appends, 64 in flight";
    let mut sides = Sides::prepare(backend, 1, Work::Append, CLIENTS).await?;
    if sides.hands().next().is_none() {
        return Ok(Vec::new());
    }
    let turns = sides.take_turns(effort.rounds, CLIENTS, Length::Time(effort.time), |_, _| 0..1).await?;
    sides.check(work).await?;
    let row = |(side, hand)| Row::new(backend.name(), work, "appends", hand).of(&turns, side).aim(0.5);
    Ok(sides.hands().map(row).collect())
}
