//! Reads of the whole store, page by page. The next page of somebody who reads on is asked for while he is busy with the
//! one before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use super::{connection::Link, read};
use crate::store::{Filter, Page, Position, StoreError};

/// A connection for what may be long, and one page that is read ahead. Memory is that of one page, of the size that was
/// last asked for.
#[derive(Debug)]
pub(super) struct Scans {
    link: Arc<Link>,
    ahead: Mutex<Ahead>,
}

/// What will be asked for if the last reader reads on.
#[derive(Debug, Default)]
struct Ahead {
    filter: Filter,
    after: Position,
    limit: usize,
    /// The page, where it is asked for already. What is dropped is aborted.
    page: JoinSet<Result<Page, StoreError>>,
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
        let ahead = std::mem::take(&mut *self.ahead());
        let reads_on = ahead.after == after && ahead.limit == limit && ahead.filter == *filter;
        let page = match reads_on {
            true => full(ahead.page).await,
            false => None,
        };
        let page = match page {
            Some(page) => page,
            None => page_of(&self.link, filter, after, limit).await?,
        };
        if !page.end {
            let mut next = Ahead { filter: filter.clone(), after: page.last, limit, ..Ahead::default() };
            // Whoever reads a page only does not go on from its end, and several who read at once would take their
            // pages from each other.
            if reads_on {
                let (link, filter, after) = (Arc::clone(&self.link), filter.clone(), page.last);
                next.page.spawn(async move { page_of(&link, &filter, after, limit).await });
            }
            *self.ahead() = next;
        }
        Ok(page)
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The page, if it is worth as much as one that is read now: nothing comes between events that are there, but what comes
/// behind the last of them may have come meanwhile. What failed is tried again.
async fn full(mut page: JoinSet<Result<Page, StoreError>>) -> Option<Page> {
    page.join_next().await?.ok()?.ok().filter(|page| !page.end)
}

async fn page_of(link: &Link, filter: &Filter, after: Position, limit: usize) -> Result<Page, StoreError> {
    link.ask("reading events", |session| async move { read::all(&session, filter, after, limit).await }).await
}
