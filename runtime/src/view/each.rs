//! What generated views do with an event.

use super::{ProjectError, Row, written::IdOfStream};
use crate::{Aggregate, Event, read::Values, repository::decode, store::RecordedEvent};

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

/// The id of the event's stream as the key of a row, and its values.
///
/// # Errors
/// The stream has no id of this aggregate, or it does not fit into its column.
pub fn by_stream<A: Aggregate, R: Row>(recorded: &RecordedEvent) -> Result<(R::Key, Values), ProjectError>
where
    A::Id: IdOfStream<R::Key>,
{
    let key = recorded.stream.parse_id::<A>()?.into_key();
    let values = R::key_values(&key)?;
    Ok((key, values))
}
