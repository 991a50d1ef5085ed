//! Reads of the whole store, page by page. For somebody who reads on, the next pages are asked for while he is busy with
//! those before. They come several at once: asking costs the server more than the events of a page do.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec,
};

use tokio::task::JoinSet;

use super::{
    connection::Link,
    read::{self, Extent},
};
use crate::store::{Filter, Page, Position, RecordedEvent, StoreError};

/// How many events are read ahead at once, if a page has no more …
const MOST_AHEAD: usize = 4_000;

/// … and how many bytes.
const BYTES_AHEAD: usize = 4 << 20;

/// A connection for what may be long, and pages that are read ahead: those that came, and those that follow them. Each of
/// the two has at most [`BYTES_AHEAD`] or one page, whichever is more.
#[derive(Debug)]
pub(super) struct Scans {
    link: Arc<Link>,
    ahead: Mutex<Ahead>,
}

/// What is there for the last reader, if he reads on.
#[derive(Debug, Default)]
struct Ahead {
    filter: Filter,
    after: Position,
    limit: usize,
    /// Pages that came, each followed by more.
    pages: vec::IntoIter<Page>,
    /// Those behind them, where they are asked for already. What is dropped is aborted.
    next: JoinSet<Result<Vec<Page>, StoreError>>,
}

impl Scans {
    pub(super) fn new(link: Link) -> Self {
        Self { link: Arc::new(link), ahead: Mutex::default() }
    }

    /// At most `limit` matching events after this position.
    pub(super) async fn read(
        &self,
        filter: &Filter,
        after: Position,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let mut ahead = std::mem::take(&mut *self.ahead());
        let reads_on = ahead.after == after && ahead.limit == limit && ahead.filter == *filter;
        if !reads_on {
            ahead = Ahead { filter: filter.clone(), limit, ..Ahead::default() };
        }
        let page = match ahead.page().await {
            Some(page) => page,
            None => {
                let extent = Extent { least: limit, most: limit, bytes: usize::MAX };
                read(&self.link, filter, after, extent).await?
            }
        };
        if !page.end {
            ahead.after = page.last;
            // Whoever reads a page only does not go on from its end, and several who read at once would take their
            // pages from each other.
            if reads_on && ahead.next.is_empty() {
                ahead.ask(&self.link, &page);
            }
            *self.ahead() = ahead;
        }
        Ok(page)
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ahead {
    /// The next page, if it is there or on its way. What failed is not: it is tried again.
    async fn page(&mut self) -> Option<Page> {
        if self.pages.as_slice().is_empty() {
            self.pages = self.next.join_next().await?.ok()?.ok()?.into_iter();
        }
        self.pages.next()
    }

    /// Asks for what follows the pages that are there, of which this one has been taken.
    fn ask(&mut self, link: &Arc<Link>, taken: &Page) {
        let (link, filter, limit) = (Arc::clone(link), self.filter.clone(), self.limit);
        let after = self.pages.as_slice().last().unwrap_or(taken).last;
        let extent = Extent { least: limit, most: whole_pages(&taken.events, limit), bytes: BYTES_AHEAD };
        self.next.spawn(async move { Ok(split(read(&link, &filter, after, extent).await?, limit)) });
    }
}

/// How many events to ask for, so that they are whole pages and probably not too many bytes, if they are like these.
fn whole_pages(events: &[RecordedEvent], limit: usize) -> usize {
    let bytes: usize =
        events.iter().map(|event| event.payload.bytes().len() + size_of::<RecordedEvent>()).sum();
    let fit = BYTES_AHEAD / (bytes / events.len().max(1)).max(1);
    (fit.min(MOST_AHEAD) / limit).max(1).saturating_mul(limit)
}

/// Those pages that are worth as much as ones that are read when they are asked for: nothing comes between events that
/// are there, but what comes behind the last of them may have come meanwhile.
fn split(read: Page, limit: usize) -> Vec<Page> {
    let followed = if read.end { read.events.len().saturating_sub(1) } else { read.events.len() };
    let mut events = read.events.into_iter();
    let pages = (0..followed / limit).map_while(|_| {
        let events: Vec<_> = events.by_ref().take(limit).collect();
        Some(Page { last: events.last()?.position, events, end: false })
    });
    pages.collect()
}

async fn read(link: &Link, filter: &Filter, after: Position, extent: Extent) -> Result<Page, StoreError> {
    link.ask("reading events", |session| async move { read::all(&session, filter, after, extent).await })
        .await
}
