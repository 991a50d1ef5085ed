//! The same Incident by hand: what a careful engineer writes without a framework.

use serde::{Deserialize, Serialize};

use crate::{IncidentError, Status};

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// See the derived one.
    Reported(Reported),
    /// See the derived one.
    TextChanged(TextChanged),
    /// See the derived one.
    Assigned(Assigned),
    /// See the derived one.
    Closed(Closed),
    /// See the derived one.
    Reopened(Reopened),
    /// See the derived one.
    Removed,
}

/// The payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// Who reported it.
    pub reporter: u64,
    /// What is broken.
    pub text: String,
}

/// The payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextChanged {
    /// What is broken.
    pub text: String,
}

/// The payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assigned {
    /// Who takes care of it.
    pub to: u64,
    /// Who did before.
    pub from: Option<u64>,
}

/// The payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// How it was mended.
    pub solution: String,
}

/// The payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reopened {
    /// Why.
    pub reason: String,
}

impl Event {
    /// The stored name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Reported(_) => "Reported",
            Self::TextChanged(_) => "TextChanged",
            Self::Assigned(_) => "Assigned",
            Self::Closed(_) => "Closed",
            Self::Reopened(_) => "Reopened",
            Self::Removed => "Removed",
        }
    }

    /// The payload as JSON.
    ///
    /// # Errors
    /// Serde's.
    pub fn encode(&self) -> serde_json::Result<String> {
        match self {
            Self::Reported(event) => serde_json::to_string(event),
            Self::TextChanged(event) => serde_json::to_string(event),
            Self::Assigned(event) => serde_json::to_string(event),
            Self::Closed(event) => serde_json::to_string(event),
            Self::Reopened(event) => serde_json::to_string(event),
            Self::Removed => Ok("{}".to_owned()),
        }
    }

    /// From text straight into the variant's struct.
    ///
    /// # Errors
    /// Serde's, or the name is unknown.
    pub fn decode(name: &str, payload: &str) -> serde_json::Result<Self> {
        Ok(match name {
            "Reported" => Self::Reported(serde_json::from_str(payload)?),
            "TextChanged" => Self::TextChanged(serde_json::from_str(payload)?),
            "Assigned" => Self::Assigned(serde_json::from_str(payload)?),
            "Closed" => Self::Closed(serde_json::from_str(payload)?),
            "Reopened" => Self::Reopened(serde_json::from_str(payload)?),
            "Removed" => Self::Removed,
            other => return Err(serde::de::Error::custom(format!("unknown event {other}"))),
        })
    }
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// See the derived one.
    Report {
        /// Who reports it.
        reporter: u64,
        /// What is broken.
        text: String,
    },
    /// See the derived one.
    ChangeText {
        /// What is broken.
        text: String,
    },
    /// See the derived one.
    Assign {
        /// Who takes care of it.
        to: u64,
    },
    /// See the derived one.
    Close {
        /// How it was mended.
        solution: String,
    },
    /// See the derived one.
    Reopen {
        /// Why.
        reason: String,
        /// Who takes care of it.
        to: u64,
    },
    /// See the derived one.
    Remove,
}

/// The state.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its number.
    pub number: u64,
    /// Who reported it.
    pub reporter: u64,
    /// What is broken.
    pub text: String,
    /// Who takes care of it.
    pub assignee: Option<u64>,
    /// How it was mended.
    pub solution: Option<String>,
    /// Whether it is open.
    pub status: Status,
    /// How often the text changed.
    pub edits: u32,
    /// Whether it was removed.
    pub removed: bool,
}

impl Incident {
    /// The fold: the next state.
    pub fn fold(state: &mut Option<Self>, number: u64, event: Event) -> Result<(), &'static str> {
        let Some(this) = state else {
            let Event::Reported(Reported { reporter, text }) = event else { return Err("no state") };
            *state = Some(Self {
                number,
                reporter,
                text,
                assignee: None,
                solution: None,
                status: Status::Open,
                edits: 0,
                removed: false,
            });
            return Ok(());
        };
        match event {
            Event::Reported(_) => return Err("there is state"),
            Event::TextChanged(TextChanged { text }) => {
                this.text = text;
                this.edits += 1;
            }
            Event::Assigned(Assigned { to, .. }) => this.assignee = Some(to),
            Event::Closed(Closed { solution }) => {
                this.solution = Some(solution);
                this.status = Status::Closed;
            }
            Event::Reopened(_) => {
                this.solution = None;
                this.status = Status::Open;
            }
            Event::Removed => this.removed = true,
        }
        Ok(())
    }

    /// The handler.
    ///
    /// # Errors
    /// The command is refused.
    pub fn handle(state: Option<&Self>, command: Command) -> Result<Vec<Event>, IncidentError> {
        let open = |state: &Self| {
            if state.status == Status::Open { Ok(()) } else { Err(IncidentError::AlreadyClosed) }
        };
        let state = match (state, command) {
            (None, Command::Report { reporter, text }) => {
                return Ok(vec![Event::Reported(Reported { reporter, text })]);
            }
            (None, _) => return Err(IncidentError::NotFound),
            (Some(state), _) if state.removed => return Err(IncidentError::NotFound),
            (Some(_), Command::Report { .. }) => return Err(IncidentError::AlreadyExists),
            (Some(state), command) => (state, command),
        };
        match state {
            (state, Command::ChangeText { text }) => {
                open(state)?;
                Ok(vec![Event::TextChanged(TextChanged { text })])
            }
            (state, Command::Assign { to }) => {
                open(state)?;
                Ok(vec![Event::Assigned(Assigned { to, from: state.assignee })])
            }
            (state, Command::Close { solution }) => {
                open(state)?;
                Ok(vec![Event::Closed(Closed { solution })])
            }
            (state, Command::Reopen { reason, to }) => {
                if state.status == Status::Open {
                    return Err(IncidentError::NotClosed);
                }
                Ok(vec![
                    Event::Reopened(Reopened { reason }),
                    Event::Assigned(Assigned { to, from: state.assignee }),
                ])
            }
            (_, Command::Remove) => Ok(vec![Event::Removed]),
            (_, Command::Report { .. }) => Err(IncidentError::AlreadyExists),
        }
    }
}

/// The names and payloads of what a command comes to.
///
/// # Errors
/// The command is refused, or an event has no JSON form.
pub fn decide(state: Option<&Incident>, command: Command) -> Result<Vec<crate::Fact>, crate::Error> {
    Incident::handle(state, command)?.iter().map(|event| Ok((event.name(), event.encode()?))).collect()
}
