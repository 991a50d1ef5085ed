//! How long a store is asked again that cannot be reached.

use std::time::{Duration, Instant};

use crate::store::{BoxFuture, StoreError, StoreErrorKind};

/// How often something is tried, at most.
const ATTEMPTS: u32 = 9;

/// The first pause. Each is twice as long as the one before, but not longer than …
const FIRST: Duration = Duration::from_millis(100);

/// … this. All of them together are nine seconds …
const LONGEST: Duration = Duration::from_secs(2);

/// … unless the store is patient itself: then it is not asked again when this long is over.
const LONG_ENOUGH: Duration = Duration::from_secs(9);

/// Counts attempts at one thing.
#[derive(Debug)]
pub(super) struct Patience {
    attempts: u32,
    begun: Instant,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 0, begun: Instant::now() }
    }
}

impl Patience {
    /// After an attempt that failed: waits, or says that it was the last.
    pub(super) async fn allows_another(&mut self) -> bool {
        self.attempts += 1;
        if self.attempts >= ATTEMPTS || self.begun.elapsed() >= LONG_ENOUGH {
            return false;
        }
        let pause = FIRST.saturating_mul(1 << (self.attempts - 1)).min(LONGEST);
        tokio::time::sleep(pause).await;
        true
    }
}

/// Asks until there is an answer, or an error for which time is no cure.
pub(super) async fn patiently<'a, T>(
    ask: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut patience = Patience::default();
    loop {
        match ask().await {
            Err(error) if error.kind() == StoreErrorKind::Unavailable => {
                if !patience.allows_another().await {
                    return Err(error);
                }
            }
            answer => return answer,
        }
    }
}
