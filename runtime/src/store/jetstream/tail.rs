//! The end of a stream: what an append needs, and what a read tells it.

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
    /// The time of the last event, in microseconds; before all times where there is none.
    pub(super) at: i64,
}

impl End {
    /// The end of a stream that nobody has written to.
    pub(super) const fn none(store: StoreKey, stream: StreamId) -> Self {
        Self { store, stream, version: Version::NONE, at: i64::MIN }
    }

    /// The end of a stream of which this is the last message.
    pub(super) fn behind(store: StoreKey, stream: StreamId, message: &Message<'_>) -> Self {
        Self { store, stream, version: message.last(), at: message.at() }
    }

    /// What the append was given, if it came from this store and is about what the append expects. Its version is then
    /// the last one of a message: to append behind any other would put two events in one place.
    pub(super) fn given(append: &Append, store: StoreKey) -> Option<Self> {
        if append.expected.version() == Some(Version::NONE) {
            return Some(Self::none(store, append.stream.clone()));
        }
        let end = append.tail.as_ref()?.get::<Self>()?;
        let fits = end.store == store && append.expected.version() == Some(end.version);
        (fits && end.stream == append.stream).then(|| end.clone())
    }
}
