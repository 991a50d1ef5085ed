//! The spans. All are at the level `debug`: whoever listens at `info` pays for a comparison each.

use tracing::{
    Level, Span, debug_span,
    field::Empty,
    level_filters::{LevelFilter, STATIC_MAX_LEVEL},
};

use super::Outcome;
use crate::{
    Version,
    store::{AppendError, Commit, Committed, RecordedEvent, StreamId},
};

/// Whether anybody may want spans: a comparison, before anything is made for one.
#[inline]
pub(crate) fn is_heard() -> bool {
    Level::DEBUG <= STATIC_MAX_LEVEL && Level::DEBUG <= LevelFilter::current()
}

/// A command to an aggregate.
pub(crate) fn execute(aggregate: &'static str, stream: &StreamId, command: &'static str) -> Span {
    debug_span!("factum.execute", aggregate, %stream, command, attempts = Empty, outcome = Empty, version = Empty)
}

/// Commands to one aggregate that are carried out together.
pub(crate) fn batch_of(aggregate: &'static str, stream: &StreamId, commands: usize) -> Span {
    debug_span!("factum.batch", aggregate, %stream, commands, attempts = Empty)
}

/// Commands to several aggregates, all or none.
pub(crate) fn transaction(steps: usize) -> Span {
    debug_span!("factum.transaction", steps, attempts = Empty, outcome = Empty)
}

/// An aggregate is read, from what is known of it or from a snapshot on.
pub(crate) fn load(aggregate: &'static str, stream: &StreamId) -> Span {
    debug_span!("factum.load", aggregate, %stream, events = Empty, snapshot = Empty, version = Empty)
}

/// A commit is given to the store.
pub(crate) fn append(commit: &Commit) -> Span {
    debug_span!(
        "factum.append",
        commit = %commit.id,
        events = commit.appends.iter().map(|append| append.events.len()).sum::<usize>(),
        rows = commit.rows.len(),
        outcome = Empty,
    )
}

/// A page of events is dealt with.
pub(crate) fn reading(reader: &str, events: usize) -> Span {
    debug_span!("factum.reader", reader, events)
}

/// A handler or a process gets an event.
pub(crate) fn handle(handler: &str, event: &RecordedEvent, attempt: u32) -> Span {
    debug_span!("factum.handle", handler, position = %event.position, attempt)
}

/// It is tried for the so manieth time.
#[inline]
pub(crate) fn attempt(span: &Span, attempts: u32) {
    if !span.is_disabled() {
        span.record("attempts", attempts);
    }
}

/// What came of it, and the version that it led to.
#[inline]
pub(crate) fn outcome(span: &Span, outcome: Outcome, version: Option<Version>) {
    if !span.is_disabled() {
        span.record("outcome", outcome.as_str());
        if let Some(version) = version {
            span.record("version", version.get());
        }
    }
}

#[inline]
pub(super) fn folded(span: &Span, events: u64, snapshot: bool, version: Version) {
    if !span.is_disabled() {
        span.record("events", events);
        span.record("snapshot", snapshot);
        span.record("version", version.get());
    }
}

#[inline]
pub(super) fn appended(span: &Span, answer: &Result<Committed, AppendError>) {
    if !span.is_disabled() {
        span.record("outcome", append_outcome(answer));
    }
}

const fn append_outcome(answer: &Result<Committed, AppendError>) -> &'static str {
    match answer {
        Ok(_) => "recorded",
        Err(AppendError::Conflict { .. }) => "conflict",
        Err(AppendError::KeyUsed { .. }) => "key_used",
        Err(AppendError::Taken { .. }) => "taken",
        Err(AppendError::Row(_)) => "row_refused",
        Err(AppendError::Failed(_)) => "failed",
        Err(AppendError::Unknown { .. }) => "unknown",
    }
}
