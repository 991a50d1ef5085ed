//! The state of an aggregate, kept so that a load need not begin at the first event.

use uuid::Uuid;

use super::{EventId, Payload, StreamId};
use crate::Version;

/// The state of an aggregate at a version.
///
/// It is a cache of what the events come to. A store keeps one for a stream, the one that it was given last, and need not
/// understand it; whoever reads it decides whether it can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The stream.
    pub stream: StreamId,
    /// The number of events that it is the fold of.
    pub version: Version,
    /// The last of them: in a stream that was cut off, or restored from a backup and gone another way, there is another
    /// event at that version, or none.
    pub last: EventId,
    /// What the code was like that made it; to other code it says nothing. See
    /// [`SnapshotRule`](crate::SnapshotRule).
    pub fingerprint: [u8; 16],
    /// The process that folded the events from the first one on, which this goes back to, perhaps through other snapshots.
    pub origin: Uuid,
    /// The state.
    pub state: Payload,
}
