//! What is measured where. Without the feature `metrics` all of it is nothing.
#![allow(clippy::cast_precision_loss, reason = "metrics are numbers for people")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::Utc;
use tracing::Span;

use super::{
    APPEND_SECONDS, BATCH_COMMANDS, BATCH_EVENTS, COMMANDS, CONFLICTS, DEAD_LETTERS, FOLD_EVENTS, MEASURED,
    READER_ACTIVE, READER_EVENTS, READER_HEAD, READER_LAG, READER_POSITION, RETRIES, VIEW_ROWS,
    facade::{count, note, set},
    spans,
};
use crate::{
    Version,
    read::{RowOp, Rows},
    reader::{State, Status},
    store::{AppendError, Committed, Name},
};

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Recorded,
    Nothing,
    Rejected,
    Conflict,
    Taken,
    KeyReused,
    ViewRefused,
    Failed,
    Unknown,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Nothing => "nothing",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Taken => "taken",
            Self::KeyReused => "key_reused",
            Self::ViewRefused => "view_refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// A command was carried out.
#[inline]
pub(crate) fn command(aggregate: &str, outcome: Outcome) {
    count(&COMMANDS, &[aggregate, outcome.as_str()], 1);
}

/// The commands of a transaction were carried out, all or none.
pub(crate) fn commands(aggregates: &[&str], outcome: Outcome) {
    for aggregate in aggregates {
        command(aggregate, outcome);
    }
}

/// An append came too late.
pub(crate) fn conflict(aggregate: &str) {
    count(&CONFLICTS, &[aggregate], 1);
}

/// So many commands are decided again.
pub(crate) fn retries(aggregate: &str, commands: usize) {
    count(&RETRIES, &[aggregate], commands as u64);
}

/// So many commands, which came to so many events, were recorded in one append.
pub(crate) fn batch(aggregate: &str, commands: usize, events: usize) {
    note(&BATCH_COMMANDS, &[aggregate], commands as f64);
    note(&BATCH_EVENTS, &[aggregate], events as f64);
}

/// So many commits share a transaction of this store.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn group(store: &str, commits: usize) {
    note(&super::COMMIT_GROUP_SIZE, &[store], commits as f64);
}

/// An aggregate was folded from this version, at which a snapshot may be, to that one.
#[inline]
pub(crate) fn folded(span: &Span, aggregate: &str, (from, snapshot): (Version, bool), to: Version) {
    let events = to.get().saturating_sub(from.get());
    note(&FOLD_EVENTS, &[aggregate], events as f64);
    spans::folded(span, events, snapshot, to);
}

/// When something began; nothing where nothing is measured.
pub(crate) struct Timer(Option<Instant>);

impl Timer {
    #[inline]
    pub(crate) fn start() -> Self {
        Self(MEASURED.then(Instant::now))
    }
}

/// The store has answered to a commit.
#[inline]
pub(crate) fn appended(span: &Span, timer: &Timer, answer: &Result<Committed, AppendError>) {
    if let Some(begun) = timer.0 {
        note(&APPEND_SECONDS, &[], begun.elapsed().as_secs_f64());
    }
    spans::appended(span, answer);
}

/// How many rows of each view are about to be written; nothing where nothing is measured.
pub(crate) struct RowCounts(BTreeMap<Name, u64>);

impl RowCounts {
    /// Those of a commit.
    #[inline]
    pub(crate) fn of_commit(rows: &[RowOp]) -> Self {
        let mut counts = BTreeMap::new();
        if MEASURED {
            for row in rows {
                *counts.entry(row.table.name.clone()).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// Those of a reader that fills a view.
    pub(crate) fn of_reader(rows: Option<&Rows>) -> Self {
        let rows = rows.filter(|_| MEASURED);
        let count = |rows: &Rows| (rows.table.name.clone(), (rows.put.len() + rows.remove.len()) as u64);
        Self(rows.map(count).into_iter().collect())
    }

    /// They are written.
    #[inline]
    pub(crate) fn written(&self) {
        for (view, rows) in &self.0 {
            count(&VIEW_ROWS, &[view.as_str()], *rows);
        }
    }
}

/// A reader has dealt with so many events.
pub(crate) fn page(reader: &str, events: usize) {
    count(&READER_EVENTS, &[reader], events as u64);
}

/// How a reader is doing.
pub(crate) fn reader(status: &Status) {
    if !MEASURED {
        return;
    }
    let reader = &[status.reader.as_str()];
    let lag = match status.state {
        // What another process does, this one does not know.
        State::Waiting | State::Stopped { .. } => Duration::ZERO,
        _ => status.behind(Utc::now()).unwrap_or_default(),
    };
    set(&READER_POSITION, reader, status.position.get() as f64);
    set(&READER_HEAD, reader, status.head.get() as f64);
    set(&READER_LAG, reader, lag.as_secs_f64());
    set(
        &READER_ACTIVE,
        reader,
        f64::from(u8::from(!matches!(status.state, State::Waiting | State::Stopped { .. }))),
    );
    set(&DEAD_LETTERS, reader, status.letters as f64);
}
