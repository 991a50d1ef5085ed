//! From a stream to a state.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tracing::Instrument as _;

use super::{
    LoadError, PAGE, recorded,
    snapshot::{self, Basis, Due},
};
use crate::{
    Aggregate, Decoded, Event, Fold, Version, Versioned,
    domain::{decode_today, model::EventModel},
    observe,
    store::{Appended, Fact, Facts, Position, Store, StoreError, StreamId, StreamPage, Tail},
};

/// An aggregate as it is now, and what the store wants to hear at the next append.
pub(super) struct Loaded<A: Aggregate> {
    pub(super) fold: Fold<A>,
    pub(super) tail: Option<Tail>,
    /// The position of the last event.
    pub(super) position: Position,
    /// The descriptions of the events after the version that was asked about, in no order; each once.
    pub(super) since: Vec<&'static EventModel>,
    /// What the fold goes back to.
    pub(super) basis: Basis,
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
) -> Result<Box<Loaded<A>>, LoadError> {
    load(store, stream, id, Reading { until: Until::End, since }).await
}

/// Goes on with the fold of a beginning of the stream to its end, and notes what happened after the version `since`, be it
/// before or after what is in the fold already.
pub(super) async fn catch_up<A: Aggregate>(
    store: &Arc<dyn Store>,
    stream: &StreamId,
    loaded: &mut Loaded<A>,
    since: Option<Version>,
) -> Result<(), LoadError> {
    let reading = Reading { until: Until::End, since };
    match loaded.fold.version() {
        // There may be a snapshot.
        Version::NONE => *loaded = *load(store, stream, &loaded.fold.id().clone(), reading).await?,
        known => {
            let span = observe::load(A::CATEGORY, stream);
            loaded.go_on(&**store, stream, reading).instrument(span.clone()).await?;
            observe::folded(&span, A::CATEGORY, (known, false), loaded.fold.version());
        }
    }
    Ok(())
}

/// The fold of the events up to this version.
pub(super) async fn at_version<A: Aggregate>(
    store: &Arc<dyn Store>,
    id: &A::Id,
    asked: Version,
) -> Result<Option<Versioned<A>>, LoadError> {
    let stream = StreamId::of::<A>(id);
    let reading = Reading { until: Until::Version(asked), since: None };
    let loaded = load::<A>(store, &stream, id, reading).await?;
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
    let loaded = load::<A>(store, &StreamId::of::<A>(id), id, reading).await?;
    Ok(loaded.fold.finish())
}

/// The fold of the events up to this version, which the stream has.
pub(crate) async fn fold_at<A: Aggregate>(
    store: &Arc<dyn Store>,
    stream: &StreamId,
    id: &A::Id,
    version: Version,
) -> Result<Fold<A>, LoadError> {
    let loaded = load(store, stream, id, Reading { until: Until::Version(version), since: None }).await?;
    Ok(loaded.fold)
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
) -> Result<Box<Loaded<A>>, LoadError> {
    let span = observe::load(A::CATEGORY, stream);
    let (from, loaded) = match A::SNAPSHOT {
        // Boxed, because most aggregates have no snapshots and need not make room for this.
        Some(rule) => {
            let load = snapshot::load(rule, store, stream, id, reading).instrument(span.clone());
            let (from, loaded) = Box::pin(load).await?;
            (from, Box::new(loaded))
        }
        None => {
            let mut loaded = Box::new(Loaded::nothing(id.clone()));
            loaded.go_on(&**store, stream, reading).instrument(span.clone()).await?;
            (Version::NONE, loaded)
        }
    };
    observe::folded(&span, A::CATEGORY, (from, from > Version::NONE), loaded.fold.version());
    Ok(loaded)
}

impl<A: Aggregate> Loaded<A> {
    /// An aggregate of which nothing is known, taken not to be there.
    pub(super) fn nothing(id: A::Id) -> Self {
        Self::behind(Fold::new(id), Basis::events())
    }

    /// What comes behind this fold is yet to be read.
    pub(super) const fn behind(fold: Fold<A>, basis: Basis) -> Self {
        Self { fold, tail: None, position: Position::START, since: Vec::new(), basis, due: None }
    }

    /// The same once more, to return to when the fold goes on to what may not happen; `None` where it cannot be had, or
    /// where the stream is so short that to read it again is as well.
    pub(super) fn copy(&self) -> Option<Box<Self>> {
        const SHORT: u64 = 64;
        let fold = (self.fold.version() > SHORT).then(|| self.fold.try_clone())??;
        let (tail, position, since) = (self.tail.clone(), self.position, self.since.clone());
        Some(Box::new(Self { fold, tail, position, since, basis: self.basis, due: None }))
    }

    /// What the fold has taken last was recorded in this append.
    pub(super) fn ends_with(&mut self, appended: &Appended) {
        self.tail.clone_from(&appended.tail);
        self.position = appended.positions.last().map_or(self.position, |last| self.position.max(*last));
    }

    /// Reads on from where it is; what happened after the version that is asked about, from there.
    pub(super) async fn go_on(
        &mut self,
        store: &dyn Store,
        stream: &StreamId,
        reading: Reading,
    ) -> Result<(), LoadError> {
        let failed = |cause: StoreError| LoadError::Store { stream: stream.clone(), cause };
        let known = self.fold.version();
        let mut from = reading.since.map_or(known, |since| since.min(known)).next();
        loop {
            let limit = match reading.until {
                Until::Version(asked) if asked < from => return Ok(()),
                Until::Version(asked) => {
                    usize::try_from(asked.get() - from.get()).map_or(PAGE, |more| more.min(PAGE - 1) + 1)
                }
                Until::End | Until::Time(_) => PAGE,
            };
            let next = match reading.until {
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
            let Some(next) = next else { return Ok(()) };
            from = next;
        }
    }

    /// Folds whole events. Where there is more to read.
    pub(super) fn take_events(
        &mut self,
        stream: &StreamId,
        page: StreamPage,
        reading: Reading,
    ) -> Result<Option<Version>, LoadError> {
        for event in &page.events {
            if matches!(reading.until, Until::Time(at) if event.at > at) {
                return Ok(None);
            }
            self.take(stream, event.fact(), reading.since)?;
            self.position = event.position;
        }
        self.end(page.next.is_some(), page.tail);
        Ok(page.next)
    }

    fn take_facts(
        &mut self,
        stream: &StreamId,
        facts: Facts,
        reading: Reading,
    ) -> Result<Option<Version>, LoadError> {
        let known = self.fold.version();
        for fact in facts.iter() {
            // What is in the fold already is looked at only.
            match fact.version > known {
                true => self.take(stream, fact, reading.since)?,
                false => self.look_at(stream, fact, reading.since)?,
            }
        }
        if !facts.is_empty() {
            self.position = facts.position;
        }
        self.end(facts.next.is_some(), facts.tail);
        Ok(facts.next)
    }

    /// The tail is that of the end.
    fn end(&mut self, more: bool, tail: Option<Tail>) {
        if !more && tail.is_some() {
            self.tail = tail;
        }
    }

    #[inline]
    fn take(&mut self, stream: &StreamId, fact: Fact<'_>, since: Option<Version>) -> Result<(), LoadError> {
        let happened = since.is_some_and(|since| fact.version > since).then_some(&mut self.since);
        apply(&mut self.fold, stream, fact, happened)
    }

    #[cold]
    fn look_at(
        &mut self,
        stream: &StreamId,
        fact: Fact<'_>,
        since: Option<Version>,
    ) -> Result<(), LoadError> {
        let version = fact.version;
        if since.is_some_and(|since| version > since) {
            let decoded = recorded::decode::<A::Event>(fact).map_err(|cause| LoadError::Decode {
                stream: stream.clone(),
                version,
                cause,
            })?;
            decoded.as_slice().iter().for_each(|event| note(&mut self.since, event.model()));
        }
        Ok(())
    }
}

/// Takes the next event, and notes in `happened` what it is.
fn apply<A: Aggregate>(
    fold: &mut Fold<A>,
    stream: &StreamId,
    fact: Fact<'_>,
    happened: Option<&mut Vec<&'static EventModel>>,
) -> Result<(), LoadError> {
    let expected = fold.version().next();
    let found = fact.version;
    if found != expected {
        return Err(LoadError::Gap { stream: stream.clone(), expected, found });
    }
    // The way of nearly all events, with nothing between decoding and fold.
    let cause = match fact.payload {
        Ok(payload) => match decode_today::<A::Event>(fact.name, fact.schema, payload) {
            Ok(event) => {
                if let Some(happened) = happened {
                    note(happened, event.model());
                }
                return fold.apply(event).map_err(|cause| LoadError::Fold { stream: stream.clone(), cause });
            }
            Err(cause) => cause,
        },
        Err(_) => None,
    };
    apply_other(fold, stream, fact, cause, happened)
}

/// Takes an event that is not of today's version.
#[cold]
fn apply_other<A: Aggregate>(
    fold: &mut Fold<A>,
    stream: &StreamId,
    fact: Fact<'_>,
    cause: Option<serde_json::Error>,
    happened: Option<&mut Vec<&'static EventModel>>,
) -> Result<(), LoadError> {
    let decoded: Decoded<A::Event> = recorded::decode_other(fact, cause)
        .map_err(|cause| LoadError::Decode { stream: stream.clone(), version: fact.version, cause })?;
    if let Some(happened) = happened {
        decoded.as_slice().iter().for_each(|event| note(happened, event.model()));
    }
    fold.apply_decoded(decoded).map_err(|cause| LoadError::Fold { stream: stream.clone(), cause })
}

/// Each kind of event once.
fn note(happened: &mut Vec<&'static EventModel>, model: &'static EventModel) {
    if happened.iter().all(|event| event.name != model.name) {
        happened.push(model);
    }
}
