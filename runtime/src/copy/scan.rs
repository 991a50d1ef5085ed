//! A store read event by event.

use std::vec;

use super::patience::patiently;
use crate::{
    Position,
    store::{Filter, RecordedEvent, Store, StoreError},
};

/// A walk through all events of a store, in pages.
pub(super) struct Scan<'a> {
    store: &'a dyn Store,
    limit: usize,
    page: vec::IntoIter<RecordedEvent>,
    /// How far the last page looked, and whether that was the end.
    looked: Position,
    ended: bool,
    /// Where the last event was that was handed out.
    position: Position,
}

impl<'a> Scan<'a> {
    pub(super) fn new(store: &'a dyn Store, limit: usize) -> Self {
        let (looked, position) = (Position::START, Position::START);
        Self { store, limit, page: Vec::new().into_iter(), looked, ended: false, position }
    }

    /// The next event; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<RecordedEvent>, StoreError> {
        loop {
            if let Some(event) = self.page.next() {
                self.position = event.position;
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            // Stores that never wait would let nobody else have the thread.
            tokio::task::yield_now().await;
            let (store, looked, limit) = (self.store, self.looked, self.limit);
            let page = patiently(|| store.read_all(&Filter::All, looked, limit)).await?;
            (self.looked, self.ended) = (page.last, page.end);
            self.page = page.events.into_iter();
        }
    }

    /// The next event, if something has come since the end was reached.
    pub(super) async fn look_again(&mut self) -> Result<Option<RecordedEvent>, StoreError> {
        self.ended = false;
        self.next().await
    }

    /// The position of the last event.
    pub(super) const fn position(&self) -> Position {
        self.position
    }
}
