//! Pages of streams.

use tokio::time::{Instant, sleep};

use super::{
    JetStreamStore,
    get::{Stored, Wanted},
    message::{self, Message, Names},
    note::is_note,
    server::PAUSE,
    subject::{StreamSubjects, left_in_page},
    tail::End,
};
use crate::{
    Version,
    store::{Facts, StoreError, StoreErrorKind, StreamId, StreamPage, Tail},
};

/// No question asks for more messages.
pub(super) const MOST_MESSAGES: usize = 1024;

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
            (self.messages(&subjects, from, limit).await?, None)
        } else {
            futures_util::try_join!(self.messages(&subjects, from, limit), self.end(stream))
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
            messages = self.messages(&subjects, expected, left).await?;
            if messages.is_empty() {
                if !goes_on {
                    return Ok((None, end.map(|(end, _)| Tail::new(end))));
                }
                pause(deadline).await?;
            }
        }
    }

    /// The messages of the page of a stream in which this version is: those before it, and behind it as many as have
    /// `limit` events and one more, or to the end of the page.
    async fn messages(
        &self,
        subjects: &StreamSubjects,
        version: Version,
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        let subject = subjects.page(version);
        let before = left_in_page(Version::FIRST) - left_in_page(version);
        let mut missing = before.saturating_add(limit).saturating_add(1).min(MOST_MESSAGES);
        let mut messages: Vec<Stored> = Vec::new();
        loop {
            let next = messages.last().map_or(1, |last| last.sequence.saturating_add(1));
            let batch = self.server.batch(Wanted::LastOfEach(&subject), next, missing).await?;
            missing = missing.saturating_sub(batch.messages.len());
            messages.extend(batch.messages);
            if !batch.more || missing == 0 {
                return Ok(messages);
            }
        }
    }

    /// The end of a stream, as whoever leads the servers knows it.
    pub(super) async fn end(&self, stream: &StreamId) -> Result<End, StoreError> {
        match self.server.last(&self.subjects.stream(stream).all()).await? {
            None => Ok(End::none(self.key, stream.clone())),
            Some(last) => Ok(End::behind(self.key, stream.clone(), &decode(&last, stream)?)),
        }
    }

    /// So many messages from this sequence number on, which are there: somebody has seen one of them or the mark before.
    pub(super) async fn these(&self, first: u64, count: u32) -> Result<Vec<Stored>, StoreError> {
        let deadline = self.server.deadline();
        let mut messages: Vec<Stored> = Vec::new();
        loop {
            let missing = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(messages.len());
            if missing == 0 {
                return Ok(messages);
            }
            let next = messages.last().map_or(first, |last| last.sequence.saturating_add(1));
            let batch = self.server.batch(Wanted::All(">"), next, missing).await?;
            if batch.messages.is_empty() {
                pause(deadline).await?;
            }
            messages.extend(batch.messages);
        }
    }

    /// The events in a message; `None` for one that is no events.
    pub(super) fn event_message<'a>(&self, stored: &'a Stored) -> Result<Option<Message<'a>>, StoreError> {
        if is_note(&stored.payload) {
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

pub(super) async fn pause(deadline: Instant) -> Result<(), StoreError> {
    if Instant::now() >= deadline {
        return Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "the servers did not come to have what one of them has acknowledged: see that all of them run",
        ));
    }
    sleep(PAUSE / 10).await;
    Ok(())
}
