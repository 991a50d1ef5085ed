//! Questions to views.

use std::{fmt, future::IntoFuture, marker::PhantomData, sync::Arc, time::Duration};

use super::{AppView, options::Options};
use crate::{
    Position, Receipt,
    read::{Condition, Place, Query, Test, Value, Values},
    store::{BoxFuture, StoreError},
    view::{ColumnError, Filter, Order, View},
};

/// How many rows a page has where nobody says another number.
const PAGE: usize = 100;

/// How many keys are asked for at once.
const KEYS: usize = 500;

/// The rows of a view; see [`RunningApp::view`](super::RunningApp::view). It is cheap to clone.
pub struct ViewReader<V> {
    place: Option<Arc<AppView>>,
    after: Option<Position>,
    within: Duration,
    view: PhantomData<fn() -> V>,
}

impl<V: View> ViewReader<V> {
    pub(super) fn new(place: Option<Arc<AppView>>, options: &Options) -> Self {
        Self { place, after: None, within: options.after, view: PhantomData }
    }

    /// Rows that contain what a command led to: what is asked waits until the view has come so far, for as long as
    /// [`App::after_timeout`](super::App::after_timeout) says. Of several, the latest counts.
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

    /// The row with this key.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn get(&self, key: &V::Key) -> Result<Option<V>, ReadError> {
        let key = key_values::<V>(key)?;
        let conditions = V::KEY.iter().zip(key).map(|(&column, value)| equals(column, value)).collect();
        Ok(self.rows(query::<V>(conditions, 1)).await?.pop())
    }

    /// The rows with these keys, in their order; `None` where there is none.
    ///
    /// They are read in several steps if there are very many, or if the key has several parts: what is written meanwhile may be
    /// in some of them.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn get_many(&self, keys: &[V::Key]) -> Result<Vec<Option<V>>, ReadError> {
        let [column] = *V::KEY else {
            let mut rows = Vec::with_capacity(keys.len());
            for key in keys {
                rows.push(self.get(key).await?);
            }
            return Ok(rows);
        };
        let keys = keys.iter().map(key_values::<V>).collect::<Result<Vec<_>, _>>()?;
        let mut found = std::collections::BTreeMap::new();
        for keys in keys.chunks(KEYS) {
            let among = keys.iter().flatten().cloned().collect();
            let conditions = vec![Condition { column, test: Test::Among(among) }];
            for values in self.values(query::<V>(conditions, keys.len())).await? {
                found.insert(
                    V::KEY.iter().filter_map(|&key| values.get(key).cloned()).collect::<Values>(),
                    values,
                );
            }
        }
        keys.iter().map(|key| found.get(key).cloned().map(row).transpose()).collect()
    }

    /// Rows that have something in common: `find(OpenIncident::OPEN.eq(true))`. Await it, or say more before.
    pub fn find(&self, filter: Filter<V>) -> Find<V> {
        self.all().and(filter)
    }

    /// All rows, page by page.
    pub fn all(&self) -> Find<V> {
        Find { reader: self.clone(), query: query::<V>(Vec::new(), PAGE), wrong: None }
    }

    async fn rows(&self, query: Query) -> Result<Vec<V>, ReadError> {
        self.values(query).await?.into_iter().map(row).collect()
    }

    async fn values(&self, query: Query) -> Result<Vec<Values>, ReadError> {
        let view = V::TABLE;
        let place = self.place.as_ref().ok_or(ReadError::Unknown { view })?;
        if let Some(wanted) = self.after {
            place.wait_for(wanted, self.within).await?;
        }
        match place.books.find(&query).await {
            Ok(rows) => Ok(rows),
            // The rows of before may have other columns.
            Err(cause) => Err(match place.replacing().await {
                Some(status) => ReadError::Filling { view, reached: status.position, cause },
                None => ReadError::Store { view, cause },
            }),
        }
    }
}

impl AppView {
    /// Waits until what everybody reads contains all events up to this position.
    pub(super) async fn wait_for(&self, wanted: Position, within: Duration) -> Result<(), ReadError> {
        let view = self.view.name();
        self.reach(wanted, within).await.map_err(|reached| ReadError::Late { view, wanted, reached, within })
    }
}

fn key_values<V: View>(key: &V::Key) -> Result<Values, ReadError> {
    V::key_values(key).map_err(|cause| ReadError::Value { view: V::TABLE, cause })
}

fn row<V: View>(values: Values) -> Result<V, ReadError> {
    V::from_values(values).map_err(|cause| ReadError::Row { view: V::TABLE, cause })
}

const fn equals(column: usize, value: Value) -> Condition {
    Condition { column, test: Test::Equals(value) }
}

fn query<V: View>(conditions: Vec<Condition>, limit: usize) -> Query {
    Query { table: V::table(), conditions, order: None, descending: false, after: None, limit }
}

impl<V> Clone for ViewReader<V> {
    fn clone(&self) -> Self {
        let Self { place, after, within, .. } = self;
        Self { place: place.clone(), after: *after, within: *within, view: PhantomData }
    }
}

impl<V> fmt::Debug for ViewReader<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewReader")
            .field("view", &self.place)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

/// A question about to be asked; see [`ViewReader::find`].
#[must_use = "nothing is asked until it is awaited"]
pub struct Find<V> {
    reader: ViewReader<V>,
    query: Query,
    wrong: Option<ColumnError>,
}

impl<V: View> Find<V> {
    /// Rows of which this is true as well.
    pub fn and(mut self, filter: Filter<V>) -> Self {
        match filter.condition() {
            Ok(condition) => self.query.conditions.push(condition),
            Err(wrong) => self.wrong = self.wrong.or(Some(wrong)),
        }
        self
    }

    /// In this order; rows that are alike in it, and all rows where nothing is said, in the order of the key.
    pub fn order(mut self, order: Order<V>) -> Self {
        (self.query.order, self.query.descending) = (Some(order.column()), order.is_descending());
        self
    }

    /// At most so many rows; 100 unless said otherwise, at least 1.
    pub fn limit(mut self, rows: usize) -> Self {
        self.query.limit = rows.max(1);
        self
    }

    /// The rows behind a page that was read before, with the same filters in the same order: see [`Found::next`].
    pub fn after(mut self, place: Place) -> Self {
        self.query.after = Some(place);
        self
    }

    async fn ask(self) -> Result<Found<V>, ReadError> {
        let Self { reader, mut query, wrong } = self;
        if let Some(cause) = wrong {
            return Err(ReadError::Value { view: V::TABLE, cause });
        }
        let (limit, order, table) = (query.limit, query.order, Arc::clone(&query.table));
        // One more, to see whether there is one.
        query.limit = limit.saturating_add(1);
        let mut values = reader.values(query).await?;
        let more = values.len() > limit;
        values.truncate(limit);
        let next = values.last().filter(|_| more).map(|last| Place {
            order: order.and_then(|column| last.get(column).cloned()),
            key: table.key_of(last),
        });
        Ok(Found { rows: values.into_iter().map(row).collect::<Result<_, _>>()?, next })
    }
}

impl<V: View> IntoFuture for Find<V> {
    type Output = Result<Found<V>, ReadError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

impl<V> fmt::Debug for Find<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Find").field(&self.query).finish()
    }
}

/// Some rows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found<V> {
    /// The rows, in order.
    pub rows: Vec<V>,
    /// Where to read on with [`Find::after`]; `None` when these were the last. A row that is there all the time is found
    /// once, whatever happens to others meanwhile.
    pub next: Option<Place>,
}

/// Why a view could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The app has no such view.
    #[error("the app has no view `{view}`: add it with `App::view` or `App::sql_view` before it is started")]
    Unknown {
        /// The view.
        view: &'static str,
    },
    /// The view had not come so far when the time was up.
    #[error(
        "the view `{view}` has not come to position {wanted} within {within:?}: {}",
        reached.map_or("it cannot be found out how far it has come".to_owned(), |reached| format!("it is at {reached}"))
    )]
    Late {
        /// The view.
        view: &'static str,
        /// How far it should have come.
        wanted: Position,
        /// How far it has come, if that could be found out.
        reached: Option<Position>,
        /// How long was waited.
        within: Duration,
    },
    /// The view has changed and is filled anew, and what is there until then has other columns.
    #[error(
        "the view `{view}` is filled anew, has come to position {reached}, and has other columns than before: {cause}"
    )]
    Filling {
        /// The view.
        view: &'static str,
        /// How far the new rows have come.
        reached: Position,
        /// What the store says.
        cause: StoreError,
    },
    /// What is asked for fits into no column, so no row can have it.
    #[error("the view `{view}` can have no such row: {cause}")]
    Value {
        /// The view.
        view: &'static str,
        /// What is wrong.
        cause: ColumnError,
    },
    /// A row is not one of the view: somebody changed it by hand.
    #[error(
        "a row of the view `{view}` is not one that the view makes: {cause}. Fill it anew with `RunningApp::rebuild`"
    )]
    Row {
        /// The view.
        view: &'static str,
        /// What is wrong.
        cause: ColumnError,
    },
    /// The read store cannot be read.
    #[error("the view `{view}` cannot be read: {cause}")]
    Store {
        /// The view.
        view: &'static str,
        /// What the store says.
        cause: StoreError,
    },
}
