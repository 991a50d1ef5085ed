//! What was recorded under idempotency keys.

use uuid::Uuid;

use super::{
    JetStreamStore,
    message::{Names, damaged},
    note::{self, Kept},
    outgoing::MOST_MESSAGES,
};
use crate::store::{IdempotencyKey, Remembered, StoreError};

impl JetStreamStore {
    /// What was recorded under this key.
    pub(super) async fn kept(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError> {
        let Some(stored) = self.server.last(&self.subjects.key(key)).await? else { return Ok(None) };
        let Kept { fingerprint, messages } = note::decode(&stored)?;
        let mut remembered = Remembered { fingerprint: fingerprint.into_bytes(), events: Vec::new() };
        let mut names = Names::default();
        if messages as usize > MOST_MESSAGES {
            return Err(damaged(stored.sequence));
        }
        for stored in self.these(stored.sequence, messages).await? {
            if let Some(message) = self.event_message(&stored)? {
                if message.part().1 != messages {
                    return Err(damaged(stored.sequence));
                }
                message.events(None, &mut names, |event| remembered.events.push(event))?;
            }
        }
        Ok(Some(remembered))
    }

    /// Whether something was recorded under this key.
    pub(super) async fn is_used(&self, key: &IdempotencyKey) -> Result<bool, StoreError> {
        Ok(self.server.last(&self.subjects.key(key)).await?.is_some())
    }
}

impl Kept {
    /// For a commit of so many messages.
    pub(super) const fn new(key: &IdempotencyKey, messages: u32) -> Self {
        Self { fingerprint: Uuid::from_bytes(key.fingerprint), messages }
    }
}
