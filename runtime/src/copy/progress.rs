//! How far a copy has come, and what it came to.

use std::fmt;

use crate::Position;

/// How far a copy has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing.
    pub step: Step,
    /// How many events of the source, counted from the first, this step is done with. While copying, those that the target
    /// has acknowledged.
    pub events: u64,
    /// The position in the source of the last of them.
    pub position: Position,
    /// The last position in the source when the copy began.
    pub head: Position,
}

impl Progress {
    /// The share of the source that this step is done with, from 0 to 1. An estimate: it is told from positions, which may
    /// have gaps, and the source may grow.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "it is an estimate")]
    pub fn share(&self) -> f64 {
        match self.head {
            Position::START => 1.0,
            head => (self.position.get() as f64 / head.get() as f64).min(1.0),
        }
    }
}

/// What a copy is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It compares what the target holds already with the beginning of the source.
    Finding,
    /// It writes what the target does not hold.
    Copying,
    /// It compares both from the beginning.
    Comparing,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Finding => "looking",
            Self::Copying => "copying",
            Self::Comparing => "comparing",
        })
    }
}

/// A copy that is complete: the target held the same events as the source when it was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// How many events the target holds.
    pub events: u64,
    /// Of how many streams.
    pub streams: u64,
    /// How many of the events this run has added; the others were there.
    pub added: u64,
    /// The position of the last of the events in the source: the copy holds everything up to here.
    pub source: Position,
    /// The position of the same event in the target.
    pub target: Position,
}
