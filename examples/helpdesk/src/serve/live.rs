//! What happens, while it happens: server-sent events.
//!
//! Each tells that something has happened to an incident; what it has come to is asked for. The id is the position of the
//! event, so a browser that comes back goes on behind the last one that it had, and misses nothing.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use chrono::{DateTime, Utc};
use factum::{
    Aggregate, Position, Version,
    store::{Filter, RecordedEvent, Store},
};
use futures_util::stream;
use helpdesk::domain::Incident;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{
    Service,
    given::{Asked, only},
    problem::Problem,
};

/// How many events are read at a time.
const PAGE: usize = 100;

/// How long a browser waits until it comes back.
const COME_BACK: Duration = Duration::from_secs(1);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// From where on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    after: Option<Position>,
}

/// What happens to incidents from now on, or from where the reader has been before.
pub(super) async fn events(
    State(service): State<Service>,
    Asked(From { after }): Asked<From>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let store = Arc::clone(service.desk.incidents.store());
    let seen = only(&headers, &LAST_EVENT_ID)?.map(str::parse).transpose();
    let seen =
        seen.map_err(|error: factum::store::InvalidPosition| Problem::InvalidRequest(error.to_string()))?;
    let after = match seen.or(after) {
        Some(after) => after,
        None => store.head().await.map_err(|error| Problem::Unavailable(error.into()))?,
    };
    let place = Arc::clone(&service.watchers).try_acquire_owned().map_err(|_| Problem::TooManyWatch)?;
    let (filter, read) = (Filter::category(Incident::CATEGORY), VecDeque::new());
    let watch = Watch { store, filter, after, read, stopping: service.stopping, _place: place };
    let hello = Event::default().retry(COME_BACK).comment("live");
    let events = stream::unfold((Some(hello), watch), |(hello, mut watch)| async move {
        let event = match hello {
            Some(hello) => hello,
            None => watch.next().await?,
        };
        Some((Ok::<_, Infallible>(event), (None, watch)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Somebody who watches.
struct Watch {
    store: Arc<dyn Store>,
    filter: Filter,
    /// Up to here everything was read.
    after: Position,
    /// What was read and not told yet.
    read: VecDeque<RecordedEvent>,
    stopping: watch::Receiver<bool>,
    /// Given back when nobody watches any more.
    _place: OwnedSemaphorePermit,
}

/// What is told of an event.
#[derive(Serialize)]
struct Told<'a> {
    number: &'a str,
    version: Version,
    at: DateTime<Utc>,
    by: Option<&'a str>,
    name: &'a str,
}

impl Watch {
    /// What happens next; `None` when the service ends, or cannot read its store: then the browser comes back.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            if let Some(recorded) = self.read.pop_front() {
                return event(&recorded);
            }
            let mut stopping = self.stopping.clone();
            let read = tokio::select! {
                read = self.read_on() => read,
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            };
            if let Err(error) = read {
                eprintln!("helpdesk: {}", error.to_string().replace('\n', " "));
                return None;
            }
        }
    }

    /// Reads what has happened, or waits until something does.
    async fn read_on(&mut self) -> Result<(), factum::store::StoreError> {
        let page = self.store.read_all(&self.filter, self.after, PAGE).await?;
        if page.events.is_empty() && page.end {
            self.store.wait(self.after.max(page.last)).await?;
        }
        self.after = page.last;
        self.read.extend(page.events);
        Ok(())
    }
}

fn event(recorded: &RecordedEvent) -> Option<Event> {
    let RecordedEvent { version, at, .. } = *recorded;
    let (number, by, name) = (recorded.stream.id(), recorded.actor(), recorded.name.as_str());
    let told = Told { number, version, at, by, name };
    // Text, numbers and times can always be written as JSON.
    Event::default().id(recorded.position.to_string()).event("happened").json_data(told).ok()
}
