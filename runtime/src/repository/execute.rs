//! One command: load, decide, record.

use std::{
    fmt,
    future::IntoFuture,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Conflict, ExecuteError, LoadError, Recorded, Repository,
    load::{self, Loaded},
};
use crate::{
    Aggregate, Context, Decision, Event, Metadata, Version,
    store::{
        Append, AppendError, BoxFuture, Commit, CommitId, Committed, Expected, Name, NewEvent, Payload,
        Position, StoreError, StreamId, Tail, record::now,
    },
};

/// How often a commit whose outcome is unknown is given again …
const UNKNOWN_ATTEMPTS: u32 = 5;

/// … unless it took this long already: then the store has been patient itself.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// A command about to be carried out. Await it; see [`Repository::execute`].
#[must_use = "a command does nothing until it is awaited"]
pub struct Execute<'a, A: Aggregate> {
    repository: &'a Repository<A>,
    id: &'a A::Id,
    command: A::Command,
    expected: Option<Version>,
    metadata: Metadata,
}

/// What a command led to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Receipt<E> {
    /// The version of the aggregate after it.
    pub version: Version,
    /// The position of the aggregate's last event after it: a reader that has come this far has seen it.
    pub position: Position,
    /// What was recorded, in order; empty when the command led to nothing.
    pub events: Vec<Recorded<E>>,
}

impl<'a, A: Aggregate> Execute<'a, A> {
    pub(super) fn new(repository: &'a Repository<A>, id: &'a A::Id, command: A::Command) -> Self {
        Self { repository, id, command, expected: None, metadata: Metadata::new() }
    }

    /// The aggregate is expected at exactly this version: the one that the caller has seen. At any other, nothing is
    /// decided and the answer is [`ExecuteError::Conflict`] with what happened since. [`Version::NONE`] expects that
    /// there is nothing yet.
    pub fn expecting(mut self, version: impl Into<Version>) -> Self {
        self.expected = Some(version.into());
        self
    }

    /// Records this beside each event: who, in answer to what, and other notes.
    pub fn with(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    // What does not outlive a step is kept out of this future: it is boxed anew for each command.
    async fn run(&self) -> Result<Receipt<A::Event>, ExecuteError<A>> {
        let repository = self.repository;
        let metadata = (!self.metadata.is_empty()).then(|| Arc::new(self.metadata.clone()));
        let stream = StreamId::of::<A>(self.id);
        // Who expects a version fails when somebody else is faster, so waiting would not help.
        let mut turn = match self.expected {
            None => repository.lanes.join(&stream).await,
            Some(_) => None,
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = {
                let loaded = load::latest::<A>(&*repository.store, &stream, self.id).await?;
                let version = loaded.fold.version();
                if let Some(expected) = self.expected
                    && expected != version
                {
                    return Err(Box::pin(conflict(repository, self.id, expected, version)).await);
                }
                self.decide(loaded, &stream, metadata.as_ref())?
            };
            let decided_on = attempt.version;
            let actual = match attempt.record().await? {
                Outcome::Recorded(committed) => return Ok(attempt.receipt(committed)),
                Outcome::Conflict(actual) => actual,
            };
            if self.expected.is_some() || !repository.retry.goes_on_after(attempts) {
                return Err(Box::pin(conflict(repository, self.id, decided_on, actual)).await);
            }
            match turn {
                // The others are in this process: no pause, but a turn.
                None => turn = Some(repository.lanes.enter(&stream).await),
                // They are elsewhere.
                Some(_) => repository.retry.pause_after(attempts).await,
            }
        }
    }

    /// What the command leads to in the state that was loaded.
    fn decide<'s>(
        &'s self,
        loaded: Loaded<A>,
        stream: &'s StreamId,
        metadata: Option<&'s Arc<Metadata>>,
    ) -> Result<Attempt<'s, A>, ExecuteError<A>> {
        let Loaded { fold, tail, position } = loaded;
        let version = fold.version();
        let ctx = Context::new(now(), version, self.metadata.clone());
        let decision = fold.decide(self.command.clone(), &ctx).map_err(ExecuteError::Rejected)?;
        let (repository, id) = (self.repository, CommitId::new());
        Ok(Attempt { repository, stream, id, version, position, tail, decision, metadata })
    }
}

/// A decision on its way into the store.
struct Attempt<'a, A: Aggregate> {
    repository: &'a Repository<A>,
    stream: &'a StreamId,
    id: CommitId,
    /// The version that was decided on.
    version: Version,
    /// The position of its last event.
    position: Position,
    tail: Option<Tail>,
    decision: Decision<A::Event>,
    metadata: Option<&'a Arc<Metadata>>,
}

enum Outcome {
    Recorded(Committed),
    /// The stream is at this version.
    Conflict(Version),
}

impl<A: Aggregate> Attempt<'_, A> {
    /// Gives the commit to the store, again and under the same id as long as its outcome is unknown.
    async fn record(&self) -> Result<Outcome, ExecuteError<A>> {
        if self.decision.is_empty() {
            return Ok(Outcome::Recorded(Committed { appends: Vec::new() }));
        }
        let mut attempts = 0;
        let begun = Instant::now();
        loop {
            attempts += 1;
            let cause = match self.repository.store.append(self.commit()?).await {
                Ok(committed) => return Ok(Outcome::Recorded(committed)),
                Err(AppendError::Conflict { actual, .. }) => return Ok(Outcome::Conflict(actual)),
                Err(AppendError::Failed(cause)) if attempts == 1 => {
                    return Err(ExecuteError::Store { stream: self.stream.clone(), cause });
                }
                Err(error @ (AppendError::Taken { .. } | AppendError::KeyUsed { .. })) => {
                    let cause = StoreError::invalid(error.to_string());
                    return Err(ExecuteError::Store { stream: self.stream.clone(), cause });
                }
                // That this attempt has recorded nothing does not say what became of the one before.
                Err(AppendError::Failed(cause) | AppendError::Unknown { cause, .. }) => cause,
            };
            if attempts >= UNKNOWN_ATTEMPTS || begun.elapsed() >= LONG_ENOUGH {
                return Err(ExecuteError::Unknown { stream: self.stream.clone(), commit: self.id, cause });
            }
            self.repository.retry.pause_after(attempts.saturating_mul(4)).await;
        }
    }

    /// The commit, the same each time. It is made anew for each attempt, because there is hardly ever a second one.
    fn commit(&self) -> Result<Commit, ExecuteError<A>> {
        let stored = |event: &A::Event| match event.encode() {
            Ok(payload) => Ok(NewEvent {
                name: Name::from_static(event.name()),
                schema: event.schema(),
                payload: Payload::json(payload),
                metadata: self.metadata.cloned(),
            }),
            Err(cause) => Err(ExecuteError::Encode { event: event.name(), cause }),
        };
        let append = Append {
            stream: self.stream.clone(),
            expected: Expected::Exact(self.version),
            tail: self.tail.clone(),
            events: self.decision.as_slice().iter().map(stored).collect::<Result<_, _>>()?,
        };
        Ok(Commit::with_id(self.id, vec![append]))
    }

    fn receipt(self, committed: Committed) -> Receipt<A::Event> {
        let events = self.decision.into_vec();
        let mut receipt = Receipt {
            version: self.version,
            position: self.position.max(committed.position()),
            events: Vec::with_capacity(events.len()),
        };
        if let Some(append) = committed.appends.into_iter().next() {
            for ((event, position), index) in events.into_iter().zip(append.positions).zip(0..) {
                receipt.version = append.first.plus(index as u64);
                receipt.events.push(Recorded {
                    event,
                    id: self.id.event(index),
                    stream: self.stream.clone(),
                    version: receipt.version,
                    position,
                    at: append.at,
                    metadata: self.metadata.cloned(),
                });
            }
        }
        receipt
    }
}

/// The conflict with what happened since the version that was expected.
async fn conflict<A: Aggregate>(
    repository: &Repository<A>,
    id: &A::Id,
    expected: Version,
    actual: Version,
) -> ExecuteError<A> {
    match since(repository, id, expected).await {
        Ok(since) => ExecuteError::Conflict(Box::new(Conflict {
            stream: StreamId::of::<A>(id),
            expected,
            actual: since.last().map_or(actual, |last| last.version),
            since,
        })),
        Err(error) => ExecuteError::Load(error),
    }
}

async fn since<A: Aggregate>(
    repository: &Repository<A>,
    id: &A::Id,
    version: Version,
) -> Result<Vec<Recorded<A::Event>>, LoadError> {
    let mut history =
        super::History::new(Arc::clone(&repository.store), StreamId::of::<A>(id), version.plus(1));
    let mut events = Vec::new();
    while let Some(event) = history.next().await {
        events.push(event?);
    }
    Ok(events)
}

impl<'a, A: Aggregate> IntoFuture for Execute<'a, A> {
    type Output = Result<Receipt<A::Event>, ExecuteError<A>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run().await })
    }
}

impl<A: Aggregate> fmt::Debug for Execute<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute").field("expected", &self.expected).finish_non_exhaustive()
    }
}
