//! The ends of streams, and where in them reads go on.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::message::Message;
use crate::{
    Version,
    store::{Append, StreamId, key::StoreKey},
};

/// The end of a stream, as it was seen. Whether it still is the end the server finds out when something is appended.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) store: StoreKey,
    pub(super) stream: StreamId,
    /// The version of the last event; 0 where there is none.
    pub(super) version: Version,
    /// The sequence number of the last message; 0 where there is none.
    pub(super) sequence: u64,
    /// The time of the last event, in microseconds.
    pub(super) at: i64,
}

impl End {
    /// The end of a stream that nobody has written to.
    pub(super) const fn none(store: StoreKey, stream: StreamId) -> Self {
        Self { store, stream, version: Version::NONE, sequence: 0, at: 0 }
    }

    /// The end of a stream of which this is the last message.
    pub(super) fn behind(store: StoreKey, stream: StreamId, message: &Message<'_>) -> Self {
        Self { store, stream, version: message.last(), sequence: message.sequence(), at: message.at() }
    }

    /// What the append was given, if it came from this store and is about what the append expects.
    pub(super) fn given(append: &Append, store: StoreKey) -> Option<Self> {
        if append.expected.version() == Some(Version::NONE) {
            return Some(Self::none(store, append.stream.clone()));
        }
        let end = append.tail.as_ref()?.get::<Self>()?;
        let fits = end.store == store && append.expected.version() == Some(end.version);
        (fits && end.stream == append.stream).then(|| end.clone())
    }
}

/// How many places are remembered. When there are more, memory begins anew.
const PLACES: usize = 1024;

/// Where pages of streams ended, so that the next page is found without looking for it.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<(StreamId, Version), u64>>);

impl Places {
    /// The sequence number from which on the event of this version is found, if it is known.
    pub(super) fn get(&self, stream: &StreamId, version: Version) -> Option<u64> {
        self.lock().get(&(stream.clone(), version)).copied()
    }

    pub(super) fn keep(&self, stream: &StreamId, version: Version, sequence: u64) {
        let mut places = self.lock();
        if places.len() >= PLACES {
            places.clear();
        }
        places.insert((stream.clone(), version), sequence);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(StreamId, Version), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
