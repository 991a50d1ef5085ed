//! Commands that wait for the same aggregate, carried out together.
//!
//! They are decided one after the other, each on what those before it lead to, and recorded in one append. That proves
//! the refusals among them as well: the state on which they were decided is that of the stream.
//!
//! Only what is usual is done here. A command for which that is not enough is sent back to whoever gave it and is next to go
//! alone: so nobody fails for what another one has done, and there is one place that knows all cases.

use std::{mem, sync::Arc};

use tokio::runtime::Id;
use tracing::{Instrument as _, Span};

use super::{
    ExecuteError, LoadError, PAGE, Repository, Retry,
    ask::Judged,
    attempt::{self, Outcome},
    beside::Company,
    constraint,
    decided::Decided,
    line::{Lines, Reply, Seat, Turn},
    load::{self, Loaded},
    snapshot,
};
use crate::{
    Aggregate, Position, Rejection, Version, observe,
    store::{
        Append, Appended, ClaimChange, Commit, CommitId, Committed, Expected, NewEvent, Store, StoreError,
        StoreErrorKind, StreamId, Tail,
    },
};

/// How many commands are carried out together at most …
const COMMANDS: usize = 64;

/// … and how many events and bytes of their payloads they come to, before no other is added.
const EVENTS: usize = 2 * PAGE;
const BYTES: usize = 256 * 1024;

/// The commands that wait for an aggregate, with the turn.
pub(super) struct Batch<A: Aggregate> {
    store: Arc<dyn Store>,
    retry: Retry,
    lines: Arc<Lines<A>>,
    beside: Company,
    stream: StreamId,
    id: A::Id,
    turn: Turn<A>,
    /// Who is being carried out.
    seats: Vec<Seat<A>>,
    /// What is on its way into the store for them.
    sent: Option<CommitId>,
}

/// What the commands come to, in the order of their seats.
struct Plan<A: Aggregate> {
    /// The version, the position and the tail that were decided on.
    version: Version,
    position: Position,
    tail: Option<Tail>,
    events: Vec<NewEvent>,
    /// How long their payloads are.
    bytes: usize,
    claims: Vec<ClaimChange>,
    verdicts: Vec<Verdict<A>>,
}

enum Verdict<A: Aggregate> {
    Decided(Decided<A>),
    Refused(Rejection<A::Error>),
}

impl<A: Aggregate> Batch<A> {
    pub(super) fn new(repository: &Repository<A>, stream: &StreamId, id: &A::Id, turn: Turn<A>) -> Self {
        let (store, retry) = (Arc::clone(&repository.store), repository.retry.clone());
        let (lines, beside) = (Arc::clone(&repository.lines), repository.beside.clone());
        let (stream, id) = (stream.clone(), id.clone());
        Self { store, retry, lines, beside, stream, id, turn, seats: Vec::new(), sent: None }
    }

    /// Carries out who waits on this runtime, which it runs on, as long as somebody does.
    pub(super) async fn run(mut self, runtime: Id) {
        loop {
            self.seats = self.turn.company(runtime, COMMANDS);
            if self.seats.is_empty() {
                return;
            }
            let span = observe::batch_of(A::CATEGORY, &self.stream, self.seats.len());
            self.carry_out(&span).instrument(span.clone()).await;
            // Who has got an answer may go on at once, and what it asks next comes along.
            tokio::task::yield_now().await;
        }
    }

    async fn carry_out(&mut self, span: &Span) {
        let mut known = self.turn.take().filter(|known| snapshot::believed::<A>(known));
        let (mut attempts, mut sure) = (0, false);
        loop {
            attempts += 1;
            observe::attempt(span, attempts);
            let mut loaded = match known.take() {
                Some(known) => known,
                None => match load::latest::<A>(&self.store, &self.stream, &self.id, None).await {
                    Ok(loaded) => {
                        sure = true;
                        loaded
                    }
                    Err(_) => return self.send_back(),
                },
            };
            if !sure && !self.lines.trust.holds() {
                if self.look(&mut loaded).await.is_err() {
                    return self.send_back();
                }
                sure = true;
            }
            let before = loaded.copy();
            let plan = loop {
                let Ok(plan) = self.decide(&mut loaded) else { return };
                if self.seats.is_empty() {
                    return self.turn.put(loaded);
                }
                if sure || !plan.events.is_empty() {
                    break plan;
                }
                if self.look(&mut loaded).await.is_err() {
                    return self.send_back();
                }
                sure = true;
            };
            if plan.events.is_empty() {
                self.turn.put(loaded);
                return self.answer(plan, CommitId::new(), None);
            }
            let outcome = self.record(&plan).await;
            if !sure {
                self.lines.trust.learn(matches!(outcome, Ok(Outcome::Conflict { .. })));
            }
            match outcome {
                Ok(Outcome::Recorded(id, committed)) => {
                    let appended = committed.and_then(|Committed { mut appends }| appends.pop());
                    if let Some(appended) = &appended {
                        loaded.ends_with(appended);
                    }
                    observe::batch(A::CATEGORY, plan.verdicts.len(), plan.events.len());
                    let recorded = appended.is_some();
                    self.answer(plan, id, appended);
                    if recorded {
                        snapshot::keep_when_due(&self.store, &self.stream, &mut loaded);
                        self.turn.put(loaded);
                    }
                    return;
                }
                Ok(Outcome::Conflict { actual, .. }) if self.retry.goes_on_after(attempts) => {
                    observe::conflict(A::CATEGORY);
                    observe::retries(A::CATEGORY, self.seats.len());
                    // The fold has gone on to what did not happen.
                    drop(loaded);
                    self.retry.pause_after(attempts).await;
                    // A stream that is shorter than what is known of it is not the one that was known.
                    if let Some(mut before) = before.filter(|before| before.fold.version() <= actual) {
                        if load::catch_up(&self.store, &self.stream, &mut before, None).await.is_err() {
                            return self.send_back();
                        }
                        (known, sure) = (Some(before), true);
                    }
                }
                Err(attempt::Error::Unknown(id, cause)) => return self.leave_unknown(plan, id, &cause),
                Err(attempt::Error::Taken { .. }) => return self.send_last_back(),
                Ok(Outcome::Conflict { .. } | Outcome::KeyUsed)
                | Err(attempt::Error::Failed(_) | attempt::Error::View(_)) => return self.send_back(),
            }
        }
    }

    /// Takes what is new of an aggregate that was known.
    async fn look(&self, loaded: &mut Loaded<A>) -> Result<(), LoadError> {
        let known = loaded.fold.version();
        load::catch_up(&self.store, &self.stream, loaded, None).await?;
        self.lines.trust.learn(loaded.fold.version() > known);
        Ok(())
    }

    /// Decides one after the other. Those that have to go alone, or do not fit any more, go back into the line, and all
    /// of them where one has spoilt the fold.
    fn decide(&mut self, loaded: &mut Loaded<A>) -> Result<Plan<A>, Spoilt> {
        let mut plan = Plan::on(loaded);
        let (mut decided, mut alone, mut spoilt) = (Vec::new(), Vec::new(), false);
        let mut seats = mem::take(&mut self.seats).into_iter();
        while !spoilt
            && !plan.is_full()
            && let Some(mut seat) = seats.next()
        {
            // Who does not wait any more is not carried out.
            if seat.reply.is_closed() {
                continue;
            }
            match plan.judge(&seat, loaded) {
                Ok(Some(verdict)) => {
                    plan.verdicts.push(verdict);
                    decided.push(seat);
                    continue;
                }
                Ok(None) => {}
                Err(Spoilt) => spoilt = true,
            }
            seat.alone = true;
            alone.push(seat);
        }
        if spoilt {
            alone.splice(0..0, decided.drain(..));
        }
        alone.extend(seats);
        self.turn.return_seats(alone);
        self.seats = decided;
        if spoilt { Err(Spoilt) } else { Ok(plan) }
    }

    async fn record(&mut self, plan: &Plan<A>) -> Result<Outcome, attempt::Error> {
        let id = CommitId::new();
        let commit = || {
            let append = Append {
                stream: self.stream.clone(),
                expected: Expected::Exact(plan.version),
                tail: plan.tail.clone(),
                events: plan.events.clone(),
            };
            let mut commit = Commit::with_id(id, vec![append]);
            commit.claims.clone_from(&plan.claims);
            commit.constraints = constraint::names::<A>(&self.beside);
            commit
        };
        self.sent = Some(id);
        let outcome = attempt::record(&*self.store, &self.retry, &self.beside, commit).await;
        // What is recorded is on its way until it is answered: whoever is cut off before must not be carried out again.
        if !matches!(outcome, Ok(Outcome::Recorded(..))) {
            self.sent = None;
        }
        outcome
    }

    /// To each its own part of what was recorded.
    fn answer(&mut self, plan: Plan<A>, id: CommitId, appended: Option<Appended>) {
        let (mut index, mut position) = (0, plan.position);
        let mut verdicts = plan.verdicts.into_iter();
        self.seats.reverse();
        while let Some(verdict) = verdicts.next()
            && let Some(seat) = self.seats.pop()
        {
            let outcome = match verdict {
                Verdict::Refused(rejection) => Err(ExecuteError::Rejected(rejection)),
                Verdict::Decided(mut decided) => {
                    let events = decided.events.as_slice().len();
                    let own = appended.as_ref().filter(|_| events > 0).map(|appended| Appended {
                        first: appended.first.plus(index as u64),
                        positions: appended.positions.iter().skip(index).take(events).copied().collect(),
                        at: appended.at,
                        tail: None,
                    });
                    decided.position = position;
                    let receipt = decided.receipt(&self.stream, (id, index), own, seat.ask.metadata.as_ref());
                    (index, position) = (index + events, receipt.position);
                    Ok(receipt)
                }
            };
            let _ = seat.reply.send(Reply::Outcome(outcome));
        }
        self.sent = None;
    }

    /// Nobody knows whether the events were recorded. Who has none of them can go alone.
    fn leave_unknown(&mut self, plan: Plan<A>, commit: CommitId, cause: &StoreError) {
        let mut alone = Vec::new();
        for (mut seat, verdict) in self.seats.drain(..).zip(plan.verdicts) {
            match verdict {
                Verdict::Decided(decided) if !decided.events.is_empty() => {
                    let cause = StoreError::new(cause.kind(), cause.to_string());
                    unknown(seat, &self.stream, commit, cause);
                }
                Verdict::Decided(_) | Verdict::Refused(_) => {
                    seat.alone = true;
                    alone.push(seat);
                }
            }
        }
        self.turn.return_seats(alone);
    }

    /// Each goes alone.
    fn send_back(&mut self) {
        let mut seats = mem::take(&mut self.seats);
        for seat in &mut seats {
            seat.alone = true;
        }
        self.turn.return_seats(seats);
    }

    /// The last one goes alone: it is the only one with claims. The others go on without it.
    fn send_last_back(&mut self) {
        let mut seats = mem::take(&mut self.seats);
        if let Some(last) = seats.last_mut() {
            last.alone = true;
        }
        self.turn.return_seats(seats);
    }
}

/// The fold is not one of the stream any more.
struct Spoilt;

impl<A: Aggregate> Plan<A> {
    fn on(loaded: &Loaded<A>) -> Self {
        Self {
            version: loaded.fold.version(),
            position: loaded.position,
            tail: loaded.tail.clone(),
            events: Vec::new(),
            bytes: 0,
            claims: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    /// Whether no other command is added. Behind one that changes claims there is none, so that they are its own: values that
    /// were held in between would be nobody's.
    const fn is_full(&self) -> bool {
        !self.claims.is_empty() || self.events.len() >= EVENTS || self.bytes >= BYTES
    }

    /// What the command comes to, on which the next one is decided; `None` if it has to go alone.
    fn judge(&mut self, seat: &Seat<A>, loaded: &mut Loaded<A>) -> Result<Option<Verdict<A>>, Spoilt> {
        if seat.ask.expected.fields().is_some_and(|seen| seen != loaded.fold.version()) {
            return Ok(None);
        }
        let events = match seat.ask.judge(loaded) {
            Judged::Decided(events) => events,
            Judged::Refused(rejection) => return Ok(Some(Verdict::Refused(rejection))),
            Judged::Stale(_) => return Ok(None),
        };
        let mut decided =
            Decided::of(loaded, events, seat.ask.metadata.as_ref(), false).map_err(|_| Spoilt)?;
        decided.fold(&mut loaded.fold).map_err(|_| Spoilt)?;
        self.bytes += decided.stored.iter().map(|event| event.payload.bytes().len()).sum::<usize>();
        self.events.append(&mut decided.stored);
        self.claims.append(&mut decided.claims);
        Ok(Some(Verdict::Decided(decided)))
    }
}

fn unknown<A: Aggregate>(seat: Seat<A>, stream: &StreamId, commit: CommitId, cause: StoreError) {
    let error = ExecuteError::Unknown { stream: stream.clone(), commit, cause };
    let _ = seat.reply.send(Reply::Outcome(Err(error)));
}

impl<A: Aggregate> Drop for Batch<A> {
    /// Cut off, by a panic or because the runtime shuts down.
    fn drop(&mut self) {
        let Some(commit) = self.sent else { return self.send_back() };
        for seat in self.seats.drain(..) {
            let message = "the runtime shut down while the events were on their way";
            unknown(seat, &self.stream, commit, StoreError::new(StoreErrorKind::Unavailable, message));
        }
    }
}
