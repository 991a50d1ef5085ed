//! What is asked of many incidents at once, kept ready by their events.
#![allow(missing_docs, reason = "the names of the domain say what they mean")]

use chrono::{DateTime, Utc};
use factum::{Version, View};
use serde::{Deserialize, Serialize};

use crate::domain::{Incident, IncidentNumber, UserNumber};

/// The list of the help desk: the incidents, whether open or closed, without those that were removed.
#[derive(View, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[view(of(Incident), remove_on(Removed))]
pub struct OpenIncident {
    #[key]
    pub number: IncidentNumber,
    #[on(Reported, TextChanged)]
    pub text: String,
    #[on(Reported)]
    pub reporter: UserNumber,
    #[index]
    #[on(Reported = None, Assigned = Some(to))]
    pub assignee: Option<UserNumber>,
    #[index]
    #[on(Reported | Reopened = true, Closed = false)]
    pub open: bool,
    #[index]
    #[on(Reported = recorded.at)]
    pub since: DateTime<Utc>,
    #[on(Reported | TextChanged | Assigned | Closed | Reopened = recorded.version)]
    pub version: Version,
}

/// What each user has had to do with incidents so far.
#[derive(View, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[view(of(Incident), create_on(Reported, Assigned))]
pub struct Workload {
    #[key(Reported = reporter, Assigned = to)]
    pub user: UserNumber,
    #[on(Reported += 1)]
    pub reported: i64,
    #[on(Assigned += 1)]
    pub assigned: i64,
}
