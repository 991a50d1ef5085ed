//! Commands of this process that meet on one aggregate go one after the other, and what is known of it is kept between
//! them.
//!
//! Each aggregate has a line. Whoever finds it free has its turn at once; others wait, first come first served. With the
//! turn goes what is known of the aggregate: the fold of a beginning of its stream. It need not be all of the stream, as
//! other processes write too, but it is never anything else: whoever works on it takes it out, and puts it back only
//! when it is whole. So a turn that is dropped on the way leaves nothing behind.
//!
//! Lines are for speed alone. Two of them for one aggregate, or none, would be as right: the store decides who was first.

use std::{
    collections::VecDeque,
    convert::Infallible,
    hash::RandomState,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quick_cache::{Lifecycle, UnitWeighter, sync::Cache};
use tokio::{
    runtime::{Handle, Id},
    sync::oneshot,
    time::Instant,
};

use super::{ExecuteError, Receipt, ask::Ask, load::Loaded, trust::Trust};
use crate::{Aggregate, store::StreamId};

/// How long a command waits for others of this process before it goes its own way. They may be slow, and they may be futures
/// that nobody polls.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How many lines are kept where nothing is known between the commands: they are small.
const LINES: usize = 1_024;

/// The lines of a repository and its clones: those in use, and the last ones that were.
pub(super) struct Lines<A: Aggregate> {
    lines: Cache<StreamId, Arc<Line<A>>, UnitWeighter, RandomState, Idle>,
    /// Of how many aggregates something is known between the commands …
    warm: usize,
    /// … and how far it can be relied on.
    pub(super) trust: Trust,
}

/// Lines in which nobody stands may go.
#[derive(Clone, Debug)]
struct Idle;

impl<A: Aggregate> Lifecycle<StreamId, Arc<Line<A>>> for Idle {
    /// What has to go, dropped when the cache is not locked any more: it has a state of the user's in it.
    type RequestState = Option<Arc<Line<A>>>;

    fn is_pinned(&self, _: &StreamId, line: &Arc<Line<A>>) -> bool {
        Arc::strong_count(line) > 1
    }

    fn on_evict(&self, gone: &mut Self::RequestState, _: StreamId, line: Arc<Line<A>>) {
        *gone = Some(line);
    }
}

struct Line<A: Aggregate>(Mutex<State<A>>);

struct State<A: Aggregate> {
    /// Whether somebody has the turn.
    busy: bool,
    /// When the line has moved last.
    moved: Instant,
    known: Option<Box<Loaded<A>>>,
    waiting: VecDeque<Seat<A>>,
    /// The number of the next seat.
    next: u64,
}

/// A command that waits.
pub(super) struct Seat<A: Aggregate> {
    pub(super) ask: Ask<A>,
    /// Whether it can only be carried out by whoever gave it.
    pub(super) alone: bool,
    pub(super) reply: oneshot::Sender<Reply<A>>,
    /// The runtime on which it waits.
    runtime: Id,
    number: u64,
}

/// What comes of waiting.
pub(super) enum Reply<A: Aggregate> {
    /// It is the command's turn; whether it has to go alone.
    Turn(Turn<A>, bool),
    /// Somebody has carried it out.
    Outcome(Result<Receipt<A::Event>, ExecuteError<A>>),
}

/// The right to be the only command of this process on an aggregate, mostly.
pub(super) struct Turn<A: Aggregate> {
    /// `None` once it was handed on, or where it never came.
    line: Option<Arc<Line<A>>>,
    known: Option<Box<Loaded<A>>>,
    warm: bool,
}

/// What comes of entering a line.
pub(super) enum Entered<A: Aggregate> {
    Turn(Turn<A>),
    Waiting(Waiting<A>),
}

/// A place in a line.
pub(super) struct Waiting<A: Aggregate> {
    line: Arc<Line<A>>,
    number: u64,
    pub(super) reply: oneshot::Receiver<Reply<A>>,
}

impl<A: Aggregate> Lines<A> {
    pub(super) fn new(warm: usize) -> Self {
        let most = if warm == 0 { LINES } else { warm };
        let lines = Cache::with(most, most as u64, UnitWeighter, RandomState::new(), Idle);
        Self { lines, warm, trust: Trust::default() }
    }

    /// Of how many aggregates something is known between the commands.
    pub(super) const fn warm(&self) -> usize {
        self.warm
    }

    /// Takes the turn if nobody has it, else a place in the line.
    pub(super) fn enter(&self, stream: &StreamId, ask: impl FnOnce() -> (Ask<A>, bool)) -> Entered<A> {
        let Ok(line) = self.lines.get_or_insert_with(stream, || Ok::<_, Infallible>(Arc::default()));
        let mut state = line.state();
        if !state.busy {
            (state.busy, state.moved) = (true, Instant::now());
            let known = state.known.take();
            drop(state);
            return Entered::Turn(Turn { line: Some(line), known, warm: self.warm > 0 });
        }
        // Whoever has the turn may be a future that nobody polls.
        if state.moved.elapsed() >= PATIENCE {
            drop(state);
            let _ = self.lines.remove_if(stream, |other| Arc::ptr_eq(other, &line));
            return Entered::Turn(Turn::none());
        }
        // Who waits is woken by time as well, for which there has to be a runtime.
        let Ok(runtime) = Handle::try_current() else { return Entered::Turn(Turn::none()) };
        let (ask, alone) = ask();
        let (seat, waiting) = Seat::new(&line, &mut state, ask, alone, runtime.id());
        state.waiting.push_back(seat);
        drop(state);
        Entered::Waiting(waiting)
    }

    /// Gives up a line in which nothing moves: those who come get another one.
    pub(super) fn abandon(&self, stream: &StreamId, waiting: &Waiting<A>) {
        let _ = self.lines.remove_if(stream, |line| Arc::ptr_eq(line, &waiting.line));
    }
}

impl<A: Aggregate> Line<A> {
    /// Each change leaves a whole state, so a panic elsewhere leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Aggregate> Default for Line<A> {
    fn default() -> Self {
        Self(Mutex::new(State {
            busy: false,
            moved: Instant::now(),
            known: None,
            waiting: VecDeque::new(),
            next: 0,
        }))
    }
}

impl<A: Aggregate> Seat<A> {
    fn new(
        line: &Arc<Line<A>>,
        state: &mut State<A>,
        ask: Ask<A>,
        alone: bool,
        runtime: Id,
    ) -> (Self, Waiting<A>) {
        let (reply, receiver) = oneshot::channel();
        let number = state.next;
        state.next = number.wrapping_add(1);
        (
            Self { ask, alone, reply, runtime, number },
            Waiting { line: Arc::clone(line), number, reply: receiver },
        )
    }

    /// Whether it can be carried out together with others on this runtime.
    fn goes_with(&self, runtime: Id) -> bool {
        !self.alone && self.runtime == runtime
    }
}

impl<A: Aggregate> Waiting<A> {
    /// Leaves the line, without a turn; `None` where it is too late to leave, because the answer is on its way.
    pub(super) fn leave(&self) -> Option<Turn<A>> {
        let mut state = self.line.state();
        let place = state.waiting.iter().position(|seat| seat.number == self.number)?;
        let seat = state.waiting.remove(place);
        drop(state);
        drop(seat);
        Some(Turn::none())
    }
}

/// Whoever does not wait any more is in nobody's way.
impl<A: Aggregate> Drop for Waiting<A> {
    fn drop(&mut self) {
        let _ = self.leave();
    }
}

impl<A: Aggregate> Turn<A> {
    /// None at all: there is nobody to wait for, or it was in vain.
    pub(super) const fn none() -> Self {
        Self { line: None, known: None, warm: false }
    }

    /// What is known of the aggregate. It is the caller's now, and put back when it is whole again.
    pub(super) const fn take(&mut self) -> Option<Box<Loaded<A>>> {
        self.known.take()
    }

    /// The fold of a beginning of the stream, for who comes next.
    pub(super) fn put(&mut self, mut known: Box<Loaded<A>>) {
        known.since.clear();
        // If a snapshot is due, it is written now.
        known.due = None;
        if known.fold.state().is_some() {
            self.known = Some(known);
        }
    }

    /// Whether somebody may ask for what is put back.
    pub(super) fn keeps(&self) -> bool {
        self.line.as_ref().is_some_and(|line| self.warm || !line.state().waiting.is_empty())
    }

    /// The commands that are next and can be carried out together on this runtime, at most so many. Those of another one are
    /// not: they would depend on somebody driving this one.
    pub(super) fn company(&self, runtime: Id, most: usize) -> Vec<Seat<A>> {
        let Some(line) = &self.line else { return Vec::new() };
        let mut state = line.state();
        state.moved = Instant::now();
        let together = state.waiting.iter().take(most).take_while(|seat| seat.goes_with(runtime)).count();
        state.waiting.drain(..together).collect()
    }

    /// Lets these be next, in this order.
    pub(super) fn return_seats(&self, seats: Vec<Seat<A>>) {
        let Some(line) = &self.line else { return };
        let mut state = line.state();
        for seat in seats.into_iter().rev() {
            state.waiting.push_front(seat);
        }
    }

    /// Lets the command that has the turn stand first in the line again, if whoever is next can be carried out with it.
    pub(super) fn lead(&self, runtime: Id, ask: impl FnOnce() -> Ask<A>) -> Option<Waiting<A>> {
        let line = self.line.as_ref()?;
        let mut state = line.state();
        state.waiting.front().filter(|next| next.goes_with(runtime))?;
        let (seat, waiting) = Seat::new(line, &mut state, ask(), false, runtime);
        state.waiting.push_front(seat);
        Some(waiting)
    }
}

impl<A: Aggregate> Drop for Turn<A> {
    /// Hands the turn on to whoever is next and still wants it.
    fn drop(&mut self) {
        let (Some(mut line), mut known) = (self.line.take(), self.known.take()) else { return };
        loop {
            let seat = {
                let mut state = line.state();
                state.moved = Instant::now();
                let Some(seat) = state.waiting.pop_front() else {
                    state.busy = false;
                    state.known = known.filter(|_| self.warm);
                    return;
                };
                seat
            };
            let turn = Self { line: Some(line), known, warm: self.warm };
            // Whoever does not want it any more gives it back, and it must not be dropped as one that was had.
            let Err(Reply::Turn(mut turn, _)) = seat.reply.send(Reply::Turn(turn, seat.alone)) else {
                return;
            };
            let Some(back) = turn.line.take() else { return };
            (line, known) = (back, turn.known.take());
        }
    }
}
