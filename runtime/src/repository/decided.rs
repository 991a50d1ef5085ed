//! What a command leads to, on its way into the store.

use std::sync::Arc;

use super::{Receipt, Recorded, load::Loaded, snapshot::Due};
use crate::{
    Aggregate, Context, Decision, DecodeError, Event, Fold, Metadata, Rejection, Version,
    domain::model::UniqueParts,
    store::{
        Append, Appended, Claim, ClaimChange, ClaimValue, CommitId, Expected, Name, NewEvent, Payload,
        Position, StreamId, Tail,
    },
};

/// A decision, and what the store has to know to record it.
pub(super) struct Decided<A: Aggregate> {
    /// The version that was decided on.
    pub(super) version: Version,
    /// The position of its last event.
    position: Position,
    tail: Option<Tail>,
    pub(super) events: Decision<A::Event>,
    pub(super) claims: Vec<ClaimChange>,
    /// Goes with the decision, when it is recorded or dropped.
    _due: Option<Due<A>>,
}

/// An event that cannot be put into its stored form, or be read from it.
pub(super) enum NotStorable {
    Encode { event: &'static str, cause: serde_json::Error },
    Decode(DecodeError),
    Fold(crate::FoldError),
}

impl<A: Aggregate> Decided<A> {
    /// What the command leads to in the state that was loaded.
    pub(super) fn on(
        loaded: Loaded<A>,
        command: A::Command,
        ctx: &Context,
    ) -> Result<Result<Self, NotStorable>, Rejection<A::Error>> {
        let events = loaded.fold.decide(command, ctx)?;
        Ok(Self::of(loaded, events))
    }

    /// These events in the state that was loaded.
    pub(super) fn of(loaded: Loaded<A>, events: Decision<A::Event>) -> Result<Self, NotStorable> {
        let Loaded { fold, tail, position, due, .. } = loaded;
        let version = fold.version();
        let claims = match A::MODEL.unique {
            [] => Vec::new(),
            _ => claims(fold, events.as_slice())?,
        };
        Ok(Self { version, position, tail, events, claims, _due: due })
    }

    pub(super) fn append(
        &self,
        stream: &StreamId,
        metadata: Option<&Arc<Metadata>>,
    ) -> Result<Append, NotStorable> {
        let stored = |event: &A::Event| match event.encode() {
            Ok(payload) => Ok(NewEvent {
                name: Name::from_static(event.name()),
                schema: event.schema(),
                payload: Payload::json(payload),
                metadata: metadata.cloned(),
            }),
            Err(cause) => Err(NotStorable::Encode { event: event.name(), cause }),
        };
        Ok(Append {
            stream: stream.clone(),
            expected: Expected::Exact(self.version),
            tail: self.tail.clone(),
            events: self.events.as_slice().iter().map(stored).collect::<Result<_, _>>()?,
        })
    }

    /// The receipt for what was recorded in a commit with this id, from its event with this index on; `None` where there
    /// was nothing to record.
    pub(super) fn receipt(
        self,
        stream: &StreamId,
        (commit, first): (CommitId, usize),
        appended: Option<Appended>,
        metadata: Option<&Arc<Metadata>>,
    ) -> Receipt<A::Event> {
        let events = self.events.into_vec();
        let mut receipt = Receipt {
            version: self.version,
            position: self.position,
            events: Vec::with_capacity(events.len()),
        };
        let Some(append) = appended else { return receipt };
        for ((event, position), index) in events.into_iter().zip(append.positions).zip(0..) {
            receipt.version = append.first.plus(index as u64);
            receipt.position = receipt.position.max(position);
            receipt.events.push(Recorded {
                event,
                id: commit.event(first + index),
                stream: stream.clone(),
                version: receipt.version,
                position,
                at: append.at,
                metadata: metadata.cloned(),
            });
        }
        receipt
    }
}

/// The unique values that are taken and released when this happens.
fn claims<A: Aggregate>(mut fold: Fold<A>, events: &[A::Event]) -> Result<Vec<ClaimChange>, NotStorable> {
    let before = held(&fold);
    for event in events {
        // An event need not be `Clone`, and what is folded later is what was stored.
        let payload = event.encode().map_err(|cause| NotStorable::Encode { event: event.name(), cause })?;
        let event = A::Event::decode(event.name(), event.schema(), &payload).map_err(NotStorable::Decode)?;
        fold.apply(event).map_err(NotStorable::Fold)?;
    }
    let after = held(&fold);
    let stream = StreamId::of::<A>(fold.id());
    let mut changes = Vec::new();
    for (index, unique) in A::MODEL.unique.iter().enumerate() {
        let claim = |values: &[Option<UniqueParts>]| {
            let parts = values.get(index)?.as_ref()?;
            Some(claim(unique.constraint, parts, &stream))
        };
        let (old, new) = (claim(&before), claim(&after));
        if old != new {
            changes.extend(old.map(ClaimChange::Release));
            changes.extend(new.map(ClaimChange::Take));
        }
    }
    Ok(changes)
}

pub(super) fn claim(constraint: &'static str, parts: &UniqueParts, owner: &StreamId) -> Claim {
    let value = ClaimValue::new(constraint, parts);
    Claim { constraint: Name::from_static(constraint), value, owner: owner.clone() }
}

/// The unique values of a live aggregate; nothing for one that is not there or has ended.
pub(super) fn held<A: Aggregate>(fold: &Fold<A>) -> Vec<Option<UniqueParts>> {
    match fold.state() {
        Some(state) if !fold.ended() => state.unique(),
        _ => Vec::new(),
    }
}
