//! Reads of the whole store, page by page. They run ahead of who reads on: while he is busy with some pages, the next ones
//! are read, several at once, because asking costs the server more than the events of a page do.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec,
};

use tokio::{sync::mpsc, task::JoinSet};

use super::{connection::Link, read};
use crate::store::{Filter, Page, Position, RecordedEvent, StoreError};

/// How many events are read at once, if a page has no more …
const EVENTS: usize = 2_000;

/// … and about how many bytes.
const BYTES: usize = 2 << 20;

/// How many readers are run ahead of. Pages for one who does not come back are thrown away for the next one.
const READERS: usize = 4;

/// A connection for what may be long, and everybody who reads over it page by page.
///
/// For each, at most three times as much is in memory as is read at once: what he takes pages from, what waits, and what
/// is being read.
#[derive(Debug)]
pub(super) struct Scans {
    link: Arc<Link>,
    /// Who came last is first.
    readers: Mutex<VecDeque<Reader>>,
}

/// What is there for somebody, if he reads on.
#[derive(Debug)]
struct Reader {
    filter: Filter,
    limit: usize,
    after: Position,
    pages: vec::IntoIter<Page>,
    /// Those behind them.
    more: Option<More>,
}

/// The task that reads on ends with this.
#[derive(Debug)]
struct More {
    pages: mpsc::Receiver<Vec<Page>>,
    _task: JoinSet<()>,
}

impl Scans {
    pub(super) fn new(link: Link) -> Self {
        Self { link: Arc::new(link), readers: Mutex::default() }
    }

    /// The connection, for something else that may be long.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// At most `limit` matching events after this position.
    pub(super) async fn read(
        &self,
        filter: &Filter,
        after: Position,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let known = self.find(filter, after, limit);
        // Who reads one page only has no use for the next one.
        let reads_on = known.is_some();
        let mut reader = known.unwrap_or_else(|| Reader::new(filter, limit));
        let page = match reader.page().await {
            Some(page) => page,
            None => read::page(&self.link, filter, after, limit).await?,
        };
        if !page.end {
            reader.after = page.last;
            if reads_on && reader.more.is_none() {
                reader.more = Some(More::start(&self.link, filter, limit, &page));
            }
            let mut readers = self.readers();
            readers.push_front(reader);
            readers.truncate(READERS);
        }
        Ok(page)
    }

    /// The reader who has come this far. Several who are at the same place do not take pages from each other.
    fn find(&self, filter: &Filter, after: Position, limit: usize) -> Option<Reader> {
        let mut readers = self.readers();
        let found = readers
            .iter()
            .position(|reader| reader.after == after && reader.limit == limit && reader.filter == *filter)?;
        readers.remove(found)
    }

    fn readers(&self) -> MutexGuard<'_, VecDeque<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    fn new(filter: &Filter, limit: usize) -> Self {
        let (filter, pages) = (filter.clone(), Vec::new().into_iter());
        Self { filter, limit, after: Position::START, pages, more: None }
    }

    /// The next page, if it is there or on its way.
    async fn page(&mut self) -> Option<Page> {
        if self.pages.as_slice().is_empty()
            && let Some(more) = &mut self.more
        {
            match more.pages.recv().await {
                Some(pages) => self.pages = pages.into_iter(),
                // The end was near, or something failed: it is tried again when it is asked for.
                None => self.more = None,
            }
        }
        self.pages.next()
    }
}

impl More {
    /// Begins to read what follows this page.
    fn start(link: &Arc<Link>, filter: &Filter, limit: usize, page: &Page) -> Self {
        let (sender, pages) = mpsc::channel(1);
        let (link, filter) = (Arc::clone(link), filter.clone());
        let (mut after, mut events) = (page.last, at_once(&page.events, limit));
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok(pages) = read::pages(&link, &filter, after, limit, events, BYTES).await {
                let Some(last) = pages.last() else { return };
                (after, events) = (last.last, at_once(&last.events, limit));
                if sender.send(pages).await.is_err() {
                    return;
                }
            }
        });
        Self { pages, _task: task }
    }
}

/// How many events make whole pages and probably not too many bytes, if they are like these.
fn at_once(events: &[RecordedEvent], limit: usize) -> usize {
    let bytes: usize =
        events.iter().map(|event| event.payload.bytes().len() + size_of::<RecordedEvent>()).sum();
    let fit = BYTES / (bytes / events.len().max(1)).max(1);
    (fit.min(EVENTS) / limit).max(1).saturating_mul(limit)
}
