//! The fold: the one path from events to state.

use std::{fmt, ops::Deref};

use super::{Aggregate, Context, Decision, Decoded, Event, Rejection, Version};

/// The state of an aggregate and the version it has.
///
/// It dereferences to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Versioned<A> {
    /// The state.
    pub state: A,
    /// The number of events that it is the fold of.
    pub version: Version,
    /// Whether the last of them was one that ends the aggregate. Its state can still be read.
    pub ended: bool,
}

impl<A> Deref for Versioned<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

/// A stream being folded: takes events one by one, and decides commands on what they come to.
///
/// Commands, loads and tests all go through it.
#[derive(Clone, Debug)]
pub struct Fold<A: Aggregate> {
    id: A::Id,
    state: Option<A>,
    version: Version,
    ended: bool,
}

impl<A: Aggregate> Fold<A> {
    /// Before the first event of the aggregate with this id.
    #[must_use]
    pub const fn new(id: A::Id) -> Self {
        Self { id, state: None, version: Version::NONE, ended: false }
    }

    /// Behind the event of this version, in the state that the events up to it come to.
    pub(crate) const fn restored(id: A::Id, state: A, version: Version, ended: bool) -> Self {
        Self { id, state: Some(state), version, ended }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// The event cannot stand here; the fold is left as it was.
    // Called once for each event of a load: as a call of its own it costs a tenth of the fold.
    #[inline(always)]
    pub fn apply(&mut self, event: A::Event) -> Result<(), FoldError> {
        let ends = event.ends();
        let applied = match &mut self.state {
            Some(_) if self.ended => return Err(self.error(event.name(), FoldErrorKind::AfterEnd)),
            Some(state) => state.apply(event).map_err(|misplaced| (misplaced, FoldErrorKind::CreatesAgain)),
            None => match A::create(&self.id, event) {
                Ok(state) => {
                    self.state = Some(state);
                    Ok(())
                }
                Err(misplaced) => Err((misplaced, FoldErrorKind::NotCreated)),
            },
        };
        if let Err((misplaced, kind)) = applied {
            return Err(self.error(misplaced.event.name, kind));
        }
        self.version = self.version.next();
        self.ended = ends;
        Ok(())
    }

    /// Takes the next stored event, whatever it is today.
    ///
    /// Where it has become several events, all of them are taken, and the version goes on by one: it counts what is stored.
    ///
    /// # Errors
    /// One of the events cannot stand where it stands; the fold is left as it was.
    #[inline(always)]
    pub fn apply_decoded(&mut self, decoded: Decoded<A::Event>) -> Result<(), FoldError> {
        match decoded {
            Decoded::One(event) => self.apply(event),
            Decoded::Several(events) => self.apply_as_one(events),
        }
    }

    #[cold]
    fn apply_as_one(&mut self, events: Vec<A::Event>) -> Result<(), FoldError> {
        let version = self.version;
        let (mut exists, mut ended) = (self.state.is_some(), self.ended);
        // All of them are looked at before the first is taken, because a state cannot be put back.
        for event in &events {
            let kind = match (exists, event.creates()) {
                (true, _) if ended => FoldErrorKind::AfterEnd,
                (true, true) => FoldErrorKind::CreatesAgain,
                (false, false) => FoldErrorKind::NotCreated,
                (true, false) | (false, true) => {
                    (exists, ended) = (true, event.ends());
                    continue;
                }
            };
            return Err(self.error(event.name(), kind));
        }
        for event in events {
            // Each counts itself; together they count one.
            self.set_version(version);
            self.apply(event)?;
        }
        self.set_version(version.next());
        Ok(())
    }

    fn set_version(&mut self, version: Version) {
        self.version = version;
        if let Some(state) = &mut self.state {
            state.set_version(version);
        }
    }

    #[cold]
    fn error(&self, event: &'static str, kind: FoldErrorKind) -> FoldError {
        FoldError { version: self.version.next(), event, kind }
    }

    /// What the command leads to in the present state. The fold does not change.
    ///
    /// # Errors
    /// The command is refused; after the last event every command is.
    pub fn decide(
        &self,
        command: A::Command,
        ctx: &Context,
    ) -> Result<Decision<A::Event>, Rejection<A::Error>> {
        if self.ended {
            return Err(Rejection::Ended);
        }
        A::handle(self.state.as_ref(), &self.id, command, ctx)
    }

    /// The id of the aggregate.
    #[must_use]
    pub const fn id(&self) -> &A::Id {
        &self.id
    }

    /// The state; `None` before the first event.
    #[must_use]
    pub const fn state(&self) -> Option<&A> {
        self.state.as_ref()
    }

    /// The number of events taken.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether the last event taken was one that ends the aggregate.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// The same once more, if its state can be copied.
    pub(crate) fn try_clone(&self) -> Option<Self> {
        let state = match &self.state {
            Some(state) => Some(state.try_clone()?),
            None => None,
        };
        Some(Self { id: self.id.clone(), state, version: self.version, ended: self.ended })
    }

    /// The state with its version; `None` before the first event.
    #[must_use]
    pub fn finish(self) -> Option<Versioned<A>> {
        let Self { state, version, ended, .. } = self;
        state.map(|state| Versioned { state, version, ended })
    }
}

/// An event that cannot stand where it stands in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoldError {
    /// The version at which the event stands.
    pub version: Version,
    /// The stored name of the event.
    pub event: &'static str,
    /// Why it cannot.
    pub kind: FoldErrorKind,
}

/// Why an event cannot stand where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FoldErrorKind {
    /// The first event of a stream does not create.
    NotCreated,
    /// A creating event that is not the first.
    CreatesAgain,
    /// An event after one that ends.
    AfterEnd,
}

impl fmt::Display for FoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            FoldErrorKind::NotCreated => "it is the first event of the stream and does not create",
            FoldErrorKind::CreatesAgain => "it creates, and the aggregate exists already",
            FoldErrorKind::AfterEnd => "the event before it ended the aggregate",
        };
        write!(f, "the event `{}` cannot stand at version {}: {why}", self.event, self.version)
    }
}

impl std::error::Error for FoldError {}
