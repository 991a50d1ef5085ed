//! What an app does beside its commits: rows of transactional views, and the wait for awaited ones.

use std::sync::Arc;

use tokio::time::Instant;

use super::{AppView, Consistency, Core, any_view::RowView};
use crate::{
    Position, Version,
    read::{RowChange, RowOp},
    repository::{Beside, Late, ViewRefused},
    store::{BoxFuture, Commit, Name, RecordedEvent, record::now},
    view::fold::{Before, FoldFailed, Folded},
};

impl Core {
    fn of_level(&self, level: Consistency) -> impl Iterator<Item = &Arc<AppView>> {
        self.views.iter().filter(move |place| place.level == level)
    }
}

impl Beside for Core {
    fn constraints(&self, category: &str) -> Vec<Name> {
        let views = self.of_level(Consistency::Transactional).filter(|place| place.view.reads(category));
        views.map(|place| place.view.constraint()).collect()
    }

    fn rows<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<Vec<RowOp>, ViewRefused>> {
        Box::pin(async move {
            let mut ops = Vec::new();
            let mut events = Vec::new();
            for place in self.of_level(Consistency::Transactional) {
                if !commit.appends.iter().any(|append| place.view.reads(append.stream.category())) {
                    continue;
                }
                if events.is_empty() {
                    events = as_recorded(commit);
                }
                let own: Vec<_> = events
                    .iter()
                    .enumerate()
                    .filter(|(_, event)| place.view.reads(event.stream.category()))
                    .collect();
                // One that does not say what becomes of rows is not of this level.
                let Some(rows) = place.view.rows() else { continue };
                match by_effects(place, rows, &own)? {
                    Some(effects) => ops.extend(effects),
                    None => ops.extend(by_folding(place, rows, &own).await?),
                }
            }
            Ok(ops)
        })
    }

    fn settle<'a>(&'a self, categories: &'a [&'a str], position: Position) -> BoxFuture<'a, Vec<Late>> {
        Box::pin(async move {
            let until = Instant::now() + self.options.awaited;
            let mut late = Vec::new();
            for place in self.of_level(Consistency::Awaited) {
                if !categories.iter().any(|category| place.view.reads(category)) {
                    continue;
                }
                let view = place.view.name();
                // Nobody may be at work on the rows of a version of before: to wait for them would be to wait in vain.
                if self.is_stopped() || place.replacing().await.is_some() {
                    late.push(Late { view, reached: place.reached().await });
                } else if let Err(reached) = place.reach(position, until - Instant::now()).await {
                    late.push(Late { view, reached });
                }
            }
            late
        })
    }
}

/// The events of a commit as they would be recorded, as far as that is known beforehand.
fn as_recorded(commit: &Commit) -> Vec<RecordedEvent> {
    let at = now();
    let mut events = Vec::new();
    for append in &commit.appends {
        let mut version = append.expected.version().unwrap_or(Version::NONE);
        for event in &append.events {
            version = version.next();
            events.push(RecordedEvent {
                id: commit.event_id(events.len()),
                stream: append.stream.clone(),
                version,
                position: Position::START,
                name: event.name.clone(),
                schema: event.schema,
                payload: event.payload.clone(),
                at,
                metadata: event.metadata.clone(),
            });
        }
    }
    events
}

/// What the events do to rows, as data; `None` if it depends on what is in the rows.
fn by_effects(
    place: &AppView,
    rows: &dyn RowView,
    events: &[(usize, &RecordedEvent)],
) -> Result<Option<Vec<RowOp>>, ViewRefused> {
    if rows.model().reads_rows {
        return Ok(None);
    }
    let mut ops = Vec::new();
    for &(index, event) in events {
        let effects = rows.effects(event, index).map_err(|cause| ViewRefused::Project {
            view: place.view.name(),
            event: event.name.to_string(),
            cause,
        })?;
        let Some(effects) = effects else { return Ok(None) };
        for effect in effects {
            let (table, key) = (rows.table(), effect.key);
            let op = |change| RowOp { table: Arc::clone(table), key: key.clone(), change };
            ops.extend(effect.changes.into_iter().map(op));
        }
    }
    Ok(Some(ops))
}

/// The rows as the events leave them, which have to be until then as they were when they were read.
async fn by_folding(
    place: &AppView,
    rows: &dyn RowView,
    events: &[(usize, &RecordedEvent)],
) -> Result<Vec<RowOp>, ViewRefused> {
    let (view, table) = (place.view.name(), rows.table());
    let Some(build) = place.transactional() else { return Ok(Vec::new()) };
    let mut before = Before::of(&*place.books, table, &build);
    let folded = match rows.fold(events, &mut before).await {
        Ok(folded) => folded,
        Err(FoldFailed::Store(cause)) => return Err(ViewRefused::Store { view, cause }),
        Err(FoldFailed::Event(index, cause)) => {
            let event = events.iter().find(|(other, _)| *other == index);
            let event = event.map(|(_, event)| event.name.to_string()).unwrap_or_default();
            return Err(ViewRefused::Project { view, event, cause });
        }
    };
    let op = |Folded { key, before, after }: Folded| {
        let change = match (before, after) {
            (Some(from), to) => RowChange::Swap { from, to },
            (None, Some(row)) => RowChange::Put(row),
            (None, None) => RowChange::Remove,
        };
        RowOp { table: Arc::clone(table), key, change }
    };
    Ok(folded.into_iter().map(op).collect())
}
