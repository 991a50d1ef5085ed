//! Whether what is known of aggregates between commands is worth an append before anything is read.

use std::sync::atomic::{AtomicU32, Ordering};

/// How often what was known turned out to be all that there was, among the last few hundred commands.
///
/// An append to a stream on which another process went on is in vain, and so may be the transaction that it shares with those of
/// others. Where that happens often, because several processes serve the same aggregates, a read of what is new is cheaper.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// The share that was out of date, as a part of [`ONE`].
    stale: AtomicU32,
}

const ONE: u32 = 1 << 20;

/// So many commands count, the last ones most.
const COUNTED: u32 = 256;

/// What is read first where so many of a hundred were out of date: some thirty commands may share a transaction, so that one of
/// a hundred spoils every third.
const MOST: u32 = ONE / 100;

impl Trust {
    /// What is known is decided on as it is.
    pub(super) fn holds(&self) -> bool {
        self.stale.load(Ordering::Relaxed) <= MOST
    }

    /// Whether what was known was out of date. That two who tell at once may count as one does no harm.
    pub(super) fn learn(&self, was_stale: bool) {
        let before = self.stale.load(Ordering::Relaxed);
        let after = before - before.div_ceil(COUNTED) + u32::from(was_stale) * (ONE / COUNTED);
        // Where nobody else writes there is nothing to write here, either.
        if after != before {
            self.stale.store(after, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(trust: &Trust, stale: usize, commands: usize) {
        (0..commands).for_each(|command| trust.learn(command < stale));
    }

    #[test]
    fn it_is_lost_soon_and_comes_back() {
        let trust = Trust::default();
        assert!(trust.holds());
        told(&trust, 2, 2);
        assert!(trust.holds(), "now and then is not often");
        told(&trust, 1, 1);
        assert!(!trust.holds());
        told(&trust, 0, 100);
        assert!(trust.holds(), "these few are long ago");
        told(&trust, 10_000, 10_000);
        assert!(!trust.holds());
        told(&trust, 0, 500);
        assert!(!trust.holds());
        told(&trust, 0, 1_500);
        assert!(trust.holds());
    }

    #[test]
    fn it_is_counted_within_bounds() {
        let trust = Trust::default();
        told(&trust, 100_000, 100_000);
        assert!(trust.stale.load(Ordering::Relaxed) <= ONE);
        told(&trust, 0, 10_000);
        assert_eq!(trust.stale.load(Ordering::Relaxed), 0);
    }
}
