//! Portions on their way into the target.

use std::{
    collections::VecDeque,
    future::poll_fn,
    mem,
    task::{Context, Poll},
};

use super::{
    CopyError,
    patience::Patience,
    portion::{MANY_EVENTS, Packing, Portion, halve},
    tails::Tails,
};
use crate::{
    Position,
    store::{AppendError, BoxFuture, Committed, RecordedEvent, Store, StoreError, StoreErrorKind},
};

type Answer = Result<Committed, AppendError>;

/// How many portions are on their way at once, at most, where they are small because streams take turns. A store that
/// groups its appends records them together.
const WINDOW: usize = 64;

/// Nothing more is sent while this much is on its way, in bytes; about. Then what a commit costs by itself is little
/// beside it.
const MUCH: usize = 1 << 20;

/// Writes events into the target in their order.
///
/// Several portions may be on their way at once, and their order is safe whatever the store makes of it: a new portion
/// begins because a stream of the one before comes back. So it expects of that stream a version that is there only once
/// the one before has taken effect. Where that is not so, because a portion was full, all that is on its way is waited for.
pub(super) struct Writer<'a> {
    target: &'a dyn Store,
    packing: Packing,
    flights: VecDeque<Flight<'a>>,
    /// How much they weigh.
    on_the_way: usize,
    tails: Tails,
    /// How many portions may be on their way behind the first one.
    window: usize,
    /// How many events a portion has at most.
    most: usize,
    /// How many events the target has acknowledged, and the position in the source of the last one.
    pub(super) written: u64,
    pub(super) position: Position,
    told: u64,
}

/// A portion that is on its way, and what was answered.
struct Flight<'a> {
    portion: Portion,
    append: BoxFuture<'a, Answer>,
    answer: Option<Answer>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(target: &'a dyn Store) -> Self {
        Self {
            target,
            packing: Packing::default(),
            flights: VecDeque::new(),
            on_the_way: 0,
            tails: Tails::default(),
            window: WINDOW,
            most: MANY_EVENTS,
            written: 0,
            position: Position::START,
            told: 0,
        }
    }

    /// Whether this many events have been written since it was last said so.
    pub(super) const fn has_news(&mut self, events: u64) -> bool {
        let news = self.written - self.told >= events;
        if news {
            self.told = self.written;
        }
        news
    }

    /// Writes the event, sooner or later.
    pub(super) async fn add(&mut self, event: RecordedEvent) -> Result<(), CopyError> {
        if !self.packing.takes(&event, self.most) {
            let follows = self.packing.has(&event.stream);
            self.send();
            let behind = if follows { self.window } else { 0 };
            self.land(behind).await?;
        }
        self.packing.add(event);
        Ok(())
    }

    /// Writes what has not been written yet.
    pub(super) async fn finish(&mut self) -> Result<(), CopyError> {
        if !self.packing.is_empty() {
            self.send();
        }
        self.land(0).await
    }

    fn send(&mut self) {
        let mut portion = self.packing.finish();
        for append in &mut portion.commit.appends {
            append.tail = self.tails.of(append);
        }
        let append = self.target.append(portion.commit.clone());
        self.on_the_way += portion.weight;
        self.flights.push_back(Flight { portion, append, answer: None });
    }

    /// Waits until no more than this many are on their way.
    async fn land(&mut self, behind: usize) -> Result<(), CopyError> {
        // The last one begins. Those before it have this task woken all the same.
        poll_fn(|context| Poll::Ready(self.flights.back_mut().map(|last| last.poll(context)))).await;
        while let Some(first) = self.flights.front() {
            if first.answer.is_none() {
                if self.flights.len() <= behind && self.on_the_way <= MUCH {
                    break;
                }
                poll_fn(|context| self.poll(context)).await;
            }
            let Some(Flight { portion, answer, .. }) = self.flights.pop_front() else { break };
            self.on_the_way -= portion.weight;
            match answer {
                Some(Ok(committed)) => self.landed(portion, committed),
                Some(Err(error)) => self.recover(portion, error).await?,
                None => {}
            }
        }
        Ok(())
    }

    /// Until there is an answer to the first one.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.flights.iter_mut().for_each(|flight| flight.poll(context));
        match self.flights.front() {
            Some(Flight { answer: None, .. }) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    fn landed(&mut self, portion: Portion, committed: Committed) {
        self.written += portion.events() as u64;
        self.position = portion.position;
        for (append, answer) in portion.commit.appends.iter().zip(committed.appends) {
            self.tails.remember(append, answer);
        }
    }

    /// After the first one was not acknowledged: waits for those behind it, which may have been refused only because this
    /// one was not there, and then gives one after the other.
    async fn recover(&mut self, portion: Portion, error: AppendError) -> Result<(), CopyError> {
        let mut behind = mem::take(&mut self.flights);
        self.on_the_way = 0;
        poll_fn(|context| {
            behind.iter_mut().for_each(|flight| flight.poll(context));
            if behind.iter().all(|flight| flight.answer.is_some()) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let refused = |answer: &Answer| matches!(answer, Err(AppendError::Conflict { .. }));
        let error = match error {
            // It may have overtaken the one before, which is there now.
            AppendError::Conflict { .. } => None,
            error => Some(error),
        };
        if error.is_none() || behind.iter().any(|flight| flight.answer.as_ref().is_some_and(refused)) {
            // Where they overtake one another it does not help to have many on their way.
            self.window /= 4;
        }
        self.insist(portion, error).await?;
        for Flight { portion, answer, .. } in behind {
            match answer {
                Some(Ok(committed)) => self.landed(portion, committed),
                _ => self.insist(portion, None).await?,
            }
        }
        Ok(())
    }

    /// Gives a portion as long as that may help; in halves if the target finds it too large. `failed` is what came of the
    /// attempt before, if that says anything.
    async fn insist(&mut self, portion: Portion, mut failed: Option<AppendError>) -> Result<(), CopyError> {
        let mut left = vec![portion];
        while let Some(portion) = left.pop() {
            match ask(self.target, &portion, failed.take()).await {
                Ok(committed) => self.landed(portion, committed),
                Err(AppendError::Failed(error))
                    if error.kind() == StoreErrorKind::Invalid && portion.events() > 1 =>
                {
                    self.most = self.most.min(portion.events().div_ceil(2));
                    let [first, second] = halve(portion);
                    left.extend([second, first]);
                }
                Err(AppendError::Failed(error)) => return Err(CopyError::Target(error)),
                Err(AppendError::Unknown { cause, .. }) => return Err(CopyError::Unknown(cause)),
                // The commit of a copy takes nothing, and has no key and no rows.
                Err(
                    error @ (AppendError::Taken { .. } | AppendError::KeyUsed { .. } | AppendError::Row(_)),
                ) => {
                    return Err(CopyError::Target(StoreError::invalid(error.to_string())));
                }
                Err(AppendError::Conflict { stream, expected, actual }) => {
                    return Err(CopyError::Disturbed { stream, expected, actual });
                }
            }
        }
        Ok(())
    }
}

impl Flight<'_> {
    fn poll(&mut self, context: &mut Context<'_>) {
        if self.answer.is_none()
            && let Poll::Ready(answer) = self.append.as_mut().poll(context)
        {
            self.answer = Some(answer);
        }
    }
}

/// Gives the portion until there is an answer, or an error for which time is no cure.
async fn ask(target: &dyn Store, portion: &Portion, mut failed: Option<AppendError>) -> Answer {
    let mut patience = Patience::default();
    let mut unknown = false;
    loop {
        let answer = match failed.take() {
            Some(error) => Err(error),
            None => target.append(portion.commit.clone()).await,
        };
        let (error, cause_kind) = match answer {
            Err(AppendError::Unknown { commit, cause }) => {
                unknown = true;
                (AppendError::Unknown { commit, cause }, StoreErrorKind::Unavailable)
            }
            Err(AppendError::Failed(cause)) => {
                let kind = cause.kind();
                // That this attempt recorded nothing says nothing of the one before.
                let commit = portion.commit.id;
                let error =
                    if unknown { AppendError::Unknown { commit, cause } } else { AppendError::Failed(cause) };
                (error, kind)
            }
            answer => return answer,
        };
        if cause_kind != StoreErrorKind::Unavailable || !patience.allows_another().await {
            return Err(error);
        }
    }
}
