//! One command: load, decide, record.

use std::{fmt, future::IntoFuture, sync::Arc};

use super::{Conflict, ExecuteError, LoadError, Recorded, Repository, load};
use crate::{
    Aggregate, Context, Event, Metadata, Version,
    store::{
        Append, AppendError, BoxFuture, Commit, CommitId, Committed, Expected, Name, NewEvent, Payload, Position,
        StreamId, record::now,
    },
};

/// How often a commit whose outcome is unknown is given again.
const UNKNOWN_ATTEMPTS: u32 = 5;

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

    async fn run(self) -> Result<Receipt<A::Event>, ExecuteError<A>> {
        let Self { repository, id, command, expected, metadata } = self;
        let recorded_metadata = (!metadata.is_empty()).then(|| Arc::new(metadata.clone()));
        let stream = StreamId::of::<A>(id);
        // Who expects a version fails when somebody else is faster, so waiting would not help.
        let mut turn = match expected {
            None => repository.lanes.join(&stream).await,
            Some(_) => None,
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let loaded = load::latest::<A>(&*repository.store, stream.clone(), id).await?;
            let version = loaded.fold.version();
            if let Some(expected) = expected
                && expected != version
            {
                return Err(Box::pin(conflict(repository, id, expected, version)).await);
            }
            let ctx = Context::new(now(), version, metadata.clone());
            let decision = loaded.fold.decide(command.clone(), &ctx).map_err(ExecuteError::Rejected)?;
            if decision.is_empty() {
                return Ok(Receipt { version, position: loaded.position, events: Vec::new() });
            }
            let commit = Commit::new(vec![Append {
                stream: loaded.stream,
                expected: Expected::Exact(version),
                tail: loaded.tail,
                events: encode::<A>(decision.as_slice(), recorded_metadata.as_ref())?,
            }]);
            let commit_id = commit.id;
            let actual = match record(repository, commit).await {
                Ok(committed) => {
                    let events = decision.into_vec();
                    return Ok(receipt(stream, commit_id, committed, events, recorded_metadata));
                }
                Err(AppendError::Conflict { actual, .. }) => actual,
                Err(AppendError::Failed(cause)) => return Err(ExecuteError::Store { stream, cause }),
                Err(AppendError::Unknown { commit, cause }) => {
                    return Err(ExecuteError::Unknown { stream, commit, cause });
                }
            };
            if expected.is_some() || !repository.retry.goes_on_after(attempts) {
                return Err(Box::pin(conflict(repository, id, version, actual)).await);
            }
            match turn {
                // The others are in this process: no pause, but a turn.
                None => turn = Some(repository.lanes.enter(&stream).await),
                // They are elsewhere.
                Some(_) => repository.retry.pause_after(attempts).await,
            }
        }
    }
}

/// Gives the commit to the store, again and under the same id as long as its outcome is unknown.
async fn record<A: Aggregate>(repository: &Repository<A>, commit: Commit) -> Result<Committed, AppendError> {
    let id = commit.id;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let cause = match repository.store.append(commit.clone()).await {
            Err(AppendError::Unknown { cause, .. }) => cause,
            // That this attempt has recorded nothing does not say what became of the one before.
            Err(AppendError::Failed(cause)) if attempts > 1 => cause,
            outcome => return outcome,
        };
        if attempts >= UNKNOWN_ATTEMPTS {
            return Err(AppendError::Unknown { commit: id, cause });
        }
        repository.retry.pause_after(attempts.saturating_mul(4)).await;
    }
}

fn encode<A: Aggregate>(
    events: &[A::Event],
    metadata: Option<&Arc<Metadata>>,
) -> Result<Vec<NewEvent>, ExecuteError<A>> {
    let stored = |event: &A::Event| match event.encode() {
        Ok(payload) => Ok(NewEvent {
            name: Name::from_static(event.name()),
            schema: event.schema(),
            payload: Payload::json(payload),
            metadata: metadata.cloned(),
        }),
        Err(cause) => Err(ExecuteError::Encode { event: event.name(), cause }),
    };
    events.iter().map(stored).collect()
}

fn receipt<E>(
    stream: StreamId,
    commit: CommitId,
    committed: Committed,
    events: Vec<E>,
    metadata: Option<Arc<Metadata>>,
) -> Receipt<E> {
    let position = committed.position();
    let mut version = Version::NONE;
    let mut recorded = Vec::with_capacity(events.len());
    if let Some(append) = committed.appends.into_iter().next() {
        version = append.first.plus(events.len().saturating_sub(1) as u64);
        for (index, (event, position)) in events.into_iter().zip(append.positions).enumerate() {
            let envelope = (
                commit.event(index),
                stream.clone(),
                append.first.plus(index as u64),
                position,
                append.at,
            );
            recorded.push(Recorded::new(event, envelope, metadata.clone()));
        }
    }
    Receipt { version, position, events: recorded }
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
    let mut history = super::History::new(Arc::clone(&repository.store), StreamId::of::<A>(id), version.next());
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
        Box::pin(self.run())
    }
}

impl<A: Aggregate> fmt::Debug for Execute<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute").field("expected", &self.expected).finish_non_exhaustive()
    }
}
