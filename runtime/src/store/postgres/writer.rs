//! The queue of commits, and the task that works it off: all that wait share a statement, and so one round trip and one
//! sync.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::sync::{Mutex, RwLock, RwLockReadGuard, mpsc, oneshot};
use tokio_postgres::Error;

use super::{
    connection::{Link, Session, Unanswered},
    together,
    write::{self, Outcome, Placed},
};
use crate::{
    observe,
    store::{AppendError, StoreError, StoreErrorKind},
};

/// How many commits may wait, and so how many share a statement at most. Appends beyond it wait for their turn to wait.
const MOST_COMMITS: usize = 1024;

/// A statement takes no more commits once it has this many events …
const MANY_EVENTS: usize = 16_384;

/// … or this many bytes of payload: PostgreSQL takes no message of more than a gigabyte.
const MANY_BYTES: usize = 64 << 20;

pub(super) type Answer = Result<Outcome, AppendError>;

#[derive(Debug)]
struct Request {
    placed: Placed,
    answer: oneshot::Sender<Answer>,
}

/// The way to the task that writes. It ends with the store, after it has written what was queued.
#[derive(Debug)]
pub(super) struct Writer {
    link: Arc<Link>,
    turn: Arc<Turn>,
    requests: mpsc::Sender<Request>,
}

/// Who writes.
#[derive(Debug)]
pub(super) struct Turn {
    taken: Mutex<()>,
    /// Commits with rows are transactions of several statements, and nobody may come in between.
    pub(super) between: RwLock<()>,
    /// How many commits in a row had nobody beside them.
    alone: AtomicU32,
}

/// After this many commits that had nobody beside them, whoever has one is taken to be alone.
const ALONE: u32 = 16;

impl Turn {
    fn is_alone(&self) -> bool {
        self.alone.load(Ordering::Relaxed) >= ALONE
    }

    fn note(&self, commits: usize) {
        let alone = if commits > 1 { 0 } else { self.alone.load(Ordering::Relaxed).saturating_add(1) };
        self.alone.store(alone, Ordering::Relaxed);
    }
}

impl Writer {
    /// Starts the task.
    pub(super) fn start(link: Arc<Link>) -> Self {
        let (requests, waiting) = mpsc::channel(MOST_COMMITS);
        let turn = Arc::new(Turn {
            taken: Mutex::default(),
            between: RwLock::default(),
            alone: AtomicU32::new(ALONE),
        });
        tokio::spawn(work_off(Arc::clone(&link), Arc::clone(&turn), waiting));
        Self { link, turn, requests }
    }

    /// The connection, if nobody writes; and that no transaction begins on it meanwhile.
    pub(super) fn idle(&self) -> Option<(&Link, RwLockReadGuard<'_, ()>)> {
        let alone = self.turn.is_alone() && self.turn.taken.try_lock().is_ok();
        Some((&self.link, alone.then(|| self.turn.between.try_read().ok())??))
    }

    /// Queues the commit and waits for what becomes of it. Who is alone writes it himself, which saves the way to the task
    /// and back.
    pub(super) async fn append(&self, placed: Placed) -> Answer {
        let commit = placed.commit.id;
        if self.turn.is_alone()
            && let Ok(_turn) = self.turn.taken.try_lock()
        {
            let mut answers = Box::pin(record(&self.link, &self.turn, vec![placed])).await;
            return answers.pop().unwrap_or_else(|| Err(gone().into()));
        }
        let (answer, answered) = oneshot::channel();
        if self.requests.send(Request { placed, answer }).await.is_err() {
            return Err(gone().into());
        }
        answered.await.unwrap_or_else(|_| Err(AppendError::Unknown { commit, cause: gone() }))
    }
}

pub(super) fn gone() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the runtime in which the store was opened has ended: open it in the runtime in which it is used",
    )
}

async fn work_off(link: Arc<Link>, turn: Arc<Turn>, mut waiting: mpsc::Receiver<Request>) {
    let mut postponed = Vec::new();
    let mut touched = HashSet::new();
    loop {
        let first = match postponed.is_empty() {
            true => waiting.recv().await,
            false => None,
        };
        if first.is_none() && postponed.is_empty() {
            return;
        }
        let _turn = turn.taken.lock().await;
        // Others may be about to have something, too.
        tokio::task::yield_now().await;
        let more = std::iter::from_fn(|| waiting.try_recv().ok());
        let candidates = std::mem::take(&mut postponed).into_iter().chain(first).chain(more);
        let mut batch = Vec::new();
        touched.clear();
        let (mut events, mut bytes) = (0, 0);
        let mut keep_times = None;
        for request in candidates.take(MOST_COMMITS) {
            // Whether a second append to a stream is right depends on the first one. That one goes next time, and so
            // does what comes after it for the same streams. It is the same with unique values and keys.
            let streams = request.placed.after.iter().map(|place| place.stream);
            let touches = streams.chain(request.placed.hashes());
            let again = touches.clone().any(|touch| touched.contains(&touch));
            touched.extend(touches);
            // Whether times are kept is said once for all of them.
            let other =
                *keep_times.get_or_insert(request.placed.keeps_times()) != request.placed.keeps_times();
            if again || other || events >= MANY_EVENTS || bytes >= MANY_BYTES {
                postponed.push(request);
            } else {
                events += request.placed.events();
                bytes += request.placed.bytes();
                batch.push(request);
            }
        }
        turn.note(batch.len() + postponed.len());
        let (placed, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|request| (request.placed, request.answer)).unzip();
        for (answer, outcome) in answers.into_iter().zip(record(&link, &turn, placed).await) {
            // Who does not wait any more does not need the answer.
            let _ = answer.send(outcome);
        }
    }
}

/// Records the batch.
async fn record(link: &Link, turn: &Arc<Turn>, batch: Vec<Placed>) -> Vec<Answer> {
    observe::group("postgres", batch.len());
    let batch = Arc::new(batch);
    match batch.iter().all(|placed| placed.commit.rows.is_empty()) {
        true => record_plainly(link, batch).await,
        false => together::record(link, turn, batch).await,
    }
}

/// Records a batch without rows. One that the server refuses as a whole is given again commit by commit, so that none pays for
/// another.
pub(super) async fn record_plainly(link: &Link, batch: Arc<Vec<Placed>>) -> Vec<Answer> {
    match append(link, &batch).await {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(failed) if failed.definite && batch.len() > 1 => {
            let mut answers = Vec::with_capacity(batch.len());
            for placed in batch.iter() {
                let alone = Arc::new(vec![placed.clone()]);
                answers.push(match append(link, &alone).await {
                    Ok(outcomes) => outcomes.into_iter().next().ok_or_else(|| gone().into()),
                    Err(failed) => Err(failed.of(placed)),
                });
            }
            answers
        }
        Err(failed) => batch.iter().map(|placed| Err(failed.of(placed))).collect(),
    }
}

async fn append(link: &Link, batch: &Arc<Vec<Placed>>) -> Result<Vec<Outcome>, Unanswered> {
    let ask = |session: Arc<Session>| {
        let batch = Arc::clone(batch);
        async move { write::append(&session, &batch).await }
    };
    send(link, ask).await
}

/// Sends something that records, and once more when the connection is lost on the way: what was recorded the first time is
/// recognised.
pub(super) async fn send<T, F>(link: &Link, ask: impl Fn(Arc<Session>) -> F) -> Result<T, Unanswered>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut lost = false;
    loop {
        let asked = link.ask_once("appending", &ask).await;
        match asked.unwrap_or_else(|error| Err(Unanswered { error, definite: true })) {
            Ok(answer) => return Ok(answer),
            // What a second attempt says of itself says nothing of the first.
            Err(failed) if lost => return Err(Unanswered { definite: false, ..failed }),
            Err(failed) if failed.definite => return Err(failed),
            Err(_) => lost = true,
        }
    }
}

impl Unanswered {
    pub(super) fn of(&self, placed: &Placed) -> AppendError {
        let cause = StoreError::new(self.error.kind(), self.error.to_string());
        if self.definite {
            AppendError::Failed(cause)
        } else {
            AppendError::Unknown { commit: placed.commit.id, cause }
        }
    }
}
