//! How a command goes on after it lost a race.

use std::time::Duration;

/// How often, and after which pauses, a command is decided again when another writer was faster.
///
/// The first few attempts follow at once. After them come pauses of random length, up to a limit that doubles each
/// time, so that many writers on one aggregate do not meet again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    longest_pause: Duration,
}

impl Retry {
    /// How many attempts come without a pause.
    const EAGER: u32 = 4;

    /// Each command is tried at most this often; 1 is no retry at all, and 0 counts as 1.
    #[must_use]
    pub const fn attempts(attempts: u32) -> Self {
        Self { attempts: if attempts == 0 { 1 } else { attempts }, longest_pause: Duration::from_millis(20) }
    }

    /// A conflict is an error at once.
    #[must_use]
    pub const fn never() -> Self {
        Self::attempts(1)
    }

    /// No pause is longer than this.
    #[must_use]
    pub const fn pause_at_most(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }

    /// Whether there is another attempt after this many.
    pub(super) const fn goes_on_after(&self, attempts: u32) -> bool {
        attempts < self.attempts
    }

    /// Waits as long as is right after this many attempts.
    pub(super) async fn pause_after(&self, attempts: u32) {
        match attempts.checked_sub(Self::EAGER) {
            None => tokio::task::yield_now().await,
            Some(round) => {
                let longest =
                    Duration::from_millis(1).saturating_mul(1 << round.min(10)).min(self.longest_pause);
                tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
            }
        }
    }
}

impl Default for Retry {
    /// 256 attempts with pauses of at most 20 ms: enough for hundreds of writers on one aggregate, and an end within
    /// seconds.
    fn default() -> Self {
        Self::attempts(256)
    }
}
