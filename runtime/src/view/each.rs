//! What generated views do with an event.

use super::ProjectError;
use crate::{Aggregate, Event, repository::decode, store::RecordedEvent};

/// What an event of this aggregate comes to: what `change` makes of each of the events that it is today, in order. One that is of
/// no other variants than those that the view `uses` is not decoded.
///
/// # Errors
/// It cannot be decoded, or `change` fails.
pub fn each<A: Aggregate, T>(
    recorded: &RecordedEvent,
    uses: &[&str],
    mut change: impl FnMut(A::Event) -> Result<Option<T>, ProjectError>,
) -> Result<Vec<T>, ProjectError> {
    // One of an older version may become any others.
    let of_no_use = A::Event::EVENTS.iter().any(|event| {
        event.name == recorded.name.as_str()
            && event.schema == recorded.schema
            && !uses.contains(&event.variant)
    });
    if of_no_use {
        return Ok(Vec::new());
    }
    let mut changes = Vec::new();
    for event in decode::<A::Event>(recorded.fact())? {
        changes.extend(change(event)?);
    }
    Ok(changes)
}
