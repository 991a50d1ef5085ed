//! A recorded event, decoded.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{
    Aggregate, DecodeError, DecodeFailure, Decoded, Event, Metadata, Version, domain,
    store::{EventId, Fact, Position, RecordedEvent, StreamId},
};

/// An event as it was recorded: what happened, and the envelope.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recorded<E> {
    /// What happened.
    pub event: E,
    /// The id of the stored event, unique in the world. Where it is several events today, all of them have it.
    pub id: EventId,
    /// The stream that it belongs to.
    pub stream: StreamId,
    /// Its number in the stream, from 1 on.
    pub version: Version,
    /// Where it stands among all events of the store.
    pub position: Position,
    /// When the store recorded it, in UTC with microseconds; never before the event that precedes it in the stream.
    pub at: DateTime<Utc>,
    pub(super) metadata: Option<Arc<Metadata>>,
}

impl<E> Recorded<E> {
    /// Who, in answer to what, and other notes.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        Metadata::or_nothing(self.metadata.as_deref())
    }

    /// Who gave the command.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.metadata().actor.as_deref()
    }

    /// The id of the aggregate that it happened to.
    ///
    /// # Errors
    /// The id that is stored is not one of the aggregate's.
    pub fn aggregate_id<A: Aggregate<Event = E>>(&self) -> Result<A::Id, crate::store::InvalidStreamId> {
        self.stream.parse_id::<A>()
    }
}

impl<E: Event> Recorded<E> {
    /// Decodes what a store has read.
    ///
    /// # Errors
    /// There is no such event in `E`, its payload does not fit, it cannot be brought to today's schema version, or it is several
    /// events today: those [`decode_all`](Self::decode_all) gives.
    pub fn decode(recorded: RecordedEvent) -> Result<Self, DecodeError> {
        let (name, schema) = (recorded.name.clone(), recorded.schema);
        domain::only(&name, schema, Self::decode_all(recorded)?)
    }

    /// Decodes what a store has read. Where it has become several events, all of them have the envelope of the one that is
    /// stored.
    ///
    /// # Errors
    /// There is no such event in `E`, its payload does not fit, or it cannot be brought to today's schema version.
    pub fn decode_all(recorded: RecordedEvent) -> Result<Decoded<Self>, DecodeError> {
        let decoded = decode(recorded.fact())?;
        let RecordedEvent { id, stream, version, position, at, metadata, .. } = recorded;
        Ok(match decoded {
            Decoded::One(event) => Decoded::One(Self { event, id, stream, version, position, at, metadata }),
            several @ Decoded::Several(_) => several.map(|event| Self {
                event,
                id,
                stream: stream.clone(),
                version,
                position,
                at,
                metadata: metadata.clone(),
            }),
        })
    }
}

/// What an event that a store has read is today.
pub(crate) fn decode<E: Event>(fact: Fact<'_>) -> Result<Decoded<E>, DecodeError> {
    match fact.payload {
        Ok(payload) => E::decode_all(fact.name, fact.schema, payload),
        Err(_) => decode_other(fact, None),
    }
}

/// The same for an event that is not of today's version, or not to be read as such because of `cause`.
pub(super) fn decode_other<E: Event>(
    fact: Fact<'_>,
    cause: Option<serde_json::Error>,
) -> Result<Decoded<E>, DecodeError> {
    match fact.payload {
        Ok(payload) => domain::decode_other(fact.name, fact.schema, payload, cause),
        Err(other) => Err(DecodeError {
            event: fact.name.to_string(),
            schema: fact.schema,
            failure: DecodeFailure::Format { format: other.format().to_owned() },
        }),
    }
}
