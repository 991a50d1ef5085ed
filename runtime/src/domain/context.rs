//! What a decision may know beside the state and the command.

use chrono::{DateTime, Utc};

use super::{Metadata, Version};

/// What a command handler sees as `ctx`: the time of the decision, the aggregate's version, and the metadata.
///
/// Handlers read no clock of their own, so a test decides what time it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Context {
    /// The time of this decision, in UTC with microseconds. A command that is decided again gets a new one. It is
    /// not the time at which the store records the events; that one is given by the store at the commit.
    pub now: DateTime<Utc>,
    /// The version of the aggregate that the command is decided on; [`Version::NONE`] before its first event.
    pub version: Version,
    /// What will be recorded beside the events.
    pub metadata: Metadata,
}

impl Context {
    /// A context for a decision at `now` on an aggregate of this version.
    #[must_use]
    pub fn new(now: DateTime<Utc>, version: Version, metadata: Metadata) -> Self {
        Self { now, version, metadata }
    }

    /// Who gave the command, if that was said.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.metadata.actor.as_deref()
    }
}
