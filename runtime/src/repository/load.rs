//! From a stream to a state.

use chrono::{DateTime, Utc};

use super::{LoadError, PAGE, recorded};
use crate::{
    Aggregate, Decoded, Event, Fold, Version, Versioned,
    domain::{decode_today, model::EventModel},
    store::{Appended, Fact, Position, Store, StreamId, Tail},
};

/// An aggregate as it is now, and what the store wants to hear at the next append.
pub(super) struct Loaded<A: Aggregate> {
    pub(super) fold: Fold<A>,
    pub(super) tail: Option<Tail>,
    /// The position of the last event.
    pub(super) position: Position,
    /// The descriptions of the events after the version that was asked about, in no order; each once.
    pub(super) since: Vec<&'static EventModel>,
}

impl<A: Aggregate> Loaded<A> {
    /// An aggregate of which nothing is known, taken not to be there.
    pub(super) const fn nothing(id: A::Id) -> Self {
        Self { fold: Fold::new(id), tail: None, position: Position::START, since: Vec::new() }
    }

    /// The same once more, to return to when the fold goes on to what may not happen; `None` where it cannot be had, or
    /// where the stream is so short that to read it again is as well.
    pub(super) fn copy(&self) -> Option<Box<Self>> {
        const SHORT: u64 = 64;
        let fold = (self.fold.version() > SHORT).then(|| self.fold.try_clone())??;
        let (tail, position, since) = (self.tail.clone(), self.position, self.since.clone());
        Some(Box::new(Self { fold, tail, position, since }))
    }

    /// What the fold has taken last was recorded in this append.
    pub(super) fn ends_with(&mut self, appended: &Appended) {
        self.tail.clone_from(&appended.tail);
        self.position = appended.positions.last().map_or(self.position, |last| self.position.max(*last));
    }
}

/// The fold of the whole stream, with what happened after the version `since`, if there is one.
pub(super) async fn latest<A: Aggregate>(
    store: &dyn Store,
    stream: &StreamId,
    id: &A::Id,
    since: Option<Version>,
) -> Result<Loaded<A>, LoadError> {
    let mut loaded = Loaded::nothing(id.clone());
    catch_up(store, stream, &mut loaded, since).await?;
    Ok(loaded)
}

/// Goes on with the fold of a beginning of the stream to its end, and notes what happened after the version `since`, be it
/// before or after what is in the fold already.
pub(super) async fn catch_up<A: Aggregate>(
    store: &dyn Store,
    stream: &StreamId,
    loaded: &mut Loaded<A>,
    since: Option<Version>,
) -> Result<(), LoadError> {
    let known = loaded.fold.version();
    let mut from = since.map_or(known, |since| since.min(known)).next();
    loop {
        let facts = store
            .read_facts(stream, from, PAGE)
            .await
            .map_err(|cause| LoadError::Store { stream: stream.clone(), cause })?;
        for fact in facts.iter() {
            let version = fact.version;
            let happened = since.is_some_and(|since| version > since).then_some(&mut loaded.since);
            if version > known {
                apply(&mut loaded.fold, stream, fact, happened)?;
            } else if let Some(happened) = happened {
                // Such an event is in the fold already.
                let decoded = recorded::decode::<A::Event>(fact).map_err(|cause| LoadError::Decode {
                    stream: stream.clone(),
                    version,
                    cause,
                })?;
                decoded.as_slice().iter().for_each(|event| note(happened, event.model()));
            }
            from = version.next();
        }
        if !facts.is_empty() {
            loaded.position = facts.position;
        }
        if facts.next.is_none() {
            if facts.tail.is_some() {
                loaded.tail = facts.tail;
            }
            return Ok(());
        }
    }
}

/// The fold of the events up to this version.
pub(super) async fn at_version<A: Aggregate>(
    store: &dyn Store,
    id: &A::Id,
    asked: Version,
) -> Result<Option<Versioned<A>>, LoadError> {
    let stream = StreamId::of::<A>(id);
    let mut fold = Fold::new(id.clone());
    while fold.version() < asked {
        let missing = asked.get() - fold.version().get();
        let limit = usize::try_from(missing).map_or(PAGE, |missing| missing.min(PAGE));
        let facts = store
            .read_facts(&stream, fold.version().next(), limit)
            .await
            .map_err(|cause| LoadError::Store { stream: stream.clone(), cause })?;
        for fact in facts.iter() {
            apply(&mut fold, &stream, fact, None)?;
        }
        if facts.next.is_none() && fold.version() < asked {
            return Err(LoadError::NoSuchVersion { stream, asked, latest: fold.version() });
        }
    }
    Ok(fold.finish())
}

/// The fold of the longest prefix of events recorded at or before this time.
pub(super) async fn as_of<A: Aggregate>(
    store: &dyn Store,
    id: &A::Id,
    at: DateTime<Utc>,
) -> Result<Option<Versioned<A>>, LoadError> {
    let stream = StreamId::of::<A>(id);
    let mut fold = Fold::new(id.clone());
    loop {
        let page = store
            .read_stream(&stream, fold.version().next(), PAGE)
            .await
            .map_err(|cause| LoadError::Store { stream: stream.clone(), cause })?;
        for event in &page.events {
            if event.at > at {
                return Ok(fold.finish());
            }
            apply(&mut fold, &stream, event.fact(), None)?;
        }
        if page.next.is_none() {
            return Ok(fold.finish());
        }
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
