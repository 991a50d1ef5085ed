//! Whether everything can have taken effect between its start and its end.
//!
//! Give each commit `j` of the log a moment `t(j)`, ascending. It must be between the commit's start and its end; a
//! commit of unknown outcome has no end. A read that shows the store as it was after commit `k` needs a moment of its own
//! between `t(k)` and `t(k + 1)`, and between its start and its end. There is one if and only if the two spans overlap:
//! `t(k)` comes before the read's end, and `t(k + 1)` after its start. So all there is are bounds on moments, and moments
//! exist if and only if no commit has to come after a time (or one before it has to) and before an earlier time (or one
//! behind it has to). Two bounds that exclude each other belong to two operations: they are what is reported.
//!
//! A read of a stream, and a conflict, shows when the stream was at a version: from the commit that brought it there to
//! the next that wrote to the stream.

use std::collections::BTreeMap;

use super::{Anomaly, Freshness, Kind, Promises, index::Index};
use crate::history::{History, Operation, Request, Response};

/// The moment of this commit is after, or before, this time, because of this operation.
#[derive(Clone, Copy, Debug)]
struct Bound {
    slot: usize,
    time: u64,
    operation: usize,
}

/// What part of the store is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Stream(usize),
    Store,
}

/// How many are reported: one is enough, and thousands tell no more.
const ENOUGH: usize = 10;

pub(super) fn check(history: &History, index: &Index, promises: &Promises) -> Vec<Anomaly> {
    let mut scopes: BTreeMap<Scope, Vec<usize>> = BTreeMap::new();
    for (number, operation) in history.operations.iter().enumerate() {
        for append in operation.appends() {
            scopes.entry(Scope::Stream(append.stream)).or_default().push(number);
        }
        if let Request::ReadStream { stream, .. } = operation.request {
            scopes.entry(Scope::Stream(stream)).or_default().push(number);
        }
    }
    if promises.positions_follow_time {
        scopes.insert(Scope::Store, (0..history.operations.len()).collect());
    }
    let mut found = Vec::new();
    for (scope, operations) in scopes {
        let judge = Judge { history, index, scope, operations };
        let is_read = |operation: &Operation| !matches!(operation.request, Request::Append { .. });
        // What writes decide on is always fresh.
        let must_be_fresh = |operation: &Operation| promises.reads == Freshness::OfAll || !is_read(operation);
        found.extend(judge.contradictions(must_be_fresh, |_| true));
        if promises.reads == Freshness::OfTheHandle {
            let handles = history.operations.iter().map(|operation| operation.handle).max().unwrap_or(0);
            for handle in 0..=handles {
                found.extend(judge.contradictions(
                    |operation| is_read(operation) && operation.handle == handle,
                    |operation| operation.handle == handle,
                ));
            }
        }
        if found.len() >= ENOUGH {
            break;
        }
    }
    found.truncate(ENOUGH);
    found
}

struct Judge<'a> {
    history: &'a History,
    index: &'a Index,
    scope: Scope,
    /// Those that concern it.
    operations: Vec<usize>,
}

impl Judge<'_> {
    /// Pairs of bounds that exclude each other: operations of the first kind must come after those of the second.
    fn contradictions(
        &self,
        later: impl Fn(&Operation) -> bool,
        earlier: impl Fn(&Operation) -> bool,
    ) -> Vec<Anomaly> {
        let (mut lower, mut upper) = (Vec::new(), Vec::new());
        for &number in &self.operations {
            let operation = &self.history.operations[number];
            let Some(span) = self.span(operation) else { continue };
            if let Some(slot) = span.not_before_start.filter(|_| later(operation)) {
                lower.push(Bound { slot, time: operation.start, operation: number });
            }
            if let Some(slot) = span.not_after_end.filter(|_| earlier(operation)) {
                upper.push(Bound { slot, time: operation.finish, operation: number });
            }
        }
        lower.sort_unstable_by_key(|bound| bound.slot);
        upper.sort_unstable_by_key(|bound| bound.slot);
        let mut lower = lower.into_iter().peekable();
        let mut latest: Option<Bound> = None;
        let mut found = Vec::new();
        for before in upper {
            while let Some(bound) = lower.next_if(|bound| bound.slot <= before.slot) {
                if latest.is_none_or(|latest| latest.time < bound.time) {
                    latest = Some(bound);
                }
            }
            if let Some(after) = latest.filter(|after| after.time > before.time) {
                found.push(self.explain(after, before));
                if found.len() >= ENOUGH {
                    break;
                }
            }
        }
        found
    }

    /// Which commits an operation holds: whose moment cannot be before its start, and whose cannot be after its end.
    fn span(&self, operation: &Operation) -> Option<Span> {
        let index = self.index;
        let of_stream = |stream| self.scope == Scope::Store || self.scope == Scope::Stream(stream);
        match (&operation.request, &operation.response) {
            (_, Response::Conflict { stream, actual, .. }) if of_stream(*stream) => {
                self.at_version(*stream, *actual)
            }
            (Request::Append { commit, appends }, response) => {
                let slot = index.slots.get(commit).copied();
                let concerns = appends.iter().any(|append| of_stream(append.stream));
                let known = matches!(response, Response::Committed(_));
                slot.filter(|_| concerns)
                    .map(|slot| Span { not_before_start: Some(slot), not_after_end: known.then_some(slot) })
            }
            (Request::ReadStream { stream, from, .. }, Response::Stream { events, next })
                if of_stream(*stream) =>
            {
                match (events.last(), next) {
                    (_, Some(next)) => {
                        Some(Span { not_before_start: None, not_after_end: index.passed(*stream, *next) })
                    }
                    (Some(last), None) => self.at_version(*stream, last.version),
                    (None, None) => Some(Span {
                        not_before_start: index.passed(*stream, (*from).max(1)),
                        not_after_end: None,
                    }),
                }
            }
            (Request::ReadAll { .. }, Response::All { events, last, end }) if self.scope == Scope::Store => {
                match (end, events.last()) {
                    (true, _) => self.at_end(*last),
                    (false, Some(event)) => Some(Span {
                        not_before_start: None,
                        not_after_end: Some(index.reaching(event.position)),
                    }),
                    (false, None) => None,
                }
            }
            (Request::Head, Response::Head(head)) if self.scope == Scope::Store => self.at_end(*head),
            _ => None,
        }
    }

    /// While the stream was at this version.
    fn at_version(&self, stream: usize, version: u64) -> Option<Span> {
        let reached = self.index.reached(stream, version)?;
        let not_before_start = self.index.passed(stream, version + 1);
        Some(Span { not_before_start, not_after_end: (reached > 0).then_some(reached) })
    }

    /// While this was the head.
    fn at_end(&self, position: u128) -> Option<Span> {
        let reached = self.index.ending_at(position)?;
        let not_before_start = self.index.after(reached);
        Some(Span { not_before_start, not_after_end: (reached > 0).then_some(reached) })
    }

    /// `after` came after `before` in time, and before it in the log.
    fn explain(&self, after: Bound, before: Bound) -> Anomaly {
        let operations = &self.history.operations;
        let is_commit = |number: usize| {
            matches!(&operations[number].response, Response::Committed(_) | Response::Unknown(_))
        };
        let is_conflict = |number: usize| matches!(&operations[number].response, Response::Conflict { .. });
        let (kind, what) = match (is_commit(after.operation), is_commit(before.operation)) {
            (true, true) => {
                (Kind::Reordered, "the second began after the first was acknowledged, and stands before it")
            }
            (true, false) if after.slot == before.slot => {
                (Kind::TooEarly, "the first shows what the second gave, which began later")
            }
            (true, false) => (Kind::FilledLate, "the second began after the first had seen what follows it"),
            (false, _) if is_conflict(after.operation) => {
                (Kind::Unexplained, "the stream was no more at that version, as the first shows")
            }
            (false, true) => (
                Kind::StaleRead,
                "the first was acknowledged before the second began, which does not show it",
            ),
            (false, false) => (Kind::WentBack, "the second began after the first was over, and shows less"),
        };
        let scope = match self.scope {
            Scope::Stream(stream) => format!("stream {stream}"),
            Scope::Store => "the whole store".to_owned(),
        };
        Anomaly::new(
            kind,
            format!("{what}; {scope} is not linearizable"),
            [before.operation, after.operation],
        )
    }
}

/// The commits that an operation holds.
#[derive(Clone, Copy, Debug)]
struct Span {
    not_before_start: Option<usize>,
    not_after_end: Option<usize>,
}
