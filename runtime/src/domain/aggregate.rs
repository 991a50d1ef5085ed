//! The aggregate: what `#[derive(Aggregate)]` implements.

use super::{
    AggregateId, Context, Decision, Event, Rejection, SampleId, SnapshotRule, Version,
    model::{CommandModel, EventModel, Model, Reads, UniqueParts},
};
use crate::testing::Given;

/// A thing of the domain whose state is the fold of its events.
///
/// Implemented by [`#[derive(Aggregate)]`](macro@crate::Aggregate), which see for the language. The three functions
/// are pure and synchronous. They are what [`Fold`](crate::Fold) is made of, which is the one path that commands,
/// loads and tests go through; call that rather than these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    note = "add `#[derive(factum::Aggregate)]` to it"
)]
pub trait Aggregate: Sized + Send + Sync + 'static {
    /// What identifies it: the type of the field marked `#[id]`.
    type Id: AggregateId;
    /// What can happen to it.
    type Event: Event;
    /// What can be asked of it.
    type Command: Clone + Send + Sync + 'static;
    /// Why the domain refuses a command: `#[aggregate(error = …)]`.
    type Error: Send + Sync + 'static;

    /// The category under which its streams are stored.
    const CATEGORY: &'static str;
    /// The description of the aggregate: its fields, events and commands, and who reads and writes what.
    const MODEL: &'static Model;
    /// When snapshots of the state are kept: `#[aggregate(snapshot(…))]`; `None` for never.
    const SNAPSHOT: Option<SnapshotRule<Self>> = None;

    /// The state after the first event.
    ///
    /// # Errors
    /// The event is not one that creates.
    fn create(id: &Self::Id, event: Self::Event) -> Result<Self, Misplaced>;

    /// Goes on to the state after the next event.
    ///
    /// # Errors
    /// The event is one that creates, and the state is left as it was.
    fn apply(&mut self, event: Self::Event) -> Result<(), Misplaced>;

    /// Sets the field marked `#[version]`, if there is one. The fold calls it between the events that one stored event has
    /// become, because [`create`](Self::create) and [`apply`](Self::apply) count each of them.
    fn set_version(&mut self, version: Version) {
        let _ = version;
    }

    /// Decides what happens when `command` is given in this state; `None` is before the first event.
    ///
    /// # Errors
    /// The command is refused, or what its `#[decide]` gave contradicts what the command declares.
    fn handle(
        state: Option<&Self>,
        id: &Self::Id,
        command: Self::Command,
        ctx: &Context,
    ) -> Result<Decision<Self::Event>, Rejection<Self::Error>>;

    /// The description of this command. One of which nothing is known may read everything.
    fn command_model(command: &Self::Command) -> &'static CommandModel {
        static UNKNOWN: CommandModel = CommandModel {
            name: "",
            docs: "",
            fields: &[],
            events: &[],
            creates: false,
            reads: Reads::Everything,
            on_conflict: None,
        };
        let _ = command;
        &UNKNOWN
    }

    /// What is recorded in this state when the command meets a conflict: its `#[on_conflict]`; `None` without one.
    fn on_conflict(
        state: &Self,
        id: &Self::Id,
        command: Self::Command,
        ctx: &Context,
    ) -> Option<Self::Event> {
        let _ = (state, id, command, ctx);
        None
    }

    /// The values that no other live aggregate may have: one for each entry of [`MODEL.unique`](Model::unique), `None` where
    /// there is nothing to hold.
    fn unique(&self) -> Vec<Option<UniqueParts>> {
        Vec::new()
    }

    /// A copy of the state, if one can be made: the derive makes it where the type is `Clone`.
    ///
    /// With it, commands that meet a conflict after the state has gone on are decided again on the copy; without, the
    /// aggregate is loaded anew.
    fn try_clone(&self) -> Option<Self> {
        None
    }

    /// Starts a test: these events have happened to an aggregate with a sample id.
    ///
    /// # Panics
    /// As a test does: when the events cannot be the history of an aggregate.
    #[track_caller]
    fn given(events: impl IntoIterator<Item = Self::Event>) -> Given<Self>
    where
        Self::Id: SampleId,
    {
        Given::new(Self::Id::sample(), events)
    }

    /// Starts a test: these events have happened to the aggregate with this id.
    ///
    /// # Panics
    /// As a test does: when the events cannot be the history of an aggregate.
    #[track_caller]
    fn given_as(id: Self::Id, events: impl IntoIterator<Item = Self::Event>) -> Given<Self> {
        Given::new(id, events)
    }
}

/// An event that the state has no place for: one that creates where there is state, or another where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The event.
    pub event: &'static EventModel,
}

/// A type that a `#[version]` field may have.
#[diagnostic::on_unimplemented(
    message = "a `#[version]` field cannot be a `{Self}`",
    label = "use `factum::Version` or `u64`"
)]
pub trait VersionField {
    /// The version of the first event.
    fn first() -> Self;
    /// One event more.
    fn advance(&mut self);
    /// This version.
    fn set(&mut self, version: Version);
}

impl VersionField for Version {
    fn first() -> Self {
        Self::FIRST
    }

    fn advance(&mut self) {
        *self = self.next();
    }

    fn set(&mut self, version: Version) {
        *self = version;
    }
}

impl VersionField for u64 {
    fn first() -> Self {
        1
    }

    fn advance(&mut self) {
        *self = self.saturating_add(1);
    }

    fn set(&mut self, version: Version) {
        *self = version.get();
    }
}

/// The value of a field that a creating event does not set: its `Default`.
#[diagnostic::on_unimplemented(
    message = "a creating event leaves a field of type `{Self}` without a value",
    label = "no value on creation",
    note = "set it in each event marked `#[creates]`, make it an `Option`, or implement `Default` for `{Self}`"
)]
pub trait Unset: Sized {
    /// The value.
    fn unset() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Unset for T {
    #[inline]
    fn unset() -> Self {
        Self::default()
    }
}
