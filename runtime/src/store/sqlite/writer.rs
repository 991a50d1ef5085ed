//! The queue of commits, and the thread that works it off.

use std::{
    fmt,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::sync::{mpsc, oneshot};

use super::{Core, write::Answer};
use crate::store::{AppendError, Commit, StoreError, StoreErrorKind};

/// How many commits may be waiting, and so how many share a transaction at most. Appends beyond it wait for their turn
/// to wait.
const MOST: usize = 1024;

struct Request {
    commit: Commit,
    answer: oneshot::Sender<Answer>,
}

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
        let request = Request { commit, answer };
        let sent = match &self.requests {
            Some(requests) => requests.send(request).await.is_ok(),
            None => false,
        };
        if !sent {
            return Err(gone().into());
        }
        answered.await.unwrap_or_else(|_| Err(AppendError::Unknown { commit: id, cause: gone() }))
    }
}

/// Until the store is dropped and nothing waits any more.
fn work_off(core: &Core, mut waiting: mpsc::Receiver<Request>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut senders = Vec::new();
        let answers = core.write(|| {
            // Only now that it is our turn: more may have come meanwhile.
            let more = std::iter::from_fn(|| waiting.try_recv().ok());
            let requests = std::iter::once(first).chain(more).take(MOST);
            let (commits, answers) = requests.map(|Request { commit, answer }| (commit, answer)).unzip();
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
