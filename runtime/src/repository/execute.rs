//! One command: load, decide, record.

use std::{fmt, future::IntoFuture, mem, sync::Arc};

use serde::Serialize;
use tokio::{runtime::Handle, time::timeout};
use tracing::{Instrument as _, Span};

use super::{
    Conflict, ExecuteError, LoadError, Recorded, Repository, Taken,
    ask::{Ask, Judged, Seen, Stale},
    attempt::{self, Outcome},
    batch::Batch,
    beside::{self, Late},
    constraint,
    decided::Decided,
    line::{Entered, PATIENCE, Reply, Turn, Waiting},
    load::{self, Loaded},
    once, snapshot,
};
use crate::{
    Aggregate, Decision, Metadata, Version, observe,
    store::{BoxFuture, Commit, CommitId, IdempotencyKey, Position, StoreError, StreamId},
};

/// A command about to be carried out. Await it; see [`Repository::execute`].
#[must_use = "a command does nothing until it is awaited"]
pub struct Execute<'a, A: Aggregate> {
    repository: &'a Repository<A>,
    id: &'a A::Id,
    ask: Ask<A>,
    once: Option<Result<IdempotencyKey, StoreError>>,
    /// Whether another command under the key counts as the same.
    whatever: bool,
    /// From when it is awaited on.
    span: Span,
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
    /// The awaited views that had not seen the events in time; see `App`.
    pub late: Vec<Late>,
}

impl<E> Receipt<E> {
    /// Of nothing that has happened.
    pub(super) const fn nothing() -> Self {
        Self { version: Version::NONE, position: Position::START, events: Vec::new(), late: Vec::new() }
    }
}

impl<'a, A: Aggregate> Execute<'a, A> {
    pub(super) fn new(repository: &'a Repository<A>, id: &'a A::Id, command: A::Command) -> Self {
        let ask = Ask { command, expected: Seen::Anything, metadata: None };
        Self { repository, id, ask, once: None, whatever: false, span: Span::none() }
    }

    /// The aggregate is expected at exactly this version: the one that the caller has seen. At any other, nothing is
    /// decided and the answer is [`ExecuteError::Conflict`] with what happened since. [`Version::NONE`] expects that
    /// there is nothing yet.
    pub fn expecting(mut self, version: impl Into<Version>) -> Self {
        self.ask.expected = Seen::Exactly(version.into());
        self
    }

    /// The caller has seen the aggregate at this version, and what happened since may stand as long as it has nothing to do
    /// with the command: no event wrote a field that the command reads or writes. Two commands that add to a field do not
    /// get in each other's way. Otherwise the answer is [`ExecuteError::Conflict`], which names the fields and the events.
    ///
    /// What a command reads and writes the derive has found out; see `#[reads]` for decisions of which it cannot tell.
    pub fn rebase_from(mut self, version: impl Into<Version>) -> Self {
        self.ask.expected = Seen::Fields(version.into());
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
        self.once = Some(once::key(&StreamId::of::<A>(self.id), key.into(), &self.ask.command));
        self
    }

    /// As [`once`](Self::once); what was recorded under the key counts whatever command was given then.
    pub(crate) fn once_whatever(mut self, key: String) -> Self
    where
        A::Command: Serialize,
    {
        self.whatever = true;
        self.once(key)
    }

    /// Records this beside each event: who, in answer to what, and other notes.
    pub fn with(mut self, metadata: Metadata) -> Self {
        self.ask.metadata = (!metadata.is_empty()).then(|| Arc::new(metadata));
        self
    }

    async fn run(&self) -> Result<Receipt<A::Event>, ExecuteError<A>> {
        let mut outcome = self.carried_out().await;
        if let Ok(receipt) = &mut outcome
            && !receipt.events.is_empty()
        {
            receipt.late = beside::settle(&self.repository.beside, &[A::CATEGORY], receipt.position).await;
        }
        let (version, came) = (outcome.as_ref().ok().map(|receipt| receipt.version), came(&outcome));
        observe::command(A::CATEGORY, came);
        observe::outcome(&self.span, came, version);
        outcome
    }

    // What does not outlive a step is kept out of this future: it is boxed anew for each command.
    async fn carried_out(&self) -> Result<Receipt<A::Event>, ExecuteError<A>> {
        let repository = self.repository;
        let stream = StreamId::of::<A>(self.id);
        if A::MODEL.claims().next().is_some() {
            let asked = Box::pin(repository.asked.in_force::<A>(&*repository.store, &repository.beside));
            asked.await.map_err(|cause| failed(&stream, cause))?;
        }
        let turn = match repository.lines.enter(&stream, || (self.ask.clone(), self.goes_alone())) {
            Entered::Turn(turn) => turn,
            Entered::Waiting(waiting) => match Box::pin(self.wait(&stream, waiting)).await {
                Reply::Turn(turn, _) => turn,
                Reply::Outcome(outcome) => return outcome,
            },
        };
        let outcome = self.carry_out(&stream, turn).await;
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
            Err(stale) => Err(Box::pin(self.conflict(&stream, stale)).await),
        }
    }

    /// Whether it cannot be recorded together with others: a commit has one key.
    const fn goes_alone(&self) -> bool {
        self.once.is_some()
    }

    /// Waits for a turn, or for somebody who carries the command out.
    async fn wait(&self, stream: &StreamId, waiting: Waiting<A>) -> Reply<A> {
        let repository = self.repository;
        let (mut waiting, mut led) = (waiting, false);
        loop {
            let turn = match timeout(PATIENCE, &mut waiting.reply).await {
                // The turn comes back where the task was dropped before it began: the runtime shuts down.
                Ok(Ok(Reply::Turn(turn, false))) if !led => turn,
                Ok(Ok(reply)) => return reply,
                // Whoever was to carry it out has come to a sudden end before.
                Ok(Err(_)) => return Reply::Turn(Turn::none(), true),
                Err(_) => match waiting.leave() {
                    Some(turn) => {
                        repository.lines.abandon(stream, &waiting);
                        return Reply::Turn(turn, true);
                    }
                    // Somebody is at it.
                    None => continue,
                },
            };
            // Whoever has a turn carries out those who wait behind it as well; in a task, because they depend on it.
            let Ok(runtime) = Handle::try_current() else { return Reply::Turn(turn, true) };
            let Some(place) = turn.lead(runtime.id(), || self.ask.clone()) else {
                return Reply::Turn(turn, true);
            };
            (waiting, led) = (place, true);
            runtime.spawn(Batch::new(repository, stream, self.id, turn).run(runtime.id()));
        }
    }

    /// Loads, decides and records, again as long as others are faster.
    async fn carry_out(
        &self,
        stream: &StreamId,
        mut turn: Turn<A>,
    ) -> Result<Result<Receipt<A::Event>, Stale>, ExecuteError<A>> {
        let repository = self.repository;
        let (store, since) = (&repository.store, self.ask.expected.fields());
        let (mut attempts, mut rounds) = (0, 0);
        // What is known may be out of date, as others write too. Only an append proves it, or a read.
        let mut known = turn.take().filter(|known| snapshot::believed::<A>(known));
        let mut sure = false;
        let (trust, warm) = (&repository.lines.trust, known.is_some());
        // What creates is mostly given to what is not there yet, and the store notices if it is.
        if known.is_none() && self.ask.expected == Seen::Anything && self.ask.model().creates {
            known = Some(Box::new(Loaded::nothing(self.id.clone())));
        }
        loop {
            attempts += 1;
            rounds += 1;
            observe::attempt(&self.span, rounds);
            if self.once.is_some()
                && let Some(receipt) = Box::pin(self.first_receipt(stream)).await?
            {
                known.into_iter().for_each(|known| turn.put(known));
                return Ok(Ok(receipt));
            }
            let mut loaded = match known.take() {
                Some(known) => known,
                None => {
                    sure = true;
                    Box::pin(load::latest::<A>(store, stream, self.id, since)).await?
                }
            };
            let judged = loop {
                let seen_all = sure || since.is_none_or(|since| since == loaded.fold.version());
                if seen_all && (sure || !warm || trust.holds()) {
                    match self.ask.judge(&loaded) {
                        Judged::Decided(events) if !events.is_empty() => break Judged::Decided(events),
                        judged if sure => break judged,
                        // There will be no append that proves it.
                        _ => {}
                    }
                }
                let known = loaded.fold.version();
                Box::pin(load::catch_up(store, stream, &mut loaded, since)).await?;
                if warm && !sure {
                    trust.learn(loaded.fold.version() > known);
                }
                sure = true;
            };
            let events = match judged {
                Judged::Decided(events) => events,
                Judged::Refused(rejection) => {
                    turn.put(loaded);
                    return Err(ExecuteError::Rejected(rejection));
                }
                Judged::Stale(stale) => {
                    turn.put(loaded);
                    return Ok(Err(stale));
                }
            };
            let mut decided = Decided::of(&mut loaded, events, self.ask.metadata.as_ref(), true)
                .map_err(|cause| ExecuteError::not_storable(stream, cause))?;
            let decided_on = decided.version;
            let outcome = Box::pin(self.record(stream, &decided)).await?;
            if warm && !sure {
                trust.learn(matches!(outcome, Outcome::Conflict { .. }));
            }
            let actual = match outcome {
                Outcome::Recorded(id, committed) => {
                    let appended = committed.and_then(|committed| committed.appends.into_iter().next());
                    if turn.keeps() && decided.advance(&mut loaded, appended.as_ref()).is_ok() {
                        snapshot::keep_when_due(store, stream, &mut loaded);
                        turn.put(loaded);
                    }
                    return Ok(Ok(decided.receipt(stream, (id, 0), appended, self.ask.metadata.as_ref())));
                }
                Outcome::Conflict { actual, .. } => actual,
                Outcome::KeyUsed => {
                    let message = "it has the idempotency key, and does not say what was recorded under it";
                    let first = Box::pin(self.first_receipt(stream)).await?;
                    return first.map(Ok).ok_or_else(|| failed(stream, StoreError::corrupt(message)));
                }
            };
            observe::conflict(A::CATEGORY);
            // What the others did is elsewhere, as those who are here wait for their turn.
            let strict = matches!(self.ask.expected, Seen::Exactly(_));
            let goes_on = !strict && repository.retry.goes_on_after(attempts);
            let stale = Stale { expected: decided_on, actual, late: strict, fields: Vec::new() };
            if strict || sure && !goes_on {
                return Ok(Err(stale));
            }
            observe::retries(A::CATEGORY, 1);
            let before = decided.undo(loaded);
            let loaded = Box::pin(async {
                if sure {
                    repository.retry.pause_after(attempts).await;
                }
                self.missing(stream, before, actual).await
            })
            .await?;
            // To have known too little is no race that was lost.
            if !mem::replace(&mut sure, true) {
                match loaded.fold.version() > decided_on {
                    true => attempts = 0,
                    false if goes_on => {}
                    false => return Ok(Err(stale)),
                }
            }
            known = Some(loaded);
        }
    }

    /// What was decided on, gone on to the end of a stream that is at this version.
    async fn missing(
        &self,
        stream: &StreamId,
        before: Option<Box<Loaded<A>>>,
        actual: Version,
    ) -> Result<Box<Loaded<A>>, LoadError> {
        let (store, since) = (&self.repository.store, self.ask.expected.fields());
        // A stream that is shorter than what is known of it is not the one that was known.
        match before.filter(|before| before.fold.version() <= actual) {
            Some(mut before) => {
                let known = before.fold.version();
                load::catch_up(store, stream, &mut before, since.map(|_| known)).await?;
                Ok(before)
            }
            None => load::latest::<A>(store, stream, self.id, since).await,
        }
    }

    /// Gives the decision to the store.
    async fn record(&self, stream: &StreamId, decided: &Decided<A>) -> Result<Outcome, ExecuteError<A>> {
        let id = CommitId::new();
        if decided.events.is_empty() {
            return Ok(Outcome::Recorded(id, None));
        }
        let key = self.once.as_ref().and_then(|key| key.as_ref().ok());
        // The same each time. It is made anew for each attempt, because there is hardly ever a second one.
        let commit = || {
            let mut commit = Commit::with_id(id, vec![decided.append(stream)]);
            commit.claims.clone_from(&decided.claims);
            commit.constraints = constraint::names::<A>(&self.repository.beside);
            commit.key = key.cloned();
            commit
        };
        let Repository { store, retry, beside, .. } = self.repository;
        attempt::record(&**store, retry, beside, commit).await.map_err(|error| match error {
            attempt::Error::View(refused) => ExecuteError::View { stream: stream.clone(), refused },
            attempt::Error::Failed(cause) => failed(stream, cause),
            attempt::Error::Taken { claim, by } => {
                ExecuteError::Taken(Taken::of(A::MODEL.unique, &claim, by))
            }
            attempt::Error::Unknown(commit, cause) => {
                ExecuteError::Unknown { stream: stream.clone(), commit, cause }
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
        if !self.whatever && found.fingerprint != key.fingerprint {
            return Err(ExecuteError::KeyReused { stream: stream.clone(), key: key.key.clone() });
        }
        let mut receipt = Receipt::nothing();
        for event in found.events {
            let (stream, version) = (event.stream.clone(), event.version);
            (receipt.version, receipt.position) = (version, event.position);
            let event =
                Recorded::decode_all(event).map_err(|cause| LoadError::Decode { stream, version, cause })?;
            receipt.events.extend(event);
        }
        Ok(Some(receipt))
    }

    /// The conflict with what happened since the version that was expected, recorded if the command has an
    /// `#[on_conflict]`.
    async fn conflict(&self, stream: &StreamId, stale: Stale) -> ExecuteError<A> {
        let Stale { expected, actual, late, fields } = stale;
        let told = async {
            let since = self.since(stream, expected).await?;
            let recorded = match self.ask.model().on_conflict {
                Some(_) if late => self.record_conflict(stream).await?,
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
        super::History::new(store, stream.clone(), version.plus(1)).all().await
    }

    /// Records the event that the command has for a conflict, in the state of now; `None` if there is no state or no place
    /// for it any more.
    async fn record_conflict(&self, stream: &StreamId) -> Result<Option<Receipt<A::Event>>, ExecuteError<A>> {
        let repository = self.repository;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut loaded = load::latest::<A>(&repository.store, stream, self.id, None).await?;
            let Some(state) = loaded.fold.state().filter(|_| !loaded.fold.ended()) else { return Ok(None) };
            let ctx = self.ask.context(loaded.fold.version());
            let Some(event) = A::on_conflict(state, self.id, self.ask.command.clone(), &ctx) else {
                return Ok(None);
            };
            let metadata = self.ask.metadata.as_ref();
            let decided = Decided::of(&mut loaded, Decision::one(event), metadata, false)
                .map_err(|cause| ExecuteError::not_storable(stream, cause))?;
            // The key is for the command itself.
            let unkeyed = Self { once: None, ask: self.ask.clone(), span: Span::none(), ..*self };
            match unkeyed.record(stream, &decided).await? {
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

/// What came of a command, in a word.
fn came<A: Aggregate>(outcome: &Result<Receipt<A::Event>, ExecuteError<A>>) -> observe::Outcome {
    use observe::Outcome;
    match outcome {
        Ok(receipt) if receipt.events.is_empty() => Outcome::Nothing,
        Ok(_) => Outcome::Recorded,
        Err(ExecuteError::Rejected(_)) => Outcome::Rejected,
        Err(ExecuteError::Conflict(_)) => Outcome::Conflict,
        Err(ExecuteError::Taken(_)) => Outcome::Taken,
        Err(ExecuteError::KeyReused { .. }) => Outcome::KeyReused,
        Err(ExecuteError::View { .. }) => Outcome::ViewRefused,
        Err(ExecuteError::Load(_) | ExecuteError::Encode { .. } | ExecuteError::Store { .. }) => {
            Outcome::Failed
        }
        Err(ExecuteError::Unknown { .. }) => Outcome::Unknown,
    }
}

fn failed<A: Aggregate>(stream: &StreamId, cause: StoreError) -> ExecuteError<A> {
    ExecuteError::Store { stream: stream.clone(), cause }
}

impl<'a, A: Aggregate> IntoFuture for Execute<'a, A> {
    type Output = Result<Receipt<A::Event>, ExecuteError<A>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(mut self) -> Self::IntoFuture {
        // Where nobody listens, there is no room made for it either.
        if !observe::is_heard() {
            return Box::pin(async move { self.run().await });
        }
        let span = observe::execute(A::CATEGORY, &StreamId::of::<A>(self.id), self.ask.model().name);
        self.span = span.clone();
        Box::pin(async move { self.run().await }.instrument(span))
    }
}

impl<A: Aggregate> fmt::Debug for Execute<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute").field("expected", &self.ask.expected).finish_non_exhaustive()
    }
}
