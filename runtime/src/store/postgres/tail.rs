//! The end of a stream: what an append needs, and what a read tells it.

use std::cell::RefCell;

use uuid::Uuid;

use crate::{
    Version,
    store::{Append, Name, StreamId, key::StoreKey},
};

/// The end of a stream, as it was seen. Whether it still is the end is found out when something is appended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) store: StoreKey,
    pub(super) stream: StreamId,
    /// What stands for the stream in the tables.
    pub(super) key: Uuid,
    /// The version of the last event.
    pub(super) version: Version,
    /// The time of the last event, in microseconds.
    pub(super) at: i64,
    /// The number of the session that read it there.
    pub(super) seen_by: Option<u64>,
}

impl End {
    /// What the append was given, if it came from this store and is about what the append expects.
    pub(super) fn given(append: &Append, store: StoreKey) -> Option<&Self> {
        let end = append.tail.as_ref()?.get::<Self>()?;
        let fits = end.store == store && append.expected.version() == Some(end.version);
        (fits && end.stream == append.stream).then_some(end)
    }
}

/// What stands for a stream in the tables: the UUID of version 5 of its id in the namespace that is the one of its
/// category.
pub(super) fn stream_key(stream: &StreamId) -> Uuid {
    Uuid::new_v5(&namespace(stream.category()), stream.id().as_bytes())
}

fn namespace(category: &Name) -> Uuid {
    const STREAMS: Uuid = Uuid::from_u128(0xb0a6_8de8_6f5c_4f6e_9c1c_6a0a_2f6d_51c3);
    thread_local! {
        /// That of the category before, which is mostly the same one: a hash costs as much as a hundred other steps.
        static LAST: RefCell<Option<(Name, Uuid)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| match last {
        Some((of, namespace)) if of == category => *namespace,
        _ => last.insert((category.clone(), Uuid::new_v5(&STREAMS, category.as_bytes()))).1,
    })
}

/// A version as PostgreSQL keeps it. There is none behind the largest number that it knows.
pub(super) fn from_version(version: Version) -> i64 {
    i64::try_from(version.get()).unwrap_or(i64::MAX)
}
