//! Those who read events as they come: the worker that views and handlers share.
//!
//! ```text
//!  Reader (handle)          status, wake, stop                 mod.rs, status.rs
//!    │
//!  Worker                   lease ─ begin ─ work ─ back-off    worker.rs
//!    │                      errors of stores: for ever
//!  Reading                  page ─ take ─ write ─ wait         reading.rs
//!    │      ├─ ahead        the next page, meanwhile           ahead.rs
//!    │      └─ wishes       dead letters in stream order       letters.rs
//!  Task                     what comes of events: a view,      task.rs
//!                           a handler
//! ```
//!
//! The position is written with what comes of the events, and only if it is where the worker thinks that it is. That is what
//! makes it exactly once; the lease only keeps two processes from doing the same work.

mod ahead;
mod futures;
mod letters;
mod patience;
mod reading;
mod status;
mod task;
mod worker;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};

pub(crate) use futures::{Either, caught, panic_message, race};
pub(crate) use patience::Tries;
pub use status::{State, Status};
pub(crate) use task::{Failed, Next, Taken, Task};

use crate::{Position, observe, read::ReadStore, store::Store};

/// How a reader works.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// The name under which this process holds leases; unique in the world.
    pub(crate) holder: String,
    /// How long a lease is valid.
    pub(crate) lease: Duration,
    /// How many events are read at once, at most.
    pub(crate) page: usize,
    /// How many dead letters there may be.
    pub(crate) letters: u64,
    /// How many events are dealt with in a second, at most, while it catches up.
    pub(crate) throttle: Option<u32>,
}

/// A reader at work in this process; clones are the same one. It goes on until it is told to [`stop`](Self::stop).
#[derive(Clone)]
pub(crate) struct Reader(Arc<Shared>);

/// What a worker and those who hold its reader share.
struct Shared {
    status: watch::Sender<Status>,
    /// How often something was written: what goes on although there are errors.
    written: AtomicU64,
    /// Somebody has said what is to be done about dead letters.
    wished: AtomicBool,
    wake: Notify,
    stop: watch::Sender<bool>,
}

impl Reader {
    /// Lets a reader begin. There has to be a tokio runtime.
    pub(crate) fn spawn(
        task: Arc<dyn Task>,
        events: Arc<dyn Store>,
        books: Arc<dyn ReadStore>,
        pace: Pace,
    ) -> Self {
        let shared = Arc::new(Shared {
            status: watch::Sender::new(Status::new(task.reader())),
            written: AtomicU64::new(0),
            wished: AtomicBool::new(false),
            wake: Notify::new(),
            stop: watch::Sender::new(false),
        });
        let worker = worker::Worker { task, events, books, pace, shared: Arc::clone(&shared) };
        tokio::spawn(worker.run());
        Self(shared)
    }

    /// How it is doing.
    pub(crate) fn status(&self) -> Status {
        self.0.status.borrow().clone()
    }

    /// How it is doing, from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.0.status.subscribe()
    }

    /// Lets it look for wishes about dead letters now.
    pub(crate) fn wake(&self) {
        self.0.wished.store(true, Ordering::Release);
        self.0.wake.notify_one();
    }

    /// Lets it come to an end: what it is at is finished, and its lease given back.
    pub(crate) fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// Waits until it has come to an end.
    pub(crate) async fn ended(&self) -> Status {
        let mut status = self.watch();
        let ended = status.wait_for(Status::is_stopped).await.map(|status| status.clone());
        // The sender is in our own hands, so it is never gone.
        ended.unwrap_or_else(|_| self.status())
    }

    /// Waits until it has come to this position, or does not do the work itself.
    pub(crate) async fn reached(&self, position: Position) {
        let mut status = self.watch();
        drop(status.wait_for(|status| status.position >= position || !status.is_active()).await);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&*self.0.status.borrow()).finish()
    }
}

impl Shared {
    fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    async fn stopped(&self) {
        // The sender is in our own hands, so it is never gone.
        drop(self.stop.subscribe().wait_for(|stop| *stop).await);
    }

    /// Sleeps, but not past the order to stop.
    async fn pause(&self, pause: Duration) {
        race(tokio::time::sleep(pause), self.stopped()).await;
    }

    /// Says what the reader does now; that it is in order is told at `debug`, that it is not at `warn`.
    fn enter(&self, state: State) {
        self.status.send_if_modified(|status| {
            if status.state == state {
                return false;
            }
            let (reader, position) = (status.reader.as_str(), status.position);
            match &state {
                State::Waiting | State::CatchingUp | State::Live => {
                    tracing::debug!(reader, %position, "{state}");
                }
                State::Stopped { .. } => tracing::info!(reader, %position, "{state}"),
                State::Retrying { .. } | State::Full => tracing::warn!(reader, %position, "{state}"),
            }
            status.state = state;
            observe::reader(status);
            true
        });
    }
}
