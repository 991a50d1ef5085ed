//! Waiting for other processes.

use std::{
    thread,
    time::{Duration, Instant},
};

use rusqlite::Error;

use super::error::is_busy;

/// The pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// `None`: for ever.
    deadline: Option<Instant>,
}

impl Patience {
    pub(super) fn of(time: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(time) }
    }

    /// Attempts it until the database is not busy any more, or time is up: then the last attempt has failed.
    pub(super) fn attempt<T>(self, mut what: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            match what() {
                Err(error) if is_busy(&error) && self.is_left() => {
                    thread::sleep(pause);
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    fn is_left(self) -> bool {
        self.deadline.is_none_or(|deadline| Instant::now() < deadline)
    }
}
