//! The events of one stream, decoded, page by page.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use super::{LoadError, PAGE};
use crate::{
    Event, Recorded, Version,
    store::{BoxFuture, RecordedEvent, Store, StoreError, StreamId, StreamPage},
};

/// The history of an aggregate, oldest first. It reads a page when the one before is used up, so it goes as fast as it
/// is asked and holds one page in memory. After an error it ends.
///
/// It is a [`Stream`]; [`next`](History::next) does without a crate of stream adapters.
pub struct History<E> {
    store: Arc<dyn Store>,
    stream: StreamId,
    page: VecDeque<RecordedEvent>,
    next: Next,
    /// The version of the event that comes next.
    version: Version,
    events: std::marker::PhantomData<fn() -> E>,
}

enum Next {
    From(Version),
    Reading(BoxFuture<'static, Result<StreamPage, StoreError>>),
    End,
}

impl<E: Event> History<E> {
    pub(super) fn new(store: Arc<dyn Store>, stream: StreamId, from: Version) -> Self {
        let next = Next::From(from);
        Self { store, stream, page: VecDeque::new(), next, version: from, events: std::marker::PhantomData }
    }

    /// The next event; `None` after the last one.
    pub async fn next(&mut self) -> Option<Result<Recorded<E>, LoadError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn decode(&mut self, recorded: RecordedEvent) -> Result<Recorded<E>, LoadError> {
        let (version, expected) = (recorded.version, self.version);
        if version != expected {
            self.end();
            return Err(LoadError::Gap { stream: self.stream.clone(), expected, found: version });
        }
        self.version = version.next();
        Recorded::decode(recorded).map_err(|cause| {
            self.end();
            LoadError::Decode { stream: self.stream.clone(), version, cause }
        })
    }

    fn end(&mut self) {
        self.page.clear();
        self.next = Next::End;
    }
}

impl<E: Event> Stream for History<E> {
    type Item = Result<Recorded<E>, LoadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let history = self.get_mut();
        loop {
            if let Some(recorded) = history.page.pop_front() {
                return Poll::Ready(Some(history.decode(recorded)));
            }
            match &mut history.next {
                Next::End => return Poll::Ready(None),
                Next::From(version) => {
                    let (version, stream) = (*version, history.stream.clone());
                    let store = Arc::clone(&history.store);
                    history.next =
                        Next::Reading(Box::pin(
                            async move { store.read_stream(&stream, version, PAGE).await },
                        ));
                }
                Next::Reading(reading) => match ready!(reading.as_mut().poll(cx)) {
                    Ok(page) => {
                        history.page = page.events.into();
                        history.next = page.next.map_or(Next::End, Next::From);
                    }
                    Err(cause) => {
                        history.end();
                        let stream = history.stream.clone();
                        return Poll::Ready(Some(Err(LoadError::Store { stream, cause })));
                    }
                },
            }
        }
    }
}

impl<E> fmt::Debug for History<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("stream", &self.stream).finish_non_exhaustive()
    }
}
