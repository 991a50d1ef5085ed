//! What a command leads to, on its way into the store.

use std::{mem, sync::Arc};

use super::{Receipt, Recorded, load::Loaded, recorded};
use crate::{
    Aggregate, Decision, DecodeError, Event, Fold, Metadata, Version,
    domain::model::{Enforce, UniqueParts},
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
    pub(super) position: Position,
    tail: Option<Tail>,
    pub(super) events: Decision<A::Event>,
    /// The same in their stored form.
    pub(super) stored: Vec<NewEvent>,
    /// What becomes of unique values: those that the store enforces, and those that a view is asked for.
    pub(super) claims: Vec<ClaimChange>,
    /// Whether the fold that was decided on has gone on to what comes of it.
    folded: bool,
    /// What it was before, if there is a copy.
    before: Option<Box<Loaded<A>>>,
}

/// An event that cannot be put into its stored form, or be read from it.
pub(super) enum NotStorable {
    Encode { event: &'static str, cause: serde_json::Error },
    Decode(DecodeError),
    Fold(crate::FoldError),
}

impl<A: Aggregate> Decided<A> {
    /// These events in the state that was loaded. Its fold goes on to what comes of them if that has to be known now, and a
    /// copy of it is kept then if it may be wanted.
    pub(super) fn of(
        loaded: &mut Loaded<A>,
        events: Decision<A::Event>,
        metadata: Option<&Arc<Metadata>>,
        copies: bool,
    ) -> Result<Self, NotStorable> {
        let mut to_store = Vec::with_capacity(events.as_slice().len());
        for event in events.as_slice() {
            to_store.push(stored(event, metadata)?);
        }
        let mut decided = Self {
            version: loaded.fold.version(),
            position: loaded.position,
            tail: loaded.tail.clone(),
            stored: to_store,
            events,
            claims: Vec::new(),
            folded: false,
            before: None,
        };
        let asked = A::MODEL.unique.iter().any(|unique| unique.enforce != Enforce::After);
        if asked && !decided.stored.is_empty() {
            let before = held(&loaded.fold);
            decided.before = copies.then(|| loaded.copy()).flatten();
            decided.fold(&mut loaded.fold)?;
            decided.claims = changes(&before, &loaded.fold);
        }
        Ok(decided)
    }

    /// Takes the events into the fold that was decided on, if it has not taken them.
    pub(super) fn fold(&mut self, fold: &mut Fold<A>) -> Result<(), NotStorable> {
        if mem::replace(&mut self.folded, true) {
            return Ok(());
        }
        for event in &self.stored {
            // An event need not be `Clone`, and what is folded later is what was stored.
            let event = recorded::decode(event.fact(fold.version().next())).map_err(NotStorable::Decode)?;
            fold.apply_decoded(event).map_err(NotStorable::Fold)?;
        }
        Ok(())
    }

    /// Goes on to what was recorded; `None` where there was nothing to record.
    pub(super) fn advance(
        &mut self,
        loaded: &mut Loaded<A>,
        appended: Option<&Appended>,
    ) -> Result<(), NotStorable> {
        let Some(appended) = appended else { return Ok(()) };
        self.fold(&mut loaded.fold)?;
        loaded.ends_with(appended);
        Ok(())
    }

    /// What was decided on, as it was before, where the events were not recorded; `None` if it is lost.
    pub(super) fn undo(self, loaded: Box<Loaded<A>>) -> Option<Box<Loaded<A>>> {
        if self.folded { self.before } else { Some(loaded) }
    }

    pub(super) fn append(&self, stream: &StreamId) -> Append {
        Append {
            stream: stream.clone(),
            expected: Expected::Exact(self.version),
            tail: self.tail.clone(),
            events: self.stored.clone(),
        }
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
            late: Vec::new(),
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

fn stored<E: Event>(event: &E, metadata: Option<&Arc<Metadata>>) -> Result<NewEvent, NotStorable> {
    match event.encode() {
        Ok(payload) => Ok(NewEvent {
            name: Name::from_static(event.name()),
            schema: event.schema(),
            payload: Payload::json(payload),
            metadata: metadata.cloned(),
        }),
        Err(cause) => Err(NotStorable::Encode { event: event.name(), cause }),
    }
}

/// The unique values that are taken and released on the way from what was held before to this state.
fn changes<A: Aggregate>(before: &[Option<UniqueParts>], fold: &Fold<A>) -> Vec<ClaimChange> {
    let after = held(fold);
    let stream = StreamId::of::<A>(fold.id());
    let mut changes = Vec::new();
    for (index, unique) in A::MODEL.unique.iter().enumerate() {
        if unique.enforce == Enforce::After {
            continue;
        }
        let claim = |values: &[Option<UniqueParts>]| {
            let parts = values.get(index)?.as_ref()?;
            Some(claim(unique.constraint, parts, &stream))
        };
        let (old, new) = (claim(before), claim(&after));
        if old != new {
            changes.extend(old.map(ClaimChange::Release));
            changes.extend(new.map(ClaimChange::Take));
        }
    }
    changes
}

pub(super) fn claim(constraint: &'static str, parts: &UniqueParts, owner: &StreamId) -> Claim {
    let value = ClaimValue::new(constraint, parts);
    Claim { constraint: Name::from_static(constraint), value, owner: owner.clone() }
}

/// The unique values of a live aggregate; nothing for one that is not there or has ended.
pub(crate) fn held<A: Aggregate>(fold: &Fold<A>) -> Vec<Option<UniqueParts>> {
    match fold.state() {
        Some(state) if !fold.ended() => state.unique(),
        _ => Vec::new(),
    }
}
