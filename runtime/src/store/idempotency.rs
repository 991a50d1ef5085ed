//! Keys under which commands are remembered, so that one that is sent again takes effect once.

use super::{Name, RecordedEvent, StoreError};

/// A key under which a commit is remembered as long as its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The category within which the key is unique.
    pub category: Name,
    /// The key, chosen by whoever may send the command again.
    pub key: String,
    /// A hash of the command, so that the same key with another command is noticed.
    pub fingerprint: [u8; 16],
}

impl IdempotencyKey {
    /// No key is longer, in bytes.
    pub const LONGEST: usize = 1_024;

    /// For stores: whether it is a key at all: neither empty nor longer than [`LONGEST`](Self::LONGEST).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&self) -> Result<(), StoreError> {
        match self.key.len() {
            0 => Err(StoreError::invalid("the idempotency key is empty: give one that names the request")),
            length if length > Self::LONGEST => Err(StoreError::invalid(format!(
                "the idempotency key has {length} bytes, at most {} are remembered: give a shorter one, such as a UUID",
                Self::LONGEST
            ))),
            _ => Ok(()),
        }
    }

    /// For stores: the key and its category in one: what a store looks it up by.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "jetstream"))]
    pub(crate) fn hash(&self) -> uuid::Uuid {
        use uuid::Uuid;
        /// What version 5 wants to begin with: no other thing of ours is hashed under it.
        const KEYS: Uuid = Uuid::from_u128(0x2b7d_91c4_43f6_4c0e_8d52_e07a_5e9b_1f66);
        Uuid::new_v5(&Uuid::new_v5(&KEYS, self.category.as_bytes()), self.key.as_bytes())
    }
}

/// What was recorded under a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// The hash of the command that was given under it.
    pub fingerprint: [u8; 16],
    /// The events of the commit, in the order of their positions.
    pub events: Vec<RecordedEvent>,
}
