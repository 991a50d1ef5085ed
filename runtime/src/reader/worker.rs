//! The worker of one reader: it holds the lease, does the work, and goes on after whatever goes wrong.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chrono::Utc;
use tokio::time::Instant;

use super::{
    Either, Next, Pace, Shared, State, Task, caught,
    patience::{Pauses, jittered},
    race,
    reading::Reading,
};
use crate::{
    Position,
    read::ReadStore,
    store::{Page, Store, StoreError},
};

/// How long what is under way may take to come to its end when the worker is told to stop. What is cut off then is done again by
/// whoever goes on.
const GRACE: Duration = Duration::from_secs(5);

pub(super) struct Worker {
    pub(super) task: Arc<dyn Task>,
    pub(super) events: Arc<dyn Store>,
    pub(super) books: Arc<dyn ReadStore>,
    pub(super) pace: Pace,
    pub(super) shared: Arc<Shared>,
}

/// Why work ended.
pub(super) enum Left {
    /// It was told to.
    Stopped,
    /// There is nothing more to do, for this reason.
    Ended(String),
    /// Somebody else has gone on meanwhile.
    Overtaken,
    /// The lease has lapsed.
    LeaseLost,
}

impl Worker {
    /// Works until it is told to stop, or the task is at its end.
    pub(super) async fn run(self) {
        let mut end = End { shared: &self.shared, reason: "its runtime has shut down".to_owned() };
        end.reason = self.work().await;
        if let Err(error) = self.books.release(self.task.reader(), &self.pace.holder).await {
            // It lapses by itself.
            tracing::debug!(reader = self.task.reader(), %error, "the lease cannot be given back");
        }
    }

    async fn work(&self) -> String {
        let mut pauses = Pauses::default();
        let mut since = Utc::now();
        loop {
            let before = self.shared.written.load(Ordering::Acquire);
            // A session that panics leaves nothing behind: what it knew is read again.
            let left = caught(self.session()).await;
            if self.shared.written.load(Ordering::Acquire) > before {
                pauses.begin_anew();
            }
            let error = match left {
                Ok(Ok(Left::Stopped)) => return "it was told to".to_owned(),
                Ok(Ok(Left::Ended(reason))) => return reason,
                Ok(Ok(Left::LeaseLost)) => continue,
                Ok(Ok(Left::Overtaken)) => {
                    self.shared.pause(jittered(Duration::from_millis(20))).await;
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic,
            };
            if pauses.made() == 0 {
                since = Utc::now();
            }
            let pause = pauses.next();
            self.shared.enter(State::Retrying { error, since, attempts: pauses.made() });
            self.shared.pause(pause).await;
            if self.shared.stopping() {
                return "it was told to".to_owned();
            }
        }
    }

    /// Takes the lease and works as long as it is valid.
    async fn session(&self) -> Result<Left, StoreError> {
        let Some(until) = self.take_lease().await? else { return Ok(Left::Stopped) };
        let cut_off = async {
            self.shared.stopped().await;
            tokio::time::sleep(GRACE).await;
        };
        match race(self.read(), race(self.keep_lease(until), cut_off)).await {
            Either::First(left) => left,
            Either::Second(Either::First(())) => Ok(Left::LeaseLost),
            Either::Second(Either::Second(())) => Ok(Left::Stopped),
        }
    }

    /// The page behind a position.
    pub(super) async fn page(&self, after: Position, limit: usize) -> Result<Page, StoreError> {
        self.events.read_all(self.task.filter(), after, limit).await
    }

    /// The page behind one that was `not_the_end`: it is read while what came of that one is written. If it cannot be read,
    /// that comes up again when it is needed.
    pub(super) async fn next_page(&self, after: Position, limit: usize, not_the_end: bool) -> Option<Page> {
        match not_the_end {
            true => self.page(after, limit).await.ok(),
            false => None,
        }
    }

    async fn read(&self) -> Result<Left, StoreError> {
        if let Next::End(reason) = self.task.begin().await? {
            return Ok(Left::Ended(reason));
        }
        Reading::begin(self).await?.run().await
    }

    /// Until when the lease is valid, as soon as it is there; nothing if the worker is to stop.
    async fn take_lease(&self) -> Result<Option<Instant>, StoreError> {
        loop {
            if self.shared.stopping() {
                return Ok(None);
            }
            if let Some(until) = self.ask_for_lease().await? {
                return Ok(Some(until));
            }
            self.shared.enter(State::Waiting);
            self.look_on().await?;
            self.shared.pause(jittered(self.pace.lease / 10)).await;
        }
    }

    /// How far the one who does the work has come.
    async fn look_on(&self) -> Result<(), StoreError> {
        let position = self.books.position(self.task.reader()).await?;
        self.shared.status.send_if_modified(|status| {
            let moved = status.position != position;
            status.position = position;
            moved
        });
        Ok(())
    }

    async fn ask_for_lease(&self) -> Result<Option<Instant>, StoreError> {
        let asked = Instant::now();
        let Pace { holder, lease, .. } = &self.pace;
        let lease = self.books.lease(self.task.reader(), holder, *lease).await?;
        Ok(lease.map(|lease| asked + lease.remaining))
    }

    /// Renews the lease; returns when it is lost.
    async fn keep_lease(&self, mut until: Instant) {
        let third = self.pace.lease / 3;
        loop {
            tokio::time::sleep(third.min(until - Instant::now())).await;
            match self.ask_for_lease().await {
                Ok(Some(renewed)) => until = renewed,
                Ok(None) => return,
                // A store that is away is asked again while the lease may be valid still.
                Err(_) if Instant::now() < until => tokio::time::sleep(third / 10).await,
                Err(_) => return,
            }
        }
    }
}

/// Says that the reader has stopped, however that came: a reader never stops silently.
struct End<'a> {
    shared: &'a Shared,
    reason: String,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.shared.enter(State::Stopped { reason: std::mem::take(&mut self.reason) });
    }
}
