//! The read store: tables of views, and the books of those who read events.

mod builds;
mod change;
mod definition;
mod find;
mod leases;
mod letters;
mod names;
mod processes;
mod rows;
mod sql;
mod tables;
mod value;
mod work;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{runtime::Handle, time::timeout};

pub(super) use self::{change::change, tables::Tables, value::Given};
use super::{LOOK_EVERY, SqliteStore};
use crate::{
    Position,
    read::{
        Build, Due, Lease, Letter, ProcessState, Query, ReadStore, SqlTables, Table, Value, Values, Wish,
        Work, WorkError,
    },
    store::{BoxFuture, StoreError, StreamId},
};

/// For the test of their plans.
#[cfg(test)]
pub(super) fn statements() -> impl Iterator<Item = &'static str> {
    let books = builds::STATEMENTS.into_iter().chain(work::STATEMENTS).chain(leases::STATEMENTS);
    books.chain(letters::STATEMENTS).chain(processes::STATEMENTS)
}

impl ReadStore for SqliteStore {
    fn builds<'a>(&'a self, view: &'a str) -> BoxFuture<'a, Result<Vec<Build>, StoreError>> {
        Box::pin(async move { self.core.read(|session| builds::of_view(&session.connection, view)) })
    }

    fn prepare<'a>(
        &'a self,
        table: &'a Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        Box::pin(async move {
            let table = Arc::clone(table);
            self.queue()?
                .change(move |session| builds::prepare(&session.connection, &table, fingerprint, anew))
                .await
        })
    }

    fn examine<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        // To read no rows is to look at the table.
        Box::pin(async move { self.core.read(|session| rows::read(session, table, build, &[])).map(drop) })
    }

    fn prepare_sql<'a>(
        &'a self,
        tables: &'a Arc<SqlTables>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        Box::pin(async move {
            let tables = Arc::clone(tables);
            self.queue()?
                .change(move |session| sql::prepare(&session.connection, &tables, fingerprint, anew))
                .await
        })
    }

    fn query_sql<'a>(
        &'a self,
        tables: &'a SqlTables,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(
            async move { self.core.read(|session| sql::query(&session.connection, tables, sql, values)) },
        )
    }

    fn promote<'a>(&'a self, build: &'a Build, transactional: bool) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let build = build.clone();
            self.queue()?
                .change(move |session| builds::promote(&session.connection, &build, transactional))
                .await
        })
    }

    fn discard<'a>(&'a self, build: &'a Build) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let build = build.clone();
            self.queue()?.change(move |session| builds::discard(&session.connection, &build)).await
        })
    }

    fn rows<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
        keys: &'a [Values],
    ) -> BoxFuture<'a, Result<Vec<Option<Values>>, StoreError>> {
        Box::pin(async move { self.core.read(|session| rows::read(session, table, build, keys)) })
    }

    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(async move { self.core.read(|session| find::find(session, query)) })
    }

    fn write(&self, work: Work) -> BoxFuture<'_, Result<(), WorkError>> {
        Box::pin(async move {
            let core = Arc::clone(&self.core);
            let (reader, upto) = (work.reader.clone(), work.upto);
            // User code finds its runtime also on the thread that writes.
            let runtime = Handle::try_current();
            let tell = move |outcome: &Result<(), WorkError>| {
                if outcome.is_ok() {
                    core.readers_at.send_modify(|readers| {
                        readers.insert(reader, upto);
                    });
                }
            };
            let write = move |session: &mut super::Session| {
                let _entered = runtime.as_ref().map(Handle::enter);
                work::write(session, &work)
            };
            self.queue()?.change_and_tell(write, tell).await
        })
    }

    fn position<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<Position, StoreError>> {
        Box::pin(async move { self.core.read(|session| work::position(&session.connection, reader)) })
    }

    fn letters<'a>(
        &'a self,
        reader: &'a str,
        stream: Option<&'a StreamId>,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Letter>, StoreError>> {
        Box::pin(async move {
            self.core.read(|session| letters::list(&session.connection, reader, stream, after, limit))
        })
    }

    fn count_letters<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move { self.core.read(|session| letters::count(&session.connection, reader)) })
    }

    fn wish<'a>(
        &'a self,
        reader: &'a str,
        position: Position,
        wish: Wish,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let reader = reader.to_owned();
            self.queue()?
                .change(move |session| letters::wish(&session.connection, &reader, position, wish))
                .await
        })
    }

    fn wished<'a>(
        &'a self,
        reader: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move { self.core.read(|session| letters::wished(&session.connection, reader, limit)) })
    }

    fn blocked<'a>(
        &'a self,
        reader: &'a str,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(
            async move { self.core.read(|session| letters::blocked(&session.connection, reader, streams)) },
        )
    }

    fn lease<'a>(
        &'a self,
        work: &'a str,
        holder: &'a str,
        duration: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move {
            let held =
                |session: &mut super::Session| leases::is_held_by_another(&session.connection, work, holder);
            // Those who wait for their turn look now and then, and nobody who writes is to wait for them.
            if self.core.read(held)? {
                return Ok(None);
            }
            let (work, holder) = (work.to_owned(), holder.to_owned());
            self.queue()?
                .change(move |session| leases::take(&session.connection, &work, &holder, duration))
                .await
        })
    }

    fn release<'a>(&'a self, work: &'a str, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let (work, holder) = (work.to_owned(), holder.to_owned());
            self.queue()?.change(move |session| leases::release(&session.connection, &work, &holder)).await
        })
    }

    fn processes<'a>(
        &'a self,
        manager: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<ProcessState>>, StoreError>> {
        Box::pin(
            async move { self.core.read(|session| processes::states(&session.connection, manager, keys)) },
        )
    }

    fn due<'a>(
        &'a self,
        manager: &'a str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Due, StoreError>> {
        Box::pin(
            async move { self.core.read(|session| processes::due(&session.connection, manager, now, limit)) },
        )
    }

    fn reached<'a>(&'a self, reader: &'a str, position: Position) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut readers = self.core.readers_at.subscribe();
            let look = || self.core.read(|session| work::position(&session.connection, reader));
            while look()? < position {
                let come = readers.wait_for(|readers| readers.get(reader).is_some_and(|at| *at >= position));
                // The sender lives as long as `self`, so waiting ends with the reader, or with the time to look again.
                if let Ok(Ok(_)) = timeout(LOOK_EVERY, come).await {
                    break;
                }
            }
            Ok(())
        })
    }
}
