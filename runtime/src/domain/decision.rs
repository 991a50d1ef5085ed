//! What a command leads to: events, or a reason why not.

use std::fmt;

use super::Event;

/// The events that a command leads to, in order; possibly none.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<E>(Events<E>);

/// One event is by far the commonest decision and needs no allocation.
#[derive(Clone, Debug, PartialEq)]
enum Events<E> {
    None,
    One(E),
    Many(Vec<E>),
}

impl<E> Decision<E> {
    /// Nothing happens.
    #[must_use]
    pub const fn none() -> Self {
        Self(Events::None)
    }

    /// This happens.
    #[must_use]
    pub const fn one(event: E) -> Self {
        Self(Events::One(event))
    }

    /// The events, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[E] {
        match &self.0 {
            Events::None => &[],
            Events::One(event) => std::slice::from_ref(event),
            Events::Many(events) => events,
        }
    }

    /// The events, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<E> {
        match self.0 {
            Events::None => Vec::new(),
            Events::One(event) => vec![event],
            Events::Many(events) => events,
        }
    }

    /// Whether nothing happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

impl<E> From<Vec<E>> for Decision<E> {
    fn from(events: Vec<E>) -> Self {
        Self(Events::Many(events))
    }
}

/// What `#[decide]` may give: one event, an `Option`, a `Vec`, an array, a tuple of them, or a [`Decision`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what `#[decide]` gives for events of type `{E}`",
    note = "give one event, an `Option`, a `Vec`, an array or a tuple of events"
)]
pub trait IntoEvents<E> {
    /// The events, in order.
    fn into_events(self) -> Decision<E>;
}

impl<E: Event> IntoEvents<E> for E {
    fn into_events(self) -> Decision<E> {
        Decision::one(self)
    }
}

impl<E> IntoEvents<E> for Decision<E> {
    fn into_events(self) -> Decision<E> {
        self
    }
}

impl<E> IntoEvents<E> for Option<E> {
    fn into_events(self) -> Decision<E> {
        self.map_or(Decision::none(), Decision::one)
    }
}

impl<E> IntoEvents<E> for Vec<E> {
    fn into_events(self) -> Decision<E> {
        Decision::from(self)
    }
}

impl<E, const N: usize> IntoEvents<E> for [E; N] {
    fn into_events(self) -> Decision<E> {
        Decision::from(Vec::from(self))
    }
}

impl<E> IntoEvents<E> for () {
    fn into_events(self) -> Decision<E> {
        Decision::none()
    }
}

macro_rules! tuples_into_events {
    ($($($part:ident)+;)+) => {
        $(impl<E, $($part: IntoEvents<E>),+> IntoEvents<E> for ($($part,)+) {
            fn into_events(self) -> Decision<E> {
                #[allow(non_snake_case, reason = "the type parameters name the parts as well")]
                let ($($part,)+) = self;
                let mut events = Vec::new();
                $(events.extend($part.into_events().into_vec());)+
                Decision::from(events)
            }
        })+
    };
}

tuples_into_events! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D F;
    A B C D F G;
}

/// Why a command led to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection<E> {
    /// There is no such aggregate: its stream is empty and the command does not create.
    NotFound,
    /// The command creates, and the aggregate is there already.
    AlreadyExists,
    /// The aggregate's last event has happened; no command is accepted any more.
    Ended,
    /// The domain refuses: a `#[require]` or a `#[decide]` gave this error.
    Domain(E),
    /// `#[decide]` gave events that contradict the declaration of the command. A mistake in the program.
    Invalid(InvalidDecision),
}

impl<E> From<E> for Rejection<E> {
    fn from(error: E) -> Self {
        Self::Domain(error)
    }
}

impl<E: fmt::Display> fmt::Display for Rejection<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such aggregate"),
            Self::AlreadyExists => f.write_str("the aggregate exists already"),
            Self::Ended => f.write_str("the aggregate has ended and takes no more commands"),
            Self::Domain(error) => error.fmt(f),
            Self::Invalid(invalid) => invalid.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Rejection<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // `Display` already shows the domain's own message, so its cause is the next link.
            Self::Domain(error) => error.source(),
            _ => None,
        }
    }
}

/// Events that a `#[decide]` may not give. Nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDecision {
    /// The event does not stand on the right side of the command.
    #[error(
        "`{command}` gave the event `{event}`, which it does not declare: add `| {event}` to its right side"
    )]
    Undeclared {
        /// The command.
        command: &'static str,
        /// The stored name of the event.
        event: &'static str,
    },
    /// A creating event where there is state.
    #[error("`{command}` gave the creating event `{event}` for an aggregate that exists")]
    CreatesAgain {
        /// The command.
        command: &'static str,
        /// The stored name of the event.
        event: &'static str,
    },
    /// An event where there is no state yet, and it is not one that creates.
    #[error(
        "`{command}` gave `{event}` for an aggregate that does not exist yet: a creating event comes first"
    )]
    NotCreated {
        /// The command.
        command: &'static str,
        /// The stored name of the event.
        event: &'static str,
    },
    /// An event after one that ends.
    #[error("`{command}` gave `{event}` after an event that ends the aggregate")]
    AfterEnd {
        /// The command.
        command: &'static str,
        /// The stored name of the event.
        event: &'static str,
    },
}

/// Holds what a `#[decide]` gave against what its command declares. The generated `handle` calls it.
///
/// # Errors
/// The first event that has no place, as [`Rejection::Invalid`].
pub fn check_declared<E: Event, R>(
    command: &'static str,
    exists: bool,
    decision: Decision<E>,
    declared: impl Fn(&E) -> bool,
) -> Result<Decision<E>, Rejection<R>> {
    let mut exists = exists;
    let mut ended = false;
    for candidate in decision.as_slice() {
        let event = candidate.name();
        let invalid = if !declared(candidate) {
            InvalidDecision::Undeclared { command, event }
        } else if ended {
            InvalidDecision::AfterEnd { command, event }
        } else if exists && candidate.creates() {
            InvalidDecision::CreatesAgain { command, event }
        } else if !exists && !candidate.creates() {
            InvalidDecision::NotCreated { command, event }
        } else {
            exists = true;
            ended = candidate.ends();
            continue;
        };
        return Err(Rejection::Invalid(invalid));
    }
    Ok(decision)
}
