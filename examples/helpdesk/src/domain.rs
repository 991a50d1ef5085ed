//! The domain: what an incident is, what can happen to it, and what can be asked of it.
//!
//! There is nothing else that a reader of the business rules has to know, and nothing here does I/O.
#![allow(missing_docs, reason = "the names of the domain say what they mean")]

#[cfg(test)]
mod tests;

use factum::Aggregate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(factum::Id, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IncidentNumber(Uuid);

#[derive(factum::Id, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserNumber(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Open,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncidentError {
    #[error("it is closed already")]
    AlreadyClosed,
    #[error("it is still open")]
    StillOpen,
}

/// A broken thing somebody reported.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(error = IncidentError)]
#[events {
    /// Somebody reported that something is broken.
    #[creates]
    Reported { reporter, text },
    /// The description was corrected.
    TextChanged { text },
    /// Somebody else takes care of it now.
    Assigned { to: UserNumber, #[audit] from: Option<UserNumber> = self.assignee },
    Closed { solution: String },
    Reopened { #[audit] reason: String },
    /// Nothing is ever deleted: removal is one more event, and the last one.
    #[ends]
    Removed,
}]
#[commands {
    Report => Reported,

    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    ChangeText => TextChanged,

    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    Close => Closed,

    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    Assign => Assigned,

    #[decide(self.reopen(reason, to))]
    Reopen { reason: String, to: UserNumber } => Reopened | Assigned,

    Remove => Removed,
}]
pub struct Incident {
    #[id]
    pub number: IncidentNumber,
    pub reporter: UserNumber,
    pub text: String,
    #[on(Assigned = Some(to))]
    pub assignee: Option<UserNumber>,
    #[on(Closed = Some(solution), Reopened = None)]
    pub solution: Option<String>,
    #[on(Reported | Reopened = Status::Open, Closed = Status::Closed)]
    pub status: Status,
    #[on(TextChanged += 1)]
    pub edits: u32,
}

impl Incident {
    /// Whoever reopens an incident names who takes care of it now. If that is who did before, nothing is assigned.
    fn reopen(&self, reason: String, to: UserNumber) -> Result<Vec<IncidentEvent>, IncidentError> {
        if self.status == Status::Open {
            return Err(IncidentError::StillOpen);
        }
        let mut events = vec![IncidentEvent::Reopened { reason }];
        if self.assignee != Some(to) {
            events.push(IncidentEvent::Assigned { to, from: self.assignee });
        }
        Ok(events)
    }
}
