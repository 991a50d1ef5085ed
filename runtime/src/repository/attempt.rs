//! A commit on its way into the store.

use std::time::{Duration, Instant};

use super::Retry;
use crate::{
    Version,
    store::{AppendError, Claim, Commit, CommitId, Committed, Store, StoreError, StreamId},
};

/// How often a commit whose outcome is unknown is given again …
const UNKNOWN_ATTEMPTS: u32 = 5;

/// … unless it took this long already: then the store has been patient itself.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// What came of a commit, where nothing is wrong with it.
pub(super) enum Outcome {
    /// `None` where there was nothing to record.
    Recorded(CommitId, Option<Committed>),
    /// The stream is at this version.
    Conflict { stream: StreamId, actual: Version },
    /// Another one was recorded under its key.
    KeyUsed,
}

/// What is wrong with a commit, or with the store.
pub(super) enum Error {
    Failed(StoreError),
    Taken { claim: Claim, by: StreamId },
    Unknown(CommitId, StoreError),
}

/// Gives the commit to the store, again and under the same id as long as its outcome is unknown.
pub(super) async fn record(
    store: &dyn Store,
    retry: &Retry,
    commit: impl Fn() -> Commit,
) -> Result<Outcome, Error> {
    let mut attempts = 0;
    let begun = Instant::now();
    loop {
        attempts += 1;
        let commit = commit();
        let id = commit.id;
        let cause = match store.append(commit).await {
            Ok(committed) => return Ok(Outcome::Recorded(id, Some(committed))),
            Err(AppendError::Conflict { stream, actual, .. }) => {
                return Ok(Outcome::Conflict { stream, actual });
            }
            Err(AppendError::KeyUsed { .. }) => return Ok(Outcome::KeyUsed),
            Err(AppendError::Taken { claim, by }) => return Err(Error::Taken { claim, by }),
            Err(AppendError::Failed(cause)) if attempts == 1 => return Err(Error::Failed(cause)),
            // That this attempt has recorded nothing does not say what became of the one before.
            Err(AppendError::Failed(cause) | AppendError::Unknown { cause, .. }) => cause,
        };
        if attempts >= UNKNOWN_ATTEMPTS || begun.elapsed() >= LONG_ENOUGH {
            return Err(Error::Unknown(id, cause));
        }
        retry.pause_after(attempts.saturating_mul(4)).await;
    }
}
