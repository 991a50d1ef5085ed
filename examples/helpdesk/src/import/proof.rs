//! What the store says about an import.

use std::collections::HashSet;

use factum::{
    Position,
    store::{EventId, RecordedEvent},
};

use crate::{desk::Desk, error::Result};

/// The causes among the recorded events that begin with `source`.
pub(super) async fn recorded_before(desk: &Desk, source: &str) -> Result<HashSet<String>> {
    let mut causes = HashSet::new();
    desk.each_event(Position::START, |event| {
        if let Some(cause) = cause(&event).filter(|cause| cause.starts_with(source)) {
            causes.insert(cause.to_owned());
        }
        Ok(())
    })
    .await?;
    Ok(causes)
}

/// The events that the store has acknowledged.
#[derive(Default)]
pub(super) struct Acknowledged(HashSet<EventId>);

/// What the history says about them.
pub(super) struct History {
    /// The events in it that were acknowledged.
    pub(super) acknowledged: u64,
    /// The events in it that came of this file and were not acknowledged.
    pub(super) others: u64,
}

impl Acknowledged {
    pub(super) fn add(&mut self, events: Vec<EventId>) {
        self.0.extend(events);
    }

    /// Reads the history after `began_at` and holds it against what was acknowledged.
    ///
    /// # Errors
    /// An acknowledged event is not there.
    pub(super) async fn prove(&self, desk: &Desk, began_at: Position, source: &str) -> Result<History> {
        let mut missing = self.0.clone();
        let mut history = History { acknowledged: 0, others: 0 };
        desk.each_event(began_at, |event| {
            if missing.remove(&event.id) {
                history.acknowledged += 1;
            } else if cause(&event).is_some_and(|cause| cause.starts_with(source)) {
                history.others += 1;
            }
            Ok(())
        })
        .await?;
        match missing.len() {
            0 => Ok(history),
            lost => Err(format!("{lost} events were acknowledged and are not in the history").into()),
        }
    }
}

fn cause(event: &RecordedEvent) -> Option<&str> {
    event.metadata.as_ref()?.causation_id.as_deref()
}
