//! The version of an aggregate: how many events its stream holds.

use std::{cmp::Ordering, fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

/// The version of an aggregate: the number of events in its stream, and the number of its last event.
///
/// The first event of a stream has version 1 and versions have no gaps. [`Version::NONE`] is the version of a
/// stream that holds nothing yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// Before the first event.
    pub const NONE: Self = Self(0);
    /// The first event.
    pub const FIRST: Self = Self(1);

    /// The version after `events` events.
    #[must_use]
    pub const fn new(events: u64) -> Self {
        Self(events)
    }

    /// The number of events.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after one more event.
    #[must_use]
    pub const fn next(self) -> Self {
        // Half a thousand years of a billion events a second do not get there.
        Self(self.0.wrapping_add(1))
    }

    /// The version after `events` more events.
    #[must_use]
    pub const fn plus(self, events: u64) -> Self {
        Self(self.0.saturating_add(events))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u64> for Version {
    fn from(events: u64) -> Self {
        Self(events)
    }
}

impl From<Version> for u64 {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl PartialEq<u64> for Version {
    fn eq(&self, events: &u64) -> bool {
        self.0 == *events
    }
}

impl PartialOrd<u64> for Version {
    fn partial_cmp(&self, events: &u64) -> Option<Ordering> {
        self.0.partial_cmp(events)
    }
}

/// Something that is not a version: versions are whole numbers from 0 on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a version: versions are whole numbers, 1 for the first event, 0 for before it")]
pub struct InvalidVersion {
    given: String,
    #[source]
    source: Option<ParseIntError>,
}

impl TryFrom<i64> for Version {
    type Error = InvalidVersion;

    fn try_from(events: i64) -> Result<Self, Self::Error> {
        u64::try_from(events)
            .map(Self)
            .map_err(|_| InvalidVersion { given: events.to_string(), source: None })
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self)
            .map_err(|source| InvalidVersion { given: text.to_owned(), source: Some(source) })
    }
}
