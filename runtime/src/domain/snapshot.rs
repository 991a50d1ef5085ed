//! When the state of an aggregate is kept, and how it is told whether one that was kept is still what the events come to.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

/// What `#[aggregate(snapshot(every = n, epoch = n))]` says, and what the derive found out for it.
pub struct SnapshotRule<A> {
    every: u64,
    fingerprint: [u8; 16],
    encode: fn(&A) -> Result<String, serde_json::Error>,
    decode: fn(&str) -> Result<A, serde_json::Error>,
}

impl<A> SnapshotRule<A> {
    /// A snapshot each time that so many events were folded (0 counts as 1), by code with this fingerprint.
    #[must_use]
    pub const fn new(every: u64, fingerprint: u128) -> Self
    where
        A: SnapshotState,
    {
        Self { every, fingerprint: fingerprint.to_be_bytes(), encode: encode::<A>, decode: decode::<A> }
    }

    /// After how many events there is another snapshot.
    #[must_use]
    pub const fn every(&self) -> u64 {
        if self.every == 0 { 1 } else { self.every }
    }

    /// A hash of what the derive sees: the fields with their types and serde attributes, the rules of the fold, the events with
    /// their payloads, and the epoch. Comments, white space and commands do not change it. It is the same on every machine
    /// and by every compiler.
    #[must_use]
    pub const fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }

    pub(crate) fn encode(&self, state: &A) -> Result<String, serde_json::Error> {
        (self.encode)(state)
    }

    pub(crate) fn decode(&self, state: &str) -> Result<A, serde_json::Error> {
        (self.decode)(state)
    }
}

/// A state that can be kept and read back.
#[diagnostic::on_unimplemented(
    message = "the state of `{Self}` can be neither kept nor read back",
    label = "snapshots of it are asked for",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to `{Self}`"
)]
pub trait SnapshotState: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<A: Serialize + DeserializeOwned> SnapshotState for A {}

fn encode<A: Serialize>(state: &A) -> Result<String, serde_json::Error> {
    serde_json::to_string(state)
}

fn decode<A: DeserializeOwned>(state: &str) -> Result<A, serde_json::Error> {
    serde_json::from_str(state)
}

impl<A> Clone for SnapshotRule<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for SnapshotRule<A> {}

impl<A> fmt::Debug for SnapshotRule<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = u128::from_be_bytes(self.fingerprint);
        f.debug_struct("SnapshotRule")
            .field("every", &self.every)
            .field("fingerprint", &format_args!("{fingerprint:032x}"))
            .finish_non_exhaustive()
    }
}
