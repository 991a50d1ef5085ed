//! Events folded into rows: what views come to that are filled behind the commits, and transactional ones whose rows depend on
//! what was in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{Action, Change, ProjectError, View};
use crate::{
    read::{Build, ReadStore, Table, Values},
    reader::panic_message,
    store::{RecordedEvent, StoreError},
};

/// Rows as they were before the events that are folded, read when they are needed.
pub(crate) struct Before<'a> {
    books: &'a dyn ReadStore,
    table: &'a Arc<Table>,
    build: &'a Build,
    rows: BTreeMap<Values, Option<Values>>,
}

impl<'a> Before<'a> {
    /// Those of this build.
    pub(crate) fn of(books: &'a dyn ReadStore, table: &'a Arc<Table>, build: &'a Build) -> Self {
        Self { books, table, build, rows: BTreeMap::new() }
    }

    /// Forgets what was read.
    pub(crate) fn forget(&mut self) {
        self.rows.clear();
    }

    /// The rows with these keys, among others.
    pub(crate) async fn rows(
        &mut self,
        keys: BTreeSet<Values>,
    ) -> Result<&BTreeMap<Values, Option<Values>>, StoreError> {
        self.read(keys).await?;
        Ok(&self.rows)
    }

    async fn read(&mut self, keys: BTreeSet<Values>) -> Result<(), StoreError> {
        let keys: Vec<_> = keys.into_iter().filter(|key| !self.rows.contains_key(key)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let rows = self.books.rows(self.table, self.build, &keys).await?;
        self.rows.extend(keys.into_iter().zip(rows));
        Ok(())
    }
}

/// What events come to for one row.
#[derive(Debug)]
pub(crate) struct Folded {
    pub(crate) key: Values,
    /// The row as it was read; `None` if nothing depends on it.
    pub(crate) before: Option<Option<Values>>,
    /// The row as it is now; `None` if there is none.
    pub(crate) after: Option<Values>,
}

/// Why events could not be folded.
#[derive(Debug)]
pub(crate) enum FoldFailed {
    /// The view cannot take the event with this index.
    Event(usize, ProjectError),
    /// The rows cannot be read.
    Store(StoreError),
}

/// A row on its way.
struct Slot<V> {
    before: Option<Option<Values>>,
    now: Now<V>,
    /// What is in it, as of the end of the last event that touched it.
    values: Option<Values>,
}

enum Now<V> {
    AsBefore,
    Row(V),
    Gone,
}

/// What these events, with their indices, come to. Each row that they change is there once, in the order of the keys.
///
/// Each row is looked at after each event: one that is a row only because a later event mends it would be none where every
/// event is a commit of its own.
///
/// # Errors
/// An event cannot be taken, by an error or a panic: nothing comes of any of them.
pub(crate) async fn fold<V: View>(
    events: &[(usize, &RecordedEvent)],
    before: &mut Before<'_>,
) -> Result<Vec<Folded>, FoldFailed> {
    let mut changes = Vec::with_capacity(events.len());
    let (mut seen, mut wanted) = (BTreeSet::new(), BTreeSet::new());
    for &(index, event) in events {
        let all = guarded(|| V::changes(event)).map_err(|error| FoldFailed::Event(index, error))?;
        for change in &all {
            if !seen.contains(&change.key) {
                if matches!(change.action, Action::Update { .. }) {
                    wanted.insert(change.key.clone());
                }
                seen.insert(change.key.clone());
            }
        }
        changes.push((index, event, all));
    }
    before.read(wanted).await.map_err(FoldFailed::Store)?;
    let mut slots = BTreeMap::new();
    for (index, event, all) in changes {
        take::<V>(&mut slots, before, event, all).map_err(|error| FoldFailed::Event(index, error))?;
    }
    let folded =
        slots.into_iter().map(|(key, Slot { before, values, .. })| Folded { key, before, after: values });
    Ok(folded.collect())
}

/// Takes what an event does to rows.
fn take<V: View>(
    slots: &mut BTreeMap<Values, Slot<V>>,
    before: &Before<'_>,
    event: &RecordedEvent,
    changes: Vec<Change<V>>,
) -> Result<(), ProjectError> {
    let keys: Vec<_> = changes.iter().map(|change| change.key.clone()).collect();
    for change in changes {
        apply(slots, &before.rows, event, change)?;
    }
    for key in keys {
        if let Some(slot) = slots.get_mut(&key) {
            slot.values = match &slot.now {
                Now::Row(row) => Some(values(before.table, &key, row)?),
                Now::AsBefore | Now::Gone => None,
            };
        }
    }
    Ok(())
}

fn apply<V: View>(
    slots: &mut BTreeMap<Values, Slot<V>>,
    rows: &BTreeMap<Values, Option<Values>>,
    event: &RecordedEvent,
    change: Change<V>,
) -> Result<(), ProjectError> {
    let Change { key, action } = change;
    let read = || rows.get(&key).filter(|_| matches!(action, Action::Update { .. })).cloned();
    let new = || Slot { before: read(), now: Now::AsBefore, values: None };
    let slot = slots.entry(key.clone()).or_insert_with(new);
    let (otherwise, update) = match action {
        Action::Put(row) => {
            slot.now = Now::Row(row);
            return Ok(());
        }
        Action::Remove => {
            slot.now = Now::Gone;
            return Ok(());
        }
        Action::Update { otherwise, update } => (otherwise, update),
    };
    if let (Now::AsBefore, Some(Some(values))) = (&slot.now, &slot.before) {
        slot.now = Now::Row(guarded(|| Ok(V::from_values(values.clone())?))?);
    }
    if !matches!(slot.now, Now::Row(_)) {
        let absent = || ProjectError::Absent { event: event.name.to_string(), key };
        slot.now = Now::Row(otherwise.ok_or_else(absent)?);
    }
    if let Now::Row(row) = &mut slot.now {
        guarded(|| {
            update(row);
            Ok(())
        })?;
    }
    Ok(())
}

/// The values of a row, which has to have the key under which it is.
fn values<V: View>(table: &Table, key: &Values, row: &V) -> Result<Values, ProjectError> {
    let values = guarded(|| Ok(row.to_values()?))?;
    match table.key_of(&values) == *key {
        true => Ok(values),
        false => Err(ProjectError::other(format!(
            "a row is under the key `{}` and has the key `{}`: what an event does to a row must not change its key",
            crate::read::show_key(key),
            crate::read::show_key(&table.key_of(&values)),
        ))),
    }
}

/// Runs code of the view, for which a panic is an error like others. What it has changed on the way may be half done, and is
/// thrown away with everything else of the fold.
pub(crate) fn guarded<T>(code: impl FnOnce() -> Result<T, ProjectError>) -> Result<T, ProjectError> {
    catch_unwind(AssertUnwindSafe(code))
        .unwrap_or_else(|panic| Err(ProjectError::other(panic_message(&*panic))))
}
