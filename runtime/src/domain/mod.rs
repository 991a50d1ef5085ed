//! The pure core: what an aggregate is and how it decides and folds.
//!
//! Nothing here does I/O, reads a clock or draws a random number; the same input always gives the same output.

mod aggregate;
mod contention;
mod context;
mod copy;
mod decision;
mod decoded;
mod event;
mod evolution;
mod fold;
mod id;
mod metadata;
pub mod model;
mod snapshot;
mod unique;
mod version;

pub use aggregate::{Aggregate, Misplaced};
pub(crate) use contention::contention;
pub use context::Context;
pub use decision::{Decision, IntoEvents, InvalidDecision, Rejection};
pub use decoded::Decoded;
pub use event::{DecodeError, DecodeFailure, Event};
pub(crate) use event::{decode_other, decode_today, only};
pub use fold::{Fold, FoldError, FoldErrorKind, Versioned};
pub use id::{AggregateId, SampleId};
pub use metadata::Metadata;
pub use snapshot::SnapshotRule;
pub use unique::UniqueValue;
pub use version::{InvalidVersion, Version};

pub use aggregate::{Unset, VersionField};
pub use copy::{CanClone, CannotClone, Original};
pub use decision::check_declared;
pub use evolution::{Failure, Infallible, Missing, NewPayload, NextVersion, OldPayload, Older, call};
pub use id::{clone_id, new_uuid};
pub use snapshot::SnapshotState;
pub use unique::unique_parts;
