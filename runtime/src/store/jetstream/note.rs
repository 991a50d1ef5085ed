//! What stands in messages that are no events: who holds a value, what a key stands for, what is on record.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{get::Stored, message::damaged};
use crate::store::{StoreError, StreamId};

/// What such a message begins with, and one with events never does. Marks are empty.
const NOTE: u8 = b'#';

/// Whether what stands in a message is no events.
pub(super) fn is_note(payload: &[u8]) -> bool {
    payload.first().is_none_or(|first| *first == NOTE)
}

/// Who holds a value.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Held {
    /// That of the constraint, when the value was taken. A constraint that is put on record again has another one, so what
    /// was held before is free.
    pub(super) generation: u64,
    /// The category and the id of the stream; none where the value was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<(String, String)>,
}

impl Held {
    pub(super) fn new(generation: u64, holder: Option<&StreamId>) -> Self {
        let names = |stream: &StreamId| (stream.category().to_string(), stream.id().to_owned());
        Self { generation, holder: holder.map(names) }
    }

    pub(super) fn holder(&self) -> Option<StreamId> {
        self.holder.as_ref().map(|(category, id)| StreamId::new(category.as_str(), id))
    }
}

/// What was recorded under a key. Its message is the first one of the commit.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Kept {
    /// The fingerprint of the command.
    pub(super) fingerprint: Uuid,
    /// How many messages the commit has, this one among them.
    pub(super) messages: u32,
}

/// The constraints that are on record for a category.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Record {
    pub(super) constraints: Vec<OnRecord>,
}

/// A constraint that is on record.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct OnRecord {
    pub(super) name: String,
    /// Whether it is; else it is being built.
    pub(super) in_force: bool,
    /// Another one each time that it is put on record.
    pub(super) generation: u64,
}

/// What stands in the message.
pub(super) fn encode(note: &impl Serialize) -> Result<Bytes, StoreError> {
    let mut payload = vec![NOTE];
    serde_json::to_writer(&mut payload, note)
        .map_err(|cause| StoreError::invalid("a note about the commit cannot be written").because(cause))?;
    Ok(payload.into())
}

pub(super) fn decode<T: DeserializeOwned>(stored: &Stored) -> Result<T, StoreError> {
    let note = stored.payload.strip_prefix(&[NOTE]).ok_or_else(|| damaged(stored.sequence))?;
    serde_json::from_slice(note).map_err(|cause| damaged(stored.sequence).because(cause))
}
