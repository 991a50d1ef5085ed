//! Events folded into rows: what views come to that are filled behind the commits, and transactional ones whose rows depend on
//! what was in them.

use std::{
    collections::BTreeMap,
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

    async fn read(&mut self, keys: &[&Values]) -> Result<(), StoreError> {
        let keys = keys.iter().filter(|key| !self.rows.contains_key(**key));
        let keys: Vec<Values> = keys.copied().cloned().collect();
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

/// The rows on their way, each with a place.
struct Slots<V> {
    places: BTreeMap<Values, usize>,
    slots: Vec<Slot<V>>,
}

/// A row on its way.
struct Slot<V> {
    /// Whether it matters what the row was before.
    wanted: bool,
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

/// What an event does to the row in a place.
struct Step<'a, V> {
    index: usize,
    event: &'a RecordedEvent,
    place: usize,
    key: Values,
    action: Action<V>,
}

impl<V> Slots<V> {
    /// The place of the row with this key, to which this happens next.
    fn place(&mut self, key: &Values, action: &Action<V>) -> usize {
        if let Some(&place) = self.places.get(key) {
            return place;
        }
        let (wanted, place) = (matches!(action, Action::Update { .. }), self.slots.len());
        self.places.insert(key.clone(), place);
        self.slots.push(Slot { wanted, before: None, now: Now::AsBefore, values: None });
        place
    }

    /// The rows as they were before, of those for which it matters.
    async fn read(&mut self, before: &mut Before<'_>) -> Result<(), StoreError> {
        let wanted = |place: &usize| self.slots.get(*place).is_some_and(|slot| slot.wanted);
        let keys: Vec<_> =
            self.places.iter().filter(|(_, place)| wanted(place)).map(|(key, _)| key).collect();
        before.read(&keys).await?;
        for (key, &place) in &self.places {
            if let Some(slot) = self.slots.get_mut(place).filter(|slot| slot.wanted) {
                slot.before = before.rows.get(key).cloned();
            }
        }
        Ok(())
    }
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
    let mut rows = Slots { places: BTreeMap::new(), slots: Vec::new() };
    let mut steps = Vec::with_capacity(events.len());
    for &(index, event) in events {
        let changes = guarded(|| V::changes(event)).map_err(|error| FoldFailed::Event(index, error))?;
        for Change { key, action } in changes {
            steps.push(Step { index, event, place: rows.place(&key, &action), key, action });
        }
    }
    rows.read(before).await.map_err(FoldFailed::Store)?;
    let mut steps = steps.into_iter().peekable();
    let mut touched = Vec::new();
    while let Some(step) = steps.next() {
        let index = step.index;
        let failed = |error| FoldFailed::Event(index, error);
        let Some(slot) = rows.slots.get_mut(step.place) else { continue };
        let (place, key) = slot.apply(step).map_err(failed)?;
        touched.push((place, key));
        if steps.peek().is_some_and(|next| next.index == index) {
            continue;
        }
        for (place, key) in touched.drain(..) {
            if let Some(slot) = rows.slots.get_mut(place) {
                slot.look(before.table, &key).map_err(failed)?;
            }
        }
    }
    let mut slots: Vec<_> = rows.slots.into_iter().map(Some).collect();
    let folded = rows.places.into_iter().filter_map(|(key, place)| {
        let Slot { before, values, .. } = slots.get_mut(place)?.take()?;
        Some(Folded { key, before, after: values })
    });
    Ok(folded.collect())
}

impl<V: View> Slot<V> {
    /// Does to the row what an event does. Its place and its key are given back.
    fn apply(&mut self, step: Step<'_, V>) -> Result<(usize, Values), ProjectError> {
        let Step { event, place, key, action, .. } = step;
        let (otherwise, update) = match action {
            Action::Put(row) => {
                self.now = Now::Row(row);
                return Ok((place, key));
            }
            Action::Remove => {
                self.now = Now::Gone;
                return Ok((place, key));
            }
            Action::Update { otherwise, update } => (otherwise, update),
        };
        if let (Now::AsBefore, Some(Some(values))) = (&self.now, &self.before) {
            self.now = Now::Row(guarded(|| Ok(V::from_values(values.clone())?))?);
        }
        if !matches!(self.now, Now::Row(_)) {
            let Some(row) = otherwise else {
                return Err(ProjectError::Absent { event: event.name.to_string(), key });
            };
            self.now = Now::Row(row);
        }
        if let Now::Row(row) = &mut self.now {
            guarded(|| {
                update(row);
                Ok(())
            })?;
        }
        Ok((place, key))
    }

    /// Takes the values of the row as they are now. It has to have the key under which it is.
    fn look(&mut self, table: &Table, key: &Values) -> Result<(), ProjectError> {
        self.values = match &self.now {
            Now::Row(row) => Some(guarded(|| Ok(row.to_values()?))?),
            Now::AsBefore | Now::Gone => None,
        };
        match &self.values {
            Some(values) if !table.has_key(values, key) => Err(ProjectError::other(format!(
                "a row is under the key `{}` and has the key `{}`: what an event does to a row must not change its key",
                crate::read::show_key(key),
                crate::read::show_key(&table.key_of(values)),
            ))),
            _ => Ok(()),
        }
    }
}

/// Runs code of the view, for which a panic is an error like others. What it has changed on the way may be half done, and is
/// thrown away with everything else of the fold.
pub(crate) fn guarded<T>(code: impl FnOnce() -> Result<T, ProjectError>) -> Result<T, ProjectError> {
    catch_unwind(AssertUnwindSafe(code))
        .unwrap_or_else(|panic| Err(ProjectError::other(panic_message(&*panic))))
}
