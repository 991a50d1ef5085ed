//! The writer: commits in transactions.

use std::{sync::Arc, time::Duration};

use rusqlite::{Error, ErrorCode};

use super::{
    connection::Session,
    error::{failed, failed_together, is_busy},
    patience::Patience,
    record::record,
};
use crate::store::{AppendError, Commit, Committed, StoreError};

/// What is answered to a commit.
pub(super) type Answer = Result<Committed, AppendError>;

/// The connection that writes. There is one in a store; other processes have theirs.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) session: Session,
    /// How long to wait for other processes.
    patience: Duration,
}

impl Writer {
    pub(super) fn new(session: Session, patience: Duration) -> Self {
        Self { session, patience }
    }

    /// Carries the commit out, unless another process is writing: then `None`, without waiting.
    pub(super) fn try_write(&mut self, commit: &Commit) -> Option<Answer> {
        match self.begin() {
            Ok(()) => Some(self.finish(commit)),
            Err(error) if is_busy(&error) => None,
            Err(error) => Some(Err(failed("beginning a transaction", error).into())),
        }
    }

    /// Carries the commits out, in one transaction. If something of one has to be undone, all are carried out once more, with
    /// a mark before each to which it can be undone alone; if even that is not possible, each in a transaction of its own:
    /// nobody fails because of another one. Waits for other processes.
    pub(super) fn write(&mut self, commits: &[Commit]) -> Vec<Answer> {
        let patience = Patience::of(self.patience);
        if let Err(error) = patience.attempt(|| self.begin()) {
            let error = Arc::new(error);
            return commits.iter().map(|_| Err(never_begun(&error).into())).collect();
        }
        if let [commit] = commits {
            return vec![self.finish(commit)];
        }
        let mut answers = self.finish_together(commits, Undo::Nothing);
        if answers.is_none() && patience.attempt(|| self.begin()).is_ok() {
            answers = self.finish_together(commits, Undo::Each);
        }
        let answers = answers.unwrap_or_else(|| commits.iter().map(|_| None).collect());
        let mut alone = |commit| match patience.attempt(|| self.begin()) {
            Ok(()) => self.finish(commit),
            Err(error) => Err(never_begun(&Arc::new(error)).into()),
        };
        commits.iter().zip(answers).map(|(commit, answer)| answer.unwrap_or_else(|| alone(commit))).collect()
    }

    /// Carries out something else than a commit, in a transaction of its own. Waits for other processes.
    pub(super) fn change<T, E: From<StoreError>>(
        &mut self,
        change: impl FnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, E> {
        Patience::of(self.patience)
            .attempt(|| self.begin())
            .map_err(|error| failed("beginning a transaction", error))?;
        let outcome = change(&mut self.session).and_then(|done| match self.commit() {
            Ok(()) => Ok(done),
            Err(error) => Err(failed("committing a transaction", error).into()),
        });
        if outcome.is_err() {
            self.roll_back();
        }
        outcome
    }

    /// Ends a transaction that holds this commit alone.
    fn finish(&mut self, commit: &Commit) -> Answer {
        let Judged { answer, wrote } = self.judge(commit);
        if answer.is_err() || !wrote {
            self.roll_back();
            return answer;
        }
        match self.commit() {
            Ok(()) => answer,
            Err(error) => {
                self.roll_back();
                Err(not_committed(commit, &Arc::new(error)))
            }
        }
    }

    /// Ends a transaction that holds these commits. `None` for those that have to be tried on their own, or for the whole
    /// if something has to be undone and cannot be: nothing of them was recorded.
    fn finish_together(&mut self, commits: &[Commit], undo: Undo) -> Option<Vec<Option<Answer>>> {
        let mut judged = Vec::with_capacity(commits.len());
        for commit in commits {
            match self.judge_among(commit, undo) {
                Some(one) => judged.push(one),
                None => {
                    self.roll_back();
                    return None;
                }
            }
        }
        let answers = match self.commit() {
            Ok(()) => judged.into_iter().map(|Judged { answer, .. }| Some(answer)).collect(),
            Err(error) => {
                self.roll_back();
                let error = Arc::new(error);
                // A conflict or a repetition may have been one with what is not recorded now.
                let answer = |(commit, judged): (&Commit, Judged)| {
                    (judged.wrote && !is_definite(&error)).then(|| Err(not_committed(commit, &error)))
                };
                commits.iter().zip(judged).map(answer).collect()
            }
        };
        Some(answers)
    }

    /// Carries one of several commits out. `None` if it has to be undone and cannot be.
    fn judge_among(&mut self, commit: &Commit, undo: Undo) -> Option<Judged> {
        if undo == Undo::Each {
            self.session.execute("SAVEPOINT one").ok()?;
        }
        let Judged { answer, mut wrote } = self.judge(commit);
        if self.session.connection.is_autocommit() {
            return None;
        }
        let failed = answer.is_err() && wrote;
        match undo {
            Undo::Nothing if failed => return None,
            Undo::Nothing => {}
            Undo::Each => {
                if failed {
                    self.session.known.forget();
                    self.session.holders.undone();
                    self.session.execute("ROLLBACK TO one").ok()?;
                    wrote = false;
                }
                self.session.execute("RELEASE one").ok()?;
            }
        }
        Some(Judged { answer, wrote })
    }

    /// Carries one commit out inside of a transaction.
    fn judge(&mut self, commit: &Commit) -> Judged {
        let before = self.session.connection.total_changes();
        let answer = record(&mut self.session, commit);
        Judged { answer, wrote: self.session.connection.total_changes() != before }
    }

    fn begin(&mut self) -> Result<(), Error> {
        if !self.session.connection.is_autocommit() {
            // The last transaction was left open: by an error when it was rolled back, or by a panic.
            self.session.known.forget();
            self.session.tables.forget();
            self.session.execute("ROLLBACK")?;
        }
        self.session.constraints.begin();
        self.session.holders.begin();
        self.session.tables.begin();
        self.session.execute("BEGIN IMMEDIATE")
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.session.execute("COMMIT")?;
        self.session.holders.committed();
        Ok(())
    }

    fn roll_back(&mut self) {
        self.session.known.forget();
        self.session.tables.forget();
        if !self.session.connection.is_autocommit() {
            // If this fails, the transaction stays open and the next one begins by rolling it back.
            let _ = self.session.execute("ROLLBACK");
        }
    }
}

/// What of a transaction can be undone before its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undo {
    /// Nothing: hardly ever is there anything to undo, and a mark costs each commit.
    Nothing,
    /// Each commit.
    Each,
}

/// What a commit came to, inside of a transaction that is not committed yet.
struct Judged {
    answer: Answer,
    wrote: bool,
}

fn never_begun(error: &Arc<Error>) -> StoreError {
    failed_together("beginning a transaction", error)
}

fn not_committed(commit: &Commit, error: &Arc<Error>) -> AppendError {
    let cause = failed_together("committing a transaction", error);
    if is_definite(error) {
        AppendError::Failed(cause)
    } else {
        AppendError::Unknown { commit: commit.id, cause }
    }
}

/// Whether a COMMIT that failed like this has recorded nothing, and never will have.
///
/// When the disk is full, the log could not be written to its end, and the mark that makes a transaction valid is what
/// is written last (where a VFS does not promise that a write leaves its neighbours alone, filling follows the mark; the
/// platforms' own promise it). After any other failure the mark may be on the disk although SQLite takes the transaction
/// for rolled back: a sync failed, say. If the machine died now, the next one to open the file would find it committed.
fn is_definite(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy))
}
