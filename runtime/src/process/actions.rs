//! What a process wants done.

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    Aggregate, ExecuteError,
    app::Repositories,
    handler::{Cause, give},
    read::Deadline,
    store::{BoxFuture, StoreError},
};

/// What a process wants done because of an event, or because a time has come.
pub struct Actions {
    /// When it happened.
    now: DateTime<Utc>,
    cause: Cause,
    pub(super) commands: Vec<Command>,
    /// What is waited for, as it is to be from now on.
    pub(super) deadlines: Vec<Deadline>,
    pub(super) ended: bool,
}

/// A command, of whatever aggregate.
pub(super) type Command =
    Box<dyn FnOnce(Arc<Repositories>, Cause, u32) -> BoxFuture<'static, Result<(), Failure>> + Send>;

/// Why a command was not carried out.
pub(super) enum Failure {
    /// The aggregate refused it.
    Refused(String),
    /// The store could not do it now.
    Store(StoreError),
    /// Something else.
    Other(String),
}

impl Actions {
    pub(super) fn new(now: DateTime<Utc>, cause: Cause, deadlines: Vec<Deadline>) -> Self {
        Self { now, cause, commands: Vec::new(), deadlines, ended: false }
    }

    /// Gives a command to an aggregate, after this function has returned. See [`Process`](super::Process) for what becomes of
    /// it.
    pub fn execute<A: Aggregate>(&mut self, id: &A::Id, command: A::Command)
    where
        A::Command: Serialize,
        A::Error: fmt::Debug + fmt::Display,
    {
        let id = id.clone();
        self.commands.push(Box::new(move |repositories, cause, number| {
            Box::pin(async move {
                match give::<A>(&repositories.of::<A>(), &id, command, &cause, number).await {
                    Ok(_) => Ok(()),
                    Err(ExecuteError::Rejected(rejection)) => Err(Failure::Refused(rejection.to_string())),
                    Err(error) => Err(match error.store() {
                        Some(store) => Failure::Store(StoreError::new(store.kind(), error.to_string())),
                        None => Failure::Other(error.to_string()),
                    }),
                }
            })
        }));
    }

    /// Waits for so long from the time of the event on; then [`due`](super::Process::due) is called with this name. What was
    /// waited for under the name before is forgotten.
    pub fn after(&mut self, name: impl Into<String>, wait: Duration) {
        let wait = chrono::TimeDelta::from_std(wait).unwrap_or(chrono::TimeDelta::MAX);
        self.at(name, self.now.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC));
    }

    /// Waits for this time; then [`due`](super::Process::due) is called with this name. What was waited for under the name
    /// before is forgotten.
    pub fn at(&mut self, name: impl Into<String>, due: DateTime<Utc>) {
        let name = name.into();
        self.cancel(&name);
        self.deadlines.push(Deadline { name, due, origin: self.cause.key.clone() });
    }

    /// Does not wait any more for what has this name.
    pub fn cancel(&mut self, name: &str) {
        self.deadlines.retain(|deadline| deadline.name != name);
    }

    /// The process is over: what it remembers and waits for is forgotten when its commands are given.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// When it happened: the time of the event, or the one that has come.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Gives the commands, one after the other.
    pub(super) async fn give_all(&mut self, repositories: &Arc<Repositories>) -> Result<(), Failure> {
        for (command, number) in std::mem::take(&mut self.commands).into_iter().zip(0..) {
            match command(Arc::clone(repositories), self.cause.clone(), number).await {
                Ok(()) => {}
                Err(Failure::Refused(reason)) => {
                    tracing::info!(
                        key = self.cause.key,
                        number,
                        "a command of a process is refused: {reason}"
                    );
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actions")
            .field("commands", &self.commands.len())
            .field("deadlines", &self.deadlines)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
