//! Who holds which unique value: a table that an app keeps as it keeps views, for values that the store does not enforce.
//!
//! ```text
//!  Beside::holders      before a commit: enforce = view      beside.rs
//!    │
//!  holders_of ◄─ duplicates, behind a commit                  duplicates.rs
//!    │
//!  a row for each aggregate: what it holds, since when
//!    │
//!  Holders: RowView     events folded into the aggregate
//! ```

use std::{any::TypeId, collections::BTreeMap, fmt, marker::PhantomData, sync::Arc};

use super::{AppView, any_view::RowView};
use crate::{
    Aggregate, Fold, Version,
    fnv::Fnv,
    model::{Enforce, UniqueModel},
    read::{ColumnType, Condition, Query, Table, TableColumn, Test, Value, Values},
    reader::caught,
    repository::{self, LoadError},
    store::{
        BoxFuture, ClaimValue, Filter, Name, RecordedEvent, Store, StoreError, StoreErrorKind, StreamId,
    },
    view::{
        ProjectError, RecordedUse, RowEffect, SourceModel, ViewModel,
        fold::{Before, FoldFailed, Folded, guarded},
    },
};

/// How the names of the tables begin; the category comes behind it.
const PREFIX: &str = "unique_";

/// How long a name becomes: longer than tables may have, so that it is refused and not cut off.
const LONGEST: usize = 96;

/// The column of the id, and that of the version up to which events are taken in. Behind them come two for each field.
const OWNER: usize = 0;
const VERSION: usize = 1;
const FIELDS: usize = 2;

/// Which values a table keeps.
pub(super) struct Kept {
    /// The name of the aggregate's type.
    pub(super) aggregate: &'static str,
    pub(super) category: &'static str,
    pub(super) fields: Vec<&'static UniqueModel>,
    table: Arc<Table>,
}

/// The columns of a field, by their index: the hash of what is held, and the position since when.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub(super) value: usize,
    pub(super) since: usize,
}

impl Kept {
    fn of<A: Aggregate>(name: &'static str) -> Self {
        let fields = A::MODEL.unique.iter().filter(|unique| unique.enforce != Enforce::Append);
        let fields: Vec<_> = fields.collect();
        let table = Arc::new(table(name, &fields));
        Self { aggregate: A::MODEL.name, category: A::CATEGORY, fields, table }
    }

    /// The fields with their columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static UniqueModel, Columns)> {
        let places = (FIELDS..).step_by(2).map(|value| Columns { value, since: value + 1 });
        self.fields.iter().copied().zip(places)
    }

    /// The columns of the values that are unique under this name.
    pub(super) fn find(&self, constraint: &str) -> Option<Columns> {
        self.columns().find(|(unique, _)| unique.constraint == constraint).map(|(_, columns)| columns)
    }
}

fn table(name: &'static str, fields: &[&UniqueModel]) -> Table {
    let column = |name: Name, ty, nullable, indexed| TableColumn { name, ty, nullable, indexed };
    let mut columns = vec![
        column(Name::from_static("owner"), ColumnType::Text, false, false),
        column(Name::from_static("version"), ColumnType::Integer, false, false),
    ];
    for field in fields {
        columns.push(column(Name::from(format!("holds_{}", field.field)), ColumnType::Uuid, true, true));
        columns.push(column(Name::from(format!("since_{}", field.field)), ColumnType::Text, true, false));
    }
    Table { name: Name::from_static(name), columns, key: vec![OWNER] }
}

/// What a row says of one aggregate.
pub(super) struct Holding {
    pub(super) stream: StreamId,
    version: i64,
    row: Values,
}

impl Holding {
    /// Whether this event has been taken in.
    pub(super) fn knows(&self, version: Version) -> bool {
        self.version >= number(version)
    }

    /// What is held, if anything is, and since which position.
    pub(super) fn held(&self, columns: Columns) -> Option<(&Value, &Value)> {
        let value = self.row.get(columns.value).filter(|value| **value != Value::Null)?;
        Some((value, self.row.get(columns.since)?))
    }
}

/// Whoever holds this value, who took it first first.
pub(super) async fn holders_of(
    place: &AppView,
    kept: &Kept,
    columns: Columns,
    (value, limit): (Value, usize),
) -> Result<Vec<Holding>, StoreError> {
    find(place, kept, (columns.value, value), Some(columns.since), limit).await
}

/// What this aggregate holds.
pub(super) async fn holding(
    place: &AppView,
    kept: &Kept,
    stream: &StreamId,
) -> Result<Option<Holding>, StoreError> {
    let owner = Value::Text(stream.id().to_owned());
    Ok(find(place, kept, (OWNER, owner), None, 1).await?.pop())
}

async fn find(
    place: &AppView,
    kept: &Kept,
    (column, value): (usize, Value),
    order: Option<usize>,
    limit: usize,
) -> Result<Vec<Holding>, StoreError> {
    // Values of another version of the program are made in another way.
    let live = place.live().await?;
    if live.is_none_or(|live| live.fingerprint != place.view.fingerprint()) {
        return Err(StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "another version of the program keeps who holds the unique values of `{}`: run one version of it only",
                kept.category
            ),
        ));
    }
    let conditions = vec![Condition { column, test: Test::Equals(value) }];
    let table = Arc::clone(&kept.table);
    let rows =
        place.books.find(&Query { table, conditions, order, descending: false, after: None, limit }).await?;
    let holding = |row: Values| match (row.get(OWNER), row.get(VERSION)) {
        (Some(Value::Text(owner)), Some(Value::Integer(version))) => {
            Ok(Holding { stream: StreamId::new(kept.category, owner.as_str()), version: *version, row })
        }
        _ => Err(StoreError::corrupt(format!("a row of `{}` says nothing", place.view.name()))),
    };
    rows.into_iter().map(holding).collect()
}

fn number(version: Version) -> i64 {
    i64::try_from(version.get()).unwrap_or(i64::MAX)
}

/// The table of an aggregate.
pub(super) struct Holders<A> {
    events: Arc<dyn Store>,
    kept: Kept,
    filter: Filter,
    aggregate: PhantomData<fn() -> A>,
}

impl<A: Aggregate> Holders<A> {
    const MODEL: &'static ViewModel = &ViewModel {
        name: A::MODEL.name,
        docs: "",
        sources: &[SourceModel { aggregate: A::MODEL.name, category: A::CATEGORY }],
        fingerprint: fingerprint(A::MODEL.unique),
        reads_rows: true,
        recorded: RecordedUse::Computed,
    };
    const WRITTEN: &'static (usize, [u8; LONGEST]) = &written(A::CATEGORY);
    /// The name of the table.
    const NAME: &'static str = match Self::WRITTEN.1.split_at_checked(Self::WRITTEN.0) {
        Some((name, _)) => match str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => PREFIX,
        },
        None => PREFIX,
    };

    pub(super) fn new(events: Arc<dyn Store>) -> Self {
        let kept = Kept::of::<A>(Self::NAME);
        let filter = Filter::category(Name::from_static(A::CATEGORY));
        Self { events, kept, filter, aggregate: PhantomData }
    }

    /// The row of one aggregate after these events of it, which are all that there are behind the ones before.
    async fn row(
        &self,
        events: &[(usize, &RecordedEvent)],
        before: Option<&Values>,
    ) -> Result<Option<Values>, FoldFailed> {
        let Some((index, first)) = events.first() else { return Ok(None) };
        let mut fold = self.fold_before(*index, first).await?;
        let mut row = match before {
            Some(row) => row.clone(),
            None => {
                let mut row = vec![Value::Null; self.kept.table.columns.len()];
                set(&mut row, OWNER, Value::Text(first.stream.id().to_owned()));
                row
            }
        };
        for (index, event) in events {
            self.take(&mut fold, event, &mut row).map_err(|error| FoldFailed::Event(*index, error))?;
        }
        Ok(Some(row))
    }

    /// The aggregate before this event.
    async fn fold_before(&self, index: usize, event: &RecordedEvent) -> Result<Fold<A>, FoldFailed> {
        let failed = |error| FoldFailed::Event(index, error);
        let id = event.stream.parse_id::<A>().map_err(|error| failed(error.into()))?;
        let before = match event.version.get() {
            0 | 1 => return Ok(Fold::new(id)),
            version => Version::from(version - 1),
        };
        match caught(repository::fold_at(&self.events, &event.stream, &id, before)).await {
            Ok(Ok(fold)) => Ok(fold),
            Ok(Err(LoadError::Store { cause, .. })) => Err(FoldFailed::Store(cause)),
            Ok(Err(error)) => Err(failed(ProjectError::other(error))),
            Err(panic) => Err(failed(ProjectError::other(panic))),
        }
    }

    /// One event more.
    fn take(&self, fold: &mut Fold<A>, event: &RecordedEvent, row: &mut Values) -> Result<(), ProjectError> {
        let held = guarded(|| {
            fold.apply_decoded(repository::decode(event.fact())?).map_err(ProjectError::other)?;
            Ok(repository::held(fold))
        })?;
        for (unique, columns) in self.kept.columns() {
            let place = A::MODEL.unique.iter().position(|other| other.constraint == unique.constraint);
            let parts = place.and_then(|place| held.get(place)?.as_ref());
            let value = parts.map_or(Value::Null, |parts| {
                Value::Uuid(ClaimValue::new(unique.constraint, parts).as_uuid())
            });
            if row.get(columns.value) != Some(&value) {
                let since = match value {
                    Value::Null => Value::Null,
                    _ => Value::position(event.position),
                };
                set(row, columns.value, value);
                set(row, columns.since, since);
            }
        }
        set(row, VERSION, Value::Integer(number(event.version)));
        Ok(())
    }
}

fn set(row: &mut Values, column: usize, value: Value) {
    if let Some(place) = row.get_mut(column) {
        *place = value;
    }
}

impl<A: Aggregate> RowView for Holders<A> {
    fn id(&self) -> TypeId {
        TypeId::of::<Self>()
    }

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }

    fn model(&self) -> &'static ViewModel {
        Self::MODEL
    }

    fn table(&self) -> &Arc<Table> {
        &self.kept.table
    }

    fn fold<'a>(
        &'a self,
        events: &'a [(usize, &'a RecordedEvent)],
        before: &'a mut Before<'_>,
    ) -> BoxFuture<'a, Result<Vec<Folded>, FoldFailed>> {
        Box::pin(async move {
            let mut streams: BTreeMap<Values, Vec<(usize, &RecordedEvent)>> = BTreeMap::new();
            for &(index, event) in events {
                let key = vec![Value::Text(event.stream.id().to_owned())];
                streams.entry(key).or_default().push((index, event));
            }
            let old = streams.iter().filter(|(_, events)| {
                events.first().is_some_and(|(_, first)| first.version > Version::FIRST)
            });
            let old: Vec<&Values> = old.map(|(key, _)| key).collect();
            let rows = before.rows(&old).await.map_err(FoldFailed::Store)?;
            let mut folded = Vec::with_capacity(streams.len());
            for (key, events) in streams {
                let before = rows.get(&key).cloned().flatten();
                let after = self.row(&events, before.as_ref()).await?;
                folded.push(Folded { key, before: Some(before), after });
            }
            Ok(folded)
        })
    }

    fn effects(&self, _: &RecordedEvent, _: usize) -> Result<Option<Vec<RowEffect>>, ProjectError> {
        Ok(None)
    }
}

impl<A: Aggregate> fmt::Debug for Holders<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the unique values of {} (`{}`)", A::MODEL.name, Self::NAME)
    }
}

/// The name of the table of a category, and its length.
const fn written(category: &str) -> (usize, [u8; LONGEST]) {
    let mut name = [0; LONGEST];
    let length = put(&mut name, 0, PREFIX.as_bytes());
    let length = put(&mut name, length, category.as_bytes());
    (length, name)
}

/// Writes on behind so many bytes, and says how many there are. What cannot stand in the name of a table becomes an underscore.
const fn put(name: &mut [u8; LONGEST], from: usize, mut bytes: &[u8]) -> usize {
    let Some((_, mut room)) = name.split_at_mut_checked(from) else { return from };
    let mut length = from;
    while let ([byte, after @ ..], [place, space @ ..]) = (bytes, room) {
        *place = if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' };
        (bytes, room, length) = (after, space, length + 1);
    }
    length
}

/// What the rows are made of: another one is another table.
const fn fingerprint(mut unique: &[UniqueModel]) -> u128 {
    let mut hash = Fnv::new();
    while let [first, rest @ ..] = unique {
        if !matches!(first.enforce, Enforce::Append) {
            hash = hash.part(first.constraint.as_bytes());
        }
        unique = rest;
    }
    hash.get()
}
