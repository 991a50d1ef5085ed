//! What a store does and does not do.

use std::{borrow::Cow, fmt};

use super::{Commit, StoreError};

/// Something that not every store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Unique values, taken and released with a commit.
    Claims,
    /// Keys under which commands are remembered.
    IdempotencyKeys,
    /// Rows of transactional views, written with a commit.
    Rows,
    /// Snapshots of state.
    Snapshots,
    /// Ids and times of events that were recorded before, in another store.
    Originals,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claims => "unique claims",
            Self::IdempotencyKeys => "idempotency keys",
            Self::Rows => "rows of transactional views",
            Self::Snapshots => "snapshots",
            Self::Originals => "keeping ids and times of events recorded elsewhere",
        })
    }
}

/// What a store does, with its settings as they are in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What it can do beyond events.
    pub supported: Cow<'static, [Capability]>,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Whether [`Store::wait`](super::Store::wait) is woken by writes of other processes too, rather than looking at
    /// intervals.
    pub wakes: bool,
    /// How many machines keep a copy of what is acknowledged, as far as the store knows.
    pub replicas: usize,
    /// The largest payload that an event may have, in bytes; `None` where nothing but memory and disk bound it.
    pub largest_payload: Option<usize>,
}

impl Capabilities {
    /// Of a store that does nothing beyond events and is of this durability.
    #[must_use]
    pub const fn new(durability: Durability) -> Self {
        Self { supported: Cow::Borrowed(&[]), durability, wakes: false, replicas: 1, largest_payload: None }
    }

    /// Of one that does these things too.
    #[must_use]
    pub fn supporting(mut self, supported: impl Into<Cow<'static, [Capability]>>) -> Self {
        self.supported = supported.into();
        self
    }

    /// Whether the store does this.
    #[must_use]
    pub fn supports(&self, capability: Capability) -> bool {
        self.supported.contains(&capability)
    }

    /// For stores: refuses a commit that asks for something the store does not do.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unsupported`](super::StoreErrorKind::Unsupported) with the first such thing.
    pub fn check(&self, commit: &Commit) -> Result<(), StoreError> {
        let asked = [
            (!commit.claims.is_empty(), Capability::Claims),
            (commit.key.is_some(), Capability::IdempotencyKeys),
            (!commit.rows.is_empty(), Capability::Rows),
            (!commit.originals.is_empty(), Capability::Originals),
        ];
        match asked.into_iter().find(|(asked, capability)| *asked && !self.supports(*capability)) {
            Some((_, capability)) => Err(StoreError::unsupported(capability)),
            None => Ok(()),
        }
    }
}

/// What an acknowledged commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// It cannot be found out.
    Unknown,
    /// Nothing: it lives as long as the process.
    Process,
    /// The death of the process, not that of the machine.
    Crash,
    /// The death of the machine: it was on stable storage before it was acknowledged.
    PowerLoss,
}
