//! Why a copy did not come to its end.

use super::Difference;
use crate::{
    Version,
    store::{Expected, RecordedEvent, StoreError, StreamId},
};

/// Why a copy did not come to its end. What the target holds stays there; it is a beginning of the source, unless the
/// error says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Source and target are the same store.
    #[error("a store cannot be copied into itself: name another one")]
    SameStore,
    /// The source cannot be read. Run the copy again later.
    #[error("the source cannot be read: {0}")]
    Source(#[source] StoreError),
    /// The target cannot be read, refuses what is to be written, or cannot keep ids and times
    /// ([`Capability::Originals`](crate::store::Capability::Originals)). Run the copy again when that has changed.
    #[error("the target cannot take the copy: {0}")]
    Target(#[source] StoreError),
    /// The target does not say what became of the last events, however often it was asked. Run the copy again: it finds
    /// out.
    #[error(
        "it is unknown whether the target has recorded the last events; run the copy again to find out: {0}"
    )]
    Unknown(#[source] StoreError),
    /// An event of the target is another than that of the source: copy into an empty store. Before the first event is
    /// written, or, in the comparison at the end, because a store does not give back what it was given.
    #[error("the target holds other events than the source: {0}")]
    Differs(Box<Difference>),
    /// The target holds the events of the source and more: somebody has written to it. Copy into an empty store.
    #[error(
        "the target has more events than the source, the first is event {number}, version {} of `{}`",
        event.version, event.stream
    )]
    TargetHasMore {
        /// Which event of the target it is, from 1 on.
        number: u64,
        /// The event.
        event: Box<RecordedEvent>,
    },
    /// The target acknowledged an event that it did not have in the comparison at the end.
    #[error(
        "the target has lost event {number}, version {} of `{}`, which it had acknowledged",
        event.version, event.stream
    )]
    Missing {
        /// Which event of the source it is, from 1 on.
        number: u64,
        /// The event.
        event: Box<RecordedEvent>,
    },
    /// Somebody else has written to the target in the meantime. If it was another copy of the same source, run this one
    /// again.
    #[error(
        "somebody else writes to the target: `{stream}` is at version {actual} there, expected was {expected}"
    )]
    Disturbed {
        /// The stream.
        stream: StreamId,
        /// What was expected of it.
        expected: Expected,
        /// The version that it has in the target.
        actual: Version,
    },
}
