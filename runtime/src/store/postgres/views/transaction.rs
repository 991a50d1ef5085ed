//! A transaction in which user code writes.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{runtime::Handle, time::timeout};
use tokio_postgres::{Error, error::SqlState};

use super::{
    super::{
        connection::{Link, Session},
        error::failed,
    },
    sql,
    statement::Asked,
    work::{self, OTHER_STAGE, OVERTAKEN},
};
use crate::{
    read::{Build, Projected, SqlConnection, Stage, Value, Values, Work, WorkError},
    store::{BoxFuture, StoreError, StoreErrorKind},
};

/// Writes the work, with what user code does for it, on a connection on which nobody comes in between.
pub(super) async fn write(
    link: &Link,
    patience: Duration,
    work: &Work,
    projected: &Projected,
) -> Result<(), WorkError> {
    let overtaken = || WorkError::Overtaken { reader: work.reader.clone() };
    let mut build = projected.build.clone();
    for _ in 0..2 {
        let mut open = Open::begin(link, patience).await?;
        let beside = build.stage == Stage::Beside;
        let advanced = open.carry_out(&work::advance(work, Some(&build), beside)).await?;
        if let Err(error) = advanced {
            open.end("ROLLBACK").await?.map_err(|error| failed("rolling back", error))?;
            match error.code().map(SqlState::code).unwrap_or_default() {
                OVERTAKEN => return Err(overtaken()),
                OTHER_STAGE => {
                    build.stage = if beside { Stage::Live { transactional: false } } else { Stage::Beside };
                    continue;
                }
                _ => return Err(failed("writing what a reader has done", error).into()),
            }
        }
        let outcome = fill(&mut open, work, projected, &build).await;
        if outcome.is_err() {
            open.end("ROLLBACK").await?.map_err(|error| failed("rolling back", error))?;
            return outcome;
        }
        return match open.end("COMMIT").await? {
            Ok(()) => Ok(()),
            // Constraints may be looked at only now.
            Err(error) => Err(match sql::refused(&open.session, error) {
                own if own.kind() == StoreErrorKind::Invalid => {
                    WorkError::Refused { view: build.view.to_string(), error: own.to_string() }
                }
                trouble => trouble.into(),
            }),
        };
    }
    Err(overtaken())
}

/// Everything between the beginning and the end.
async fn fill(
    open: &mut Open<'_>,
    work: &Work,
    projected: &Projected,
    build: &Build,
) -> Result<(), WorkError> {
    let looked = open.ask(sql::missing(&open.session, build)).await?;
    if let Some(table) = looked.map_err(|error| failed("looking for the tables of a view", error))? {
        return Err(projected.tables.dropped(&table).into());
    }
    projected.run(open, build).await?;
    for asked in work::rest(work) {
        let done = open.carry_out(&asked).await?;
        done.map_err(|error| failed("writing what a reader has done", error))?;
    }
    Ok(())
}

/// An open transaction. When it is dropped before its end, the connection is not used again: nobody knows what of it was
/// answered.
struct Open<'a> {
    link: &'a Link,
    session: Arc<Session>,
    patience: Duration,
    ended: bool,
}

impl<'a> Open<'a> {
    async fn begin(link: &'a Link, patience: Duration) -> Result<Self, StoreError> {
        let session = link.session().await?;
        let open = Self { link, session, patience, ended: false };
        let begun = open.ask(open.session.client.batch_execute("BEGIN")).await?;
        begun.map_err(|error| failed("beginning a transaction", error))?;
        Ok(open)
    }

    /// Waits for an answer, not for ever.
    async fn ask<T>(
        &self,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, StoreError> {
        timeout(self.patience, asked).await.map_err(|_| {
            let patience = self.patience;
            let what = format!("a statement of a view took longer than {patience:?}, so it is given up");
            StoreError::new(StoreErrorKind::Unavailable, what)
        })
    }

    async fn carry_out(&self, asked: &Asked<'_>) -> Result<Result<(), Error>, StoreError> {
        let done = async {
            let statement = self.session.prepared(&asked.text).await?;
            self.session.client.query(&statement, &asked.parameters()).await.map(drop)
        };
        self.ask(done).await
    }

    async fn end(&mut self, how: &str) -> Result<Result<(), Error>, StoreError> {
        let ended = self.ask(self.session.client.batch_execute(how)).await?;
        // An error of the server is an end too; whether the connection was lost is found out by the next one.
        self.ended = ended.is_ok() || ended.as_ref().is_err_and(|error| error.as_db_error().is_some());
        Ok(ended)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.link.forget(&self.session);
        // A connection that was lent goes back without the transaction.
        if let Ok(runtime) = Handle::try_current() {
            let session = Arc::clone(&self.session);
            runtime.spawn(async move {
                let _ = session.client.batch_execute("ROLLBACK").await;
            });
        }
    }
}

impl SqlConnection for Open<'_> {
    fn execute<'a>(
        &'a mut self,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let session = &self.session;
            let statement =
                self.ask(session.prepared(sql)).await?.map_err(|error| sql::refused(session, error))?;
            if !statement.columns().is_empty() {
                return Err(StoreError::invalid("the statement gives rows: ask for them with `query`"));
            }
            let given = sql::given(&statement, values)?;
            let parameters = sql::parameters(&given);
            let changed = self.ask(session.client.execute(&statement, &parameters)).await?;
            changed.map_err(|error| sql::refused(session, error))
        })
    }

    fn query<'a>(
        &'a mut self,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(async move {
            let session = &self.session;
            let statement =
                self.ask(session.prepared(sql)).await?.map_err(|error| sql::refused(session, error))?;
            let given = sql::given(&statement, values)?;
            sql::readable(&statement)?;
            let parameters = sql::parameters(&given);
            let found = self.ask(session.client.query(&statement, &parameters)).await?;
            let found = found.map_err(|error| sql::refused(session, error))?;
            found.iter().map(sql::values_of).collect()
        })
    }
}
