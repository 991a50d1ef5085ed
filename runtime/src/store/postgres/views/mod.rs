//! The same store as a read store: views are tables of the store's schema, and so are the books of those who read events.

mod builds;
mod find;
mod leases;
mod letters;
mod names;
mod processes;
pub(super) mod rounds;
mod rows;
mod sql;
mod statement;
mod transaction;
mod value;
pub(super) mod work;

use std::{
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep, timeout},
};

use self::work::Written;
use super::{
    PostgresOptions, PostgresStore,
    connection::{Failure, Link, Session},
};
use crate::{
    Position,
    read::{
        Build, Due, Lease, Letter, ProcessState, Query, ReadStore, Rows, SqlTables, Table, Value, Values,
        Wish, Work, WorkError,
    },
    store::{BoxFuture, StoreError, StreamId},
};

/// Who waits for a reader looks this soon again …
const LOOK_SOON: Duration = Duration::from_millis(5);

/// … and at longer and longer intervals, up to this one.
const LOOK_LATER: Duration = Duration::from_millis(50);

/// How long to leave those alone who read a table that is to be put in its place, before trying again.
const LET_READ: Duration = Duration::from_millis(200);

/// Connections for views. What one of them is asked for, it does in a line: so there is one for questions, and there are two
/// for transactions, so that a view that is built anew does not hold up all others, and one for those in which user code writes.
#[derive(Debug)]
pub(super) struct Views {
    questions: Link,
    lanes: [Lane; 2],
    /// Where user code writes, as long as that takes: leases have to be renewed meanwhile.
    projections: Lane,
    /// Changes when a reader of this process has come further.
    advanced: watch::Sender<()>,
    patience: Duration,
}

/// A connection on which one thing is done at a time.
#[derive(Debug)]
struct Lane {
    turn: Mutex<()>,
    link: Link,
}

impl Lane {
    fn new(options: &Arc<PostgresOptions>) -> Self {
        Self { turn: Mutex::default(), link: Link::new(Arc::clone(options)) }
    }

    /// Asks for something that may be asked twice.
    async fn ask<T, F>(&self, doing: &str, question: impl Fn(Arc<Session>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let _turn = self.turn.lock().await;
        self.link.ask(doing, question).await
    }
}

impl Views {
    pub(super) fn new(options: &Arc<PostgresOptions>) -> Self {
        Self {
            questions: Link::new(Arc::clone(options)),
            lanes: [Lane::new(options), Lane::new(options)],
            projections: Lane::new(options),
            advanced: watch::Sender::new(()),
            patience: options.timeout,
        }
    }

    /// The connection for what is done under this name.
    fn lane(&self, name: &str) -> &Lane {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let [one, other] = &self.lanes;
        if hasher.finish().is_multiple_of(2) { one } else { other }
    }

    /// Does something to the tables of a view, for which nobody may be reading them, in short attempts: while one waits for
    /// somebody who reads, all others wait behind it.
    async fn alone<F>(
        &self,
        doing: &str,
        build: &Build,
        attempt: impl Fn(Arc<Session>) -> F,
    ) -> Result<(), StoreError>
    where
        F: Future<Output = Result<bool, Failure>>,
    {
        let end = Instant::now() + self.patience;
        loop {
            if self.lane(&build.view).ask(doing, &attempt).await? {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(builds::busy(build));
            }
            sleep(LET_READ).await;
        }
    }

    async fn write(&self, work: &Work) -> Result<(), WorkError> {
        work.validate()?;
        let overtaken = || WorkError::Overtaken { reader: work.reader.clone() };
        if let Some(projected) = &work.projected {
            let _turn = self.projections.turn.lock().await;
            transaction::write(&self.projections.link, self.patience, work, projected).await?;
            self.advanced.send_replace(());
            return Ok(());
        }
        let lane = self.lane(&work.reader);
        let _turn = lane.turn.lock().await;
        let mut beside = work::is_beside(work);
        for _ in 0..2 {
            let asked = lane
                .link
                .ask_once("writing what a reader has done", |session| async move {
                    work::write(&session, work, beside).await
                })
                .await?;
            match asked.map_err(|failed| failed.error)? {
                Written::Done => {
                    self.advanced.send_replace(());
                    return Ok(());
                }
                Written::Overtaken => return Err(overtaken()),
                Written::Changed(error) => return Err(error.into()),
                Written::OtherStage => beside = !beside,
                Written::NoTable => {
                    let Some(Rows { build, .. }) = work.rows.as_deref() else { return Err(overtaken()) };
                    let stage = lane.link.ask("looking for a build", |session| async move {
                        builds::stage(&session, build).await
                    });
                    match stage.await?.map(|stage| stage == crate::read::Stage::Beside) {
                        None => return Err(overtaken()),
                        Some(now) if now == beside => return Err(rows::dropped(&build.view).into()),
                        Some(now) => beside = now,
                    }
                }
                Written::Row => return Err(self.misfit(lane, work, beside).await?),
            }
        }
        Err(overtaken())
    }

    /// Which row it is that cannot be written. If the table is another one than was made, it is the fault of no row.
    async fn misfit(&self, lane: &Lane, work: &Work, beside: bool) -> Result<WorkError, StoreError> {
        let Some(rows) = &work.rows else { return Ok(WorkError::Overtaken { reader: work.reader.clone() }) };
        let looking = "looking at the table of a view";
        lane.link
            .ask(looking, |session| async move { builds::examine(&session, &rows.table, &rows.build).await })
            .await?;
        let asked = lane
            .link
            .ask_once("looking for the row that cannot be written", |session| async move {
                work::misfit(&session, rows, beside).await
            })
            .await?;
        let view = rows.table.name.to_string();
        Ok(match asked.map_err(|failed| failed.error)? {
            Some((key, cause)) => WorkError::Row { view, key, cause },
            None => StoreError::changed_table(&view, "rows can be written one by one only").into(),
        })
    }
}

impl ReadStore for PostgresStore {
    fn builds<'a>(&'a self, view: &'a str) -> BoxFuture<'a, Result<Vec<Build>, StoreError>> {
        Box::pin(self.views.questions.ask("reading the builds of a view", move |session| async move {
            builds::of_view(&session, view).await
        }))
    }

    fn prepare<'a>(
        &'a self,
        table: &'a Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        Box::pin(async move {
            table.validate()?;
            let lane = self.views.lane(&table.name);
            lane.ask("preparing the table of a view", |session| async move {
                builds::prepare(&session, table, fingerprint, anew).await
            })
            .await
        })
    }

    fn examine<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.views.questions.ask("looking at the table of a view", move |session| async move {
            builds::examine(&session, table, build).await
        }))
    }

    fn prepare_sql<'a>(
        &'a self,
        tables: &'a Arc<SqlTables>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        Box::pin(async move {
            tables.validate()?;
            let lane = self.views.lane(&tables.view);
            lane.ask("preparing the tables of a view", |session| async move {
                sql::prepare(&session, tables, fingerprint, anew).await
            })
            .await
        })
    }

    fn query_sql<'a>(
        &'a self,
        tables: &'a SqlTables,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(self.views.questions.ask("reading the tables of a view", move |session| async move {
            sql::query(&session, tables, sql, values).await
        }))
    }

    fn promote<'a>(&'a self, build: &'a Build, transactional: bool) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.views.alone("putting a view in its place", build, move |session| async move {
            builds::promote(&session, build, transactional).await
        }))
    }

    fn discard<'a>(&'a self, build: &'a Build) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.views.alone("removing a build of a view", build, move |session| async move {
            builds::discard(&session, build).await
        }))
    }

    fn rows<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
        keys: &'a [Values],
    ) -> BoxFuture<'a, Result<Vec<Option<Values>>, StoreError>> {
        Box::pin(self.views.questions.ask("reading rows of a view", move |session| async move {
            rows::find(&session, table, build, keys).await
        }))
    }

    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(
            self.views.questions.ask("reading rows of a view", move |session| async move {
                find::find(&session, query).await
            }),
        )
    }

    fn write(&self, work: Work) -> BoxFuture<'_, Result<(), WorkError>> {
        Box::pin(async move { self.views.write(&work).await })
    }

    fn position<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<Position, StoreError>> {
        Box::pin(self.views.questions.ask("looking how far a reader is", move |session| async move {
            work::reader_position(&session, reader).await
        }))
    }

    fn letters<'a>(
        &'a self,
        reader: &'a str,
        stream: Option<&'a StreamId>,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Letter>, StoreError>> {
        Box::pin(self.views.questions.ask("reading dead letters", move |session| async move {
            letters::find(&session, reader, stream, after, limit).await
        }))
    }

    fn count_letters<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(self.views.questions.ask("counting dead letters", move |session| async move {
            letters::count(&session, reader).await
        }))
    }

    fn wish<'a>(
        &'a self,
        reader: &'a str,
        position: Position,
        wish: Wish,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.views.lane(reader).ask("saying what to do of a letter", move |session| async move {
            letters::wish(&session, reader, position, wish).await
        }))
    }

    fn wished<'a>(
        &'a self,
        reader: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(self.views.questions.ask("reading dead letters", move |session| async move {
            letters::wished(&session, reader, limit).await
        }))
    }

    fn blocked<'a>(
        &'a self,
        reader: &'a str,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(self.views.questions.ask("reading dead letters", move |session| async move {
            letters::blocked(&session, reader, streams).await
        }))
    }

    fn lease<'a>(
        &'a self,
        work: &'a str,
        holder: &'a str,
        duration: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(self.views.lane(work).ask("taking a lease", move |session| async move {
            leases::take(&session, work, holder, duration).await
        }))
    }

    fn release<'a>(&'a self, work: &'a str, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.views.lane(work).ask("giving back a lease", move |session| async move {
            leases::release(&session, work, holder).await
        }))
    }

    fn processes<'a>(
        &'a self,
        manager: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<ProcessState>>, StoreError>> {
        Box::pin(self.views.questions.ask("reading processes", move |session| async move {
            processes::find(&session, manager, keys).await
        }))
    }

    fn due<'a>(
        &'a self,
        manager: &'a str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Due, StoreError>> {
        Box::pin(self.views.questions.ask("looking which processes are due", move |session| async move {
            processes::due(&session, manager, now, limit).await
        }))
    }

    fn reached<'a>(&'a self, reader: &'a str, position: Position) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // Listen before looking, so that what comes in between is not missed.
            let mut advanced = self.views.advanced.subscribe();
            let mut pause = LOOK_SOON;
            while self.position(reader).await? < position {
                // Other processes do not tell: a notification with each step would hold up the commits of everybody.
                let _ = timeout(pause, advanced.changed()).await;
                pause = (pause * 2).min(LOOK_LATER);
            }
            Ok(())
        })
    }
}
