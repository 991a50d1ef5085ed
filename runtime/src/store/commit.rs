//! What a program asks a store to record, and what the store answers.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use uuid::{Builder, Uuid};

use super::{
    AppendError, Claim, ClaimChange, EventId, Fact, IdempotencyKey, Name, Payload, Position, StoreError,
    StreamId, Tail,
};
use crate::{Metadata, Version, read::RowOp};

/// One all-or-nothing change: events for one or several streams, and what takes effect together with them.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The id by which a store knows the commit when it is given again.
    pub id: CommitId,
    /// The events, at most one [`Append`] for a stream. Their positions ascend in the order in which they stand here, and
    /// no event of another commit is between them.
    pub appends: Vec<Append>,
    /// Unique values taken and released.
    pub claims: Vec<ClaimChange>,
    /// The key under which the command is remembered.
    pub key: Option<IdempotencyKey>,
    /// The names of the constraints that the writer knows, of the categories of its appends. A store that has others on
    /// record for them refuses the commit.
    pub constraints: Vec<Name>,
    /// What transactional views write, one after the other: in the same database, in the same transaction.
    pub rows: Vec<RowOp>,
    /// For events that were recorded before, in another store: the id and the time of each event of the commit, counted
    /// over all appends as in [`CommitId::event`]. Empty for what happens now.
    pub originals: Vec<Original>,
}

impl Commit {
    /// How many events one commit may have: as many as its id has numbers for.
    pub const MOST_EVENTS: usize = 65_536;

    /// A commit of these appends, with a new id and nothing else.
    #[must_use]
    pub fn new(appends: Vec<Append>) -> Self {
        Self::with_id(CommitId::new(), appends)
    }

    /// A commit of these appends under this id, and nothing else.
    #[must_use]
    pub const fn with_id(id: CommitId, appends: Vec<Append>) -> Self {
        Self {
            id,
            appends,
            claims: Vec::new(),
            key: None,
            constraints: Vec::new(),
            rows: Vec::new(),
            originals: Vec::new(),
        }
    }

    /// The same commit, of events that were recorded before, in another store. See [`originals`](Self::originals).
    #[must_use]
    pub fn with_originals(mut self, originals: Vec<Original>) -> Self {
        self.originals = originals;
        self
    }

    /// For stores: the id of the event with this index, counted over all appends from 0 on. It is the id under which the
    /// event is recorded, and by which a commit that is given again is recognised.
    #[must_use]
    pub fn event_id(&self, index: usize) -> EventId {
        self.originals.get(index).map_or_else(|| self.id.event(index), |original| original.id)
    }

    /// For stores: when the event with this index was recorded before, in microseconds since 1970; `None` for what happens
    /// now. It is recorded with this time or with that of its stream's previous event, whichever is later.
    #[must_use]
    pub fn event_at(&self, index: usize) -> Option<i64> {
        self.originals.get(index).map(|original| original.at.timestamp_micros())
    }

    /// For stores: whether the commit is one at all: it has events in each append, no stream twice, not more than
    /// [`MOST_EVENTS`](Self::MOST_EVENTS), as many originals as events or none, a key that is one, and nobody takes a
    /// value twice; and its rows fit into their tables.
    ///
    /// # Errors
    /// What is wrong, as a definite failure; [`AppendError::Row`] for a row.
    pub fn validate(&self) -> Result<(), AppendError> {
        if self.appends.is_empty() {
            return Err(StoreError::invalid("the commit has no appends").into());
        }
        if let Some(empty) = self.appends.iter().find(|append| append.events.is_empty()) {
            return Err(StoreError::invalid(format!("the append to `{}` has no events", empty.stream)).into());
        }
        let events: usize = self.appends.iter().map(|append| append.events.len()).sum();
        if events > Self::MOST_EVENTS {
            return Err(StoreError::invalid(format!(
                "the commit has {events} events; at most {} can be recorded at once",
                Self::MOST_EVENTS
            ))
            .into());
        }
        if !self.originals.is_empty() && self.originals.len() != events {
            let originals = self.originals.len();
            return Err(StoreError::invalid(format!(
                "the commit has {events} events and {originals} originals: give one for each event, or none"
            ))
            .into());
        }
        if self.appends.len() > 1 {
            let mut streams = HashSet::new();
            if let Some(again) = self.appends.iter().find(|append| !streams.insert(&append.stream)) {
                let stream = &again.stream;
                return Err(StoreError::invalid(format!("the commit has two appends to `{stream}`")).into());
            }
        }
        if let Some(key) = &self.key {
            key.validate()?;
        }
        if self.claims.len() > 1 {
            let mut values = HashSet::new();
            let again = self.claims.iter().find(|change| {
                let taken = matches!(change, ClaimChange::Take(_));
                !values.insert((change.claim().value, taken))
            });
            if let Some(again) = again {
                let Claim { constraint, owner, .. } = again.claim();
                return Err(StoreError::invalid(format!(
                    "the commit takes or releases a value of `{constraint}` twice, once for `{owner}`"
                ))
                .into());
            }
        }
        for row in &self.rows {
            row.validate(events)?;
        }
        Ok(())
    }
}

/// The id of a commit, unique in the world. A commit that is given again under its id takes effect once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitId(Uuid);

impl CommitId {
    /// The low bits that count the events of the commit.
    const COUNTER: u128 = 0xFFFF;

    /// A new id, a UUID of version 7: it ascends with the time.
    #[must_use]
    pub fn new() -> Self {
        // Random where the process began to count; asking for randomness each time would be most of the cost.
        static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(Uuid::now_v7().as_u64_pair().1));
        // The lowest bytes come last: the UUID's version and variant overwrite bits of the first three.
        let [a, b, c, d, e, f, g, h] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let milliseconds = u64::try_from(Utc::now().timestamp_millis()).unwrap_or_default();
        let unique = [a, b, c, d, e, f, g, h, 0, 0];
        Self::from_uuid(Builder::from_unix_timestamp_millis(milliseconds, &unique).into_uuid())
    }

    /// The id made of this UUID. Its last 16 bits are ignored: they count events.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(Uuid::from_u128(uuid.as_u128() & !Self::COUNTER))
    }

    /// The UUID in it.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }

    /// The id of the commit's event with this index, counted over all of its appends from 0 on. So an event tells
    /// which commit recorded it, and a store needs nothing more to recognise a commit that is given again.
    #[must_use]
    pub const fn event(self, index: usize) -> EventId {
        EventId(Uuid::from_u128(self.0.as_u128().wrapping_add(index as u128)))
    }
}

impl Default for CommitId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Events for one stream.
#[derive(Clone, Debug)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// What the stream must be like for the commit to take effect.
    pub expected: Expected,
    /// What the last read of the stream handed back, if it was read.
    pub tail: Option<Tail>,
    /// The events, in order; at least one.
    pub events: Vec<NewEvent>,
}

/// What a stream must be like for an append to take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nobody has written to it.
    NoStream,
    /// It is at exactly this version. `Exact(Version::NONE)` is the same as `NoStream`.
    Exact(Version),
    /// Whatever it is like.
    Any,
}

impl Expected {
    /// The version that is expected, if one is.
    #[must_use]
    pub const fn version(self) -> Option<Version> {
        match self {
            Self::NoStream => Some(Version::NONE),
            Self::Exact(version) => Some(version),
            Self::Any => None,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStream => f.write_str("no stream"),
            Self::Exact(version) => write!(f, "version {version}"),
            Self::Any => f.write_str("any version"),
        }
    }
}

/// An event to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// The stored name.
    pub name: Name,
    /// The schema version of the payload.
    pub schema: u32,
    /// The fields.
    pub payload: Payload,
    /// Who, in answer to what; `None` where there is nothing to say.
    pub metadata: Option<Arc<Metadata>>,
}

impl NewEvent {
    /// What a fold will need of it when it stands at this version.
    pub(crate) fn fact(&self, version: Version) -> Fact<'_> {
        Fact::new(version, &self.name, self.schema, &self.payload)
    }
}

/// What an event had in the store in which it was recorded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its id.
    pub id: EventId,
    /// When it was recorded; what is finer than a microsecond is cut off.
    pub at: DateTime<Utc>,
}

/// A commit that took effect.
#[derive(Clone, Debug)]
pub struct Committed {
    /// For each append of the commit, in the same order, what became of it.
    pub appends: Vec<Appended>,
}

impl Committed {
    /// The position of the last event of the commit.
    #[must_use]
    pub fn position(&self) -> Position {
        self.appends.iter().flat_map(|append| append.positions.iter().copied()).max().unwrap_or_default()
    }
}

/// An append that took effect.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The version of the first of its events; the others follow without gaps.
    pub first: Version,
    /// The position of each event, ascending.
    pub positions: Vec<Position>,
    /// The time of the last of its events; microseconds. All have the same, but for [originals](Commit::originals).
    pub at: DateTime<Utc>,
    /// What the store wants handed back with the next append to the stream.
    pub tail: Option<Tail>,
}
