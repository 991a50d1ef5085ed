//! Views whose type is known only where they were added.

use std::{any::TypeId, fmt, marker::PhantomData, sync::Arc};

use super::holders::Kept;
use crate::{
    read::Table,
    store::{BoxFuture, Constraint, Filter, Name, RecordedEvent},
    view::{
        ProjectError, RowEffect, View, ViewModel,
        fold::{self, Before, FoldFailed, Folded, guarded},
    },
};

/// A view of an app.
pub(super) trait AnyView: fmt::Debug + Send + Sync + 'static {
    /// The type.
    fn id(&self) -> TypeId;
    /// The name of the table.
    fn name(&self) -> &'static str;
    fn model(&self) -> &'static ViewModel;
    fn table(&self) -> &Arc<Table>;
    /// The events that it reads.
    fn filter(&self) -> &Filter;

    /// See [`fold::fold`].
    fn fold<'a>(
        &'a self,
        events: &'a [(usize, &'a RecordedEvent)],
        before: &'a mut Before<'_>,
    ) -> BoxFuture<'a, Result<Vec<Folded>, FoldFailed>>;

    /// See [`View::effects`].
    fn effects(&self, event: &RecordedEvent, index: usize) -> Result<Option<Vec<RowEffect>>, ProjectError>;

    /// Which values it keeps, if it is a table of [who holds](super::holders) unique ones.
    fn kept(&self) -> Option<&Kept> {
        None
    }

    fn fingerprint(&self) -> [u8; 16] {
        self.model().fingerprint.to_be_bytes()
    }

    /// Whether it reads the events of this category.
    fn reads(&self, category: &str) -> bool {
        self.model().sources.iter().any(|source| source.category == category)
    }

    /// The categories that it reads.
    fn categories(&self) -> Vec<Name> {
        self.model().sources.iter().map(|source| Name::from_static(source.category)).collect()
    }

    /// How the names begin under which it is on record where it is transactional, whatever its fingerprint.
    fn constraints(&self) -> String {
        constraints(self.name())
    }

    /// The name under which it is on record where it is transactional.
    fn constraint(&self) -> Name {
        constraint(self.name(), self.model())
    }
}

fn constraint(name: &str, model: &ViewModel) -> Name {
    Name::from(format!("{}{:032x}", constraints(name), model.fingerprint))
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
            constraint: constraint(V::TABLE, V::MODEL),
            view: PhantomData,
        }
    }
}

impl<V: View> AnyView for Typed<V> {
    fn id(&self) -> TypeId {
        TypeId::of::<V>()
    }

    fn name(&self) -> &'static str {
        V::TABLE
    }

    fn model(&self) -> &'static ViewModel {
        V::MODEL
    }

    fn table(&self) -> &Arc<Table> {
        &self.table
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn constraint(&self) -> Name {
        self.constraint.clone()
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
