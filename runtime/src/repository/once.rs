//! The key of a command that takes effect once.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::store::{IdempotencyKey, StoreError, StreamId};

/// The key with the fingerprint of what is asked of whom.
pub(super) fn key<C: Serialize>(
    stream: &StreamId,
    key: String,
    command: &C,
) -> Result<IdempotencyKey, StoreError> {
    let command = serde_json::to_value(command)
        .map_err(|error| StoreError::invalid("the command has no JSON form").because(error))?;
    // What version 5 wants to begin with: no other thing of ours is hashed under it.
    const COMMANDS: Uuid = Uuid::from_u128(0x6a3f_0d1e_92b7_4f58_b1c4_7d2e_80a9_35cb);
    let mut text = String::new();
    write(&command, &mut text);
    let hash = Uuid::new_v5(&Uuid::new_v5(&COMMANDS, stream.id().as_bytes()), text.as_bytes());
    Ok(IdempotencyKey { category: stream.category().clone(), key, fingerprint: *hash.as_bytes() })
}

/// The value as text that is the same in every process: maps may be in any order, so their keys are sorted.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (key, value) in members {
                write(&Value::String(key.clone()), text);
                text.push(':');
                write(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for value in values {
                write(value, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}
