//! Pages of events.

use tokio::time::{Instant, sleep};

use super::{
    JetStreamStore,
    message::{self, Message, Names, first_after, last_position},
    server::{Batch, PAUSE, Stored, Wanted},
    subject::{StreamSubjects, left_in_page},
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
        let subjects = self.subjects.stream(stream);
        // Who answers may not have heard yet of the last messages. Who leads knows them.
        let (mut messages, last) = if self.server.is_alone() {
            (self.messages(&subjects, from).await?, None)
        } else {
            futures_util::try_join!(self.messages(&subjects, from), self.end(stream))
                .map(|(messages, end)| (messages, Some(end.version)))?
        };
        let deadline = self.server.deadline();
        let (mut left, mut expected, mut end) = (limit, from, None);
        loop {
            for stored in &messages {
                let message = decode(stored, stream)?;
                let (first, last) = (message.first(), message.last());
                if last < expected {
                    continue;
                }
                if first > expected {
                    return Err(StoreError::corrupt(format!(
                        "`{stream}` has no event of version {expected}, but one of version {first}"
                    )));
                }
                if left == 0 {
                    return Ok((Some(expected), None));
                }
                let more = message.more();
                let behind = End::behind(self.key, stream.clone(), &message);
                let taken = take(message, left)?.min(left);
                left -= taken;
                expected = expected.plus(taken as u64);
                if expected <= last {
                    return Ok((Some(expected), None));
                }
                end = Some((behind, more));
            }
            // An append is there as a whole or not at all, and what was acknowledged is there.
            let goes_on =
                end.as_ref().is_some_and(|(_, more)| *more) || last.is_some_and(|last| expected <= last);
            let page_is_full = expected > from && left_in_page(expected) == left_in_page(Version::FIRST);
            if !goes_on && !page_is_full {
                return Ok((None, end.map(|(end, _)| Tail::new(end))));
            }
            if goes_on && !page_is_full {
                pause(deadline).await?;
            }
            messages = self.messages(&subjects, expected).await?;
            if page_is_full && !goes_on && messages.is_empty() {
                return Ok((None, end.map(|(end, _)| Tail::new(end))));
            }
        }
    }

    /// The messages of the page of a stream in which this version is.
    async fn messages(&self, subjects: &StreamSubjects, version: Version) -> Result<Vec<Stored>, StoreError> {
        let subject = subjects.page(version);
        let wanted = Wanted::LastOfEach(&subject);
        let mut batch = self.server.batch(wanted, 1, MOST_MESSAGES).await?;
        while batch.more {
            let next = batch.messages.last().map_or(1, |last| last.sequence.saturating_add(1));
            let rest = self.server.batch(wanted, next, MOST_MESSAGES).await?;
            batch.messages.extend(rest.messages);
            batch.more = rest.more;
        }
        Ok(batch.messages)
    }

    /// The end of a stream, as whoever leads the servers knows it.
    pub(super) async fn end(&self, stream: &StreamId) -> Result<End, StoreError> {
        match self.server.last(&self.subjects.stream(stream).all()).await? {
            None => Ok(End::none(self.key, stream.clone())),
            Some(last) => Ok(End::behind(self.key, stream.clone(), &decode(&last, stream)?)),
        }
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
        let (end, Batch { messages, more }) = match filter {
            // One server can leave out the others itself. Several do not say whether all that there is was known to the
            // one that answered, so there the others are needed to tell.
            Filter::Categories(categories) if categories.len() == 1 && self.server.is_alone() => {
                let subject =
                    categories.first().map_or_else(String::new, |category| self.subjects.category(category));
                // First how far to read: so nothing that comes in between is passed.
                let end = self.end_of_all().await?;
                (end, self.server.batch(Wanted::All(&subject), start, limit.min(MOST_MESSAGES)).await?)
            }
            _ => {
                let batch = self.server.batch(Wanted::All(">"), start, limit.min(MOST_MESSAGES));
                let (end, batch) = futures_util::try_join!(self.end_of_all(), batch)?;
                (end, self.up_to(end, batch, start).await?)
            }
        };
        let mut names = Names::default();
        // What follows may be a commit of which not all is there.
        let ends_here = !more || messages.last().is_some_and(|last| last.sequence >= end);
        for stored in messages.iter().take_while(|stored| stored.sequence <= end) {
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
        page.end = ends_here;
        if page.end && end >= start {
            page.last = page.last.max(last_position(end));
        }
        Ok(page)
    }

    /// The position of the last event.
    pub(super) async fn last(&self) -> Result<Position, StoreError> {
        self.end_of_all()
            .await
            .map(|sequence| if sequence == 0 { Position::START } else { last_position(sequence) })
    }

    /// The sequence number of the last message of a commit that is there as a whole.
    async fn end_of_all(&self) -> Result<u64, StoreError> {
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

    /// The batch, which begins with this sequence number, with what is missing of it up to that one: who answered may not
    /// have heard of it yet.
    async fn up_to(&self, end: u64, mut batch: Batch, start: u64) -> Result<Batch, StoreError> {
        let deadline = self.server.deadline();
        loop {
            let next = batch.messages.last().map_or(start, |last| last.sequence.saturating_add(1));
            if batch.more || next > end {
                return Ok(batch);
            }
            pause(deadline).await?;
            let rest = self.server.batch(Wanted::All(">"), next, MOST_MESSAGES).await?;
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
