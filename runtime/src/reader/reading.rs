//! Page after page: events read, taken, and written with the position.

use std::{collections::HashSet, slice, sync::atomic::Ordering, time::Duration};

use chrono::Utc;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{
    Either, Next, State, Taken,
    ahead::Ahead,
    futures::both,
    letters, race,
    worker::{Left, Worker},
};
use crate::{
    Position, observe,
    read::{Letter, Work, WorkError},
    store::{Page, RecordedEvent, StoreError, StreamId},
};

/// How often a reader with dead letters looks whether somebody in another process has said what is to be done about them; how
/// often one that has nothing to do writes down that it has passed events that it does not read; and over how long its speed
/// is told.
pub(super) const NOW_AND_THEN: Duration = Duration::from_secs(1);

/// A reader at work, with what it knows. What it knows is read again whenever it may be wrong.
pub(super) struct Reading<'a> {
    pub(super) worker: &'a Worker,
    /// How far it has read. It has written as much, but for events that it does not read.
    pub(super) position: Position,
    /// How far it has written.
    pub(super) written: Position,
    written_at: Instant,
    pub(super) letters: u64,
    looked_at: Instant,
    measured: (Instant, u64),
    /// Whether it has been at the end.
    caught_up: bool,
    /// When the next page may be read, until then.
    not_before: Instant,
    /// The next page, if it was read already.
    ahead: Option<Ahead>,
}

/// What became of an attempt to write what came of events.
pub(super) enum Attempt {
    Written,
    Overtaken,
    /// A row does not fit into its table, or code that writes in the transaction fails; nothing was written.
    Refused(String),
}

impl<'a> Reading<'a> {
    pub(super) async fn begin(worker: &'a Worker) -> Result<Self, StoreError> {
        let reader = worker.task.reader();
        let position = worker.books.position(reader).await?;
        let letters = worker.books.count_letters(reader).await?;
        let head = worker.events.head().await?;
        worker.shared.status.send_modify(|status| {
            (status.position, status.letters, status.head) = (position, letters, head);
        });
        let (now, written) = (Instant::now(), position);
        let measured = (now, worker.shared.status.borrow().events);
        let (written_at, looked_at, not_before, caught_up) = (now, now, now, false);
        worker.shared.enter(State::CatchingUp);
        // What was wished while nobody was at work is found at once.
        worker.shared.wished.store(true, Ordering::Release);
        Ok(Self {
            worker,
            position,
            written,
            written_at,
            letters,
            looked_at,
            measured,
            caught_up,
            not_before,
            ahead: None,
        })
    }

    pub(super) async fn run(mut self) -> Result<Left, StoreError> {
        loop {
            // Stores that never wait would let nobody else have the thread.
            tokio::task::yield_now().await;
            if self.worker.shared.stopping() {
                self.write_position().await?;
                return Ok(Left::Stopped);
            }
            if self.is_time_to_look() {
                // It may change rows.
                self.ahead = None;
                if let Attempt::Overtaken = self.carry_out_wishes().await? {
                    return Ok(Left::Overtaken);
                }
            }
            if self.worker.task.wakes_at().is_some_and(|at| at <= Utc::now()) {
                let taken = self.worker.task.elapsed().await?;
                if let Attempt::Overtaken = self.write(self.written, taken, Vec::new(), Vec::new()).await? {
                    return Ok(Left::Overtaken);
                }
            }
            let room = self.worker.pace.letters.saturating_sub(self.letters);
            if room == 0 {
                self.worker.shared.enter(State::Full);
                observe::reader(&self.worker.shared.status.borrow());
                race(self.woken(), self.worker.shared.pause(NOW_AND_THEN)).await;
                continue;
            }
            // A page is never larger than what the list of dead letters could take of it.
            let limit = self.worker.pace.page.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1);
            let ahead = self.ahead.take().filter(|ahead| ahead.is_next(self.position, limit));
            let (page, taken) = match ahead {
                Some(Ahead { page, taken, .. }) => (page, taken),
                None => (self.worker.page(self.position, limit).await?, None),
            };
            if !page.events.is_empty() {
                if self.worker.shared.status.borrow().state == State::Full {
                    self.worker.shared.enter(State::CatchingUp);
                }
                if !page.end {
                    self.worker.shared.enter(State::CatchingUp);
                }
                let (events, at) = (page.events.len(), page.events.last().map(|event| event.at));
                let span = observe::reading(self.worker.task.reader(), events);
                if let Attempt::Overtaken = self.take(page, taken, limit).instrument(span).await? {
                    return Ok(Left::Overtaken);
                }
                observe::page(self.worker.task.reader(), events);
                self.worker.shared.status.send_modify(|status| {
                    (status.events, status.at) = (status.events + events as u64, at);
                    observe::reader(status);
                });
                self.spare(events).await?;
                continue;
            }
            if let Some(left) = self.nothing_read(page.last, page.end).await? {
                return Ok(left);
            }
        }
    }

    /// Goes on behind events that it does not read, and waits if there is nothing more.
    async fn nothing_read(&mut self, last: Position, end: bool) -> Result<Option<Left>, StoreError> {
        self.position = self.position.max(last);
        if self.position > self.written
            && self.written_at.elapsed() >= NOW_AND_THEN
            && matches!(self.write_position().await?, Attempt::Overtaken)
        {
            return Ok(Some(Left::Overtaken));
        }
        self.publish();
        if !end {
            return Ok(None);
        }
        match self.worker.task.caught_up(self.position).await? {
            Next::Again => return Ok(None),
            Next::End(reason) => {
                self.write_position().await?;
                return Ok(Some(Left::Ended(reason)));
            }
            Next::GoOn => {}
        }
        self.caught_up = true;
        self.worker.shared.enter(State::Live);
        self.rest().await?;
        Ok(None)
    }

    /// Waits for an event, for a wish, or for the order to stop.
    async fn rest(&self) -> Result<(), StoreError> {
        let behind = self.position > self.written;
        let sleep = async {
            // The clock may be set while we sleep.
            let time = self.worker.task.wakes_at().map(|at| (at - Utc::now()).to_std().unwrap_or_default());
            match self.letters > 0 || behind || time.is_some() {
                true => tokio::time::sleep(time.unwrap_or(NOW_AND_THEN).min(NOW_AND_THEN)).await,
                false => std::future::pending().await,
            }
        };
        let event = self.worker.events.wait(self.position);
        let other = race(race(self.woken(), self.worker.shared.stopped()), sleep);
        match race(event, other).await {
            Either::First(outcome) => outcome,
            Either::Second(_) => Ok(()),
        }
    }

    async fn woken(&self) {
        self.worker.shared.wake.notified().await;
    }

    /// Keeps to the speed that it may have, and tells how fast it is.
    async fn spare(&mut self, events: usize) -> Result<(), StoreError> {
        #[allow(clippy::cast_precision_loss, reason = "it is for people")]
        if self.measured.0.elapsed() >= NOW_AND_THEN / 2 {
            let done = self.worker.shared.status.borrow().events;
            let speed = (done - self.measured.1) as f64 / self.measured.0.elapsed().as_secs_f64();
            self.measured = (Instant::now(), done);
            let head = self.worker.events.head().await?;
            self.worker.shared.status.send_modify(|status| {
                (status.events_per_second, status.head) = (speed, head);
            });
        }
        if let Some(most) = self.worker.pace.throttle.filter(|_| !self.caught_up) {
            let events = u32::try_from(events).unwrap_or(u32::MAX);
            self.not_before =
                self.not_before.max(Instant::now()) + Duration::from_secs(1) * events / most.max(1);
            self.worker.shared.pause(self.not_before - Instant::now()).await;
        }
        Ok(())
    }

    fn is_time_to_look(&mut self) -> bool {
        let wished = self.worker.shared.wished.swap(false, Ordering::AcqRel);
        let look = wished || (self.letters > 0 && self.looked_at.elapsed() >= NOW_AND_THEN);
        if look {
            self.looked_at = Instant::now();
        }
        look
    }

    /// Takes a page; `taken` is what comes of it, where that is known. Where something of it cannot be written, its events are
    /// taken one by one, so that it is known which it is.
    async fn take(&mut self, page: Page, taken: Option<Taken>, limit: usize) -> Result<Attempt, StoreError> {
        let Page { events, last: upto, end } = page;
        let ahead = (!end).then_some(limit);
        match self.attempt(&events, upto, taken, ahead).await? {
            Attempt::Refused(error) if events.len() == 1 => self.give_up(&events, upto, error).await,
            Attempt::Refused(_) => {
                for (index, event) in events.iter().enumerate() {
                    let event = slice::from_ref(event);
                    let upto = match events.get(index + 1) {
                        Some(_) => event.iter().map(|event| event.position).max().unwrap_or(upto),
                        None => upto,
                    };
                    let outcome = match self.attempt(event, upto, None, None).await? {
                        Attempt::Refused(error) => self.give_up(event, upto, error).await?,
                        outcome => outcome,
                    };
                    if matches!(outcome, Attempt::Overtaken) {
                        return Ok(outcome);
                    }
                }
                Ok(Attempt::Written)
            }
            outcome => Ok(outcome),
        }
    }

    /// Takes events and writes what comes of them, and meanwhile looks `ahead` at so many that come next, if they are wanted.
    async fn attempt(
        &mut self,
        events: &[RecordedEvent],
        upto: Position,
        taken: Option<Taken>,
        ahead: Option<usize>,
    ) -> Result<Attempt, StoreError> {
        let worker = self.worker;
        let blocked = self.blocked(events).await?;
        if blocked.is_empty() {
            let taken = match taken {
                Some(taken) => taken,
                None => worker.task.take(events).await?,
            };
            let letters = self.letters_of(events, &taken.failed);
            // Of what comes behind a dead letter in its stream, nothing comes.
            let ahead = ahead.filter(|_| letters.is_empty() && self.letters == 0);
            let rows = taken.rows.clone();
            let next = async {
                match ahead {
                    Some(limit) => Ahead::look(worker, upto, limit, rows.as_deref()).await,
                    None => None,
                }
            };
            let (outcome, next) = both(self.write(upto, taken, letters, Vec::new()), next).await;
            self.ahead = next.filter(|_| matches!(outcome, Ok(Attempt::Written)));
            return outcome;
        }
        let (behind, free): (Vec<_>, Vec<_>) =
            events.iter().cloned().partition(|event| blocked.contains(&event.stream));
        let taken = match free.is_empty() {
            true => Taken::default(),
            false => self.worker.task.take(&free).await?,
        };
        let mut letters = self.letters_of(&free, &taken.failed);
        letters.extend(behind.iter().map(|event| self.letter(event, letters::WAITS.to_owned(), 0)));
        self.write(upto, taken, letters, Vec::new()).await
    }

    /// Makes a letter of an event of which something cannot be written.
    async fn give_up(
        &mut self,
        event: &[RecordedEvent],
        upto: Position,
        error: String,
    ) -> Result<Attempt, StoreError> {
        let letters = event.iter().map(|event| self.letter(event, error.clone(), 1)).collect();
        self.write(upto, Taken::default(), letters, Vec::new()).await
    }

    /// Writes what came of events, with the position.
    pub(super) async fn write(
        &mut self,
        upto: Position,
        taken: Taken,
        letters: Vec<Letter>,
        settled: Vec<Position>,
    ) -> Result<Attempt, StoreError> {
        // One that comes without events was there before.
        let more = if upto > self.written { letters.len() as u64 } else { 0 };
        let less = settled.len() as u64;
        let mut work = Work::new(self.worker.task.reader(), self.written, upto.max(self.written));
        (work.rows, work.projected, work.processes) = (taken.rows, taken.projected, taken.processes);
        (work.letters, work.settled) = (letters, settled);
        let rows = observe::RowCounts::of_reader(work.rows.as_deref());
        match self.worker.books.write(work).await {
            Ok(()) => rows.written(),
            Err(WorkError::Overtaken { .. }) => return Ok(Attempt::Overtaken),
            Err(error @ (WorkError::Row { .. } | WorkError::Refused { .. })) => {
                return Ok(Attempt::Refused(error.to_string()));
            }
            Err(WorkError::Store(error)) => return Err(error),
        }
        (self.written, self.written_at) = (upto.max(self.written), Instant::now());
        self.position = self.position.max(self.written);
        self.letters = (self.letters + more).saturating_sub(less);
        self.worker.shared.written.fetch_add(1, Ordering::AcqRel);
        self.publish();
        Ok(Attempt::Written)
    }

    pub(super) fn publish(&self) {
        let (position, letters) = (self.position, self.letters);
        self.worker.shared.status.send_if_modified(|status| {
            let changed = (status.position, status.letters) != (position, letters);
            (status.position, status.letters) = (position, letters);
            status.head = status.head.max(position);
            if changed {
                observe::reader(status);
            }
            changed
        });
    }

    /// Writes how far it has read, if that is further than what was written.
    async fn write_position(&mut self) -> Result<Attempt, StoreError> {
        match self.position > self.written {
            true => self.write(self.position, Taken::default(), Vec::new(), Vec::new()).await,
            false => Ok(Attempt::Written),
        }
    }

    /// The streams of these events that have dead letters.
    async fn blocked(&self, events: &[RecordedEvent]) -> Result<HashSet<StreamId>, StoreError> {
        if self.letters == 0 {
            return Ok(HashSet::new());
        }
        let streams: HashSet<_> = events.iter().map(|event| &event.stream).collect();
        let streams: Vec<_> = streams.into_iter().cloned().collect();
        let blocked = self.worker.books.blocked(self.worker.task.reader(), &streams).await?;
        Ok(blocked.into_iter().collect())
    }
}
