//! How readers are doing, as data.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};

use crate::Position;

/// How a reader of this process is doing: a view that is filled, or a handler.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Its name: that of the table and of the build (`open_incident#1`), or that of the handler.
    pub reader: String,
    /// What it does.
    pub state: State,
    /// How far it has come: it has dealt with all events up to here. What another process does is seen here only now and
    /// then.
    pub position: Position,
    /// The last position of the event store as it was when it was looked for last.
    pub head: Position,
    /// When the last event that it has dealt with was recorded.
    pub at: Option<DateTime<Utc>>,
    /// How many events this process has dealt with in it.
    pub events: u64,
    /// How many of them in a second, of late, while it was catching up.
    pub events_per_second: f64,
    /// How many dead letters it has. What another process does about them is seen here only now and then.
    pub letters: u64,
}

/// What a reader does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Another process does its work, or did a moment ago; this one takes over when that one is gone.
    Waiting,
    /// It reads what has happened before.
    CatchingUp,
    /// It has read everything, and waits for more.
    Live,
    /// A store cannot be read or written, or something of ours panicked. It tries again, for ever.
    Retrying {
        /// What is wrong.
        error: String,
        /// Since when.
        since: DateTime<Utc>,
        /// How often it has tried.
        attempts: u32,
    },
    /// Its list of dead letters is full: it does nothing until some of them are settled, which may be said in any process. Those
    /// that do not do the work are [waiting](Self::Waiting), and see the number of letters.
    Full,
    /// It does nothing any more, for this reason.
    Stopped {
        /// Why.
        reason: String,
    },
}

impl Status {
    pub(super) fn new(reader: &str) -> Self {
        Self {
            reader: reader.to_owned(),
            state: State::Waiting,
            position: Position::START,
            head: Position::START,
            at: None,
            events: 0,
            events_per_second: 0.0,
            letters: 0,
        }
    }

    /// Whether this process does the work at the moment.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self.state, State::CatchingUp | State::Live | State::Full)
    }

    /// Whether it has stopped for good.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped { .. })
    }

    /// How long ago the last event was recorded that it has dealt with, if it knows of more to do; nothing if it is live.
    #[must_use]
    pub fn behind(&self, now: DateTime<Utc>) -> Option<Duration> {
        match self.state {
            State::Live => Some(Duration::ZERO),
            _ => self.at.map(|at| (now - at).to_std().unwrap_or_default()),
        }
    }

    /// The share of the events that it is done with, from 0 to 1. An estimate: it is told from positions, which may have gaps.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "it is an estimate")]
    pub fn share(&self) -> f64 {
        match self.head {
            Position::START => 1.0,
            head => (self.position.get() as f64 / head.get() as f64).min(1.0),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting"),
            Self::CatchingUp => f.write_str("catching up"),
            Self::Live => f.write_str("live"),
            Self::Retrying { error, attempts, .. } => write!(f, "trying again ({attempts}): {error}"),
            Self::Full => f.write_str("stopped until dead letters are settled"),
            Self::Stopped { reason } => write!(f, "stopped: {reason}"),
        }
    }
}
