//! Commits as messages: one for each stream, stored together or not at all.

use async_nats::{HeaderMap, jetstream::ErrorCode};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    JetStreamStore,
    message::{Message, Part, positions},
    server::{Ack, ApiError, PAUSE, Trouble},
    subject::left_in_page,
    tail::End,
};
use crate::{
    Version,
    store::{
        Append, AppendError, Appended, Commit, Committed, Expected, NewEvent, StoreError, StoreErrorKind,
        Tail, record::now,
    },
};

/// So many messages the server stores together at most.
const MOST_MESSAGES: usize = 1_000;

/// What a message has beside the payloads of its events: headers, subject, and what the envelope says of the stream.
pub(super) const OVERHEAD: usize = 4 << 10;

/// What the envelope says of one event, without names.
const PER_EVENT: usize = 64;

/// Messages are not larger than this if more than one event has to go into them.
const LARGE: usize = 1 << 20;

/// A commit on its way.
struct Recording<'a> {
    store: &'a JetStreamStore,
    commit: &'a Commit,
    deadline: Instant,
    /// What kept an earlier attempt from being answered. It may have taken effect, or may yet.
    lost: Option<StoreError>,
}

/// What came of an attempt.
enum Attempt {
    /// The first of the messages has this sequence number.
    Stored(u64),
    /// It was stored before, in a message with this sequence number if it is known.
    Known(Option<u64>),
    /// A stream has moved on.
    Stale,
}

impl JetStreamStore {
    pub(super) async fn record(&self, commit: &Commit) -> Result<Committed, AppendError> {
        Recording { store: self, commit, deadline: self.server.deadline(), lost: None }.run().await
    }
}

impl Recording<'_> {
    async fn run(mut self) -> Result<Committed, AppendError> {
        let appends = &self.commit.appends;
        let mut ends: Vec<Option<End>> =
            appends.iter().map(|append| End::given(append, self.store.key)).collect();
        loop {
            let ends_now = match self.find(&mut ends).await {
                Ok(Ok(found)) => found,
                Ok(Err(conflict)) => match self.given_before().await {
                    Ok(Some(committed)) => return Ok(committed),
                    Ok(None) => return Err(conflict.into_error()),
                    Err(error) => return Err(self.gave_up(error)),
                },
                Err(error) => return Err(self.gave_up(error)),
            };
            let now = now().timestamp_micros();
            let messages = self.encode(&ends_now, now)?;
            match self.attempt(messages).await {
                Ok(Attempt::Stored(first)) => return self.committed(&ends_now, now, first),
                Ok(Attempt::Known(sequence)) => {
                    let found = match sequence {
                        Some(sequence) => self.whole(sequence).await,
                        None => self.given_before().await,
                    };
                    return match found {
                        Ok(Some(committed)) => Ok(committed),
                        Ok(None) => Err(AppendError::Unknown {
                            commit: self.commit.id,
                            cause: StoreError::corrupt(
                                "the server has the commit, and does not give it back",
                            ),
                        }),
                        Err(cause) => Err(AppendError::Unknown { commit: self.commit.id, cause }),
                    };
                }
                // Another one was faster, or is about to be: see where the streams are now.
                Ok(Attempt::Stale) => match self.given_before().await {
                    Ok(Some(committed)) => return Ok(committed),
                    Ok(None) => ends.fill(None),
                    Err(error) => return Err(self.gave_up(error)),
                },
                Err(Trouble::Refused(error)) => return Err(self.gave_up(error)),
                Err(Trouble::Lost(error)) => self.lost = Some(error),
                Err(Trouble::Busy(error)) if Instant::now() >= self.deadline => {
                    return Err(self.gave_up(error));
                }
                Err(Trouble::Busy(_)) => {}
            }
            if Instant::now() >= self.deadline {
                let error =
                    StoreError::new(StoreErrorKind::Unavailable, "the server does not take the commit");
                return Err(self.gave_up(error));
            }
            if self.lost.is_some() {
                sleep(PAUSE).await;
            } else {
                sleep(PAUSE.mul_f64(fastrand::f64())).await;
            }
        }
    }

    /// The error of a commit that is not tried any more.
    fn gave_up(&mut self, error: StoreError) -> AppendError {
        match self.lost.take() {
            None => AppendError::Failed(error),
            Some(lost) => AppendError::Unknown { commit: self.commit.id, cause: lost },
        }
    }

    /// Where each append goes, as far as it is not known; or the first that expects another version.
    async fn find(&self, ends: &mut [Option<End>]) -> Result<Result<Vec<End>, Moved<'_>>, StoreError> {
        let mut found = Vec::with_capacity(ends.len());
        for (append, end) in self.commit.appends.iter().zip(ends) {
            let end = match end.take() {
                Some(end) => end,
                None => self.store.end(&append.stream).await?,
            };
            if append.expected.version().is_some_and(|expected| expected != end.version) {
                return Ok(Err(Moved { append, actual: end.version }));
            }
            found.push(end);
        }
        Ok(Ok(found))
    }

    /// Whether this is one whose id has to be kept.
    fn is_unconditional(&self) -> bool {
        self.commit.appends.iter().all(|append| append.expected == Expected::Any)
    }

    /// The messages of the commit, behind these ends.
    fn encode(&self, ends: &[End], now: i64) -> Result<Vec<Outgoing>, AppendError> {
        let largest = self.store.largest_message();
        let mut parts = Vec::with_capacity(ends.len());
        let mut index = 0;
        for (append, end) in self.commit.appends.iter().zip(ends) {
            let mut version = end.version.next();
            let mut at = end.at;
            let mut rest = append.events.as_slice();
            while !rest.is_empty() {
                let (events, behind) = rest.split_at(fitting(rest, version, largest));
                let originals = self.originals(index, events.len(), &mut at);
                if originals.is_empty() {
                    at = at.max(now);
                }
                parts.push(Part {
                    stream: &append.stream,
                    commit: self.commit.id,
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
        let marks = usize::from(self.is_unconditional());
        let count = parts.len() + marks;
        if count > MOST_MESSAGES {
            return Err(StoreError::invalid(format!(
                "the commit needs {count} messages, one for each stream at least; the server stores at most {MOST_MESSAGES} \
                 together: split the commit"
            ))
            .into());
        }
        let parts_in_all = u32::try_from(count).unwrap_or(u32::MAX);
        let mut messages = Vec::with_capacity(count);
        if marks == 1 {
            messages.push(Outgoing::new(self.store.subjects.mark(self.commit.id), Bytes::new()));
        }
        for (mut part, number) in parts.into_iter().zip(marks as u32..) {
            part.part = (number, parts_in_all);
            let payload = part.encode()?;
            if payload.len() > largest {
                return Err(StoreError::invalid(format!(
                    "an event of {} bytes for `{}` is larger than the {largest} bytes that the server takes: raise its \
                     `max_payload`, or keep the bytes elsewhere and record where",
                    payload.len(),
                    part.stream
                ))
                .into());
            }
            // A version is free if there is no message of its subject.
            let subject = self.store.subjects.stream(part.stream).message(part.version);
            messages.push(Outgoing::new(subject, payload.into()));
        }
        let id = self.commit.id.to_string();
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

    /// The ids and times of so many events from this index on, if they were recorded before, in another store. Times never
    /// go back, so each is at least the one before.
    fn originals(&self, index: usize, count: usize, at: &mut i64) -> Vec<(Uuid, i64)> {
        let originals = self.commit.originals.iter().skip(index).take(count);
        let kept = originals.map(|original| {
            *at = original.at.timestamp_micros().max(*at);
            (original.id.0, *at)
        });
        kept.collect()
    }

    /// The time of the last of so many events from this index on, behind an end of that time.
    fn time_of_last(&self, index: &mut usize, count: usize, mut at: i64, now: i64) -> i64 {
        let originals = self.originals(*index, count, &mut at);
        *index += count;
        if originals.is_empty() { at.max(now) } else { at }
    }

    async fn attempt(&self, messages: Vec<Outgoing>) -> Result<Attempt, Trouble> {
        let count = messages.len() as u64;
        let _turn = match count {
            1 => None,
            // The server stores a bounded number of commits over several streams at the same time.
            _ => self.store.batches.acquire().await.ok(),
        };
        let messages =
            messages.into_iter().map(|message| (message.subject, message.headers, message.payload)).collect();
        let Ack { sequence, duplicate, error } = self.store.server.publish(messages).await?;
        match error {
            None if duplicate => Ok(Attempt::Known(Some(sequence))),
            None => Ok(Attempt::Stored(sequence.saturating_sub(count - 1))),
            Some(error) => refused(&error),
        }
    }

    /// The answer, if the first of the messages has this sequence number.
    fn committed(&self, ends: &[End], now: i64, first: u64) -> Result<Committed, AppendError> {
        let mut sequence = first.saturating_add(u64::from(self.is_unconditional()));
        let largest = self.store.largest_message();
        let mut appends = Vec::with_capacity(ends.len());
        let mut index = 0;
        for (append, end) in self.commit.appends.iter().zip(ends) {
            let mut positions_of_all = Vec::with_capacity(append.events.len());
            let mut rest = append.events.as_slice();
            let mut version = end.version.next();
            while !rest.is_empty() {
                let (events, behind) = rest.split_at(fitting(rest, version, largest));
                positions_of_all.extend(positions(sequence, events.len()));
                version = version.plus(events.len() as u64);
                sequence = sequence.saturating_add(1);
                rest = behind;
            }
            let at = self.time_of_last(&mut index, append.events.len(), end.at, now);
            let version = end.version.plus(append.events.len() as u64);
            appends.push(Appended {
                first: end.version.next(),
                positions: positions_of_all,
                at: time(at)?,
                tail: Some(Tail::new(End { version, at, ..end.clone() })),
            });
        }
        Ok(Committed { appends })
    }

    /// The answer to the commit, if it has taken effect already. Then its mark is there, or its own events stand where
    /// it would put them.
    async fn given_before(&self) -> Result<Option<Committed>, StoreError> {
        let Self { store, commit, .. } = self;
        let expecting = commit.appends.iter().find_map(|append| Some((append, append.expected.version()?)));
        let (subject, behind) = match expecting {
            None => (store.subjects.mark(commit.id), 1),
            Some((append, version)) => (store.subjects.stream(&append.stream).message(version.next()), 0),
        };
        match store.server.last(&subject).await? {
            Some(found) => self.whole(found.sequence.saturating_add(behind)).await,
            None => Ok(None),
        }
    }

    /// The answer to a commit of which one message has this sequence number; `None` if it is another commit's.
    async fn whole(&self, sequence: u64) -> Result<Option<Committed>, StoreError> {
        let server = &self.store.server;
        let Some(one) = server.next(">", sequence).await? else { return Ok(None) };
        let Some(message) = self.store.event_message(&one)? else { return Ok(None) };
        if message.commit() != self.commit.id {
            return Ok(None);
        }
        let (part, parts) = message.part();
        let first = one.sequence.saturating_sub(part.into());
        let mut appends: Vec<Appended> = Vec::with_capacity(self.commit.appends.len());
        let mut streams = self.commit.appends.iter().map(|append| &append.stream);
        let mut stream = streams.next();
        for sequence in first..first.saturating_add(parts.into()) {
            let Some(stored) = server.next(">", sequence).await? else { return Ok(None) };
            let Some(message) = self.store.event_message(&stored)? else { continue };
            let Some(of) = stream.filter(|stream| message.is_of(stream)) else { return Ok(None) };
            self.add(&mut appends, of, &message)?;
            if !message.more() {
                stream = streams.next();
            }
        }
        Ok(stream.is_none().then_some(Committed { appends }))
    }

    /// Adds a message to the answer: to the last append, if it goes on.
    fn add(
        &self,
        appends: &mut Vec<Appended>,
        stream: &crate::store::StreamId,
        message: &Message<'_>,
    ) -> Result<(), StoreError> {
        let end = Tail::new(End::behind(self.store.key, stream.clone(), message));
        let places = positions(message.sequence(), message.count());
        let goes_on = appends.last_mut().filter(|last| {
            let next = last.first.plus(last.positions.len() as u64);
            next == message.first()
                && last.tail.as_ref().and_then(Tail::get::<End>).is_some_and(|end| end.stream == *stream)
        });
        if let Some(last) = goes_on {
            last.positions.extend(places);
            last.at = time(message.at())?;
            last.tail = Some(end);
        } else {
            appends.push(Appended {
                first: message.first(),
                positions: places.collect(),
                at: time(message.at())?,
                tail: Some(end),
            });
        }
        Ok(())
    }
}

/// An append whose stream is not where it is expected to be.
struct Moved<'a> {
    append: &'a Append,
    actual: Version,
}

impl Moved<'_> {
    fn into_error(self) -> AppendError {
        AppendError::Conflict {
            stream: self.append.stream.clone(),
            expected: self.append.expected,
            actual: self.actual,
        }
    }
}

/// A message to be stored.
struct Outgoing {
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
}

impl Outgoing {
    /// A message whose subject nobody has used.
    fn new(subject: String, payload: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
        Self { subject, headers, payload }
    }
}

/// How many of the events go into one message, at least one.
fn fitting(events: &[NewEvent], first: Version, largest: usize) -> usize {
    let mut size = OVERHEAD;
    let fitting = events.iter().take(left_in_page(first)).take_while(|event| {
        let notes = event
            .metadata
            .as_deref()
            .map_or(0, |metadata| serde_json::to_string(metadata).map_or(0, |text| text.len()));
        size += event.payload.bytes().len() + 2 * event.name.len() + notes + PER_EVENT;
        size <= largest.min(LARGE)
    });
    fitting.count().max(1)
}

/// What the server says of a commit that it has not stored.
fn refused(error: &ApiError) -> Result<Attempt, Trouble> {
    let said = |kind, advice: &str| {
        StoreError::new(kind, format!("{advice} (NATS says: {} [{}])", error.description, error.err_code))
    };
    let code = ErrorCode(error.err_code);
    match code {
        ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => {
            Ok(Attempt::Stale)
        }
        ErrorCode::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE => Ok(Attempt::Known(None)),
        // It is on its way; or something of it was lost on the way, and then nothing of it is stored.
        ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT
        | ErrorCode::ATOMIC_PUBLISH_INCOMPLETE_BATCH
        | ErrorCode::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT => Err(Trouble::Busy(said(
            StoreErrorKind::Unavailable,
            "the server does not take the commit just now",
        ))),
        ErrorCode::STREAM_STORE_FAILED
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED
        | ErrorCode::INSUFFICIENT_RESOURCES => Err(Trouble::Refused(said(
            StoreErrorKind::Full,
            "the server has no room for the commit: raise the limits of the stream or of JetStream",
        ))),
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => Err(Trouble::Refused(said(
            StoreErrorKind::Invalid,
            "an event is larger than what the server takes: raise `max_payload` and the stream's `max_msg_size`",
        ))),
        _ => Err(Trouble::Refused(said(StoreErrorKind::Io, "the server does not store the commit"))),
    }
}

fn time(at: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(at)
        .ok_or_else(|| StoreError::corrupt(format!("{at} microseconds since 1970 is no time")))
}
