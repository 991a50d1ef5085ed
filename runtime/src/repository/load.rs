//! From a stream to a state.

use chrono::{DateTime, Utc};

use super::{LoadError, PAGE, recorded};
use crate::{
    Aggregate, Fold, Version, Versioned,
    store::{Position, RecordedEvent, Store, StreamId, Tail},
};

/// An aggregate as it is now, and what the store wants to hear at the next append.
pub(super) struct Loaded<A: Aggregate> {
    pub(super) fold: Fold<A>,
    pub(super) tail: Option<Tail>,
    /// The position of the last event.
    pub(super) position: Position,
    pub(super) stream: StreamId,
}

/// The fold of the whole stream.
pub(super) async fn latest<A: Aggregate>(
    store: &dyn Store,
    stream: StreamId,
    id: &A::Id,
) -> Result<Loaded<A>, LoadError> {
    let mut fold = Fold::new(id.clone());
    let (mut tail, mut position) = (None, Position::START);
    while_events(store, &stream, Some(&mut tail), |event| {
        position = event.position;
        apply(&mut fold, event).map(|()| true)
    })
    .await?;
    Ok(Loaded { fold, tail, position, stream })
}

pub(super) async fn at_version<A: Aggregate>(
    store: &dyn Store,
    id: &A::Id,
    asked: Version,
) -> Result<Option<Versioned<A>>, LoadError> {
    let stream = StreamId::of::<A>(id);
    let mut fold = Fold::new(id.clone());
    if asked != Version::NONE {
        while_events(store, &stream, None, |event| {
            apply(&mut fold, event)?;
            Ok(fold.version() < asked)
        })
        .await?;
    }
    if fold.version() < asked {
        return Err(LoadError::NoSuchVersion { stream, asked, latest: fold.version() });
    }
    Ok(fold.finish())
}

pub(super) async fn as_of<A: Aggregate>(
    store: &dyn Store,
    id: &A::Id,
    at: DateTime<Utc>,
) -> Result<Option<Versioned<A>>, LoadError> {
    let stream = StreamId::of::<A>(id);
    let mut fold = Fold::new(id.clone());
    while_events(store, &stream, None, |event| {
        if event.at > at {
            return Ok(false);
        }
        apply(&mut fold, event).map(|()| true)
    })
    .await?;
    Ok(fold.finish())
}

/// Hands the events of the stream to `take`, oldest first, until it says `false` or there are no more.
async fn while_events(
    store: &dyn Store,
    stream: &StreamId,
    tail: Option<&mut Option<Tail>>,
    mut take: impl FnMut(&RecordedEvent) -> Result<bool, LoadError>,
) -> Result<(), LoadError> {
    let mut from = Version::FIRST;
    loop {
        let page = store
            .read_stream(stream, from, PAGE)
            .await
            .map_err(|cause| LoadError::Store { stream: stream.clone(), cause })?;
        for event in &page.events {
            if !take(event)? {
                return Ok(());
            }
        }
        match page.next {
            Some(next) => from = next,
            None => {
                if let Some(tail) = tail {
                    *tail = page.tail;
                }
                return Ok(());
            }
        }
    }
}

fn apply<A: Aggregate>(fold: &mut Fold<A>, recorded: &RecordedEvent) -> Result<(), LoadError> {
    let expected = fold.version().next();
    if recorded.version != expected {
        let stream = recorded.stream.clone();
        return Err(LoadError::Gap { stream, expected, found: recorded.version });
    }
    let event = recorded::decode(recorded).map_err(|cause| LoadError::Decode {
        stream: recorded.stream.clone(),
        version: recorded.version,
        cause,
    })?;
    fold.apply(event).map_err(|cause| LoadError::Fold { stream: recorded.stream.clone(), cause })
}
