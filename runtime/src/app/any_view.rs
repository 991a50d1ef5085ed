//! Views whose type is known only where they were added.

use std::{any::TypeId, fmt, marker::PhantomData, sync::Arc};

use super::holders::Kept;
use crate::{
    read::{Build, ReadStore, Rows, Table},
    reader::{Failed, Taken, Tries},
    store::{BoxFuture, Constraint, Filter, Name, RecordedEvent, StoreError},
    view::{
        ProjectError, RowEffect, View, ViewModel,
        fold::{self, Before, FoldFailed, Folded, guarded},
    },
};

/// A view of an app.
pub(super) trait AnyView: fmt::Debug + Send + Sync + 'static {
    /// The type.
    fn id(&self) -> TypeId;
    /// The name under which its books are kept.
    fn name(&self) -> &'static str;
    /// The tables that it writes.
    fn tables(&self) -> Vec<&'static str>;
    fn fingerprint(&self) -> [u8; 16];
    /// The events that it reads.
    fn filter(&self) -> &Filter;

    /// Finds or makes the build that it fills; see [`ReadStore::prepare`].
    fn prepare<'a>(
        &'a self,
        books: &'a dyn ReadStore,
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>>;

    /// What comes of events in a build; see [`Task::take`](crate::reader::Task::take).
    fn take<'a>(
        &'a self,
        events: &'a [RecordedEvent],
        build: &'a Build,
        books: &'a dyn ReadStore,
    ) -> BoxFuture<'a, Result<Taken, StoreError>>;

    /// The same view as one that says what becomes of rows, if it is one.
    fn rows(&self) -> Option<&dyn RowView>;

    /// Looks whether a build is as it was made; see [`ReadStore::examine`].
    fn examine<'a>(
        &'a self,
        books: &'a dyn ReadStore,
        build: &'a Build,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        match self.rows() {
            Some(rows) => books.examine(rows.table(), build),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    /// Which values it keeps, if it is a table of [who holds](super::holders) unique ones.
    fn kept(&self) -> Option<&Kept> {
        None
    }

    /// Whether it reads the events of this category.
    fn reads(&self, category: &str) -> bool {
        match self.filter() {
            Filter::All => true,
            Filter::Categories(categories) => categories.iter().any(|own| *own == category),
        }
    }

    /// The categories that it reads; none, if it reads all.
    fn categories(&self) -> Vec<Name> {
        match self.filter() {
            Filter::All => Vec::new(),
            Filter::Categories(categories) => categories.clone(),
        }
    }

    /// How the names begin under which it is on record where it is transactional, whatever its fingerprint.
    fn constraints(&self) -> String {
        constraints(self.name())
    }

    /// The name under which it is on record where it is transactional.
    fn constraint(&self) -> Name {
        constraint(self.name(), u128::from_be_bytes(self.fingerprint()))
    }
}

/// A view that says what becomes of rows. What it is to an app follows from that.
pub(super) trait RowView: fmt::Debug + Send + Sync + 'static {
    /// The type.
    fn id(&self) -> TypeId;
    /// The name of the table.
    fn name(&self) -> &'static str;
    /// The events that it reads.
    fn filter(&self) -> &Filter;
    fn model(&self) -> &'static ViewModel;
    fn table(&self) -> &Arc<Table>;

    /// See [`AnyView::kept`].
    fn kept(&self) -> Option<&Kept> {
        None
    }

    /// See [`AnyView::constraint`].
    fn constraint(&self) -> Name {
        constraint(self.name(), self.model().fingerprint)
    }

    /// See [`fold::fold`].
    fn fold<'a>(
        &'a self,
        events: &'a [(usize, &'a RecordedEvent)],
        before: &'a mut Before<'_>,
    ) -> BoxFuture<'a, Result<Vec<Folded>, FoldFailed>>;

    /// See [`View::effects`].
    fn effects(&self, event: &RecordedEvent, index: usize) -> Result<Option<Vec<RowEffect>>, ProjectError>;
}

impl<V: RowView> AnyView for V {
    fn id(&self) -> TypeId {
        RowView::id(self)
    }

    fn name(&self) -> &'static str {
        RowView::name(self)
    }

    fn tables(&self) -> Vec<&'static str> {
        vec![RowView::name(self)]
    }

    fn fingerprint(&self) -> [u8; 16] {
        self.model().fingerprint.to_be_bytes()
    }

    fn filter(&self) -> &Filter {
        RowView::filter(self)
    }

    fn prepare<'a>(
        &'a self,
        books: &'a dyn ReadStore,
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        books.prepare(self.table(), self.fingerprint(), anew)
    }

    fn take<'a>(
        &'a self,
        events: &'a [RecordedEvent],
        build: &'a Build,
        books: &'a dyn ReadStore,
    ) -> BoxFuture<'a, Result<Taken, StoreError>> {
        Box::pin(take(self, events, build, books))
    }

    fn rows(&self) -> Option<&dyn RowView> {
        Some(self)
    }

    fn kept(&self) -> Option<&Kept> {
        RowView::kept(self)
    }

    fn constraint(&self) -> Name {
        RowView::constraint(self)
    }
}

/// What comes of events in a build, for a view of rows.
async fn take(
    view: &dyn RowView,
    events: &[RecordedEvent],
    build: &Build,
    books: &dyn ReadStore,
) -> Result<Taken, StoreError> {
    let mut before = Before::of(books, view.table(), build);
    let mut tries = Tries::new();
    let mut failed = Vec::new();
    let mut rest: Vec<_> = events.iter().enumerate().collect();
    loop {
        let (index, cause) = match view.fold(&rest, &mut before).await {
            Ok(folded) => {
                let rows = written(view, folded, build);
                return Ok(Taken { rows, failed, ..Taken::default() });
            }
            Err(FoldFailed::Store(error)) => return Err(error),
            Err(FoldFailed::Event(index, cause)) => (index, cause),
        };
        if tries.allow_another().await {
            before.forget();
            continue;
        }
        failed.push(Failed { index, error: cause.to_string(), attempts: tries.made() });
        let Some(stream) = events.get(index).map(|event| &event.stream) else { continue };
        rest.retain(|(other, event)| *other < index || event.stream != *stream);
    }
}

/// The same, while `rows` are being written; see [`Task::take_ahead`](crate::reader::Task::take_ahead).
pub(super) async fn take_ahead(
    view: &dyn RowView,
    events: &[RecordedEvent],
    build: &Build,
    books: &dyn ReadStore,
    rows: Option<&Rows>,
) -> Option<Taken> {
    let mut before = Before::of(books, view.table(), build);
    before.know(rows);
    let events: Vec<_> = events.iter().enumerate().collect();
    let folded = view.fold(&events, &mut before).await.ok()?;
    Some(Taken { rows: written(view, folded, build), ..Taken::default() })
}

fn written(view: &dyn RowView, folded: Vec<Folded>, build: &Build) -> Option<Arc<Rows>> {
    let (mut put, mut remove) = (Vec::new(), Vec::new());
    for Folded { key, after, .. } in folded {
        match after {
            Some(row) => put.push(row),
            None => remove.push(key),
        }
    }
    let nothing = put.is_empty() && remove.is_empty();
    let rows = || Rows { table: Arc::clone(view.table()), build: build.clone(), put, remove };
    (!nothing).then(|| Arc::new(rows()))
}

fn constraint(name: &str, fingerprint: u128) -> Name {
    Name::from(format!("{}{fingerprint:032x}", constraints(name)))
}

fn constraints(name: &str) -> String {
    format!("{}{name}:", Constraint::OF_VIEWS)
}

/// A view of this type.
pub(super) struct Typed<V> {
    table: Arc<Table>,
    filter: Filter,
    constraint: Name,
    view: PhantomData<fn() -> V>,
}

impl<V: View> Typed<V> {
    pub(super) fn new() -> Self {
        let categories = V::MODEL.sources.iter().map(|source| Name::from_static(source.category));
        Self {
            table: V::table(),
            filter: Filter::Categories(categories.collect()),
            constraint: constraint(V::TABLE, V::MODEL.fingerprint),
            view: PhantomData,
        }
    }
}

impl<V: View> RowView for Typed<V> {
    fn id(&self) -> TypeId {
        TypeId::of::<V>()
    }

    fn name(&self) -> &'static str {
        V::TABLE
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn constraint(&self) -> Name {
        self.constraint.clone()
    }

    fn model(&self) -> &'static ViewModel {
        V::MODEL
    }

    fn table(&self) -> &Arc<Table> {
        &self.table
    }

    fn fold<'a>(
        &'a self,
        events: &'a [(usize, &'a RecordedEvent)],
        before: &'a mut Before<'_>,
    ) -> BoxFuture<'a, Result<Vec<Folded>, FoldFailed>> {
        Box::pin(fold::fold::<V>(events, before))
    }

    fn effects(&self, event: &RecordedEvent, index: usize) -> Result<Option<Vec<RowEffect>>, ProjectError> {
        guarded(|| V::effects(event, index))
    }
}

impl<V: View> fmt::Debug for Typed<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (`{}`)", V::MODEL.name, V::TABLE)
    }
}
