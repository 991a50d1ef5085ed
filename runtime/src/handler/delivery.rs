//! How an event comes to a handler, and the commands that are given because of it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use serde::Serialize;

use crate::{
    Aggregate, ExecuteError, Metadata, Receipt, Repository,
    app::Repositories,
    read::Deadline,
    store::{RecordedEvent, StoreError},
};

/// What sets something off: an event, or a time that has come.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// What keys are made of: the same whenever the same thing is dealt with again.
    pub(crate) key: String,
    /// What is recorded beside the events of commands.
    pub(crate) metadata: Metadata,
}

impl Cause {
    /// An event, for whoever has this name.
    pub(crate) fn event(name: &str, event: &RecordedEvent) -> Self {
        let before = event.metadata();
        let correlation = before.correlation_id.clone().unwrap_or_else(|| event.id.to_string());
        Self {
            key: format!("{name}/{}", event.position),
            metadata: Metadata::by(name).correlation(correlation).causation(event.id.to_string()),
        }
    }

    /// A time that has come for a process.
    pub(crate) fn deadline(name: &str, process: &str, deadline: &Deadline) -> Self {
        let Deadline { name: what, origin, .. } = deadline;
        Self {
            key: format!("{name}/{process}/{what}/{origin}"),
            metadata: Metadata::by(name)
                .correlation(process)
                .causation(origin.clone())
                .note("deadline", what.clone()),
        }
    }
}

/// An event on its way to a handler.
pub struct Delivery<'a> {
    event: &'a RecordedEvent,
    attempt: u32,
    cause: Cause,
    repositories: &'a Arc<Repositories>,
    /// How many commands were given because of it.
    commands: AtomicU32,
    /// The store that could not carry out a command of it.
    trouble: &'a Trouble,
}

/// A store that is away: no fault of the event, and no reason to make a dead letter of it.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<StoreError>>);

impl Trouble {
    pub(super) fn take(&self) -> Option<StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, error: &StoreError) {
        let noted = StoreError::new(error.kind(), error.to_string());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(noted);
    }
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        handler: &str,
        event: &'a RecordedEvent,
        attempt: u32,
        repositories: &'a Arc<Repositories>,
        trouble: &'a Trouble,
    ) -> Self {
        let (cause, commands) = (Cause::event(handler, event), AtomicU32::new(0));
        Self { event, attempt, cause, repositories, commands, trouble }
    }

    /// The same for one of several things of the event that are dealt with one by one: each counts its own commands.
    pub(crate) fn part(&self, part: &str) -> Delivery<'a> {
        let key = format!("{}/{part}", self.cause.key);
        Self {
            event: self.event,
            attempt: self.attempt,
            cause: Cause { key, metadata: self.cause.metadata.clone() },
            repositories: self.repositories,
            commands: AtomicU32::new(0),
            trouble: self.trouble,
        }
    }

    /// The event as it is stored.
    #[must_use]
    pub const fn stored(&self) -> &RecordedEvent {
        self.event
    }

    /// Which attempt it is, from 1 on; after a restart it begins at 1 again.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// A key that is the same each time this event comes to this handler: for others who remember what they have done.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.cause.key
    }

    /// Gives a command because of the event. It takes effect once, however often the event is dealt with: its key is made of
    /// the handler's name, the position of the event, and the number of commands that were given because of it before. So give
    /// them in the same order each time. What was recorded under the key the first time counts, also if this program would give
    /// another command.
    ///
    /// The handler is the actor, the event the cause, and the correlation is the event's.
    ///
    /// # Errors
    /// As [`Repository::execute`]. That a command is refused is for the handler to judge.
    pub async fn execute<A: Aggregate>(
        &self,
        id: &A::Id,
        command: A::Command,
    ) -> Result<Receipt<A::Event>, ExecuteError<A>>
    where
        A::Command: Serialize,
    {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let outcome = give(&self.repositories.of::<A>(), id, command, &self.cause, number).await;
        if let Err(error) = &outcome
            && let Some(store) = error.store()
        {
            self.trouble.note(store);
        }
        outcome
    }
}

/// Gives the command with this number that something sets off.
pub(crate) async fn give<A: Aggregate>(
    repository: &Repository<A>,
    id: &A::Id,
    command: A::Command,
    cause: &Cause,
    number: u32,
) -> Result<Receipt<A::Event>, ExecuteError<A>>
where
    A::Command: Serialize,
{
    let key = format!("{}/{number}", cause.key);
    repository.execute(id, command).once_whatever(key).with(cause.metadata.clone()).await
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("key", &self.cause.key)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
