//! Snapshots of state, in a stream of their own: the log keeps everything, and of snapshots only the last one counts.

use std::collections::HashMap;

use async_nats::{
    HeaderMap,
    jetstream::{
        Context, ErrorCode,
        context::GetStreamErrorKind,
        stream::{Config, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, StorageType, Stream},
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    JetStreamStore,
    server::{Server, Trouble, said},
    setup::MARK,
    subject::Subjects,
    write::{Attempt, answered},
};
use crate::{
    Version,
    store::{EventId, Name, Payload, Snapshot, StoreError, StoreErrorKind, StreamId},
};

/// What the stream of snapshots is marked with, beside the form of its messages.
const SNAPSHOTS: (&str, &str) = ("factum-snapshots", "1");

/// The stream beside the one of events. It is made for the first snapshot.
pub(super) struct Snapshots {
    context: Context,
    stream: Stream<()>,
    config: Config,
    /// Whether it is there, and ours.
    there: OnceCell<()>,
}

/// What stands before the state, in a line of its own.
#[derive(Deserialize, Serialize)]
struct Head {
    category: String,
    id: String,
    version: u64,
    last: Uuid,
    fingerprint: Uuid,
    origin: Uuid,
    /// None: JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<String>,
}

impl Snapshots {
    /// Beside the stream of events with these settings.
    pub(super) async fn beside(
        events: &Config,
        context: Context,
        subjects: &Subjects,
    ) -> Result<Self, StoreError> {
        let config = Config {
            name: format!("{}-snapshots", events.name),
            description: Some(
                "A cache of what the events come to. It can be deleted at any time.".to_owned(),
            ),
            subjects: vec![subjects.snapshots()],
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            max_messages: -1,
            max_messages_per_subject: 1,
            max_bytes: -1,
            max_consumers: -1,
            max_message_size: -1,
            storage: match events.storage {
                StorageType::Memory => StorageType::Memory,
                StorageType::File => StorageType::File,
            },
            num_replicas: events.num_replicas,
            metadata: HashMap::from([MARK, SNAPSHOTS].map(|(key, value)| (key.to_owned(), value.to_owned()))),
            ..Config::default()
        };
        let stream = context.get_stream_no_info(&config.name).await;
        let stream = stream.map_err(|cause| said("looking for the stream of snapshots").because(cause))?;
        Ok(Self { context, stream, config, there: OnceCell::new() })
    }

    /// The message with the snapshot, as whoever leads the servers knows it.
    async fn last(&self, server: &Server, subject: &str) -> Result<Option<bytes::Bytes>, Trouble> {
        let asked = format!("$JS.API.STREAM.MSG.GET.{}", self.config.name);
        let question = self.stream.raw_message_builder().last_by_subject(subject);
        match server.within(&[&asked], question.send()).await?.1 {
            Ok(message) => Ok(Some(message.payload)),
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                // There was no snapshot yet.
                RawMessageErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    Ok(None)
                }
                _ => Err(Trouble::Busy(said("the server does not give a message").because(error))),
            },
        }
    }

    /// Makes the stream if it is not there.
    async fn make(&self) -> Result<(), StoreError> {
        let name = &self.config.name;
        let failed = || said(format!("the stream `{name}` for snapshots cannot be made"));
        let found = match self.context.get_stream(name).await {
            Ok(found) => found,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    let made = self.context.create_stream(self.config.clone()).await;
                    made.map_err(|cause| failed().because(cause))?
                }
                _ => return Err(failed().because(error)),
            },
        };
        let found = &found.cached_info().config;
        let ours = found.metadata.get(SNAPSHOTS.0).map(String::as_str) == Some(SNAPSHOTS.1);
        match ours && found.max_messages_per_subject == 1 && found.subjects == self.config.subjects {
            true => Ok(()),
            false => Err(StoreError::new(
                StoreErrorKind::Foreign,
                format!(
                    "the stream `{name}` is not one for snapshots of this version of factum: delete or rename it"
                ),
            )),
        }
    }
}

impl JetStreamStore {
    /// The snapshot of the stream.
    pub(super) async fn kept_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        let subject = self.subjects.snapshot(stream);
        let asking = || self.snapshots.last(&self.server, &subject);
        let Some(message) = self.server.ask("reading a snapshot", asking).await? else { return Ok(None) };
        let damaged =
            || StoreError::corrupt(format!("the snapshot of `{stream}` cannot be what was written"));
        decode(&message, stream).map(Some).ok_or_else(damaged)
    }

    /// Keeps the snapshot in place of the one that the stream has.
    pub(super) async fn keep_snapshot(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        let payload = encode(&snapshot)?;
        let largest = self.largest_message();
        if payload.len() > largest {
            return Err(StoreError::invalid(format!(
                "a snapshot of {} bytes is larger than the {largest} bytes that the server takes: raise its `max_payload`",
                payload.len()
            )));
        }
        self.snapshots.there.get_or_try_init(|| self.snapshots.make()).await?;
        let subject = self.subjects.snapshot(&snapshot.stream);
        let until = self.server.deadline();
        let giving = || async {
            let message = (subject.clone(), HeaderMap::new(), payload.clone());
            match self.server.publish(vec![message], until).await.and_then(answered)? {
                Attempt::Stored(_) | Attempt::Known(_) => Ok(()),
                Attempt::Stale => Err(Trouble::Refused(said("the server does not store the snapshot"))),
            }
        };
        // Given twice it is no other one.
        self.server.ask("keeping a snapshot", giving).await
    }
}

fn encode(snapshot: &Snapshot) -> Result<bytes::Bytes, StoreError> {
    let Snapshot { stream, version, last, fingerprint, origin, state } = snapshot;
    let head = Head {
        category: stream.category().to_string(),
        id: stream.id().to_owned(),
        version: version.get(),
        last: last.0,
        fingerprint: Uuid::from_bytes(*fingerprint),
        origin: *origin,
        format: match state {
            Payload::Json(_) => None,
            Payload::Other { format, .. } => Some(format.to_string()),
        },
    };
    let mut payload = serde_json::to_vec(&head)
        .map_err(|cause| StoreError::invalid("a snapshot cannot be written").because(cause))?;
    payload.push(b'\n');
    payload.extend_from_slice(state.bytes());
    Ok(payload.into())
}

fn decode(message: &[u8], stream: &StreamId) -> Option<Snapshot> {
    let end = message.iter().position(|byte| *byte == b'\n')?;
    let (head, state) = message.split_at(end);
    let (head, state): (Head, _) = (serde_json::from_slice(head).ok()?, state.get(1..)?);
    let state = match head.format {
        None => Payload::json(std::str::from_utf8(state).ok()?),
        Some(format) => Payload::Other { format: Name::from(format), bytes: state.into() },
    };
    let found = StreamId::new(head.category, head.id);
    (found == *stream).then_some(Snapshot {
        stream: found,
        version: Version::new(head.version),
        last: EventId(head.last),
        fingerprint: head.fingerprint.into_bytes(),
        origin: head.origin,
        state,
    })
}

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots").field("stream", &self.config.name).finish_non_exhaustive()
    }
}
