//! A commit as messages to be stored.

use async_nats::HeaderMap;
use bytes::Bytes;
use uuid::Uuid;

use super::{
    message::Part,
    note::{self, Kept},
    subject::{Subjects, left_in_page},
    tail::End,
};
use crate::{
    Version,
    store::{Commit, Expected, NewEvent, StoreError},
};

/// So many messages the server stores together at most.
pub(super) const MOST_MESSAGES: usize = 1_000;

/// What the server counts of a message beside its payload.
pub(super) const HEADERS: usize = 1 << 10;

/// What a message has beside the payloads of its events: headers, subject, and what the envelope says of the stream.
pub(super) const OVERHEAD: usize = 4 << 10;

/// What the envelope says of one event, without names.
const PER_EVENT: usize = 64;

/// What it says of an event that was recorded before, in another store.
const PER_ORIGINAL: usize = 96;

/// Messages are not larger than this if more than one event has to go into them.
const LARGE: usize = 1 << 20;

/// A message to be stored.
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
    /// How many events are in it.
    pub(super) events: usize,
}

impl Outgoing {
    /// A message without events, if the last one of its subject has this sequence number; 0 if there is none.
    pub(super) fn new(subject: String, payload: Bytes, last: u64) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Subject-Sequence", last.to_string());
        Self { subject, headers, payload, events: 0 }
    }

    /// What the client takes.
    pub(super) fn into_parts(self) -> (String, HeaderMap, Bytes) {
        (self.subject, self.headers, self.payload)
    }
}

/// The messages of the commit, behind these ends, with these messages about values.
pub(super) fn encode(
    commit: &Commit,
    subjects: &Subjects,
    ends: &[End],
    claims: Vec<Outgoing>,
    now: i64,
    largest: usize,
) -> Result<Vec<Outgoing>, StoreError> {
    let has_originals = !commit.originals.is_empty();
    let mut parts = Vec::with_capacity(ends.len());
    let mut index = 0;
    for (append, end) in commit.appends.iter().zip(ends) {
        let mut version = end.version.next();
        let mut at = end.at;
        let mut rest = append.events.as_slice();
        while !rest.is_empty() {
            let (events, behind) = rest.split_at(fitting(rest, version, largest, has_originals));
            let originals = originals(commit, index, events.len(), &mut at);
            if originals.is_empty() {
                at = at.max(now);
            }
            parts.push(Part {
                stream: &append.stream,
                commit: commit.id,
                index,
                part: (0, 0),
                more: !behind.is_empty(),
                version,
                at,
                events,
                originals,
            });
            index += events.len();
            version = version.plus(events.len() as u64);
            rest = behind;
        }
    }
    let mark = is_unconditional(commit).then(|| Outgoing::new(subjects.mark(commit.id), Bytes::new(), 0));
    let before = usize::from(commit.key.is_some()) + claims.len() + usize::from(mark.is_some());
    let count = before + parts.len();
    if count > MOST_MESSAGES {
        return Err(StoreError::invalid(format!(
            "the commit needs {count} messages, one for each stream and each unique value at least; the server stores at most {MOST_MESSAGES} \
             together: split the commit"
        )));
    }
    let parts_in_all = u32::try_from(count).unwrap_or(u32::MAX);
    let mut messages = Vec::with_capacity(count);
    if let Some(key) = &commit.key {
        let kept = note::encode(&Kept::new(key, parts_in_all))?;
        messages.push(Outgoing::new(subjects.key(key), kept, 0));
    }
    messages.extend(claims);
    // The events begin behind the mark: there they are looked for.
    messages.extend(mark);
    for (mut part, number) in parts.into_iter().zip(before as u32..) {
        part.part = (number, parts_in_all);
        let payload = part.encode()?;
        if payload.len() > largest {
            return Err(StoreError::invalid(format!(
                "a message of {} bytes with {} event(s) for `{}` is larger than the {largest} bytes that the server takes: \
                 raise its `max_payload` and the stream's `max_msg_size`, or keep the bytes elsewhere and record where",
                payload.len(),
                part.events.len(),
                part.stream
            )));
        }
        // A version is free if there is no message of its subject.
        let subject = subjects.stream(part.stream).message(part.version);
        messages.push(Outgoing { events: part.events.len(), ..Outgoing::new(subject, payload.into(), 0) });
    }
    let id = commit.id.to_string();
    if count == 1 {
        for message in &mut messages {
            message.headers.insert("Nats-Msg-Id", id.as_str());
        }
    } else {
        for (message, number) in messages.iter_mut().zip(1_usize..) {
            message.headers.insert("Nats-Batch-Id", id.as_str());
            message.headers.insert("Nats-Batch-Sequence", number.to_string());
            if number == count {
                message.headers.insert("Nats-Batch-Commit", "1");
            }
        }
    }
    Ok(messages)
}

/// Whether this is one whose id has to be kept.
fn is_unconditional(commit: &Commit) -> bool {
    commit.appends.iter().all(|append| append.expected == Expected::Any)
}

/// The ids and times of so many events from this index on, if they were recorded before, in another store. Times never
/// go back, so each is at least the one before.
fn originals(commit: &Commit, index: usize, count: usize, at: &mut i64) -> Vec<(Uuid, i64)> {
    let originals = commit.originals.iter().skip(index).take(count);
    let kept = originals.map(|original| {
        *at = original.at.timestamp_micros().max(*at);
        (original.id.0, *at)
    });
    kept.collect()
}

/// The time of the last of so many events from this index on, behind an end of that time.
pub(super) fn time_of_last(commit: &Commit, index: &mut usize, count: usize, mut at: i64, now: i64) -> i64 {
    let originals = originals(commit, *index, count, &mut at);
    *index += count;
    if originals.is_empty() { at.max(now) } else { at }
}

/// How many of the events go into one message, at least one. Originals are named beside each event.
fn fitting(events: &[NewEvent], first: Version, largest: usize, has_originals: bool) -> usize {
    let mut size = OVERHEAD;
    let fitting = events.iter().take(left_in_page(first)).take_while(|event| {
        let notes = event
            .metadata
            .as_deref()
            .map_or(0, |metadata| serde_json::to_string(metadata).map_or(usize::MAX / 2, |text| text.len()));
        let format = 2 * event.payload.format().len();
        let original = if has_originals { PER_ORIGINAL } else { 0 };
        let envelope = 2 * event.name.len() + notes + format + original + PER_EVENT;
        size = size.saturating_add(event.payload.bytes().len()).saturating_add(envelope);
        size <= largest.min(LARGE)
    });
    fitting.count().max(1)
}
