//! Stores with something about them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use factum::{
    Position, Store, Version,
    store::{
        AppendError, BoxFuture, Capabilities, Commit, Committed, Filter, Page, RecordedEvent, StoreError,
        StoreErrorKind, StreamId, StreamPage,
    },
};
use fastrand::Rng;

use crate::Subject;

/// What is strange about it.
#[derive(Debug)]
pub(crate) enum How {
    /// It records so many commits, and then fails for good.
    StopsAfter(AtomicUsize),
    /// Appends that come together are carried out in any order.
    Overtakes(Mutex<Rng>),
    /// It takes no commit of more events.
    RefusesMoreThan(usize),
    /// It cannot keep ids and times.
    KeepsNoOriginals,
    /// What it gives back when the whole store is read is changed by this.
    Changes(fn(Vec<RecordedEvent>) -> Vec<RecordedEvent>),
}

#[derive(Debug)]
pub(crate) struct Strange {
    store: Subject,
    how: How,
    /// How many appends it was asked for, and how many commits it has recorded.
    pub(crate) asked: AtomicUsize,
    pub(crate) recorded: AtomicUsize,
}

impl Strange {
    pub(crate) fn new(store: &Subject, how: How) -> Arc<Self> {
        let (asked, recorded) = Default::default();
        Arc::new(Self { store: Arc::clone(store), how, asked, recorded })
    }

    pub(crate) fn stops_after(store: &Subject, commits: usize) -> Subject {
        Self::new(store, How::StopsAfter(AtomicUsize::new(commits)))
    }
}

impl Store for Strange {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, AppendError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let events: usize = commit.appends.iter().map(|append| append.events.len()).sum();
            match &self.how {
                How::StopsAfter(left) => {
                    let next = |left: usize| left.checked_sub(1);
                    if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_err() {
                        return Err(
                            StoreError::new(StoreErrorKind::Io, "the disk is broken, on purpose").into()
                        );
                    }
                }
                How::Overtakes(rng) => {
                    let pauses = rng.lock().unwrap().usize(..4);
                    for _ in 0..pauses {
                        tokio::task::yield_now().await;
                    }
                }
                How::RefusesMoreThan(most) if events > *most => {
                    return Err(StoreError::invalid(format!("{events} events, at most {most}")).into());
                }
                _ => {}
            }
            let answer = self.store.append(commit).await;
            self.recorded.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
            answer
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        from: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<StreamPage, StoreError>> {
        self.store.read_stream(stream, from, limit)
    }

    fn read_all<'a>(
        &'a self,
        filter: &'a Filter,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let mut page = self.store.read_all(filter, after, limit).await?;
            if let How::Changes(change) = self.how {
                page.events = change(page.events);
            }
            Ok(page)
        })
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, StoreError>> {
        self.store.head()
    }

    fn wait(&self, after: Position) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.wait(after)
    }

    fn capabilities(&self) -> Capabilities {
        match self.how {
            How::KeepsNoOriginals => self.store.capabilities().supporting(Vec::new()),
            _ => self.store.capabilities(),
        }
    }
}
