//! A commit on its way into the store.

use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::{
    Retry, ViewRefused,
    beside::{self, Company},
};
use crate::{
    Version, observe,
    read::RowRefusal,
    store::{AppendError, Claim, ClaimChange, Commit, CommitId, Committed, Store, StoreError, StreamId},
};

/// How often a commit whose outcome is unknown is given again …
const UNKNOWN_ATTEMPTS: u32 = 5;

/// … unless it took this long already: then the store has been patient itself.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// How often the rows of a commit are made anew because somebody else was faster, at least: also where whoever gives the command
/// wants no other attempt after a conflict, because he knows nothing of rows.
const STALE_ROWS: u32 = 20;

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
    View(ViewRefused),
}

/// Gives the commit to the store, again and under the same id as long as its outcome is unknown. Its rows are made here, on what
/// the views hold now.
///
/// Claims of constraints that the commit does not name are none of the store's: a view is asked who has the values, once, before
/// anything may have been recorded.
pub(super) async fn record(
    store: &dyn Store,
    retry: &Retry,
    beside: &Company,
    commit: impl Fn() -> Commit,
) -> Result<Outcome, Error> {
    let (mut attempts, mut stale) = (0, 0);
    let begun = Instant::now();
    loop {
        let mut commit = commit();
        let named = |change: &ClaimChange| commit.constraints.contains(&change.claim().constraint);
        let (claims, viewed) = commit.claims.into_iter().partition(named);
        commit.claims = claims;
        if attempts == 0
            && let Some((claim, by)) = beside::taken(beside, &viewed).await.map_err(Error::Failed)?
        {
            return Err(Error::Taken { claim, by });
        }
        if let Some(beside) = beside {
            commit.rows = beside.rows(&commit).await.map_err(Error::View)?;
        }
        attempts += 1;
        let id = commit.id;
        let (rows, timer) = (observe::RowCounts::of_commit(&commit.rows), observe::Timer::start());
        let span = observe::append(&commit);
        let mut appending = store.append(commit).instrument(span);
        let answer = (&mut appending).await;
        observe::appended(appending.span(), &timer, &answer);
        let cause = match answer {
            Ok(committed) => {
                rows.written();
                return Ok(Outcome::Recorded(id, Some(committed)));
            }
            Err(AppendError::Conflict { stream, actual, .. }) => {
                return Ok(Outcome::Conflict { stream, actual });
            }
            Err(AppendError::KeyUsed { .. }) => return Ok(Outcome::KeyUsed),
            Err(AppendError::Taken { claim, by }) => return Err(Error::Taken { claim, by }),
            Err(AppendError::Row(refused)) => {
                stale += 1;
                let goes_on = stale < STALE_ROWS || retry.goes_on_after(stale);
                if refused.reason != RowRefusal::Stale || !goes_on {
                    return Err(Error::View(ViewRefused::Row(refused)));
                }
                attempts -= 1;
                retry.pause_after(stale).await;
                continue;
            }
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
