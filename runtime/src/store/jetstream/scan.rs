//! Pages of the whole store.
//!
//! The first page is asked for as such. Who reads on where a page ended gets a consumer of the server's: so a message
//! costs the server a third, and the next page is on its way while this one is read.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::{
    JetStreamStore,
    consumer::Consumer,
    get::{Batch, Stored, Wanted},
    message::{Names, first_after, last_position},
    read::{MOST_MESSAGES, pause},
    server::{Server, Trouble},
};
use crate::store::{Filter, Page, Position, StoreError};

/// Everything, also what is no event.
const ALL: &str = ">";

/// How many readers are remembered. When there are more, the one that came least recently begins anew.
const READERS: usize = 4;

/// Where readers are who have not come to the end.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<VecDeque<Reader>>);

/// Where the last event is, if what follows it is none: the sequence numbers of the last message of all, and of its message.
pub(super) type Behind = Mutex<Option<(u64, u64)>>;

impl Readers {
    /// The reader of these subjects who goes on with this sequence number; a new one if there is none.
    fn take(&self, subject: String, next: u64) -> Reader {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = readers.iter().position(|reader| reader.subject == subject && reader.next == next);
        known.and_then(|known| readers.remove(known)).unwrap_or_else(|| Reader::new(subject, next))
    }

    fn keep(&self, reader: Reader) {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() >= READERS {
            readers.pop_front();
        }
        readers.push_back(reader);
    }
}

/// A reader of messages with these subjects.
#[derive(Debug)]
struct Reader {
    subject: String,
    /// The sequence number from which on he reads.
    next: u64,
    goes_on: bool,
    consumer: Option<Consumer>,
    /// What the consumer has brought, from `next` on.
    brought: VecDeque<Stored>,
}

impl Reader {
    fn new(subject: String, next: u64) -> Self {
        Self { subject, next, goes_on: false, consumer: None, brought: VecDeque::new() }
    }

    /// At most `limit` messages from `next` on. What came in the meantime may be missing.
    async fn read(&mut self, server: &Server, limit: usize) -> Result<Batch, StoreError> {
        if self.goes_on {
            match self.follow(server, limit).await {
                Ok(batch) => return Ok(batch),
                // Whatever it was, the page can be asked for.
                Err(_) => self.forget(),
            }
        }
        self.goes_on = true;
        server.batch(Wanted::All(&self.subject), self.next, limit).await
    }

    async fn follow(&mut self, server: &Server, limit: usize) -> Result<Batch, Trouble> {
        let mut consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => Consumer::begin(server, &self.subject, self.next).await?,
        };
        while self.brought.len() < limit
            && let Some(stored) = consumer.next(server, limit).await?
        {
            self.brought.push_back(stored);
        }
        let messages = self.brought.drain(..limit.min(self.brought.len())).collect();
        if self.brought.len() < limit {
            consumer.ask_ahead(server, limit).await?;
        }
        let more = !self.brought.is_empty() || consumer.has_more();
        self.consumer = Some(consumer);
        Ok(Batch { messages, more })
    }

    /// Goes on with this sequence number, and first with these messages.
    fn goes_on_with(&mut self, next: u64, rest: Vec<Stored>) {
        self.next = next;
        if self.consumer.is_some() {
            rest.into_iter().rev().for_each(|stored| self.brought.push_front(stored));
        }
    }

    /// From now on, messages came past the consumer.
    fn forget(&mut self) {
        self.consumer = None;
        self.brought.clear();
    }
}

impl JetStreamStore {
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
        let (mut reader, end, Batch { mut messages, more }) = match filter {
            // One server can leave out the others itself. Several do not say whether all that there is was known to the
            // one that answered, so there the others are needed to tell.
            Filter::Categories(categories) if categories.len() == 1 && self.server.is_alone() => {
                let subject =
                    categories.first().map_or_else(String::new, |category| self.subjects.category(category));
                self.those_of(subject, start, limit.min(MOST_MESSAGES)).await?
            }
            _ => self.all_of_them(start, limit.min(MOST_MESSAGES)).await?,
        };
        page.events.reserve_exact(limit.min(messages.len()));
        let mut names = Names::default();
        let (mut read, mut is_full) = (0, false);
        // What follows the end may be a commit of which not all is there.
        for stored in messages.iter().take_while(|stored| stored.sequence <= end) {
            match self.event_message(stored)?.filter(|message| filter.matches(message.category())) {
                None => page.last = page.last.max(last_position(stored.sequence)),
                Some(message) => message.events(None, &mut names, |event| {
                    if event.position <= after {
                        return;
                    }
                    if page.events.len() < limit {
                        page.last = event.position;
                        page.events.push(event);
                    } else {
                        is_full = true;
                    }
                })?,
            }
            if is_full {
                break;
            }
            read += 1;
        }
        page.end = !is_full && (!more || messages.last().is_some_and(|last| last.sequence >= end));
        if page.end {
            if end >= start {
                page.last = page.last.max(last_position(end));
            }
        } else {
            reader.goes_on_with(first_after(page.last), messages.split_off(read));
            self.readers.keep(reader);
        }
        Ok(page)
    }

    /// What there is from this sequence number on, with its reader and how far to read.
    async fn all_of_them(&self, start: u64, limit: usize) -> Result<(Reader, u64, Batch), StoreError> {
        let mut reader = self.readers.take(ALL.to_owned(), start);
        let (end, mut batch) = futures_util::try_join!(self.end_of_all(), reader.read(&self.server, limit))?;
        let deadline = self.server.deadline();
        loop {
            let next = batch.messages.last().map_or(start, |last| last.sequence.saturating_add(1));
            if batch.more || next > end {
                return Ok((reader, end, batch));
            }
            // Who answered has not heard of it yet; or it came after it was asked.
            pause(deadline).await?;
            reader.forget();
            let rest = self.server.batch(Wanted::All(ALL), next, limit).await?;
            batch.messages.extend(rest.messages);
            batch.more = rest.more;
        }
    }

    /// Those of these subjects.
    async fn those_of(
        &self,
        subject: String,
        start: u64,
        limit: usize,
    ) -> Result<(Reader, u64, Batch), StoreError> {
        let mut reader = self.readers.take(subject, start);
        // First how far to read: so nothing that comes in between is passed.
        let end = self.end_of_all().await?;
        let mut batch = reader.read(&self.server, limit).await?;
        if !batch.more && reader.consumer.is_some() {
            // The consumer was asked before.
            reader.forget();
            let next = batch.messages.last().map_or(start, |last| last.sequence.saturating_add(1));
            let rest = self.server.batch(Wanted::All(&reader.subject), next, limit).await?;
            batch.messages.extend(rest.messages);
            batch.more = rest.more;
        }
        Ok((reader, end, batch))
    }

    /// The position of the last event.
    pub(super) async fn last(&self) -> Result<Position, StoreError> {
        let end = self.end_of_all().await?;
        Ok(if end == 0 { Position::START } else { last_position(end) })
    }

    /// The sequence number of the last message of a commit that is there as a whole.
    async fn end_of_all(&self) -> Result<u64, StoreError> {
        let deadline = self.server.deadline();
        loop {
            let Some(last) = self.server.last(ALL).await? else { return Ok(0) };
            let Some(message) = self.event_message(&last)? else {
                // If events are to follow it, their commit is not there as a whole.
                return self.end_before(last.sequence).await;
            };
            let (part, parts) = message.part();
            if part + 1 == parts {
                return Ok(last.sequence);
            }
            pause(deadline).await?;
        }
    }

    /// The sequence number of the last message with events before this one; 0 if there is none.
    async fn end_before(&self, last: u64) -> Result<u64, StoreError> {
        let known = *self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, end)) = known.filter(|(behind, _)| *behind == last) {
            return Ok(end);
        }
        let events = self.subjects.events();
        // There is none from `none` on. Its message is in between, or there is none at all.
        let (mut end, mut none, mut step) = (0, last, 1);
        while none > end + 1 {
            // First ever further back; then, when there is one, each time half of what is left.
            let from = if end == 0 { none.saturating_sub(step).max(1) } else { end + (none - end) / 2 };
            match self.server.next(&events, from).await?.filter(|found| found.sequence < none) {
                Some(found) => end = found.sequence,
                None => none = from,
            }
            step = step.saturating_mul(2);
        }
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = Some((last, end));
        Ok(end)
    }
}
