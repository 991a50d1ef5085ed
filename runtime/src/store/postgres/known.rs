//! What reads of the whole store need not make again: names and streams that were met.

use std::hash::{DefaultHasher, Hasher};

use super::text;
use crate::store::{StreamId, name::Names};

/// Names and streams, and whether there are payloads of other formats than JSON.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) names: Names,
    pub(super) streams: Streams,
    pub(super) other_formats: bool,
}

/// Streams that were read before, so that the next event of one of them costs no allocation. Each has one place, which it
/// may have to leave to another: so there are never more of them.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Option<StreamId>>);

impl Streams {
    /// How many are remembered.
    const MOST: usize = 4096;

    fn place(id: &[u8]) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write(id);
        hasher.finish() as usize % Self::MOST
    }

    /// The stream whose category and id were sent like this.
    pub(super) fn get(&self, category: &[u8], id: &[u8]) -> Option<StreamId> {
        let known = self.0.get(Self::place(id))?.as_ref()?;
        (known.id().as_bytes() == id && known.category().as_bytes() == category).then(|| known.clone())
    }

    /// Remembers it, if it was sent as itself.
    pub(super) fn keep(&mut self, id: &[u8], stream: &StreamId) {
        if !text::is_itself(id) || !text::is_itself(stream.category().as_bytes()) {
            return;
        }
        if self.0.is_empty() {
            self.0.resize(Self::MOST, None);
        }
        if let Some(place) = self.0.get_mut(Self::place(id)) {
            *place = Some(stream.clone());
        }
    }
}
