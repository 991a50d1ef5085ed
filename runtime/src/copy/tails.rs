//! What the target wants handed back with the next append to a stream.

use std::{collections::HashMap, mem};

use crate::{
    Version,
    store::{Append, Appended, StreamId, Tail},
};

/// How many streams are remembered at least, and half of how many at most.
const MOST: usize = 8192;

/// The tails of the streams that were written last.
#[derive(Debug, Default)]
pub(super) struct Tails {
    recent: HashMap<StreamId, (Version, Tail)>,
    older: HashMap<StreamId, (Version, Tail)>,
}

impl Tails {
    /// Remembers what was answered to the append.
    pub(super) fn remember(&mut self, append: &Append, answer: Appended) {
        let Some(tail) = answer.tail else { return };
        if self.recent.len() >= MOST {
            self.older = mem::take(&mut self.recent);
        }
        let last = answer.first.plus((append.events.len() as u64).saturating_sub(1));
        self.recent.insert(append.stream.clone(), (last, tail));
    }

    /// The tail for this append, if what is remembered is what it expects.
    pub(super) fn of(&self, append: &Append) -> Option<Tail> {
        let (version, tail) = self.recent.get(&append.stream).or_else(|| self.older.get(&append.stream))?;
        (append.expected.version() == Some(*version)).then(|| tail.clone())
    }
}
