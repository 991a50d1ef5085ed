//! What all clients of a run share: the clock, the record, the tally.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;

use super::handle::Handles;
use crate::{
    ask::Tag,
    history::{CommitNumber, Operation, Request, Response},
};

/// No call takes longer, whatever happens to the store: nothing hangs.
const LONGEST: Duration = Duration::from_secs(60);

pub(super) struct Record {
    pub(super) handles: Handles,
    tag: Tag,
    /// Whether commits of unknown outcome are given again.
    again: bool,
    clock: AtomicU64,
    commits: AtomicU32,
    over: AtomicBool,
    operations: Mutex<Vec<Operation>>,
    counts: Mutex<BTreeMap<&'static str, usize>>,
}

impl Record {
    pub(super) fn new(handles: Handles, tag: Tag, again: bool) -> Self {
        Self {
            handles,
            tag,
            again,
            clock: AtomicU64::new(1),
            commits: AtomicU32::new(1),
            over: AtomicBool::new(false),
            operations: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    pub(super) fn next_commit(&self) -> CommitNumber {
        self.commits.fetch_add(1, Ordering::SeqCst)
    }

    /// Clients finish what they are at, and no more.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn count(&self, what: &'static str) {
        *lock(&self.counts).entry(what).or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
        lock(&self.counts).clone()
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        std::mem::take(&mut lock(&self.operations))
    }

    /// Asks and writes it down. `None`: a read failed.
    pub(super) async fn ask(
        &self,
        client: usize,
        handle: usize,
        request: Request,
        dice: &mut Rng,
    ) -> Option<Response> {
        // Stores that answer at once would leave no time for anybody else.
        tokio::task::yield_now().await;
        let start = self.now();
        let mut through = handle;
        let mut is_open = false;
        let response = loop {
            let response = self.attempt(through, &request).await;
            match response {
                Ok(Response::Unknown(_)) if self.again => is_open = true,
                // Of the attempts before, this says nothing.
                Ok(Response::Failed(_)) if is_open => {}
                other => break other.ok(),
            }
            self.count("given again");
            through = dice.usize(..self.handles.count());
            tokio::time::sleep(Duration::from_millis(dice.u64(1..20))).await;
        }?;
        let finish = self.now();
        let operation = Operation { client, handle, start, finish, request, response: response.clone() };
        lock(&self.operations).push(operation);
        Some(response)
    }

    /// Asks once.
    async fn attempt(&self, handle: usize, request: &Request) -> Result<Response, String> {
        let through = self.handles.get(handle);
        let Ok(response) = tokio::time::timeout(LONGEST, through.ask(self.tag, request)).await else {
            panic!("after {LONGEST:?} there is no answer to: {request}");
        };
        self.count(match &response {
            Ok(Response::Committed(_)) => super::ACKNOWLEDGED,
            Ok(Response::Conflict { .. }) => super::CONFLICTS,
            Ok(Response::Failed(_)) => super::FAILED,
            Ok(Response::Unknown(_)) => super::UNKNOWN,
            Ok(_) => super::READS,
            Err(_) => "failed reads",
        });
        response
    }

    /// No two moments are the same.
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
