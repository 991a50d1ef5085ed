//! Whether what happened meanwhile gets in the way of a command, field by field.

use super::model::{CommandModel, EventModel, Model, Reads, Write};

/// The fields over which events that happened since a version get in the way of a command that was meant for that version;
/// `None` if they do not: then the command leads to the same events now as it would have then.
///
/// They do where they write what its decision reads, or what the events that it may record write or read. Two that add to
/// a field do not get in each other's way. Where the derive could not tell what is read, everything that happened does, and
/// the fields are those that were written; possibly none.
pub(crate) fn contention(
    model: &Model,
    command: &CommandModel,
    since: &[&'static EventModel],
) -> Option<Vec<&'static str>> {
    if since.is_empty() {
        return None;
    }
    let own: Vec<&EventModel> =
        model.events.iter().filter(|event| command.events.contains(&event.variant)).collect();
    let reads: Vec<Reads> = own.iter().map(|event| event.reads).chain([command.reads]).collect();
    let unknown = reads.contains(&Reads::Everything);
    let in_the_way = |write: &Write| {
        let read = reads.iter().any(|reads| match reads {
            Reads::Everything => true,
            Reads::Fields(fields) => fields.contains(&write.field),
        });
        let mut writes = own.iter().flat_map(|event| event.writes);
        read || writes.any(|other| other.field == write.field && !commute(write.operator, other.operator))
    };
    // Whether the aggregate is there is read by every command.
    let life = since.iter().any(|event| event.creates || event.ends);
    let mut fields: Vec<&'static str> = Vec::new();
    for write in since.iter().flat_map(|event| event.writes) {
        if in_the_way(write) && !fields.contains(&write.field) {
            fields.push(write.field);
        }
    }
    (unknown || life || !fields.is_empty()).then_some(fields)
}

/// Whether it does not matter which of the two comes first.
fn commute(one: &str, other: &str) -> bool {
    let sum = |operator| matches!(operator, "+=" | "-=");
    sum(one) && sum(other) || one == other && matches!(one, "*=" | "|=" | "&=" | "^=")
}
