//! What an app does beside its commits: rows of transactional views, and the wait for awaited ones.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::{AppView, Consistency, Core, any_view::RowView, holders::holders_of};
use crate::{
    Position, Version,
    read::{RowChange, RowOp, Value},
    repository::{Beside, Late, ViewRefused, unkept},
    store::{
        BoxFuture, Claim, Commit, Name, RecordedEvent, StoreError, StoreErrorKind, StreamId, record::now,
    },
    view::{
        RowEffect,
        fold::{Before, FoldFailed, Folded},
    },
};

impl Core {
    fn of_level(&self, level: Consistency) -> impl Iterator<Item = &Arc<AppView>> + Clone {
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
                // One that does not say what becomes of rows is not of this level.
                let Some(rows) = place.view.rows() else { continue };
                let own = events.iter().enumerate();
                let own = own.filter(|(_, event)| place.view.reads(event.stream.category()));
                if !by_effects(place, rows, own.clone(), &mut ops)? {
                    let own: Vec<_> = own.collect();
                    ops.extend(Box::pin(by_folding(place, rows, &own)).await?);
                }
            }
            Ok(ops)
        })
    }

    fn holders<'a>(
        &'a self,
        claim: &'a Claim,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move {
            let kept = self.views.iter().find_map(|place| {
                let kept = place.view.kept()?;
                Some((place, kept, kept.find(&claim.constraint)?))
            });
            let Some((place, kept, columns)) = kept else { return Err(unkept(claim)) };
            let value = Value::Uuid(claim.value.as_uuid());
            let holders = holders_of(place, kept, columns, (value, limit)).await?;
            Ok(holders.into_iter().map(|holding| holding.stream).collect())
        })
    }

    fn settle<'a>(
        &'a self,
        categories: &'a [&'a str],
        position: Position,
    ) -> Option<BoxFuture<'a, Vec<Late>>> {
        let reads = |place: &&Arc<AppView>| categories.iter().any(|category| place.view.reads(category));
        let awaited = self.of_level(Consistency::Awaited).filter(reads);
        awaited.clone().next()?;
        Some(Box::pin(async move {
            let until = Instant::now() + self.options.awaited;
            let mut late = Vec::new();
            for place in awaited {
                let view = place.view.name();
                // Nobody may be at work on the rows of a version of before: to wait for them would be to wait in vain.
                let in_vain = async { self.is_stopped() || place.replacing().await.is_some() };
                if timeout_at(until, in_vain).await.unwrap_or(true) {
                    late.push(Late { view, reached: place.reached().await });
                } else if let Err(reached) = place.reach(position, until - Instant::now()).await {
                    late.push(Late { view, reached });
                }
            }
            late
        }))
    }
}

/// The events of a commit as they would be recorded, as far as that is known beforehand.
fn as_recorded(commit: &Commit) -> Vec<RecordedEvent> {
    let at = now();
    let mut events = Vec::with_capacity(commit.appends.iter().map(|append| append.events.len()).sum());
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

/// Adds what the events do to rows, as data; `false` if it depends on what is in the rows.
fn by_effects<'a>(
    place: &AppView,
    rows: &dyn RowView,
    events: impl Iterator<Item = (usize, &'a RecordedEvent)>,
    ops: &mut Vec<RowOp>,
) -> Result<bool, ViewRefused> {
    if rows.model().reads_rows {
        return Ok(false);
    }
    let before = ops.len();
    for (index, event) in events {
        let effects = rows.effects(event, index).map_err(|cause| ViewRefused::Project {
            view: place.view.name(),
            event: event.name.to_string(),
            cause,
        })?;
        let Some(effects) = effects else {
            ops.truncate(before);
            return Ok(false);
        };
        for RowEffect { key, mut changes } in effects {
            let last = changes.pop();
            let op = |key, change| RowOp { table: Arc::clone(rows.table()), key, change };
            ops.extend(changes.into_iter().map(|change| op(key.clone(), change)));
            ops.extend(last.map(|change| op(key, change)));
        }
    }
    Ok(true)
}

/// The rows as the events leave them, which have to be until then as they were when they were read.
async fn by_folding(
    place: &AppView,
    rows: &dyn RowView,
    events: &[(usize, &RecordedEvent)],
) -> Result<Vec<RowOp>, ViewRefused> {
    let (view, table) = (place.view.name(), rows.table());
    let Some(mut build) = place.transactional() else { return Ok(Vec::new()) };
    let folded = loop {
        let mut before = Before::of(&*place.books, table, &build);
        match rows.fold(events, &mut before).await {
            // Another build may have been put in the place of one that somebody had changed by hand.
            Err(FoldFailed::Store(cause)) if cause.kind() == StoreErrorKind::Missing => {
                let next = place.transactional_after(&build).await;
                match next.map_err(|cause| ViewRefused::Store { view, cause })? {
                    Some(next) => build = next,
                    None => return Err(ViewRefused::Store { view, cause }),
                }
            }
            outcome => break outcome,
        }
    };
    let folded = match folded {
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
