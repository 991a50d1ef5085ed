//! What is asked of an aggregate: a command, and for which state it is meant.

use std::sync::Arc;

use super::load::Loaded;
use crate::{
    Aggregate, Context, Decision, Metadata, Rejection, Version,
    domain::{contention, model::CommandModel},
    store::record::now,
};

/// A command as it was given.
pub(super) struct Ask<A: Aggregate> {
    pub(super) command: A::Command,
    pub(super) expected: Seen,
    /// `None` where there is nothing to say.
    pub(super) metadata: Option<Arc<Metadata>>,
}

/// What whoever gives a command has seen of the aggregate, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It does not matter.
    Anything,
    /// This version, and the command is meant for no other.
    Exactly(Version),
    /// This version, and the command is meant for what it has to do with of it.
    Fields(Version),
}

impl Seen {
    /// The version, where the fields matter.
    pub(super) const fn fields(self) -> Option<Version> {
        match self {
            Self::Fields(version) => Some(version),
            Self::Anything | Self::Exactly(_) => None,
        }
    }
}

/// Why a command does not go on in a state.
pub(super) struct Stale {
    /// The version that was expected, or decided on.
    pub(super) expected: Version,
    /// The version that there is.
    pub(super) actual: Version,
    /// Whether the caller has seen too little, and not only been slower than others each time.
    pub(super) late: bool,
    pub(super) fields: Vec<&'static str>,
}

/// What a command comes to in a state.
pub(super) enum Judged<A: Aggregate> {
    Decided(Decision<A::Event>),
    Refused(Rejection<A::Error>),
    Stale(Stale),
}

impl<A: Aggregate> Ask<A> {
    pub(super) fn model(&self) -> &'static CommandModel {
        A::command_model(&self.command)
    }

    /// With which the command is decided at this version, now.
    pub(super) fn context(&self, version: Version) -> Context {
        Context::new(now(), version, self.metadata.as_deref().cloned().unwrap_or_default())
    }

    /// What the command comes to in this state.
    pub(super) fn judge(&self, loaded: &Loaded<A>) -> Judged<A> {
        if let Some(stale) = self.stale(loaded) {
            return Judged::Stale(stale);
        }
        let ctx = self.context(loaded.fold.version());
        match loaded.fold.decide(self.command.clone(), &ctx) {
            Ok(events) => Judged::Decided(events),
            Err(rejection) => Judged::Refused(rejection),
        }
    }

    /// Why the command is not meant for this state, if it is not.
    fn stale(&self, loaded: &Loaded<A>) -> Option<Stale> {
        let actual = loaded.fold.version();
        match self.expected {
            Seen::Exactly(expected) if expected != actual => {
                Some(Stale { expected, actual, late: true, fields: Vec::new() })
            }
            // A version that is yet to come is nobody's.
            Seen::Fields(expected) if expected > actual => {
                Some(Stale { expected, actual, late: true, fields: Vec::new() })
            }
            Seen::Fields(expected) => {
                let fields = contention(A::MODEL, self.model(), &loaded.since)?;
                Some(Stale { expected, actual, late: true, fields })
            }
            Seen::Anything | Seen::Exactly(_) => None,
        }
    }
}

impl<A: Aggregate> Clone for Ask<A> {
    fn clone(&self) -> Self {
        let (command, metadata) = (self.command.clone(), self.metadata.clone());
        Self { command, expected: self.expected, metadata }
    }
}
