//! Who, in answer to what, and whatever else is worth keeping beside an event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is recorded beside every event of a command: who gave it, what it belongs to, what caused it, and free notes.
///
/// ```
/// let metadata = factum::Metadata::by("ann").correlation("request-17").note("reason", "customer called");
/// assert_eq!(metadata.actor.as_deref(), Some("ann"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Who gave the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What ties together everything that one request set off, across aggregates and services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// What this is the direct answer to: an event's id, a message's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// Anything else: the reason, the client's version, a ticket number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, Value>,
}

impl Metadata {
    /// Nothing to tell.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The command was given by `actor`.
    #[must_use]
    pub fn by(actor: impl Into<String>) -> Self {
        Self { actor: Some(actor.into()), ..Self::default() }
    }

    /// Sets the correlation id.
    #[must_use]
    pub fn correlation(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }

    /// Sets the causation id.
    #[must_use]
    pub fn causation(mut self, id: impl Into<String>) -> Self {
        self.causation_id = Some(id.into());
        self
    }

    /// Adds a note; one of the same name is replaced.
    #[must_use]
    pub fn note(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.notes.insert(name.into(), value.into());
        self
    }

    /// What was recorded, or nothing.
    pub(crate) fn or_nothing(recorded: Option<&Self>) -> &Self {
        static NOTHING: Metadata =
            Metadata { actor: None, correlation_id: None, causation_id: None, notes: BTreeMap::new() };
        recorded.unwrap_or(&NOTHING)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actor.is_none()
            && self.correlation_id.is_none()
            && self.causation_id.is_none()
            && self.notes.is_empty()
    }
}
