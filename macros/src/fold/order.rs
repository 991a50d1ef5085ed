//! In which order the changes of an event take place.

use super::{Change, How, Slot};
use crate::code::{self, SelfUse};

/// The changes in the order in which their code runs: values, then operands of compound assignments, then statements.
pub(crate) fn in_order<'a>(slots: &[Slot<'_>], changes: &'a [Change]) -> Vec<&'a Change> {
    let of = |kind: fn(&How) -> bool| changes.iter().filter(move |change| kind(&change.how));
    let values = of(|how| matches!(how, How::Bare(_) | How::Assign(_)));
    let operands = of(|how| matches!(how, How::Compound(..)));
    values.chain(operands).chain(statements(slots, changes).unwrap_or_default()).collect()
}

/// The statements, so ordered that one that reads a field comes before the one that writes it.
///
/// # Errors
/// Statements that read each other's fields; here are those fields.
pub(crate) fn statements<'a>(
    slots: &[Slot<'_>],
    changes: &'a [Change],
) -> Result<Vec<&'a Change>, Vec<usize>> {
    let name = |change: &Change| slots.get(change.field).map(|slot| slot.ident.to_string());
    let mut waiting: Vec<(&Change, Vec<String>)> = changes
        .iter()
        .filter_map(|change| match &change.how {
            How::Statement(body) => Some((change, fields_read(body))),
            _ => None,
        })
        .collect();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        // The next one is the first whose field no other waiting statement reads.
        let next = waiting.iter().position(|(change, _)| {
            let name = name(change).unwrap_or_default();
            !waiting.iter().any(|(other, reads)| other.field != change.field && reads.contains(&name))
        });
        match next {
            Some(index) => ordered.push(waiting.remove(index).0),
            None => return Err(waiting.iter().map(|(change, _)| change.field).collect()),
        }
    }
    Ok(ordered)
}

fn fields_read(body: &syn::Expr) -> Vec<String> {
    let uses = code::self_uses(body).into_iter();
    uses.filter_map(|found| match found {
        SelfUse::Field(name) => Some(name.to_string()),
        SelfUse::Method(_) | SelfUse::Bare(_) => None,
    })
    .collect()
}
