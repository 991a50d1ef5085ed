//! Commands that meet on one aggregate go one after the other.
//!
//! A conflict says that somebody else is at work on the same stream. From then on, commands of this process on that
//! stream stand in line, first come first served, instead of racing each other again and again; only one of them could
//! win each time anyway. As long as nobody meets anybody there is no line and nothing to wait for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

use crate::store::StreamId;

type Line = Arc<tokio::sync::Mutex<()>>;

/// The lines of a repository and its clones, by stream; only while somebody stands in them.
#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<HashMap<StreamId, Line>>);

/// The right to be the only command of this process on a stream.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    lanes: &'a Lanes,
    stream: StreamId,
    held: Option<OwnedMutexGuard<()>>,
}

impl Lanes {
    /// Waits for a turn if there is a line; `None` if there is none.
    pub(super) async fn join(&self, stream: &StreamId) -> Option<Turn<'_>> {
        let line = self.lines().get(stream).map(Arc::clone)?;
        Some(self.turn(stream, line).await)
    }

    /// Waits for a turn, in a new line if there is none.
    pub(super) async fn enter(&self, stream: &StreamId) -> Turn<'_> {
        let line = Arc::clone(self.lines().entry(stream.clone()).or_default());
        self.turn(stream, line).await
    }

    async fn turn(&self, stream: &StreamId, line: Line) -> Turn<'_> {
        // Made before it waits, so that one who stops waiting leaves the line as well.
        let mut turn = Turn { lanes: self, stream: stream.clone(), held: None };
        turn.held = Some(line.lock_owned().await);
        turn
    }

    /// Each change is a single insertion or removal, so a panic elsewhere leaves nothing half done.
    fn lines(&self) -> MutexGuard<'_, HashMap<StreamId, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut lines = self.lanes.lines();
        self.held = None;
        // Whoever stands in the line holds it too; the last one takes it away.
        if lines.get(&self.stream).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(&self.stream);
        }
    }
}
