//! One domain twice: annotated for factum, and by hand. The programs beside this measure one against the other,
//! interleaved in one run, and print the ratio.
//!
//! What is measured is in [`measures`], on which stores in [`backends`], the programs by hand among them. [`ours`] is the
//! other side, the same for each.

pub mod args;
pub mod backends;
pub mod database;
pub mod derived;
pub mod hand;
pub mod measure;
pub mod measures;
pub mod ours;
pub mod picture;
pub mod report;

use serde::{Deserialize, Serialize};

/// Any error.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Whether an incident is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It is.
    Open,
    /// It is not.
    Closed,
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentError {
    /// It is closed.
    AlreadyClosed,
    /// It is open.
    NotClosed,
    /// It is not there.
    NotFound,
    /// It is there.
    AlreadyExists,
}

impl std::fmt::Display for IncidentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for IncidentError {}

/// The name and the payload of an event.
pub type Fact = (&'static str, String);

/// The life of an incident, over and over: this many events, names and payloads.
#[must_use]
pub fn history(events: usize) -> Vec<Fact> {
    let text = "The left mouse button in room 4.17 does not click any more";
    let mut history = vec![("Reported", format!(r#"{{"reporter":7,"text":"{text}"}}"#))];
    for round in 0.. {
        for event in [
            ("TextChanged", format!(r#"{{"text":"{text}, round {round}"}}"#)),
            ("Assigned", format!(r#"{{"to":{round},"from":{}}}"#, round + 1)),
            ("Closed", r#"{"solution":"We bought a new mouse and threw the old one away"}"#.to_owned()),
            ("Reopened", r#"{"reason":"The new one does not click either, somehow"}"#.to_owned()),
        ] {
            if history.len() == events {
                return history;
            }
            history.push(event);
        }
    }
    history
}
