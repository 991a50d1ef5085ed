//! Events as they were recorded, and pages of them.

use std::{
    any::Any,
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Fact, Name, Payload, Position, StreamId};
use crate::{Metadata, Version};

/// The id of a recorded event, unique in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as a store recorded it: the payload still in its stored form, and the envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEvent {
    /// The id of the event: see [`Commit::event_id`](crate::store::Commit::event_id).
    pub id: EventId,
    /// The stream that it belongs to.
    pub stream: StreamId,
    /// Its number in the stream, from 1 on.
    pub version: Version,
    /// Where it stands among all events of the store.
    pub position: Position,
    /// The stored name.
    pub name: Name,
    /// The schema version in which it was recorded.
    pub schema: u32,
    /// Its fields.
    pub payload: Payload,
    /// When the store recorded it; microseconds.
    pub at: DateTime<Utc>,
    /// Who, in answer to what; `None` where nothing was said.
    pub metadata: Option<Arc<Metadata>>,
}

impl RecordedEvent {
    /// The event without its envelope.
    #[must_use]
    pub fn fact(&self) -> Fact<'_> {
        Fact::new(self.version, &self.name, self.schema, &self.payload)
    }

    /// Who, in answer to what, and other notes.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        Metadata::or_nothing(self.metadata.as_deref())
    }

    /// Who gave the command.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.metadata().actor.as_deref()
    }
}

/// Some events of one stream.
#[derive(Clone, Debug, Default)]
pub struct StreamPage {
    /// The events, oldest first.
    pub events: Vec<RecordedEvent>,
    /// Where to read on; `None` when this was the end of the stream.
    pub next: Option<Version>,
    /// What the store wants handed back with an append after the last of these events; only at the end of the
    /// stream.
    pub tail: Option<Tail>,
}

/// Some events of the whole store.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The events, in the order of their positions.
    pub events: Vec<RecordedEvent>,
    /// How far this page looked: every event up to here that matches has been read.
    pub last: Position,
    /// Whether there was nothing more to read.
    pub end: bool,
}

/// What a read of a stream hands back for the append that follows: whatever the backend needs to find the end of the
/// stream again. It is a hint from the store to itself; without it an append does the same, perhaps more slowly.
#[derive(Clone)]
pub struct Tail(Arc<dyn Any + Send + Sync>);

impl Tail {
    /// For stores: keeps this value.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(value))
    }

    /// For stores: the value, if it is of this type.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tail")
    }
}

/// The time, in the microseconds that every store keeps.
pub(crate) fn now() -> DateTime<Utc> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).ok().and_then(DateTime::from_timestamp_micros).unwrap_or_default()
}
