//! Many commands on their way at once, those to one incident in their order.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use factum::{ExecuteError, Metadata, Repository, store::EventId};
use helpdesk::domain::Incident;
use tokio::sync::mpsc;

use super::{
    line::{Line, RawLine},
    tally::Tally,
};
use crate::error::explain;

/// How many commands are on their way at once.
const LANES: usize = 64;
/// How many commands may wait in a lane, so that one with much to do does not hold up the others.
const WAITING: usize = 64;

/// What became of a line that is a command.
pub(super) enum Outcome {
    /// These events were recorded.
    Recorded(Vec<EventId>),
    /// The domain refused it.
    Refused(String),
    /// The store failed.
    Failed(String),
    /// The store had failed before.
    NotTried,
}

/// Each lane carries out its commands one after the other. An incident has its lane.
pub(super) struct Lanes {
    lanes: Vec<mpsc::Sender<(RawLine, Line)>>,
    outcomes: mpsc::UnboundedReceiver<(u64, Outcome)>,
    hasher: RandomState,
}

impl Lanes {
    pub(super) fn start(incidents: &Repository<Incident>, by: Option<String>) -> Self {
        let (done, outcomes) = mpsc::unbounded_channel();
        let failed = Arc::new(AtomicBool::new(false));
        let lane = || {
            let (sender, mut lines) = mpsc::channel::<(RawLine, Line)>(WAITING);
            let (incidents, done, by, failed) =
                (incidents.clone(), done.clone(), by.clone(), Arc::clone(&failed));
            tokio::spawn(async move {
                while let Some((raw, line)) = lines.recv().await {
                    let number = raw.number;
                    let outcome = if failed.load(Ordering::Relaxed) {
                        Outcome::NotTried
                    } else {
                        carry_out(&incidents, raw, line, by.as_deref()).await
                    };
                    if matches!(outcome, Outcome::Failed(_)) {
                        failed.store(true, Ordering::Relaxed);
                    }
                    if done.send((number, outcome)).is_err() {
                        return;
                    }
                }
            });
            sender
        };
        let lanes = std::iter::repeat_with(lane).take(LANES).collect();
        Self { lanes, outcomes, hasher: RandomState::new() }
    }

    /// Hands over a line. Waits while the lane of its incident is full.
    pub(super) async fn give(&mut self, raw: RawLine, line: Line) {
        let lane = self.hasher.hash_one(line.number) % self.lanes.len().max(1) as u64;
        if let Some(lane) = usize::try_from(lane).ok().and_then(|lane| self.lanes.get(lane)) {
            // A lane ends after its sender only.
            let _ = lane.send((raw, line)).await;
        }
    }

    /// Tells what has come out so far.
    pub(super) fn take_outcomes(&mut self, tally: &mut Tally) {
        while let Ok((line, outcome)) = self.outcomes.try_recv() {
            tally.add(line, outcome);
        }
    }

    /// Waits until everything has come out.
    pub(super) async fn finish(mut self, tally: &mut Tally) {
        self.lanes.clear();
        while let Some((line, outcome)) = self.outcomes.recv().await {
            tally.add(line, outcome);
        }
    }
}

async fn carry_out(incidents: &Repository<Incident>, raw: RawLine, line: Line, by: Option<&str>) -> Outcome {
    let Line { number, command, by: on_line } = line;
    let mut metadata = Metadata::new().causation(raw.cause);
    metadata.actor = on_line.or_else(|| by.map(str::to_owned));
    match incidents.execute(&number, command).with(metadata).await {
        Ok(receipt) => Outcome::Recorded(receipt.events.iter().map(|recorded| recorded.id).collect()),
        Err(error @ ExecuteError::Rejected(_)) => Outcome::Refused(explain(number, &error)),
        Err(error) => Outcome::Failed(explain(number, &error)),
    }
}
