//! Pauses between attempts.

use std::time::Duration;

/// How often an event is tried before it is a dead letter, and the first pause. Each pause is twice as long as the one
/// before: with four of them, it takes about two seconds.
const TRIES: u32 = 5;
const FIRST: Duration = Duration::from_millis(130);

/// Counts the attempts at what user code cannot do.
#[derive(Debug)]
pub(crate) struct Tries {
    made: u32,
}

impl Tries {
    pub(crate) const fn new() -> Self {
        Self { made: 1 }
    }

    /// How many attempts were made, the one under way included.
    pub(crate) const fn made(&self) -> u32 {
        self.made
    }

    /// After an attempt that failed: waits, or says that it was the last.
    pub(crate) async fn allow_another(&mut self) -> bool {
        if self.made >= TRIES {
            return false;
        }
        tokio::time::sleep(jittered(FIRST.saturating_mul(1 << (self.made - 1)))).await;
        self.made += 1;
        true
    }
}

/// Pauses of a reader whose store is away. They grow, up to five seconds, and there is no last one.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    made: u32,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Things go well again.
    pub(super) const fn begin_anew(&mut self) {
        self.made = 0;
    }

    /// How long the next one is.
    pub(super) fn next(&mut self) -> Duration {
        let pause = Self::FIRST.saturating_mul(1 << self.made.min(10)).min(Self::LONGEST);
        self.made = self.made.saturating_add(1);
        jittered(pause)
    }

    /// How many there were since things went well.
    pub(super) const fn made(&self) -> u32 {
        self.made
    }
}

/// Half of this, and up to as much again, so that many who wait do not meet.
pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() * 0.5)
}
