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
    Decoded, Event, Recorded, Version,
    store::{BoxFuture, RecordedEvent, Store, StoreError, StreamId, StreamPage},
};

/// The history of an aggregate, oldest first. It reads a page when the one before is used up, so it goes as fast as it
/// is asked and holds one page in memory.
///
/// An event that cannot be decoded is an error in its place, and what comes after it can be read all the same; after any
/// other error it ends. What was stored as one event and is several today comes as several, of the same version.
///
/// It is a [`Stream`]; [`next`](History::next) does without a crate of stream adapters.
pub struct History<E> {
    store: Arc<dyn Store>,
    stream: StreamId,
    page: VecDeque<RecordedEvent>,
    /// What is left of an event that has become several.
    rest: VecDeque<Recorded<E>>,
    next: Next,
    /// The version of the event that comes next.
    version: Version,
}

enum Next {
    From(Version),
    Reading(BoxFuture<'static, Result<StreamPage, StoreError>>),
    End,
}

impl<E: Event> History<E> {
    pub(super) fn new(store: Arc<dyn Store>, stream: StreamId, from: Version) -> Self {
        let next = Next::From(from);
        Self { store, stream, page: VecDeque::new(), rest: VecDeque::new(), next, version: from }
    }

    /// The next event; `None` after the last one.
    pub async fn next(&mut self) -> Option<Result<Recorded<E>, LoadError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// All of them, held in memory; the first error ends it.
    pub(super) async fn all(mut self) -> Result<Vec<Recorded<E>>, LoadError> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event?);
        }
        Ok(events)
    }

    fn decode(&mut self, recorded: RecordedEvent) -> Result<Decoded<Recorded<E>>, LoadError> {
        let (version, expected) = (recorded.version, self.version);
        if version != expected {
            self.end();
            return Err(LoadError::Gap { stream: self.stream.clone(), expected, found: version });
        }
        self.version = version.next();
        Recorded::decode_all(recorded).map_err(|cause| LoadError::Decode {
            stream: self.stream.clone(),
            version,
            cause,
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
            if let Some(event) = history.rest.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if let Some(recorded) = history.page.pop_front() {
                match history.decode(recorded) {
                    Ok(Decoded::One(event)) => return Poll::Ready(Some(Ok(event))),
                    Ok(Decoded::Several(events)) => history.rest = events.into(),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
                continue;
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

/// Nothing in it is pinned.
impl<E> Unpin for History<E> {}

impl<E> fmt::Debug for History<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("stream", &self.stream).finish_non_exhaustive()
    }
}
