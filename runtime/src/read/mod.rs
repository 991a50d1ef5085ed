//! Where views are kept: the contract of read stores, and what they are asked and told.
//!
//! A read store holds the tables of views, and keeps the books of everybody who reads events: how far each has come, what it
//! could not deal with, and who is at work. [`MemoryStore`](crate::store::MemoryStore), `SqliteStore` and `PostgresStore` are
//! read stores as well as event stores; an app that is told nothing else keeps its views where its events are.
#![doc = ""]
#![doc = include_str!("../../docs/read-stores.md")]

mod check;
mod query;
mod rows;
mod sql;
mod table;
mod value;
mod work;

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

pub use query::{Condition, Place, Query, Test};
pub use rows::{RowChange, RowOp, RowRefusal, RowRefused, show_key};
pub(crate) use sql::leaves_transactions_alone;
pub use sql::{Projected, Projection, SqlConnection, SqlTables, SqlTransaction};
pub use table::{Build, Stage, Table, TableColumn};
pub use value::{ColumnType, Value, Values};
pub use work::{Deadline, Lease, Letter, ProcessChange, ProcessState, Rows, Wish, Work, WorkError};

use crate::{
    Position,
    store::{BoxFuture, StoreError, StreamId},
};

/// A store of views, and of what their readers have done.
///
/// What each promises, and the contract suite proves:
///
/// 1. [`write`](Self::write) is all or nothing, and takes effect only if the reader was where it said.
/// 2. The live build of a view is there, whole, from the moment it was made live until another one takes its place, in one
///    step: who reads sees one or the other.
/// 3. What was acknowledged is as durable as the store is.
/// 4. What is read is what was written last, by whichever process.
pub trait ReadStore: fmt::Debug + Send + Sync + 'static {
    /// The builds of a view, by generation, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn builds<'a>(&'a self, view: &'a str) -> BoxFuture<'a, Result<Vec<Build>, StoreError>>;

    /// The build of this table with this fingerprint, the latest if there are several; made, empty and beside the live one, if
    /// there is none. `anew`: one that is live does not count. A generation is never given twice, even if its build is gone.
    ///
    /// # Errors
    /// The store cannot be written; the table is [none](Table::validate); there is something else of that name in the database
    /// that is not a build of the view ([`Foreign`](crate::store::StoreErrorKind::Foreign)); or the build that was found is not as
    /// it was made, as [`examine`](Self::examine) tells it.
    fn prepare<'a>(
        &'a self,
        table: &'a Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>>;

    /// Looks whether the table of a build is as it was made.
    ///
    /// # Errors
    /// Somebody changed it by hand, or dropped it: [`Altered`](crate::store::StoreErrorKind::Altered), with what differs. The
    /// store cannot be read, or the build is gone ([`Missing`](crate::store::StoreErrorKind::Missing)).
    fn examine<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The same for tables of a view's own shape: made by these definitions, all of them under the names of the build. A store
    /// without SQL refuses them.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare); a definition is wrong, or makes something of another name
    /// ([`Invalid`](crate::store::StoreErrorKind::Invalid)); or a table of the build that was found is gone, because somebody
    /// dropped it: [`Corrupt`](crate::store::StoreErrorKind::Corrupt).
    fn prepare_sql<'a>(
        &'a self,
        tables: &'a Arc<SqlTables>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        let _ = (fingerprint, anew);
        Box::pin(std::future::ready(Err(no_sql(&tables.view))))
    }

    /// The rows that a statement gives which reads the live build of such tables, and changes nothing. `{name}` and `$1` in it are
    /// as in a [`SqlTransaction`].
    ///
    /// # Errors
    /// The store cannot be read or knows no SQL, the view has no live build
    /// ([`Missing`](crate::store::StoreErrorKind::Missing)), or the statement is wrong or writes
    /// ([`Invalid`](crate::store::StoreErrorKind::Invalid)).
    fn query_sql<'a>(
        &'a self,
        tables: &'a SqlTables,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        let _ = (sql, values);
        Box::pin(std::future::ready(Err(no_sql(&tables.view))))
    }

    /// Makes this build the live one; the one that was live before is gone, with its checkpoint and its dead letters. One that is
    /// live already is only told whether it is transactional.
    ///
    /// # Errors
    /// The store cannot be written, or the build is gone ([`Missing`](crate::store::StoreErrorKind::Missing)).
    fn promote<'a>(&'a self, build: &'a Build, transactional: bool) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes a build with everything that belongs to it, the live one too. One that is gone already is no error.
    ///
    /// # Errors
    /// The store cannot be written.
    fn discard<'a>(&'a self, build: &'a Build) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The rows of a build with these keys, in the order of the keys; `None` where there is none.
    ///
    /// # Errors
    /// The store cannot be read, the build is gone ([`Missing`](crate::store::StoreErrorKind::Missing)), its table is not as
    /// it was made ([`Altered`](crate::store::StoreErrorKind::Altered)), or a key is [none](Table::check_key).
    fn rows<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
        keys: &'a [Values],
    ) -> BoxFuture<'a, Result<Vec<Option<Values>>, StoreError>>;

    /// The rows of the live build of a view that a query asks for, in its order.
    ///
    /// # Errors
    /// The store cannot be read, the view has no live build ([`Missing`](crate::store::StoreErrorKind::Missing)), its table is
    /// not as it was made ([`Altered`](crate::store::StoreErrorKind::Altered)), or the query [makes no
    /// sense](Query::validate).
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Values>, StoreError>>;

    /// Writes what a reader has done. Where user code is part of it ([`Work::projected`]), it is called in the very transaction,
    /// if the reader is where it said.
    ///
    /// # Errors
    /// See [`WorkError`].
    fn write(&self, work: Work) -> BoxFuture<'_, Result<(), WorkError>>;

    /// How far a reader has come; [`Position::START`] if it never wrote anything.
    ///
    /// # Errors
    /// The store cannot be read.
    fn position<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<Position, StoreError>>;

    /// Dead letters of a reader in the order of their positions, behind `after`, at most `limit`; of one stream only, if one is
    /// named.
    ///
    /// # Errors
    /// The store cannot be read.
    fn letters<'a>(
        &'a self,
        reader: &'a str,
        stream: Option<&'a StreamId>,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Letter>, StoreError>>;

    /// How many dead letters a reader has.
    ///
    /// # Errors
    /// The store cannot be read.
    fn count_letters<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Says what is to be done about a dead letter; `false` if there is none at this position.
    ///
    /// # Errors
    /// The store cannot be written.
    fn wish<'a>(
        &'a self,
        reader: &'a str,
        position: Position,
        wish: Wish,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// The streams of which dead letters are to be tried again or let go, at most `limit`, each once, in no order.
    ///
    /// # Errors
    /// The store cannot be read.
    fn wished<'a>(
        &'a self,
        reader: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>>;

    /// Which of these streams have dead letters of this reader, in no order.
    ///
    /// # Errors
    /// The store cannot be read.
    fn blocked<'a>(
        &'a self,
        reader: &'a str,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>>;

    /// Takes or renews a lease for this long from now on. `None`: another holder has it still.
    ///
    /// # Errors
    /// The store cannot be written.
    fn lease<'a>(
        &'a self,
        work: &'a str,
        holder: &'a str,
        duration: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>>;

    /// Gives a lease back. One that is not held is no error.
    ///
    /// # Errors
    /// The store cannot be written.
    fn release<'a>(&'a self, work: &'a str, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The states of these processes of a manager, which is the reader that wrote them, in the order of the keys.
    ///
    /// # Errors
    /// The store cannot be read.
    fn processes<'a>(
        &'a self,
        manager: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<ProcessState>>, StoreError>>;

    /// The keys of processes of a manager with a deadline that is due at or before this time, each once, those that wait
    /// longest first, at most `limit`; and the time of the next deadline after it, of whichever process.
    ///
    /// # Errors
    /// The store cannot be read.
    fn due<'a>(
        &'a self,
        manager: &'a str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Due, StoreError>>;

    /// Waits until a reader has come to this position, or may have; it may return early. A store that is not woken by writes
    /// of other processes looks at intervals of some milliseconds.
    ///
    /// # Errors
    /// The store cannot be read.
    fn reached<'a>(&'a self, reader: &'a str, position: Position) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// What a store without SQL says of a view with tables of its own shape.
pub(crate) fn no_sql(view: &str) -> StoreError {
    StoreError::invalid(format!(
        "the view `{view}` writes tables of its own by SQL, and this store has none: keep it in SQLite or PostgreSQL, with \
         `App::read_store` if the events are to stay where they are"
    ))
}

/// Which processes are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The keys of those that are.
    pub keys: Vec<String>,
    /// When the next one will be.
    pub next: Option<DateTime<Utc>>,
}
