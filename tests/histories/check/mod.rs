//! Whether a history is one of a store that keeps its promises. Pure: nothing here asks a store.
//!
//! The general problem, to find an order of operations that explains what all clients saw, takes a search that grows
//! exponentially, and so do the checkers that solve it for any data type. Here the order of the commits is known: it is
//! the log that is read at the end, in which each event tells its commit. So three questions remain, each answered in
//! one pass:
//!
//! 1. `log`: is the log well-formed, and does it hold what was acknowledged, nothing that failed, and whole commits at
//!    the versions that were expected? Commits of unknown outcome took effect if they are there.
//! 2. `reads`: is each page, head and conflict what some prefix of the log shows?
//! 3. `order`: can each of them, and each commit, be given a moment between its start and its end, so that the moments
//!    of the commits are in the order of the log and each read is between the right two? That is linearizability, of
//!    each stream by itself and of the whole store.

mod anomaly;
mod index;
mod log;
mod order;
mod reads;
#[cfg(test)]
mod tests;

pub(crate) use anomaly::{Anomaly, Kind};

use self::index::Index;
use crate::history::History;

/// What a store promises about time. A replicated log whose followers may lag promises less than one with one writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promises {
    /// Of two commits, of which one was acknowledged before the other one began, that one has the lower positions.
    /// Within a stream that always holds.
    pub(crate) positions_follow_time: bool,
    pub(crate) reads: Freshness,
}

/// What a read, stream, whole store or head, must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// All that was acknowledged to anybody, or seen by anybody, before it began.
    OfAll,
    /// What was acknowledged, or seen, through the same handle before it began.
    #[allow(dead_code, reason = "for stores whose followers may lag")]
    OfTheHandle,
    /// A prefix of the log.
    #[allow(dead_code, reason = "for stores whose followers may lag")]
    Any,
}

impl Promises {
    /// The whole store is linearizable: it behaves as if one operation came after the other.
    pub(crate) const LINEARIZABLE: Self = Self { positions_follow_time: true, reads: Freshness::OfAll };
}

/// What is wrong with the history; nothing if it is right. What follows from something that was found is not looked for.
pub(crate) fn check(history: &History, promises: &Promises) -> Vec<Anomaly> {
    let index = Index::new(history);
    let found = log::check(history);
    if !found.is_empty() {
        return found;
    }
    let found = reads::check(history, &index);
    if !found.is_empty() {
        return found;
    }
    order::check(history, &index, promises)
}
