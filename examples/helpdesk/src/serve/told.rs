//! What goes out: incidents and events as JSON.

use chrono::{DateTime, Utc};
use factum::{Position, Receipt, Recorded, Version, Versioned};
use helpdesk::{
    domain::{Incident, IncidentEvent, IncidentNumber},
    views::OpenIncident,
};
use serde::Serialize;

use crate::words;

/// A page of the list.
#[derive(Serialize)]
pub(super) struct Page {
    pub(super) incidents: Vec<OpenIncident>,
    /// Where to go on with `after`; `null` when these were the last.
    pub(super) next: Option<String>,
    /// What was recorded up to here is in it: where to go on with `GET /events?after=`.
    pub(super) position: Position,
}

/// An incident at some version.
#[derive(Serialize)]
pub(super) struct State {
    #[serde(flatten)]
    incident: Incident,
    version: Version,
    removed: bool,
}

impl From<Versioned<Incident>> for State {
    fn from(incident: Versioned<Incident>) -> Self {
        let (version, removed) = (incident.version, incident.ended);
        Self { incident: incident.state, version, removed }
    }
}

/// Something that happened to an incident.
#[derive(Serialize)]
pub(super) struct Happened {
    version: Version,
    at: DateTime<Utc>,
    by: Option<String>,
    event: IncidentEvent,
    /// The same for a person.
    words: String,
}

impl From<&Recorded<IncidentEvent>> for Happened {
    fn from(recorded: &Recorded<IncidentEvent>) -> Self {
        Self {
            version: recorded.version,
            at: recorded.at,
            by: recorded.actor().map(str::to_owned),
            event: recorded.event.clone(),
            words: words::event(&recorded.event),
        }
    }
}

/// What happened to an incident, or a part of it.
#[derive(Serialize)]
pub(super) struct Past {
    pub(super) events: Vec<Happened>,
    /// Where to go on with `after`; `null` when this was all.
    pub(super) next: Option<Version>,
}

/// What a command led to.
#[derive(Serialize)]
pub(super) struct Done {
    number: IncidentNumber,
    version: Version,
    position: Position,
    /// What was recorded; empty when the command led to nothing.
    events: Vec<Happened>,
}

impl Done {
    pub(super) fn new(number: IncidentNumber, receipt: &Receipt<IncidentEvent>) -> Self {
        let events = receipt.events.iter().map(Happened::from).collect();
        Self { number, version: receipt.version, position: receipt.position, events }
    }
}
