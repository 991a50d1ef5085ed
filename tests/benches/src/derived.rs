//! The Incident of the README, annotated.

use factum::{Aggregate, View};
use serde::{Deserialize, Serialize};

use crate::{IncidentError, Status};

/// A broken thing somebody reported.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(error = IncidentError)]
#[events {
    #[creates]
    Reported { reporter, text },
    TextChanged { text },
    Assigned { to: u64, #[audit] from: Option<u64> = self.assignee },
    Closed { solution: String },
    Reopened { #[audit] reason: String },
    #[ends]
    Removed,
}]
#[commands {
    Report => Reported,
    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    ChangeText => TextChanged,
    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    Assign => Assigned,
    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    Close => Closed,
    #[decide(self.reopen(reason, to))]
    Reopen { reason: String, to: u64 } => Reopened | Assigned,
    Remove => Removed,
}]
pub struct Incident {
    /// Its number.
    #[id]
    pub number: u64,
    /// Who reported it.
    pub reporter: u64,
    /// What is broken.
    pub text: String,
    /// Who takes care of it.
    #[on(Assigned = Some(to))]
    pub assignee: Option<u64>,
    /// How it was mended.
    #[on(Closed = Some(solution), Reopened = None)]
    pub solution: Option<String>,
    /// Whether it is open.
    #[on(Reported | Reopened = Status::Open, Closed = Status::Closed)]
    pub status: Status,
    /// How often the text changed.
    #[on(TextChanged += 1)]
    pub edits: u32,
}

impl Incident {
    fn reopen(&self, reason: String, to: u64) -> Result<[IncidentEvent; 2], IncidentError> {
        if self.status == Status::Open {
            return Err(IncidentError::NotClosed);
        }
        Ok([IncidentEvent::Reopened { reason }, IncidentEvent::Assigned { to, from: self.assignee }])
    }
}

/// The same with snapshots, and only to be loaded.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(category = "incident", snapshot(every = 100))]
#[events {
    #[creates]
    #[retired]
    Reported { reporter, text },
    #[retired]
    TextChanged { text },
    #[retired]
    Assigned { to: u64, #[audit] from: Option<u64> },
    #[retired]
    Closed { solution: String },
    #[retired]
    Reopened { #[audit] reason: String },
}]
pub struct Kept {
    /// Its number.
    #[id]
    pub number: u64,
    /// Who reported it.
    pub reporter: u64,
    /// What is broken.
    pub text: String,
    /// Who takes care of it.
    #[on(Assigned = Some(to))]
    pub assignee: Option<u64>,
    /// How it was mended.
    #[on(Closed = Some(solution), Reopened = None)]
    pub solution: Option<String>,
    /// Whether it is open.
    #[on(Reported | Reopened = Status::Open, Closed = Status::Closed)]
    pub status: Status,
    /// How often the text changed.
    #[on(TextChanged += 1)]
    pub edits: u32,
}

/// What there is, at a glance.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Incident), remove_on(Removed))]
pub struct Overview {
    /// Its number.
    #[key]
    pub number: u64,
    /// What is broken.
    #[on(Reported, TextChanged)]
    pub text: String,
    /// Who takes care of it.
    #[on(Reported = None, Assigned = Some(to))]
    pub assignee: Option<u64>,
    /// Whether it is open.
    #[on(Reported | Reopened = true, Closed = false)]
    pub open: bool,
    /// How often the text changed.
    #[on(Reported = 0, TextChanged += 1)]
    pub edits: u64,
}

/// Somebody who signs up, with an address that nobody else has.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[events {
    #[creates]
    Registered { email },
}]
#[commands { Register => Registered }]
pub struct Member {
    /// The number.
    #[id]
    pub number: uuid::Uuid,
    /// The address.
    #[unique(by = str::to_lowercase)]
    pub email: String,
}

/// The same without the rule.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[events {
    #[creates]
    Registered { email },
}]
#[commands { Register => Registered }]
pub struct Guest {
    /// The number.
    #[id]
    pub number: uuid::Uuid,
    /// The address.
    pub email: String,
}
