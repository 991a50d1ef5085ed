//! Commits as messages: one for each stream, stored together or not at all.

use async_nats::jetstream::ErrorCode;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    JetStreamStore,
    constraints::View,
    message::{Message, positions},
    outgoing::{Outgoing, encode, time_of_last},
    server::{Ack, ApiError, PAUSE, Trouble, said},
    tail::End,
};
use crate::{
    Version,
    store::{
        Append, AppendError, Appended, Commit, Committed, StoreError, StoreErrorKind, Tail, record::now,
    },
};

/// A commit on its way.
struct Recording<'a> {
    store: &'a JetStreamStore,
    commit: &'a Commit,
    deadline: Instant,
    /// What kept an earlier attempt from being answered. It may have taken effect, or may yet.
    lost: Option<StoreError>,
}

/// What came of an attempt.
pub(super) enum Attempt {
    /// The last of the messages has this sequence number.
    Stored(u64),
    /// It was stored before, in a message with this sequence number.
    Known(u64),
    /// A stream has moved on.
    Stale,
}

impl JetStreamStore {
    pub(super) async fn record(&self, commit: &Commit) -> Result<Committed, AppendError> {
        Recording { store: self, commit, deadline: self.server.deadline(), lost: None }.run().await
    }
}

impl<'a> Recording<'a> {
    async fn run(mut self) -> Result<Committed, AppendError> {
        let appends = &self.commit.appends;
        let mut ends: Vec<Option<End>> =
            appends.iter().map(|append| End::given(append, self.store.key)).collect();
        // At first, the commit is taken at its word about ends and values. The server knows better.
        let mut look = false;
        loop {
            let judged = match self.judge(&mut ends, look).await {
                Ok(judged) => judged,
                Err(error) => return Err(self.gave_up(error)),
            };
            let Fine { ends: ends_now, claims, view } = match judged {
                Ok(fine) => fine,
                // Whether the streams are where they are expected comes first.
                Err(Against::Constraint(_) | Against::Other(_)) if !look => {
                    look = true;
                    ends.fill(None);
                    continue;
                }
                Err(against) => match self.given_before(against.moved()).await {
                    Ok(Some(committed)) => return Ok(committed),
                    Ok(None) => return Err(self.judged(against)),
                    Err(error) => return Err(self.gave_up(error)),
                },
            };
            look = true;
            let now = now().timestamp_micros();
            let (subjects, largest) = (&self.store.subjects, self.store.largest_message());
            let mut messages = match encode(self.commit, subjects, &ends_now, claims, now, largest) {
                Ok(messages) => messages,
                Err(error) => return Err(self.gave_up(error)),
            };
            if let (Some(first), Some(last)) = (messages.first_mut(), view.last) {
                first.headers.insert("Nats-Expected-Last-Sequence", last.to_string());
            }
            let lengths: Vec<usize> = messages.iter().map(|message| message.events).collect();
            match self.attempt(messages, view.until).await {
                Ok(Attempt::Stored(last)) => {
                    self.store.records.begin();
                    return self.committed(&ends_now, now, &lengths, last);
                }
                Ok(Attempt::Known(sequence)) => return self.known(sequence).await,
                // Another one was faster, or is about to be: see where the streams are now.
                Ok(Attempt::Stale) => match self.given_before(None).await {
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
            // Those who met each other do not meet again.
            sleep(PAUSE.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
        }
    }

    /// The answer to a commit of which the server says that it is stored.
    async fn known(&self, sequence: u64) -> Result<Committed, AppendError> {
        let cause = match self.whole(sequence).await {
            Ok(Some(committed)) => return Ok(committed),
            Ok(None) => StoreError::corrupt("the server has the commit, and does not give it back"),
            Err(cause) => cause,
        };
        Err(AppendError::Unknown { commit: self.commit.id, cause })
    }

    /// The stream is elsewhere, and not because of this commit.
    fn conflict(&mut self, moved: Moved<'_>) -> AppendError {
        match self.lost.take() {
            // What was given may still be on its way to where it was expected, if who answers has not come so far.
            Some(cause) if moved.append.expected.version() > Some(moved.actual) => {
                AppendError::Unknown { commit: self.commit.id, cause }
            }
            _ => moved.into_error(),
        }
    }

    /// The error of a commit that is not tried any more.
    fn gave_up(&mut self, error: StoreError) -> AppendError {
        match self.lost.take() {
            None => AppendError::Failed(error),
            Some(lost) => AppendError::Unknown { commit: self.commit.id, cause: lost },
        }
    }

    /// What is to be recorded, or what is against it.
    async fn judge(
        &self,
        ends: &mut [Option<End>],
        look: bool,
    ) -> Result<Result<Fine, Against<'a>>, StoreError> {
        let Self { store, commit, .. } = self;
        let ends = match self.find(ends).await? {
            Ok(ends) => ends,
            Err(moved) => return Ok(Err(Against::Moved(moved))),
        };
        let view = match store.view(commit).await? {
            Ok(view) => view,
            Err(error) => return Ok(Err(Against::Constraint(error))),
        };
        if let Some(key) = commit.key.as_ref().filter(|_| look)
            && store.is_used(key).await?
        {
            return Ok(Err(Against::Other(AppendError::KeyUsed { key: key.clone() })));
        }
        Ok(match store.claims(commit, &view, look).await? {
            Ok(claims) => Ok(Fine { ends, claims, view }),
            Err(taken) => Err(Against::Other(taken)),
        })
    }

    /// The error of a commit that is judged like this, and has not taken effect before.
    fn judged(&mut self, against: Against<'_>) -> AppendError {
        match against {
            Against::Moved(moved) => self.conflict(moved),
            Against::Constraint(error) => self.gave_up(error),
            // What was given may still be on its way, and comes to nothing: the key or the value has another message now.
            Against::Other(error) => error,
        }
    }

    /// Where each append goes, as far as it is not known; or the first that expects another version.
    async fn find(&self, ends: &mut [Option<End>]) -> Result<Result<Vec<End>, Moved<'a>>, StoreError> {
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

    async fn attempt(&self, messages: Vec<Outgoing>, until: Instant) -> Result<Attempt, Trouble> {
        let count = messages.len() as u64;
        let _turn = match count {
            1 => None,
            // The server stores a bounded number of commits over several streams at the same time.
            _ => match timeout_at(self.deadline, self.store.batches.acquire()).await {
                Ok(turn) => turn.ok(),
                Err(_) => {
                    return Err(Trouble::Busy(said(
                        "too many commits over several streams are on their way",
                    )));
                }
            },
        };
        let messages = messages.into_iter().map(Outgoing::into_parts).collect();
        answered(self.store.server.publish(messages, until).await?)
    }

    /// The answer, if the last of the messages has this sequence number and they have so many events each.
    fn committed(
        &self,
        ends: &[End],
        now: i64,
        lengths: &[usize],
        last: u64,
    ) -> Result<Committed, AppendError> {
        let first = (last + 1).saturating_sub(lengths.len() as u64);
        let mut places =
            lengths.iter().zip(first..).flat_map(|(length, sequence)| positions(sequence, *length));
        let mut appends = Vec::with_capacity(ends.len());
        let mut index = 0;
        for (append, end) in self.commit.appends.iter().zip(ends) {
            let events = append.events.len();
            let at = time_of_last(self.commit, &mut index, events, end.at, now);
            let version = end.version.plus(events as u64);
            appends.push(Appended {
                first: end.version.next(),
                positions: places.by_ref().take(events).collect(),
                at: time(at).map_err(|cause| AppendError::Unknown { commit: self.commit.id, cause })?,
                tail: Some(Tail::new(End { version, at, ..end.clone() })),
            });
        }
        Ok(Committed { appends })
    }

    /// The answer to the commit, if it has taken effect already. Then its mark is there, or its own events stand where
    /// it would put them: of the append that conflicts, if one does.
    async fn given_before(&self, moved: Option<&Append>) -> Result<Option<Committed>, StoreError> {
        let Self { store, commit, .. } = self;
        let conditional = || commit.appends.iter().find(|append| append.expected.version().is_some());
        let expecting =
            moved.or_else(conditional).and_then(|append| Some((append, append.expected.version()?)));
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
        for stored in self.store.these(first, parts).await? {
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

/// A commit that nothing is known to be against.
struct Fine {
    ends: Vec<End>,
    /// What it does to values.
    claims: Vec<Outgoing>,
    view: View,
}

/// What is against a commit.
enum Against<'a> {
    Moved(Moved<'a>),
    Constraint(StoreError),
    /// Another commit or another stream.
    Other(AppendError),
}

impl<'a> Against<'a> {
    fn moved(&self) -> Option<&'a Append> {
        match self {
            Self::Moved(moved) => Some(moved.append),
            Self::Constraint(_) | Self::Other(_) => None,
        }
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

/// What came of it, as the server says.
pub(super) fn answered(ack: Ack) -> Result<Attempt, Trouble> {
    match ack.error {
        None if ack.duplicate => Ok(Attempt::Known(ack.sequence)),
        None => Ok(Attempt::Stored(ack.sequence)),
        Some(error) => refused(&error),
    }
}

/// What the server says of a commit that it has not stored.
fn refused(error: &ApiError) -> Result<Attempt, Trouble> {
    let because = |kind, advice: &str| {
        StoreError::new(kind, format!("{advice} (NATS says: {} [{}])", error.description, error.err_code))
    };
    let code = ErrorCode(error.err_code);
    match code {
        ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => {
            Ok(Attempt::Stale)
        }
        // It is on its way; or something of it was lost on the way, and then nothing of it is stored.
        ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT
        | ErrorCode::ATOMIC_PUBLISH_INCOMPLETE_BATCH
        | ErrorCode::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT
        | ErrorCode::CLUSTER_NOT_AVAILABLE
        | ErrorCode::CLUSTER_NOT_LEADER
        | ErrorCode::STREAM_OFFLINE => Err(Trouble::Busy(because(
            StoreErrorKind::Unavailable,
            "the server does not take the commit just now",
        ))),
        // Anything but a limit may be the trouble of one server, and others have stored it.
        ErrorCode::STREAM_STORE_FAILED if !error.description.contains("maximum") => {
            Err(Trouble::Lost(because(StoreErrorKind::Io, "a server could not store the commit")))
        }
        ErrorCode::STREAM_STORE_FAILED
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED
        | ErrorCode::INSUFFICIENT_RESOURCES => Err(Trouble::Refused(because(
            StoreErrorKind::Full,
            "the server has no room for the commit: raise the limits of the stream or of JetStream",
        ))),
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => Err(Trouble::Refused(because(
            StoreErrorKind::Invalid,
            "an event is larger than what the server takes: raise `max_payload` and the stream's `max_msg_size`",
        ))),
        _ => Err(Trouble::Refused(because(StoreErrorKind::Io, "the server does not store the commit"))),
    }
}

fn time(at: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(at)
        .ok_or_else(|| StoreError::corrupt(format!("{at} microseconds since 1970 is no time")))
}
