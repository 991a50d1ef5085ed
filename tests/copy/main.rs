//! A store copied into another one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod busy;
mod chance;
mod history;
mod houses;
mod interrupted;
mod refused;
mod strange;

use factum::store::{EventId, Position, RecordedEvent};

use factum_tests::plain::{Subject, all};

/// All that is to be the same: everything but the position.
fn without_positions(events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    events.into_iter().map(|event| RecordedEvent { position: Position::START, ..event }).collect()
}

/// The target is the source, or at least a beginning of it. How many events it has.
async fn is_a_beginning(target: &Subject, source: &Subject) -> usize {
    let target = without_positions(all(target).await);
    let source = without_positions(all(source).await);
    assert!(source.starts_with(&target), "the target, of {} events, is no beginning", target.len());
    target.len()
}

async fn are_the_same(target: &Subject, source: &Subject) {
    assert_eq!(is_a_beginning(target, source).await, all(source).await.len());
}

fn ids(events: &[RecordedEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}
