//! Views that write by SQL of their own, as views of an app.

use std::{any::TypeId, fmt, marker::PhantomData, sync::Arc, time::Duration};

use super::{AnyView, AppView, ReadError, any_view::RowView, options::Options};
use crate::{
    Position, Receipt,
    handler::{Source, with_causes},
    read::{
        Build, Projected, Projection, ReadStore, SqlTables, SqlTransaction, Value, Values,
        leaves_transactions_alone,
    },
    reader::{Failed, Taken, caught},
    store::{BoxFuture, Filter, RecordedEvent, StoreError},
    view::{SqlView, sql},
};

/// Such a view, of this type.
pub(super) struct TypedSql<V> {
    view: Arc<V>,
    tables: Arc<SqlTables>,
    filter: Filter,
}

impl<V: SqlView> TypedSql<V> {
    pub(super) fn new(view: V) -> Self {
        Self { filter: view.filter(), view: Arc::new(view), tables: sql::tables::<V>() }
    }
}

impl<V: SqlView> AnyView for TypedSql<V> {
    fn id(&self) -> TypeId {
        TypeId::of::<V>()
    }

    fn name(&self) -> &'static str {
        V::NAME
    }

    fn tables(&self) -> Vec<&'static str> {
        V::TABLES.iter().map(|(name, _)| *name).collect()
    }

    fn fingerprint(&self) -> [u8; 16] {
        self.tables.fingerprint(V::VERSION)
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn prepare<'a>(
        &'a self,
        books: &'a dyn ReadStore,
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        books.prepare_sql(&self.tables, self.fingerprint(), anew)
    }

    fn take<'a>(
        &'a self,
        events: &'a [RecordedEvent],
        build: &'a Build,
        _: &'a dyn ReadStore,
    ) -> BoxFuture<'a, Result<Taken, StoreError>> {
        Box::pin(async move {
            let (mut decoded, mut failed, mut stuck) = (Vec::new(), Vec::new(), Vec::new());
            for (index, event) in events.iter().enumerate() {
                if stuck.contains(&&event.stream) {
                    continue;
                }
                let error = match caught(async { V::Source::decode(event) }).await {
                    Ok(Ok(events)) => {
                        decoded.extend(events);
                        continue;
                    }
                    Ok(Err(error)) => with_causes(&error),
                    Err(panic) => panic,
                };
                stuck.push(&event.stream);
                failed.push(Failed { index, error, attempts: 1 });
            }
            let projected = (!decoded.is_empty()).then(|| Projected {
                tables: Arc::clone(&self.tables),
                build: build.clone(),
                projection: Arc::new(Page { view: Arc::clone(&self.view), events: decoded }),
            });
            Ok(Taken { projected, failed, ..Taken::default() })
        })
    }

    fn rows(&self) -> Option<&dyn RowView> {
        None
    }
}

impl<V: SqlView> fmt::Debug for TypedSql<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (`{}`)", std::any::type_name::<V>(), V::NAME)
    }
}

/// The events of a transaction.
struct Page<V: SqlView> {
    view: Arc<V>,
    events: Vec<<V::Source as Source>::Event>,
}

impl<V: SqlView> Projection for Page<V> {
    fn project<'a>(&'a self, transaction: &'a mut SqlTransaction<'_>) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            for event in &self.events {
                match caught(self.view.project(event, transaction)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(with_causes(&*error)),
                    // Everything is rolled back, so what it left half done is gone.
                    Err(panic) => return Err(panic),
                }
                if let Some(failed) = transaction.failed() {
                    return Err(failed.to_string());
                }
            }
            Ok(())
        })
    }
}

impl<V: SqlView> fmt::Debug for Page<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("view", &V::NAME).field("events", &self.events.len()).finish()
    }
}

/// The tables of a view that writes them by SQL; see [`RunningApp::sql_view`](super::RunningApp::sql_view). It is cheap to clone.
pub struct SqlViewReader<V> {
    place: Option<Arc<AppView>>,
    tables: Arc<SqlTables>,
    after: Option<Position>,
    within: Duration,
    view: PhantomData<fn() -> V>,
}

impl<V: SqlView> SqlViewReader<V> {
    pub(super) fn new(place: Option<Arc<AppView>>, options: &Options) -> Self {
        Self { place, tables: sql::tables::<V>(), after: None, within: options.after, view: PhantomData }
    }

    /// As [`ViewReader::after`](super::ViewReader::after): waits until the tables contain what a command led to.
    #[must_use]
    pub fn after<E>(self, receipt: &Receipt<E>) -> Self {
        self.after_position(receipt.position)
    }

    /// The same for a position that was kept, such as one that a client has brought along.
    #[must_use]
    pub fn after_position(mut self, position: Position) -> Self {
        self.after = self.after.max(Some(position));
        self
    }

    /// Sets how long is waited for the view, in place of what the app says.
    #[must_use]
    pub const fn within(mut self, timeout: Duration) -> Self {
        self.within = timeout;
        self
    }

    /// The rows that a statement gives, in its order. It reads the tables in one moment, and may not write. `{name}` stands for a
    /// table, parameters are `$1`, `$2` …, and values are as [`SqlTransaction::query`] gives them.
    ///
    /// # Errors
    /// [`ReadError::Unknown`], [`ReadError::Late`], or [`ReadError::Store`]: with
    /// [`Invalid`](crate::store::StoreErrorKind::Invalid) where the statement is at fault.
    pub async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Values>, ReadError> {
        let place = self.reached().await?;
        let refused = |cause| ReadError::Store { view: V::NAME, cause };
        leaves_transactions_alone(sql).map_err(refused)?;
        let found = place.books.query_sql(&self.tables, sql, values).await;
        found.map_err(refused)
    }

    /// Waits only: for those who read the tables with a client of their own.
    ///
    /// # Errors
    /// [`ReadError::Unknown`] or [`ReadError::Late`].
    pub async fn ready(&self) -> Result<(), ReadError> {
        self.reached().await.map(drop)
    }

    async fn reached(&self) -> Result<&AppView, ReadError> {
        let place = self.place.as_ref().ok_or(ReadError::Unknown { view: V::NAME })?;
        if let Some(position) = self.after {
            place.wait_for(position, self.within).await?;
        }
        Ok(place)
    }
}

impl<V> Clone for SqlViewReader<V> {
    fn clone(&self) -> Self {
        let Self { place, tables, after, within, .. } = self;
        let (place, tables) = (place.clone(), Arc::clone(tables));
        Self { place, tables, after: *after, within: *within, view: PhantomData }
    }
}

impl<V> fmt::Debug for SqlViewReader<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlViewReader")
            .field("view", &self.place)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}
