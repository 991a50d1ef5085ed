//! A handler as the task of a reader.

use std::{collections::HashMap, fmt, sync::Arc};

use tokio::{sync::Semaphore, task::JoinSet, time::timeout};
use tracing::Instrument as _;

use super::{Delivery, Handler, HandlerError, Source, Unavailable, delivery::Trouble};
use crate::{
    app::Repositories,
    observe,
    reader::{Failed, Taken, Task, Tries, panic_message},
    store::{BoxFuture, Filter, RecordedEvent, StoreError, StoreErrorKind},
};

/// A handler at work.
pub(crate) struct Handling<H> {
    handler: Arc<H>,
    filter: Filter,
    repositories: Arc<Repositories>,
}

/// An event, and its index among those that were given.
type Indexed = (usize, RecordedEvent);

impl<H: Handler> Handling<H> {
    pub(crate) fn new(handler: Arc<H>, repositories: Arc<Repositories>) -> Self {
        let filter = handler.filter();
        Self { handler, filter, repositories }
    }
}

impl<H: Handler> Task for Handling<H> {
    fn reader(&self) -> &str {
        self.handler.name()
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn take<'a>(&'a self, events: &'a [RecordedEvent]) -> BoxFuture<'a, Result<Taken, StoreError>> {
        Box::pin(async move {
            let places = Arc::new(Semaphore::new(H::SIDE_BY_SIDE.max(1)));
            // What is dropped, because the lease is lost or the app stops, stops all of them.
            let mut streams = JoinSet::new();
            for stream in by_stream(events) {
                let (handler, repositories) = (Arc::clone(&self.handler), Arc::clone(&self.repositories));
                let places = Arc::clone(&places);
                let dealt_with = async move {
                    // Nobody closes it.
                    let _place = places.acquire_owned().await;
                    in_order(&handler, &repositories, stream).await
                };
                streams.spawn(dealt_with.in_current_span());
            }
            let mut failed = Vec::new();
            while let Some(stream) = streams.join_next().await {
                match stream {
                    Ok(outcome) => failed.extend(outcome?),
                    Err(error) => return Err(shut_down(&error)),
                }
            }
            failed.sort_by_key(|failed: &Failed| failed.index);
            Ok(Taken { failed, ..Taken::default() })
        })
    }
}

/// The events of each stream, in order.
fn by_stream(events: &[RecordedEvent]) -> Vec<Vec<Indexed>> {
    let mut places = HashMap::new();
    let mut streams: Vec<Vec<Indexed>> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let place = *places.entry(&event.stream).or_insert_with(|| {
            streams.push(Vec::new());
            streams.len() - 1
        });
        if let Some(stream) = streams.get_mut(place) {
            stream.push((index, event.clone()));
        }
    }
    streams
}

/// Deals with the events of a stream, up to one that cannot be dealt with.
async fn in_order<H: Handler>(
    handler: &Arc<H>,
    repositories: &Arc<Repositories>,
    events: Vec<Indexed>,
) -> Result<Option<Failed>, StoreError> {
    for (index, event) in events {
        let (event, trouble) = (Arc::new(event), Arc::new(Trouble::default()));
        let mut tries = Tries::new();
        loop {
            let outcome = attempt(handler, repositories, (&event, tries.made()), &trouble).await;
            let Err(error) = outcome else { break };
            // It is not the event's fault that a store is away.
            if let Some(error) = trouble.take() {
                return Err(error);
            }
            if let Some(away) = error.downcast_ref::<Unavailable>() {
                return Err(StoreError::new(StoreErrorKind::Unavailable, away.to_string()));
            }
            let attempts = tries.made();
            tracing::debug!(handler = handler.name(), position = %event.position, attempts, "not dealt with: {error}");
            if !tries.allow_another().await {
                return Ok(Some(Failed { index, error: with_causes(&*error), attempts }));
            }
        }
    }
    Ok(None)
}

/// The runtime takes its tasks along, or one of ours has panicked outside of the handler.
fn shut_down(error: &tokio::task::JoinError) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("a handler was cut off: {error}"))
}

/// One attempt, in a task of its own: a panic stays in it.
async fn attempt<H: Handler>(
    handler: &Arc<H>,
    repositories: &Arc<Repositories>,
    (event, attempt): (&Arc<RecordedEvent>, u32),
    trouble: &Arc<Trouble>,
) -> Result<(), HandlerError> {
    let (handler, repositories, event) = (Arc::clone(handler), Arc::clone(repositories), Arc::clone(event));
    let trouble = Arc::clone(trouble);
    let mut handled = JoinSet::new();
    let span = observe::handle(handler.name(), &event, attempt);
    let handling = async move {
        let delivery = Delivery::new(handler.name(), &event, attempt, &repositories, &trouble);
        for event in H::Source::decode(&event)? {
            handler.handle(&event, &delivery).await?;
        }
        Ok(())
    };
    handled.spawn(handling.instrument(span));
    match timeout(H::TIME_LIMIT, handled.join_next()).await {
        Ok(Some(Ok(outcome))) => outcome,
        Ok(Some(Err(error))) => Err(match error.try_into_panic() {
            Ok(panic) => panic_message(&*panic).into(),
            Err(error) => error.into(),
        }),
        Ok(None) => Err("the attempt was not made".into()),
        Err(_) => Err(format!("it took longer than {:?}", H::TIME_LIMIT).into()),
    }
}

/// An error with its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Many say themselves what was the cause.
        if !told.contains(&said) {
            told = format!("{told}: {said}");
        }
        cause = error.source();
    }
    told
}

impl<H: Handler> fmt::Debug for Handling<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handling").field(&self.handler.name()).finish()
    }
}
