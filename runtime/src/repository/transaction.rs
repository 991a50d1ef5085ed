//! Commands to several aggregates, all or nothing.

use std::{error::Error, fmt, sync::Arc};

use tracing::{Instrument as _, Span};

use super::{
    LoadError, Retry, Taken, ViewRefused,
    attempt::{self, Outcome},
    beside::{self, Beside, Company, Late},
    decided::NotStorable,
    steps::{AnyStep, Given, Grow, Step, Steps},
};
use crate::{
    Aggregate, Metadata, Rejection, Version, observe,
    store::{Append, Claim, ClaimChange, Commit, CommitId, Committed, Name, Store, StoreError, StreamId},
};

/// Begins a transaction: commands to several aggregates, also of different types, that take effect all together or not at
/// all.
///
/// ```
/// # use factum::Aggregate;
/// # #[derive(Aggregate)]
/// # #[events { #[creates] Opened { #[audit] by: String }, Changed { amount: i64 } }]
/// # #[commands { Open => Opened, Change => Changed }]
/// # struct Account { #[id] number: u64, #[on(Changed += amount)] balance: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = factum::open("memory:").await?;
/// # for number in [1, 2] {
/// #     let by = "Ann".to_owned();
/// #     factum::Repository::<Account>::new(store.clone()).execute(&number, AccountCommand::Open { by }).await?;
/// # }
/// let (paid, received) = factum::transaction(&store)
///     .execute::<Account>(&1, AccountCommand::Change { amount: -100 })
///     .execute::<Account>(&2, AccountCommand::Change { amount: 100 })
///     .commit()
///     .await?;
/// assert_eq!((paid.version, received.version), (2.into(), 2.into()));
/// # Ok(())
/// # }
/// ```
pub fn transaction(store: &Arc<dyn Store>) -> Transaction<()> {
    begin(Arc::clone(store), None)
}

/// A transaction with what goes along with its commit.
pub(crate) fn begin(store: Arc<dyn Store>, beside: Option<Arc<dyn Beside>>) -> Transaction<()> {
    Transaction { store, beside, steps: (), metadata: Metadata::new(), retry: Retry::default() }
}

/// Commands to several aggregates, about to be carried out; up to eight. See [`transaction`].
///
/// Each step is decided on the aggregate as it is; the same aggregate twice is an error. If another writer was faster at one
/// of them, all are decided again. Nothing is locked, so opposite orders do not block each other.
/// A step that leads to nothing is decided, and not held on to: what it has seen may have changed when the others are
/// recorded.
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction<S> {
    store: Arc<dyn Store>,
    beside: Company,
    steps: S,
    metadata: Metadata,
    retry: Retry,
}

impl<S: Steps> Transaction<S> {
    /// One more command, to the aggregate with this id.
    pub fn execute<A: Aggregate>(self, id: &A::Id, command: A::Command) -> Transaction<S::With<Step<A>>>
    where
        A::Error: Error,
        S: Grow,
    {
        let step = Step::new(id.clone(), command);
        let Self { store, beside, steps, metadata, retry } = self;
        Transaction { store, beside, steps: steps.with(step), metadata, retry }
    }

    /// The aggregate of the last command is expected at exactly this version. See
    /// [`Execute::expecting`](super::Execute::expecting).
    pub fn expecting(mut self, version: impl Into<Version>) -> Self {
        if let Some(last) = self.steps.all().pop() {
            last.expect(version.into());
        }
        self
    }

    /// Records this beside each event: who, in answer to what, and other notes.
    pub fn with(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets how the whole goes on after a conflict.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Decides all commands and records what they lead to in one commit. A receipt for each, in their order.
    ///
    /// # Errors
    /// Nothing was recorded, and the error names the step; or it is not known whether everything was recorded.
    pub async fn commit(mut self) -> Result<S::Receipts, TransactionError> {
        let steps = self.steps.all();
        let span = observe::transaction(steps.len());
        let categories = steps.iter().filter(|_| observe::MEASURED).map(|step| step.category());
        let categories: Vec<_> = categories.collect();
        let outcome = self.carry_out(&span).instrument(span.clone()).await;
        let came = outcome.as_ref().map_or_else(|error| error.kind.came(), |_| observe::Outcome::Recorded);
        observe::commands(&categories, came);
        observe::outcome(&span, came, None);
        outcome
    }

    async fn carry_out(mut self, span: &Span) -> Result<S::Receipts, TransactionError> {
        let metadata = (!self.metadata.is_empty()).then(|| Arc::new(self.metadata.clone()));
        self.check()?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            observe::attempt(span, attempts);
            let (id, commit) = (CommitId::new(), self.decide(metadata.as_ref()).await?);
            if commit.disagree && self.retry.goes_on_after(attempts) {
                self.retry.pause_after(attempts).await;
                continue;
            }
            if commit.appends.is_empty() {
                return Ok(self.steps.receipts(&mut Given::new(id, None, None, Vec::new())));
            }
            let make = || {
                let Prepared { appends, claims, constraints, .. } = commit.clone();
                let mut commit = Commit::with_id(id, appends);
                (commit.claims, commit.constraints) = (claims, constraints);
                commit
            };
            match attempt::record(&*self.store, &self.retry, &self.beside, make).await {
                Ok(Outcome::Recorded(id, committed)) => {
                    let late = self.settle(committed.as_ref()).await;
                    return Ok(self.steps.receipts(&mut Given::new(id, committed, metadata.as_ref(), late)));
                }
                Ok(Outcome::Conflict { stream, actual }) => {
                    observe::conflict(stream.category());
                    let expected =
                        self.steps.all().into_iter().enumerate().find(|(_, step)| *step.stream() == stream);
                    if let Some((index, step)) = expected
                        && (step.expected().is_some() || !self.retry.goes_on_after(attempts))
                    {
                        let expected = step.version();
                        return Err(error(index, step, TransactionErrorKind::Conflict { expected, actual }));
                    }
                    observe::retries(stream.category(), 1);
                }
                Ok(Outcome::KeyUsed) => {}
                Err(failed) => return Err(self.failed(failed)),
            }
            self.retry.pause_after(attempts).await;
        }
    }

    /// Waits for awaited views.
    async fn settle(&mut self, committed: Option<&Committed>) -> Vec<Late> {
        let Some(committed) = committed.filter(|_| self.beside.is_some()) else { return Vec::new() };
        let categories: Vec<&str> = self.steps.all().iter().map(|step| step.category()).collect();
        beside::settle(&self.beside, &categories, committed.position()).await
    }

    fn check(&mut self) -> Result<(), TransactionError> {
        let steps = self.steps.all();
        for (index, step) in steps.iter().enumerate() {
            if steps.iter().take(index).any(|before| before.stream() == step.stream()) {
                let message = "a step before has the same aggregate: one decision does not see the other, so give it one command that does both";
                return Err(error(index, &**step, TransactionErrorKind::Store(StoreError::invalid(message))));
            }
        }
        Ok(())
    }

    async fn decide(&mut self, metadata: Option<&Arc<Metadata>>) -> Result<Prepared, TransactionError> {
        let mut prepared = Prepared::default();
        for (index, step) in self.steps.all().into_iter().enumerate() {
            let decided = step.decide(&self.store, &self.beside, &self.metadata, metadata).await;
            let (append, claims) = match decided {
                Ok(decided) => decided,
                Err(kind) => return Err(error(index, step, kind)),
            };
            for change in &claims {
                if let ClaimChange::Take(claim) = change
                    && let Some(by) = prepared.takes(claim)
                {
                    return Err(error(
                        index,
                        step,
                        TransactionErrorKind::Taken(Taken::of(step.unique(), claim, by)),
                    ));
                }
            }
            let gives_back = |change: &ClaimChange| match change {
                ClaimChange::Release(claim) => prepared.releases(claim),
                ClaimChange::Take(_) => false,
            };
            prepared.disagree |= claims.iter().any(gives_back);
            prepared.appends.extend(append);
            prepared.claims.extend(claims);
            prepared.constraints.extend(step.constraints(&self.beside));
        }
        Ok(prepared)
    }

    /// Whose fault it is, if it is one step's.
    fn failed(&mut self, failed: attempt::Error) -> TransactionError {
        let whole = |kind| TransactionError { step: None, stream: None, kind };
        match failed {
            attempt::Error::Taken { claim, by } => {
                for (index, step) in self.steps.all().into_iter().enumerate() {
                    if *step.stream() == claim.owner {
                        return error(
                            index,
                            step,
                            TransactionErrorKind::Taken(Taken::of(step.unique(), &claim, by)),
                        );
                    }
                }
                whole(TransactionErrorKind::Taken(Taken::of(&[], &claim, by)))
            }
            attempt::Error::View(refused) => whole(TransactionErrorKind::View(Box::new(refused))),
            attempt::Error::Failed(cause) => whole(TransactionErrorKind::Store(cause)),
            attempt::Error::Unknown(commit, cause) => whole(TransactionErrorKind::Unknown { commit, cause }),
        }
    }
}

#[derive(Clone, Default)]
struct Prepared {
    appends: Vec<Append>,
    claims: Vec<ClaimChange>,
    constraints: Vec<Name>,
    /// Two steps hold the same value, so they were loaded before and after somebody moved it.
    disagree: bool,
}

impl Prepared {
    fn releases(&self, claim: &Claim) -> bool {
        self.claims
            .iter()
            .any(|change| matches!(change, ClaimChange::Release(other) if other.value == claim.value))
    }

    /// Who takes the value of this claim already.
    fn takes(&self, claim: &Claim) -> Option<StreamId> {
        self.claims.iter().find_map(|change| match change {
            ClaimChange::Take(other) if other.value == claim.value => Some(other.owner.clone()),
            _ => None,
        })
    }
}

fn error(index: usize, step: &dyn AnyStep, kind: TransactionErrorKind) -> TransactionError {
    TransactionError { step: Some(index), stream: Some(step.stream().clone()), kind }
}

pub(super) fn not_storable(cause: NotStorable) -> TransactionErrorKind {
    match cause {
        NotStorable::Encode { event, cause } => TransactionErrorKind::Store(
            StoreError::invalid(format!("cannot encode the event `{event}`")).because(cause),
        ),
        NotStorable::Decode(cause) => {
            TransactionErrorKind::Store(StoreError::invalid("an event cannot be read back").because(cause))
        }
        NotStorable::Fold(cause) => {
            TransactionErrorKind::Store(StoreError::invalid("an event cannot be folded").because(cause))
        }
    }
}

/// Why a transaction was not carried out.
#[derive(Debug)]
#[non_exhaustive]
pub struct TransactionError {
    /// The number of the step that is the reason, from 0 on; `None` where it is not one of them.
    pub step: Option<usize>,
    /// The stream of its aggregate.
    pub stream: Option<StreamId>,
    /// What is wrong.
    pub kind: TransactionErrorKind,
}

/// What is wrong with a transaction. But for [`Unknown`](Self::Unknown), nothing was recorded.
#[derive(Debug)]
#[non_exhaustive]
pub enum TransactionErrorKind {
    /// The command was refused: a [`Rejection`] of the domain's error, see [`TransactionError::rejection`].
    Rejected(Box<dyn Error + Send + Sync>),
    /// The aggregate is at another version than was expected, or others were faster each time.
    Conflict {
        /// The version that was expected.
        expected: Version,
        /// The version that it has.
        actual: Version,
    },
    /// Another aggregate has a value that is to be unique.
    Taken(Taken),
    /// A transactional view cannot take what would be recorded.
    View(Box<ViewRefused>),
    /// The aggregate could not be loaded.
    Load(LoadError),
    /// The store could not record the events, or the transaction makes no sense.
    Store(StoreError),
    /// Everything was recorded, or nothing.
    Unknown {
        /// The id of the commit, and of its first event.
        commit: CommitId,
        /// What the store says.
        cause: StoreError,
    },
}

impl TransactionErrorKind {
    /// What came of the commands, in a word.
    const fn came(&self) -> observe::Outcome {
        use observe::Outcome;
        match self {
            Self::Rejected(_) => Outcome::Rejected,
            Self::Conflict { .. } => Outcome::Conflict,
            Self::Taken(_) => Outcome::Taken,
            Self::View(_) => Outcome::ViewRefused,
            Self::Load(_) | Self::Store(_) => Outcome::Failed,
            Self::Unknown { .. } => Outcome::Unknown,
        }
    }
}

impl TransactionError {
    /// Why a command to an aggregate of this type was refused, if that is what is wrong.
    #[must_use]
    pub fn rejection<A: Aggregate>(&self) -> Option<&Rejection<A::Error>>
    where
        A::Error: Error,
    {
        match &self.kind {
            TransactionErrorKind::Rejected(rejection) => rejection.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(step), Some(stream)) = (self.step, &self.stream) {
            write!(f, "step {} (`{stream}`): ", step + 1)?;
        }
        match &self.kind {
            TransactionErrorKind::Rejected(rejection) => rejection.fmt(f),
            TransactionErrorKind::Conflict { expected, actual } => {
                write!(f, "it is at version {actual}, expected was {expected}")
            }
            TransactionErrorKind::Taken(taken) => taken.fmt(f),
            TransactionErrorKind::View(refused) => refused.fmt(f),
            TransactionErrorKind::Load(error) => error.fmt(f),
            TransactionErrorKind::Store(error) => error.fmt(f),
            TransactionErrorKind::Unknown { commit, cause } => {
                write!(f, "it is unknown whether commit {commit} was recorded: {cause}")
            }
        }
    }
}

impl Error for TransactionError {}

impl<S> fmt::Debug for Transaction<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("store", &self.store).finish_non_exhaustive()
    }
}
