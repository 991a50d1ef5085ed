//! From a stream to a state.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    LoadError, PAGE, recorded,
    snapshot::{self, Due},
};
use crate::{
    Aggregate, Fold, Version, Versioned,
    domain::model::EventModel,
    store::{Fact, Facts, Position, Store, StoreError, StreamId, StreamPage, Tail},
};

/// An aggregate as it is now, and what the store wants to hear at the next append.
pub(super) struct Loaded<A: Aggregate> {
    pub(super) fold: Fold<A>,
    pub(super) tail: Option<Tail>,
    /// The position of the last event.
    pub(super) position: Position,
    /// The descriptions of the events after the version that was asked about, in no order; each once.
    pub(super) since: Vec<&'static EventModel>,
    /// The snapshot that is kept when whoever loaded is done.
    pub(super) due: Option<Due<A>>,
}

/// What is read of a stream.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) until: Until,
    /// The version after which every event is looked at, if there is one.
    pub(super) since: Option<Version>,
}

/// How far a stream is folded.
#[derive(Clone, Copy)]
pub(super) enum Until {
    End,
    Version(Version),
    /// The longest prefix of events recorded at or before this time.
    Time(DateTime<Utc>),
}

/// The fold of the whole stream, with what happened after the version `since`, if there is one.
pub(super) async fn latest<A: Aggregate>(
    store: &Arc<dyn Store>,
    stream: &StreamId,
    id: &A::Id,
    since: Option<Version>,
) -> Result<Loaded<A>, LoadError> {
    load(store, stream, id, Reading { until: Until::End, since }).await
}

/// The fold of the events up to this version.
pub(super) async fn at_version<A: Aggregate>(
    store: &Arc<dyn Store>,
    id: &A::Id,
    asked: Version,
) -> Result<Option<Versioned<A>>, LoadError> {
    let stream = StreamId::of::<A>(id);
    let loaded: Loaded<A> =
        load(store, &stream, id, Reading { until: Until::Version(asked), since: None }).await?;
    let latest = loaded.fold.version();
    if latest < asked {
        return Err(LoadError::NoSuchVersion { stream, asked, latest });
    }
    Ok(loaded.fold.finish())
}

/// The fold of the longest prefix of events recorded at or before this time.
pub(super) async fn as_of<A: Aggregate>(
    store: &Arc<dyn Store>,
    id: &A::Id,
    at: DateTime<Utc>,
) -> Result<Option<Versioned<A>>, LoadError> {
    let reading = Reading { until: Until::Time(at), since: None };
    let loaded: Loaded<A> = load(store, &StreamId::of::<A>(id), id, reading).await?;
    Ok(loaded.fold.finish())
}

/// The fold of all events, and nothing but events: for what is kept for good.
pub(super) async fn of_events<A: Aggregate>(
    store: &dyn Store,
    stream: &StreamId,
    id: &A::Id,
) -> Result<Fold<A>, LoadError> {
    let mut loaded = Loaded::nothing(id.clone());
    loaded.go_on(store, stream, Reading { until: Until::End, since: None }).await?;
    Ok(loaded.fold)
}

async fn load<A: Aggregate>(
    store: &Arc<dyn Store>,
    stream: &StreamId,
    id: &A::Id,
    reading: Reading,
) -> Result<Loaded<A>, LoadError> {
    match A::SNAPSHOT {
        // Boxed, because most aggregates have no snapshots and need not make room for this.
        Some(rule) => Box::pin(snapshot::load(rule, store, stream, id, reading)).await,
        None => {
            let mut loaded = Loaded::nothing(id.clone());
            loaded.go_on(&**store, stream, reading).await?;
            Ok(loaded)
        }
    }
}

impl<A: Aggregate> Loaded<A> {
    /// An aggregate of which nothing is known, taken not to be there.
    pub(super) const fn nothing(id: A::Id) -> Self {
        Self::behind(Fold::new(id))
    }

    /// What comes behind this fold is yet to be read.
    pub(super) const fn behind(fold: Fold<A>) -> Self {
        Self { fold, tail: None, position: Position::START, since: Vec::new(), due: None }
    }

    /// Reads on from where it is.
    pub(super) async fn go_on(
        &mut self,
        store: &dyn Store,
        stream: &StreamId,
        reading: Reading,
    ) -> Result<(), LoadError> {
        let failed = |cause: StoreError| LoadError::Store { stream: stream.clone(), cause };
        loop {
            let from = self.fold.version().next();
            let limit = match reading.until {
                Until::Version(asked) if asked < from => return Ok(()),
                Until::Version(asked) => {
                    usize::try_from(asked.get() - from.get()).map_or(PAGE, |more| more.min(PAGE - 1) + 1)
                }
                Until::End | Until::Time(_) => PAGE,
            };
            let more = match reading.until {
                // When an event happened is not among what a fold needs.
                Until::Time(_) => {
                    let page = store.read_stream(stream, from, limit).await.map_err(failed)?;
                    self.take_events(stream, page, reading)?
                }
                Until::End | Until::Version(_) => {
                    let facts = store.read_facts(stream, from, limit).await.map_err(failed)?;
                    self.take_facts(stream, facts, reading)?
                }
            };
            if !more {
                return Ok(());
            }
        }
    }

    /// Folds whole events. Whether there is more to read.
    pub(super) fn take_events(
        &mut self,
        stream: &StreamId,
        page: StreamPage,
        reading: Reading,
    ) -> Result<bool, LoadError> {
        for event in &page.events {
            if matches!(reading.until, Until::Time(at) if event.at > at) {
                return Ok(false);
            }
            self.take(stream, event.fact(), reading.since)?;
            self.position = event.position;
        }
        self.tail = page.tail;
        Ok(page.next.is_some())
    }

    fn take_facts(&mut self, stream: &StreamId, facts: Facts, reading: Reading) -> Result<bool, LoadError> {
        for fact in facts.iter() {
            self.take(stream, fact, reading.since)?;
        }
        if !facts.is_empty() {
            self.position = facts.position;
        }
        self.tail = facts.tail;
        Ok(facts.next.is_some())
    }

    #[inline]
    fn take(&mut self, stream: &StreamId, fact: Fact<'_>, since: Option<Version>) -> Result<(), LoadError> {
        let version = fact.version;
        let name = since.filter(|since| version > *since).map(|_| fact.name.clone());
        apply(&mut self.fold, stream, fact)?;
        if let Some(name) = name
            && self.since.iter().all(|event| name != event.name)
        {
            self.since.extend(A::MODEL.events.iter().find(|event| name == event.name));
        }
        Ok(())
    }
}

fn apply<A: Aggregate>(fold: &mut Fold<A>, stream: &StreamId, fact: Fact<'_>) -> Result<(), LoadError> {
    let expected = fold.version().next();
    let found = fact.version;
    if found != expected {
        return Err(LoadError::Gap { stream: stream.clone(), expected, found });
    }
    match recorded::decode(fact) {
        Ok(event) => fold.apply(event).map_err(|cause| LoadError::Fold { stream: stream.clone(), cause }),
        Err(cause) => Err(LoadError::Decode { stream: stream.clone(), version: found, cause }),
    }
}
