//! In which order the changes of an event take place.

use super::model::{Change, Event, How, Model};
use crate::code::{self, SelfUse};

impl Model {
    /// The changes in the order in which their code runs: values, then operands of compound assignments, then
    /// statements.
    pub(super) fn in_order<'a>(&self, event: &'a Event) -> Vec<&'a Change> {
        let of = |kind: fn(&How) -> bool| event.changes.iter().filter(move |change| kind(&change.how));
        let values = of(|how| matches!(how, How::Bare(_) | How::Assign(_)));
        let operands = of(|how| matches!(how, How::Compound(..)));
        values.chain(operands).chain(self.statements(event).unwrap_or_default()).collect()
    }

    /// The statements, so ordered that one that reads a field comes before the one that writes it.
    ///
    /// # Errors
    /// Statements that read each other's fields; here are those fields.
    pub(super) fn statements<'a>(&self, event: &'a Event) -> Result<Vec<&'a Change>, Vec<usize>> {
        let name = |change: &Change| self.fields.get(change.field).map(|field| field.ident.to_string());
        let mut waiting: Vec<(&Change, Vec<String>)> = event
            .changes
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
}

fn fields_read(body: &syn::Expr) -> Vec<String> {
    let uses = code::self_uses(body).into_iter();
    uses.filter_map(|found| match found {
        SelfUse::Field(name) => Some(name.to_string()),
        SelfUse::Method(_) | SelfUse::Bare(_) => None,
    })
    .collect()
}
