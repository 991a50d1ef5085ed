//! The queue of commits, and the thread that works it off.

use std::{
    fmt,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    Core,
    connection::Session,
    write::{Answer, Writer},
};
use crate::store::{AppendError, Commit, StoreError, StoreErrorKind};

/// How many commits may be waiting, and so how many share a transaction at most. Appends beyond it wait for their turn
/// to wait.
const MOST: usize = 1024;

enum Request {
    Append(Commit, oneshot::Sender<Answer>),
    Change(Change),
}

/// Something else that is written. It hands its answer to who waits for it.
type Change = Box<dyn FnOnce(&mut Writer) + Send>;

/// Commits that wait for a transaction. All that are waiting when one begins share it, and so one sync.
pub(super) struct Queue {
    /// `None` only while it is dropped.
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Queue {
    /// Starts the thread.
    pub(super) fn start(core: Arc<Core>) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel(MOST);
        let thread = thread::Builder::new()
            .name("factum-sqlite".to_owned())
            .spawn(move || work_off(&core, waiting))
            .map_err(|error| {
                StoreError::new(StoreErrorKind::Unavailable, "the thread that writes cannot be started")
                    .because(error)
            })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Whether the thread has ended, which only a panic can bring about.
    pub(super) fn is_gone(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Queues the commit and waits for its answer.
    pub(super) async fn append(&self, commit: Commit) -> Answer {
        let id = commit.id;
        let (answer, answered) = oneshot::channel();
        self.send(Request::Append(commit, answer)).await?;
        answered.await.unwrap_or_else(|_| Err(AppendError::Unknown { commit: id, cause: gone() }))
    }

    /// Queues something else than a commit and waits for its answer. It has a transaction of its own.
    pub(super) async fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.change_and_tell(change, |_| ()).await
    }

    /// The same, and tells what came of it when it has, even if nobody waits for the answer any more.
    pub(super) async fn change_and_tell<T, E>(
        &self,
        change: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
        tell: impl FnOnce(&Result<T, E>) + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let change = |writer: &mut Writer| {
            let outcome = writer.change(change);
            tell(&outcome);
            // Who does not wait any more does not need the answer.
            let _ = answer.send(outcome);
        };
        self.send(Request::Change(Box::new(change))).await?;
        answered.await.unwrap_or_else(|_| Err(gone().into()))
    }

    async fn send(&self, request: Request) -> Result<(), StoreError> {
        match &self.requests {
            Some(requests) => requests.send(request).await.map_err(|_| gone()),
            None => Err(gone()),
        }
    }
}

/// Until the store is dropped and nothing waits any more.
fn work_off(core: &Core, mut waiting: mpsc::Receiver<Request>) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| waiting.blocking_recv()) {
        let first = match first {
            Request::Append(commit, answer) => (commit, answer),
            Request::Change(change) => {
                core.change(change);
                continue;
            }
        };
        let mut senders = Vec::new();
        let answers = core.write(|| {
            // Only now that it is our turn: more may have come meanwhile.
            let more = std::iter::from_fn(|| match waiting.try_recv().ok()? {
                Request::Append(commit, answer) => Some((commit, answer)),
                change @ Request::Change(_) => {
                    next = Some(change);
                    None
                }
            });
            let (commits, answers) = std::iter::once(first).chain(more).take(MOST).unzip();
            senders = answers;
            commits
        });
        for (sender, answer) in senders.into_iter().zip(answers) {
            // Who does not wait any more does not need the answer.
            let _ = sender.send(answer);
        }
    }
}

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the thread that writes died: try again")
}

/// What is queued is still written.
impl Drop for Queue {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // If it panicked, the panic was reported, and those who waited were told.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}
