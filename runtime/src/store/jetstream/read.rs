//! Pages of events.

use tokio::time::{Instant, sleep};

use super::{
    JetStreamStore,
    message::{self, Message, Names, first_after, last_position},
    server::{Batch, PAUSE, Stored},
    tail::End,
};
use crate::{
    Version,
    store::{Facts, Filter, Page, Position, StoreError, StoreErrorKind, StreamId, StreamPage, Tail},
};

/// No question asks for more messages.
const MOST_MESSAGES: usize = 1024;

impl JetStreamStore {
    /// At most `limit` events of a stream, from this version on.
    pub(super) async fn page(
        &self,
        stream: &StreamId,
        from: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        let from = from.max(Version::FIRST);
        let mut page = StreamPage::default();
        let mut names = Names::default();
        (page.next, page.tail) = self
            .read(stream, from, limit, |message, left| {
                let mut taken = 0;
                message.events(Some(stream), &mut names, |event| {
                    if event.version >= from && taken < left {
                        page.events.push(event);
                        taken += 1;
                    }
                })?;
                Ok(taken)
            })
            .await?;
        Ok(page)
    }

    /// What a fold needs of the same events.
    pub(super) async fn facts(
        &self,
        stream: &StreamId,
        from: Version,
        limit: usize,
    ) -> Result<Facts, StoreError> {
        let from = from.max(Version::FIRST);
        let mut facts = Facts::default();
        let mut names = Names::default();
        (facts.next, facts.tail) = self
            .read(stream, from, limit, |message, left| message.push_facts(&mut facts, from, left, &mut names))
            .await?;
        Ok(facts)
    }

    /// Hands over each message of a page with how many of its events still fit. Where to read on, or the tail.
    async fn read(
        &self,
        stream: &StreamId,
        from: Version,
        limit: usize,
        mut take: impl FnMut(Message<'_>, usize) -> Result<usize, StoreError>,
    ) -> Result<(Option<Version>, Option<Tail>), StoreError> {
        let subject = self.subjects.stream(stream);
        let Some(start) = self.start(stream, &subject, from).await? else { return Ok((None, None)) };
        let Batch { messages, more } = self.messages(&subject, start, limit).await?;
        let mut left = limit;
        let mut expected = from;
        let mut end = None;
        for stored in &messages {
            let message = decode(stored, stream)?;
            let (first, last, sequence) = (message.first(), message.last(), message.sequence());
            if last < from {
                continue;
            }
            if first > expected || last < expected {
                return Err(StoreError::corrupt(format!(
                    "`{stream}` has no event of version {expected}, but one of version {first}"
                )));
            }
            end = Some(End::behind(self.key, stream.clone(), &message));
            left -= take(message, left)?.min(left);
            let next = last.next();
            if left == 0 {
                let taken = Version::new(from.get().saturating_add(limit as u64));
                if taken < next {
                    self.places.keep(stream, taken, sequence);
                    return Ok((Some(taken), None));
                }
            }
            expected = next;
        }
        if more {
            let sequence = messages.last().map_or(start, |last| last.sequence.saturating_add(1));
            self.places.keep(stream, expected, sequence);
            return Ok((Some(expected), None));
        }
        Ok((None, end.map(Tail::new)))
    }

    /// The sequence number from which on the event of this version is found; `None` if the stream does not go so far.
    async fn start(
        &self,
        stream: &StreamId,
        subject: &str,
        version: Version,
    ) -> Result<Option<u64>, StoreError> {
        if version <= Version::FIRST {
            return Ok(Some(1));
        }
        if let Some(sequence) = self.places.get(stream, version) {
            return Ok(Some(sequence));
        }
        let Some(last) = self.server.last(subject).await? else { return Ok(None) };
        let last = decode(&last, stream)?;
        if last.last() < version {
            return Ok(None);
        }
        // The event is in a message of a sequence number from `low` on and at most `high`.
        let (mut low, mut high) = (1, last.sequence());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(found) = self.server.next(subject, middle).await? else { break };
            let found = decode(&found, stream)?;
            if found.last() < version {
                low = found.sequence().saturating_add(1);
            } else if found.first() <= version {
                return Ok(Some(found.sequence()));
            } else {
                high = middle;
            }
        }
        Ok(Some(low))
    }

    /// At most about `limit` messages of a stream from this sequence number on, with everything in them that was
    /// acknowledged before, and no append in part.
    async fn messages(&self, subject: &str, start: u64, limit: usize) -> Result<Batch, StoreError> {
        let limit = limit.min(MOST_MESSAGES);
        let (batch, end) = if self.server.is_alone() {
            (self.server.batch(subject, start, limit).await?, 0)
        } else {
            // Who answers may not have heard yet of the last messages. Who leads knows them.
            let (batch, last) =
                futures_util::try_join!(self.server.batch(subject, start, limit), self.server.last(subject))?;
            (batch, last.map_or(0, |last| last.sequence))
        };
        self.complete(batch, subject, start, end, |message| !message.more()).await
    }

    /// At most `limit` matching events of the whole store, after this position.
    pub(super) async fn all(
        &self,
        filter: &Filter,
        after: Position,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let mut page = Page { events: Vec::new(), last: after, end: true };
        let start = first_after(after);
        if start > i64::MAX.unsigned_abs() {
            return Ok(page);
        }
        // The server knows at once what follows of everything; where it has to choose, it has to look.
        let subject = match filter {
            Filter::Categories(categories) if categories.len() == 1 => {
                categories.first().map_or_else(String::new, |category| self.subjects.category(category))
            }
            _ => ">".to_owned(),
        };
        let end = if subject == ">" && self.server.is_alone() { 0 } else { self.end().await? };
        let batch = self.server.batch(&subject, start, limit.min(MOST_MESSAGES)).await?;
        let wanted = if subject == ">" { end } else { 0 };
        let Batch { messages, more } = self
            .complete(batch, &subject, start, wanted, |message| message.part().0 + 1 == message.part().1)
            .await?;
        let mut names = Names::default();
        for stored in &messages {
            let Some(message) = self.event_message(stored)? else {
                page.last = page.last.max(last_position(stored.sequence));
                continue;
            };
            if !filter.matches(message.category()) {
                page.last = page.last.max(last_position(stored.sequence));
                continue;
            }
            message.events(None, &mut names, |event| {
                if event.position <= after {
                    return;
                }
                if page.events.len() < limit {
                    page.last = event.position;
                    page.events.push(event);
                } else {
                    page.end = false;
                }
            })?;
            if !page.end {
                return Ok(page);
            }
        }
        page.end = !more;
        if page.end && end > 0 {
            page.last = page.last.max(last_position(end));
        }
        Ok(page)
    }

    /// The position of the last event.
    pub(super) async fn last(&self) -> Result<Position, StoreError> {
        self.end().await.map(|sequence| if sequence == 0 { Position::START } else { last_position(sequence) })
    }

    /// The sequence number of the last message of a commit that is there as a whole.
    async fn end(&self) -> Result<u64, StoreError> {
        let deadline = self.server.deadline();
        loop {
            let Some(last) = self.server.last(">").await? else { return Ok(0) };
            if let Some(message) = self.event_message(&last)? {
                let (part, parts) = message.part();
                if part + 1 == parts {
                    return Ok(last.sequence);
                }
            }
            pause(deadline).await?;
        }
    }

    /// Adds what is missing to the last messages that there are, until the one with the sequence number `end` is there
    /// and the last message is the last one of what it belongs to.
    async fn complete(
        &self,
        mut batch: Batch,
        subject: &str,
        start: u64,
        end: u64,
        is_last: impl Fn(&Message<'_>) -> bool,
    ) -> Result<Batch, StoreError> {
        let deadline = self.server.deadline();
        loop {
            if batch.more {
                return Ok(batch);
            }
            let last = batch.messages.last();
            let whole = match last {
                None => true,
                Some(last) => match self.event_message(last)? {
                    Some(message) => is_last(&message),
                    None => false,
                },
            };
            let reached = last.map_or_else(|| start.saturating_sub(1), |last| last.sequence);
            if whole && reached >= end {
                return Ok(batch);
            }
            pause(deadline).await?;
            let rest =
                self.server.batch(subject, reached.saturating_add(1).max(start), MOST_MESSAGES).await?;
            batch.messages.extend(rest.messages);
            batch.more = rest.more;
        }
    }

    /// The events in a message; `None` for a mark.
    pub(super) fn event_message<'a>(&self, stored: &'a Stored) -> Result<Option<Message<'a>>, StoreError> {
        if self.subjects.is_mark(&stored.subject) {
            return Ok(None);
        }
        Message::decode(stored.sequence, &stored.payload).map(Some)
    }
}

/// A message of this stream.
pub(super) fn decode<'a>(stored: &'a Stored, stream: &StreamId) -> Result<Message<'a>, StoreError> {
    let message = Message::decode(stored.sequence, &stored.payload)?;
    if message.is_of(stream) { Ok(message) } else { Err(message::damaged(stored.sequence)) }
}

async fn pause(deadline: Instant) -> Result<(), StoreError> {
    if Instant::now() >= deadline {
        return Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "the servers did not come to have what one of them has acknowledged: see that all of them run",
        ));
    }
    sleep(PAUSE / 10).await;
    Ok(())
}
