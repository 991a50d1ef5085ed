//! What a stored event is today.

use std::{iter, option, vec};

/// What one stored event is today: one event, unless an `#[upcast]` has made several of it.
///
/// Several events of one stored event belong together: they have its version, its id and its position, and a fold takes
/// them in one go, with [`Fold::apply_decoded`](crate::Fold::apply_decoded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded<T> {
    /// One event.
    One(T),
    /// Several events, in the order in which they are folded; at least two.
    Several(Vec<T>),
}

impl<T> Decoded<T> {
    /// The event, if it is one.
    #[must_use]
    pub fn one(self) -> Option<T> {
        match self {
            Self::One(event) => Some(event),
            Self::Several(_) => None,
        }
    }

    /// The events, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(event) => std::slice::from_ref(event),
            Self::Several(events) => events,
        }
    }

    /// The same with each event changed in this way.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Decoded<U> {
        let mut change = change;
        match self {
            Self::One(event) => Decoded::One(change(event)),
            Self::Several(events) => Decoded::Several(events.into_iter().map(change).collect()),
        }
    }
}

impl<T> IntoIterator for Decoded<T> {
    type Item = T;
    type IntoIter = iter::Chain<option::IntoIter<T>, vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, several) = match self {
            Self::One(event) => (Some(event), Vec::new()),
            Self::Several(events) => (None, events),
        };
        one.into_iter().chain(several)
    }
}
