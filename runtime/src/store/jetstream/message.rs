//! A commit as messages: what stands in them, and how it is read.
//!
//! A message holds events of one stream that were recorded together. Its first line is an envelope in JSON; behind it
//! stand the payloads, one after the other, as they were given.

use std::{borrow::Cow, sync::Arc};

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) use crate::store::name::Names;
use crate::{
    Metadata, Version,
    store::{CommitId, EventId, Facts, NewEvent, Payload, Position, RecordedEvent, StoreError, StreamId},
};

/// The bits of a position that tell the events of a message apart.
const BITS: u32 = 16;

/// The number of the last event of a message, whatever the number of the first: so the position after which nothing more
/// of the message comes is known without reading it.
const LAST: u128 = (1 << BITS) - 1;

/// The position of the last event in the message with this sequence number.
pub(super) const fn last_position(sequence: u64) -> Position {
    Position::new(((sequence as u128) << BITS) | LAST)
}

/// The sequence number of the first message in which something after this position can be.
pub(super) fn first_after(position: Position) -> u64 {
    let sequence = u64::try_from(position.get() >> BITS).unwrap_or(u64::MAX);
    if position.get() & LAST == LAST { sequence.saturating_add(1) } else { sequence.max(1) }
}

/// The positions of `count` events in the message with this sequence number.
pub(super) fn positions(sequence: u64, count: usize) -> impl Iterator<Item = Position> {
    let last = last_position(sequence).get();
    (0..count as u128).rev().map(move |behind| Position::new(last - behind))
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    commit: Uuid,
    /// How many events of the commit stand in messages before this one.
    #[serde(default, skip_serializing_if = "is_default")]
    index: usize,
    /// Which message of the commit this is, and how many there are.
    #[serde(default = "alone", skip_serializing_if = "is_alone")]
    part: (u32, u32),
    /// Whether the events go on in the next message of the stream.
    #[serde(default, skip_serializing_if = "is_default")]
    more: bool,
    /// The version of the first event.
    version: u64,
    /// The time of the last event, in microseconds since 1970.
    at: i64,
    #[serde(borrow)]
    events: Vec<Entry<'a>>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Entry<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    schema: u32,
    /// How many bytes the payload has.
    length: usize,
    /// None: JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Cow<'a, Metadata>>,
    /// The id and the time of an event that was recorded before, in another store. Else the id follows from the commit, and
    /// the time is that of the last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<(Uuid, i64)>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

const fn alone() -> (u32, u32) {
    (0, 1)
}

fn is_alone(part: &(u32, u32)) -> bool {
    *part == alone()
}

const fn one() -> u32 {
    1
}

const fn is_one(schema: &u32) -> bool {
    *schema == 1
}

/// Events of one append that go into one message.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) stream: &'a StreamId,
    pub(super) commit: CommitId,
    pub(super) index: usize,
    pub(super) part: (u32, u32),
    pub(super) more: bool,
    pub(super) version: Version,
    /// The time of the last event, in microseconds since 1970.
    pub(super) at: i64,
    pub(super) events: &'a [NewEvent],
    /// For events that were recorded before, in another store: the id and the time of each.
    pub(super) originals: Vec<(Uuid, i64)>,
}

impl Part<'_> {
    /// The message.
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let envelope = Envelope {
            category: Cow::Borrowed(self.stream.category()),
            id: Cow::Borrowed(self.stream.id()),
            commit: self.commit.as_uuid(),
            index: self.index,
            part: self.part,
            more: self.more,
            version: self.version.get(),
            at: self.at,
            events: self
                .events
                .iter()
                .enumerate()
                .map(|(number, event)| entry(event, self.originals.get(number).copied()))
                .collect(),
        };
        let payloads: usize = self.events.iter().map(|event| event.payload.bytes().len()).sum();
        let mut message = Vec::with_capacity(payloads + 256 + 64 * self.events.len());
        serde_json::to_writer(&mut message, &envelope).map_err(|error| {
            StoreError::invalid("an event cannot be written: its metadata has no JSON form").because(error)
        })?;
        message.push(b'\n');
        for event in self.events {
            message.extend_from_slice(event.payload.bytes());
        }
        Ok(message)
    }
}

fn entry(event: &NewEvent, original: Option<(Uuid, i64)>) -> Entry<'_> {
    Entry {
        name: Cow::Borrowed(&event.name),
        schema: event.schema,
        length: event.payload.bytes().len(),
        format: match &event.payload {
            Payload::Json(_) => None,
            Payload::Other { format, .. } => Some(Cow::Borrowed(format)),
        },
        metadata: event.metadata.as_deref().map(Cow::Borrowed),
        original,
    }
}

/// A message as it was read.
#[derive(Debug)]
pub(super) struct Message<'a> {
    sequence: u64,
    envelope: Envelope<'a>,
    payloads: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the message with this sequence number.
    pub(super) fn decode(sequence: u64, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (envelope, payloads) = bytes.split_at(line);
        let payloads = payloads.get(1..).unwrap_or_default();
        let envelope = std::str::from_utf8(envelope).map_err(|cause| damaged(sequence).because(cause))?;
        let envelope: Envelope<'a> =
            serde_json::from_str(envelope).map_err(|cause| damaged(sequence).because(cause))?;
        let length = envelope.events.iter().try_fold(0_usize, |sum, event| sum.checked_add(event.length));
        if length != Some(payloads.len()) || envelope.version == 0 || envelope.part.0 >= envelope.part.1 {
            return Err(damaged(sequence));
        }
        Ok(Self { sequence, envelope, payloads })
    }

    pub(super) const fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) const fn commit(&self) -> CommitId {
        CommitId::from_uuid(self.envelope.commit)
    }

    /// Which message of its commit this is, and how many there are.
    pub(super) const fn part(&self) -> (u32, u32) {
        self.envelope.part
    }

    /// Whether the events go on in the next message of the stream.
    pub(super) const fn more(&self) -> bool {
        self.envelope.more
    }

    pub(super) fn count(&self) -> usize {
        self.envelope.events.len()
    }

    /// The version of the first event.
    pub(super) const fn first(&self) -> Version {
        Version::new(self.envelope.version)
    }

    /// The version of the last event.
    pub(super) fn last(&self) -> Version {
        Version::new(self.envelope.version.saturating_add(self.count() as u64).saturating_sub(1))
    }

    /// The time of the last event, in microseconds since 1970.
    pub(super) const fn at(&self) -> i64 {
        self.envelope.at
    }

    /// Whether this message is of that stream.
    pub(super) fn is_of(&self, stream: &StreamId) -> bool {
        self.envelope.category == stream.category().as_str() && self.envelope.id == stream.id()
    }

    pub(super) fn category(&self) -> &str {
        &self.envelope.category
    }

    /// Adds what a fold needs of the events from this version on, at most `limit` of them. How many there were.
    pub(super) fn push_facts(
        &self,
        facts: &mut Facts,
        from: Version,
        limit: usize,
        names: &mut Names,
    ) -> Result<usize, StoreError> {
        let Self { sequence, envelope, payloads } = self;
        let mut pushed = 0;
        for ((entry, payload), placed) in
            envelope.events.iter().zip(cut(envelope, payloads)).zip(self.places())
        {
            let (version, position) = placed;
            if version < from {
                continue;
            }
            if pushed == limit {
                break;
            }
            let name = names.get(&entry.name);
            match &entry.format {
                None => facts.push_json(version, name, entry.schema, text(*sequence, payload)?),
                Some(format) => {
                    let payload = Payload::Other { format: names.get(format), bytes: payload.into() };
                    facts.push(version, name, entry.schema, &payload);
                }
            }
            facts.position = position;
            pushed += 1;
        }
        Ok(pushed)
    }

    /// Hands over the events, of this stream or else of the one that the message names.
    pub(super) fn events(
        self,
        stream: Option<&StreamId>,
        names: &mut Names,
        mut take: impl FnMut(RecordedEvent),
    ) -> Result<(), StoreError> {
        let (sequence, commit, index) = (self.sequence, self.commit(), self.envelope.index);
        let time = |at| DateTime::from_timestamp_micros(at).ok_or_else(|| damaged(sequence));
        let at = time(self.at())?;
        let stream = match stream {
            Some(stream) => stream.clone(),
            None => StreamId::new(names.get(&self.envelope.category), &self.envelope.id),
        };
        let places = self.places();
        let payloads: Vec<_> = cut(&self.envelope, self.payloads).collect();
        for (((entry, payload), (version, position)), index) in
            self.envelope.events.into_iter().zip(payloads).zip(places).zip(index..)
        {
            let payload = match &entry.format {
                None => Payload::json(text(sequence, payload)?),
                Some(format) => Payload::Other { format: names.get(format), bytes: payload.into() },
            };
            let (id, at) = match entry.original {
                None => (commit.event(index), at),
                Some((id, at)) => (EventId(id), time(at)?),
            };
            take(RecordedEvent {
                id,
                stream: stream.clone(),
                version,
                position,
                name: names.get(&entry.name),
                schema: entry.schema,
                payload,
                at,
                metadata: entry.metadata.map(|metadata| Arc::new(metadata.into_owned())),
            });
        }
        Ok(())
    }

    /// The versions and positions of the events.
    fn places(&self) -> impl Iterator<Item = (Version, Position)> + use<> {
        let versions = std::iter::successors(Some(self.first()), |version| Some(version.next()));
        versions.zip(positions(self.sequence, self.count()))
    }
}

/// The payloads of the events.
fn cut<'a>(envelope: &Envelope<'_>, payloads: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = payloads;
    envelope.events.iter().map(move |entry| {
        let (payload, behind) = rest.split_at_checked(entry.length).unwrap_or((rest, &[]));
        rest = behind;
        payload
    })
}

fn text(sequence: u64, payload: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(payload).map_err(|_| damaged(sequence))
}

/// A message that cannot be what was written.
pub(super) fn damaged(sequence: u64) -> StoreError {
    StoreError::corrupt(format!(
        "the message with sequence number {sequence} is damaged: it cannot be what was written"
    ))
}
