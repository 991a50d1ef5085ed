//! Views that write tables of their own shape, by SQL of their own.

use std::{future::Future, sync::Arc};

use crate::{
    handler::{HandlerError, Source},
    read::{SqlTables, SqlTransaction},
    store::{Filter, Name},
};

/// A view that writes tables of its own shape, by SQL of its own: several tables, an index for full text, an event that changes
/// many rows by one `UPDATE`. For SQLite and PostgreSQL; [`App::sql_view`](crate::App::sql_view) adds it.
///
/// ```
/// # use factum::{Aggregate, App, Consistency};
/// # #[derive(Aggregate)]
/// # #[events { #[creates] Placed { customer }, Renamed { customer } }]
/// # #[commands { Place => Placed, Rename => Renamed }]
/// # struct Order { #[id] number: u64, customer: String }
/// use factum::{Recorded, handler::HandlerError, read::SqlTransaction, view::SqlView};
///
/// /// Orders that are found by words.
/// struct Search;
///
/// impl SqlView for Search {
///     type Source = Order;
///     const NAME: &'static str = "search";
///     const VERSION: u32 = 1;
///     const TABLES: &'static [(&'static str, &'static str)] = &[
///         ("words", "CREATE VIRTUAL TABLE {words} USING fts5 (number UNINDEXED, customer)"),
///         ("changes", "CREATE TABLE {changes} (customer TEXT PRIMARY KEY, times BIGINT NOT NULL)"),
///     ];
///
///     async fn project(
///         &self,
///         event: &Recorded<OrderEvent>,
///         transaction: &mut SqlTransaction<'_>,
///     ) -> Result<(), HandlerError> {
///         let number: i64 = event.stream.id().parse()?;
///         let customer = match &event.event {
///             OrderEvent::Placed { customer } => customer,
///             OrderEvent::Renamed { customer } => {
///                 transaction.execute("DELETE FROM {words} WHERE number = $1", &[number.into()]).await?;
///                 customer
///             }
///         };
///         let values = [number.into(), customer.into()];
///         transaction.execute("INSERT INTO {words} VALUES ($1, $2)", &values).await?;
///         let count = "INSERT INTO {changes} VALUES ($1, 1) ON CONFLICT (customer) DO UPDATE SET times = {changes}.times + 1";
///         transaction.execute(count, &[customer.into()]).await?;
///         Ok(())
///     }
/// }
///
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::new(factum::open("sqlite::memory:").await?);
/// let app = app.sql_view(Search, Consistency::Awaited).start().await?;
/// let orders = app.repository::<Order>();
/// orders.execute(&1, OrderCommand::Place { customer: "Ann Lee".to_owned() }).await?;
/// let receipt = orders.execute(&1, OrderCommand::Rename { customer: "Ann Day".to_owned() }).await?;
/// let search = app.sql_view::<Search>().after(&receipt);
/// let found = search.query("SELECT number FROM {words} WHERE {words} MATCH $1", &["day".into()]).await?;
/// assert_eq!(found, [[1.into()]]);
/// app.shutdown().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
///
/// # What is promised
///
/// [`project`](Self::project) is called in the transaction in which the view's position moves on, so each event takes effect
/// exactly once, whatever dies when. Events come one after the other, in the order of their positions.
///
/// A page of events ([`App::page_size`](crate::App::page_size)) shares a transaction. If one of them fails, by an error, a panic
/// or a statement that the database refuses, the page is rolled back and taken again event by event; the one that fails alone
/// is a dead letter, nothing of it is left, those of its stream wait behind it, and others go on. Trouble with the database is no
/// fault of the event: the view waits and tries again, for ever.
///
/// What the view does in its transaction holds up whoever else writes the same rows; on SQLite, all who write to the file,
/// commits of events too, so a page should take some milliseconds, and a smaller page holds up less. So `project` may wait for
/// its transaction only; if it waits for anything else, the event fails. It should do the same each time, as it is called
/// again after a rollback, and for all events whenever the view is filled anew, while it goes on for the tables that are there.
///
/// # The tables
///
/// They are tables like any other, which any tool may read. In [`TABLES`](Self::TABLES), in statements of `project` and in
/// questions `{name}` stands for the table. It is called `name`; one that is being filled beside it, `name__2` or the like.
/// When [`VERSION`](Self::VERSION) or a definition has changed, the tables are filled anew beside those that are there, from
/// the first event on, and all take their place in one step when they have caught up; until then everybody reads the old ones.
/// So a program, before it reads, and a tool see whole tables at any time, and `project` never sees rows of another version.
///
/// An index has a name in braces too, listed behind its table; in the database it keeps the number of the build that it was made
/// for. What else is made on top of a table, such as a trigger, goes with the table when another one takes its place; on
/// PostgreSQL, rights that were given on it are given on the next one. SQLite does not check foreign keys here.
///
/// On PostgreSQL a statement has four fifths of `PostgresOptions::timeout`; one that takes longer is trouble with the database,
/// and is tried again.
pub trait SqlView: Send + Sync + 'static {
    /// Which events it reads: an aggregate, a tuple of two or three of them, or [`Everything`](crate::handler::Everything).
    type Source: Source;

    /// The name under which the books are kept; that of no other view or table.
    const NAME: &'static str;

    /// Raise it when [`project`](Self::project) does something else: the tables are filled anew.
    const VERSION: u32;

    /// The names of the tables and their indexes, each with the statement that makes it, in the SQL of the database.
    const TABLES: &'static [(&'static str, &'static str)];

    /// Narrows down which events are read at all.
    fn filter(&self) -> Filter {
        Self::Source::filter()
    }

    /// Writes what follows from an event.
    ///
    /// # Errors
    /// The event cannot be taken.
    fn project(
        &self,
        event: &<Self::Source as Source>::Event,
        transaction: &mut SqlTransaction<'_>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// The tables of such a view.
pub(crate) fn tables<V: SqlView>() -> Arc<SqlTables> {
    let definitions = V::TABLES.iter().map(|(name, sql)| (Name::from_static(name), (*sql).to_owned()));
    Arc::new(SqlTables { view: Name::from_static(V::NAME), definitions: definitions.collect() })
}
