#![doc = include_str!("../../README.md")]
#![allow(clippy::test_attr_in_doctest, reason = "the README shows a test as a user writes it")]

pub mod app;
mod codec;
pub mod copy;
pub mod document;
mod domain;
mod fnv;
pub mod handler;
pub mod observe;
mod open;
pub mod process;
#[cfg(feature = "jetstream")]
pub mod publish;
pub mod read;
mod reader;
mod replay;
mod repository;
pub mod store;
pub mod testing;
pub mod view;

pub use app::{App, Consistency, RunningApp};
pub use copy::copy;
pub use domain::{
    Aggregate, AggregateId, Context, Decision, DecodeError, DecodeFailure, Decoded, Event, Fold, FoldError,
    FoldErrorKind, IntoEvents, InvalidDecision, InvalidVersion, Metadata, Misplaced, Rejection, SampleId,
    SnapshotRule, UniqueValue, Version, Versioned, model,
};
pub use factum_macros::{Aggregate, Id, View};
pub use open::{open, open_existing};
pub use replay::{Replayed, Span, replay};
pub use repository::{
    BuildClaimsError, BuiltClaims, Conflict, Duplicate, Execute, ExecuteError, History, Late, LoadError,
    Receipt, Recorded, Repository, Retry, SnapshotCounts, Taken, Transaction, TransactionError,
    TransactionErrorKind, ViewRefused, transaction,
};
pub use store::{Position, Store};
pub use view::View;

/// What generated code refers to. Not for use by hand: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use factum_macros::__view as view;
    pub use serde;

    pub use crate::domain::{
        CanClone, CannotClone, Failure, Infallible, Missing, NewPayload, NextVersion, OldPayload, Older,
        Original, SnapshotState, Unset, VersionField, call, check_declared, clone_id, new_uuid, unique_parts,
    };
    pub use crate::view::generated::{
        IdOfStream, InnerId, LeftOut, OfEvents, TextId, by_stream, columns, each, stand_in,
    };
}
