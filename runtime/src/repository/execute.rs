//! One command: load, decide, record.

use std::{fmt, future::IntoFuture, sync::Arc};

use serde::Serialize;

use super::{
    Conflict, ExecuteError, LoadError, Recorded, Repository, Taken,
    attempt::{self, Outcome},
    constraint,
    decided::Decided,
    load::{self, Loaded},
    once,
};
use crate::{
    Aggregate, Context, Decision, Metadata, Version,
    domain::contention,
    store::{BoxFuture, Commit, CommitId, IdempotencyKey, Position, StoreError, StreamId, record::now},
};

/// A command about to be carried out. Await it; see [`Repository::execute`].
#[must_use = "a command does nothing until it is awaited"]
pub struct Execute<'a, A: Aggregate> {
    repository: &'a Repository<A>,
    id: &'a A::Id,
    command: A::Command,
    expected: Seen,
    once: Option<Result<IdempotencyKey, StoreError>>,
    metadata: Metadata,
}

/// What whoever gives a command has seen of the aggregate, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It does not matter.
    Anything,
    /// This version, and the command is meant for no other.
    Exactly(Version),
    /// This version, and the command is meant for what it has to do with of it.
    Fields(Version),
}

impl Seen {
    /// The version, where the fields matter.
    const fn fields(self) -> Option<Version> {
        match self {
            Self::Fields(version) => Some(version),
            Self::Anything | Self::Exactly(_) => None,
        }
    }
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

impl<E> Receipt<E> {
    /// Of nothing that has happened.
    pub(super) const fn nothing() -> Self {
        Self { version: Version::NONE, position: Position::START, events: Vec::new() }
    }
}

/// Why a command does not go on in the state that was loaded.
struct Stale {
    /// The version that was expected, or decided on.
    expected: Version,
    /// The version that there is.
    actual: Version,
    /// Whether the caller has seen too little, and not only been slower than others each time.
    late: bool,
    fields: Vec<&'static str>,
}

impl<'a, A: Aggregate> Execute<'a, A> {
    pub(super) fn new(repository: &'a Repository<A>, id: &'a A::Id, command: A::Command) -> Self {
        Self { repository, id, command, expected: Seen::Anything, once: None, metadata: Metadata::new() }
    }

    /// The aggregate is expected at exactly this version: the one that the caller has seen. At any other, nothing is
    /// decided and the answer is [`ExecuteError::Conflict`] with what happened since. [`Version::NONE`] expects that
    /// there is nothing yet.
    pub fn expecting(mut self, version: impl Into<Version>) -> Self {
        self.expected = Seen::Exactly(version.into());
        self
    }

    /// The caller has seen the aggregate at this version, and what happened since may stand as long as it has nothing to do
    /// with the command: no event wrote a field that the command reads or writes. Two commands that add to a field do not
    /// get in each other's way. Otherwise the answer is [`ExecuteError::Conflict`], which names the fields and the events.
    ///
    /// What a command reads and writes the derive has found out; see `#[reads]` for decisions of which it cannot tell.
    pub fn rebase_from(mut self, version: impl Into<Version>) -> Self {
        self.expected = Seen::Fields(version.into());
        self
    }

    /// The command takes effect once, however often it is given under this key: the second time, nothing is decided and the
    /// answer is the first receipt, also from another process and after years. The key is the caller's, and unique within
    /// the category of the aggregate; at most [`IdempotencyKey::LONGEST`] bytes.
    ///
    /// What was recorded is remembered, as long as the events: a command that was refused or led to nothing is decided anew.
    /// Another command under the same key is refused with [`ExecuteError::KeyReused`]. It is another one if its JSON is: so
    /// one with a `HashSet` in it may be, and one to which a later version of the program has added a field is.
    pub fn once(mut self, key: impl Into<String>) -> Self
    where
        A::Command: Serialize,
    {
        self.once = Some(once::key(&StreamId::of::<A>(self.id), key.into(), &self.command));
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
        if !A::MODEL.unique.is_empty() {
            let asked = Box::pin(repository.asked.in_force::<A>(&*repository.store));
            asked.await.map_err(|cause| failed(&stream, cause))?;
        }
        let outcome = self.carry_out(&stream, metadata.as_ref()).await;
        // What is refused, too late, or leads to nothing may be so because it was recorded a moment ago, under this key.
        if self.once.is_some()
            && match &outcome {
                Ok(Ok(receipt)) => receipt.events.is_empty(),
                Ok(Err(_)) | Err(ExecuteError::Rejected(_)) => true,
                Err(_) => false,
            }
            && let Some(receipt) = Box::pin(self.first_receipt(&stream)).await?
        {
            return Ok(receipt);
        }
        match outcome? {
            Ok(receipt) => Ok(receipt),
            Err(stale) => Err(Box::pin(self.conflict(&stream, stale, metadata.as_ref())).await),
        }
    }

    /// Loads, decides and records, again as long as others are faster.
    async fn carry_out(
        &self,
        stream: &StreamId,
        metadata: Option<&Arc<Metadata>>,
    ) -> Result<Result<Receipt<A::Event>, Stale>, ExecuteError<A>> {
        let repository = self.repository;
        // Who expects a version fails when somebody else is faster, so waiting would not help.
        let mut turn = match self.expected {
            Seen::Exactly(_) => None,
            Seen::Anything | Seen::Fields(_) => repository.lanes.join(stream).await,
        };
        let mut attempts = 0;
        // What creates is mostly given to what is not there yet, and the store notices if it is.
        let mut supposed = self.expected == Seen::Anything && A::command_model(&self.command).creates;
        loop {
            attempts += 1;
            if self.once.is_some()
                && let Some(receipt) = Box::pin(self.first_receipt(stream)).await?
            {
                return Ok(Ok(receipt));
            }
            let decided = {
                let since = self.expected.fields();
                let loaded = match supposed {
                    true => Loaded::nothing(self.id.clone()),
                    false => load::latest::<A>(&repository.store, stream, self.id, since).await?,
                };
                if let Some(stale) = self.stale(&loaded) {
                    return Ok(Err(stale));
                }
                match self.decide(loaded) {
                    // Whether it is not there says the store only when something is recorded.
                    Ok(decided) if supposed && decided.events.is_empty() => None,
                    Err(ExecuteError::Rejected(_)) if supposed => None,
                    decided => Some(decided?),
                }
            };
            let Some(decided) = decided else {
                (supposed, attempts) = (false, 0);
                continue;
            };
            let decided_on = decided.version;
            let actual = match self.record(stream, &decided, metadata).await? {
                Outcome::Recorded(id, committed) => {
                    let appended = committed.and_then(|committed| committed.appends.into_iter().next());
                    return Ok(Ok(decided.receipt(stream, (id, 0), appended, metadata)));
                }
                Outcome::Conflict { actual, .. } => actual,
                Outcome::KeyUsed => {
                    let message = "it has the idempotency key, and does not say what was recorded under it";
                    let first = Box::pin(self.first_receipt(stream)).await?;
                    return first.map(Ok).ok_or_else(|| failed(stream, StoreError::corrupt(message)));
                }
            };
            if std::mem::take(&mut supposed) {
                attempts = 0;
                continue;
            }
            let strict = matches!(self.expected, Seen::Exactly(_));
            if strict || !repository.retry.goes_on_after(attempts) {
                return Ok(Err(Stale { expected: decided_on, actual, late: strict, fields: Vec::new() }));
            }
            match turn {
                // The others are in this process: no pause, but a turn.
                None => turn = Some(repository.lanes.enter(stream).await),
                // They are elsewhere.
                Some(_) => repository.retry.pause_after(attempts).await,
            }
        }
    }

    /// Why the command is not meant for the state that was loaded, if it is not.
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
                let command = A::command_model(&self.command);
                let fields = contention(A::MODEL, command, &loaded.since)?;
                Some(Stale { expected, actual, late: true, fields })
            }
            Seen::Anything | Seen::Exactly(_) => None,
        }
    }

    /// What the command leads to in the state that was loaded.
    fn decide(&self, loaded: Loaded<A>) -> Result<Decided<A>, ExecuteError<A>> {
        let ctx = Context::new(now(), loaded.fold.version(), self.metadata.clone());
        let decided = Decided::on(loaded, self.command.clone(), &ctx).map_err(ExecuteError::Rejected)?;
        decided.map_err(|cause| ExecuteError::not_storable(&StreamId::of::<A>(self.id), cause))
    }

    /// Gives the decision to the store.
    async fn record(
        &self,
        stream: &StreamId,
        decided: &Decided<A>,
        metadata: Option<&Arc<Metadata>>,
    ) -> Result<Outcome, ExecuteError<A>> {
        let id = CommitId::new();
        if decided.events.is_empty() {
            return Ok(Outcome::Recorded(id, None));
        }
        let key = self.once.as_ref().and_then(|key| key.as_ref().ok());
        // The same each time. It is made anew for each attempt, because there is hardly ever a second one.
        let commit = || {
            let append = decided.append(stream, metadata)?;
            let mut commit = Commit::with_id(id, vec![append]);
            commit.claims.clone_from(&decided.claims);
            commit.constraints = constraint::names::<A>();
            commit.key = key.cloned();
            Ok(commit)
        };
        attempt::record(&*self.repository.store, &self.repository.retry, commit).await.map_err(|error| {
            match error {
                attempt::Error::NotStorable(cause) => ExecuteError::not_storable(stream, cause),
                attempt::Error::Failed(cause) => failed(stream, cause),
                attempt::Error::Taken { claim, by } => {
                    ExecuteError::Taken(Taken::of(A::MODEL.unique, &claim, by))
                }
                attempt::Error::Unknown(commit, cause) => {
                    ExecuteError::Unknown { stream: stream.clone(), commit, cause }
                }
            }
        })
    }

    /// What was recorded under the key, if anything was.
    async fn first_receipt(&self, stream: &StreamId) -> Result<Option<Receipt<A::Event>>, ExecuteError<A>> {
        let key = match &self.once {
            Some(Ok(key)) => key,
            Some(Err(error)) => {
                return Err(failed(stream, StoreError::new(error.kind(), error.to_string())));
            }
            None => return Ok(None),
        };
        let asked = async {
            key.validate()?;
            self.repository.store.remembered(key).await
        };
        let Some(found) = asked.await.map_err(|cause| failed(stream, cause))? else { return Ok(None) };
        if found.fingerprint != key.fingerprint {
            return Err(ExecuteError::KeyReused { stream: stream.clone(), key: key.key.clone() });
        }
        let mut receipt = Receipt::nothing();
        for event in found.events {
            let (stream, version) = (event.stream.clone(), event.version);
            (receipt.version, receipt.position) = (version, event.position);
            let event =
                Recorded::decode(event).map_err(|cause| LoadError::Decode { stream, version, cause })?;
            receipt.events.push(event);
        }
        Ok(Some(receipt))
    }

    /// The conflict with what happened since the version that was expected, recorded if the command has an
    /// `#[on_conflict]`.
    async fn conflict(
        &self,
        stream: &StreamId,
        stale: Stale,
        metadata: Option<&Arc<Metadata>>,
    ) -> ExecuteError<A> {
        let Stale { expected, actual, late, fields } = stale;
        let told = async {
            let since = self.since(stream, expected).await?;
            let recorded = match A::command_model(&self.command).on_conflict {
                Some(_) if late => self.record_conflict(stream, metadata).await?,
                _ => None,
            };
            Ok(Conflict {
                stream: stream.clone(),
                expected,
                actual: since.last().map_or(actual, |last| last.version),
                fields,
                since,
                recorded,
            })
        };
        told.await.map_or_else(|error| error, |conflict| ExecuteError::Conflict(Box::new(conflict)))
    }

    async fn since(&self, stream: &StreamId, version: Version) -> Result<Vec<Recorded<A::Event>>, LoadError> {
        let store = Arc::clone(&self.repository.store);
        let mut history = super::History::new(store, stream.clone(), version.plus(1));
        let mut events = Vec::new();
        while let Some(event) = history.next().await {
            events.push(event?);
        }
        Ok(events)
    }

    /// Records the event that the command has for a conflict, in the state of now; `None` if there is no state or no place
    /// for it any more.
    async fn record_conflict(
        &self,
        stream: &StreamId,
        metadata: Option<&Arc<Metadata>>,
    ) -> Result<Option<Receipt<A::Event>>, ExecuteError<A>> {
        let repository = self.repository;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let loaded = load::latest::<A>(&repository.store, stream, self.id, None).await?;
            let Some(state) = loaded.fold.state().filter(|_| !loaded.fold.ended()) else { return Ok(None) };
            let ctx = Context::new(now(), loaded.fold.version(), self.metadata.clone());
            let Some(event) = A::on_conflict(state, self.id, self.command.clone(), &ctx) else {
                return Ok(None);
            };
            let decided = Decided::of(loaded, Decision::one(event))
                .map_err(|cause| ExecuteError::not_storable(stream, cause))?;
            // The key is for the command itself.
            let unkeyed =
                Self { once: None, command: self.command.clone(), metadata: Metadata::new(), ..*self };
            match unkeyed.record(stream, &decided, metadata).await? {
                Outcome::Recorded(id, committed) => {
                    let appended = committed.and_then(|committed| committed.appends.into_iter().next());
                    return Ok(Some(decided.receipt(stream, (id, 0), appended, metadata)));
                }
                Outcome::Conflict { actual, .. } if !repository.retry.goes_on_after(attempts) => {
                    let cause = StoreError::new(
                        crate::store::StoreErrorKind::Unavailable,
                        format!("others were faster each time, most recently to version {actual}"),
                    );
                    return Err(failed(stream, cause));
                }
                Outcome::Conflict { .. } | Outcome::KeyUsed => repository.retry.pause_after(attempts).await,
            }
        }
    }
}

fn failed<A: Aggregate>(stream: &StreamId, cause: StoreError) -> ExecuteError<A> {
    ExecuteError::Store { stream: stream.clone(), cause }
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
