//! In which order the changes of an event take place.

use super::model::{Change, Event, How, Model};
use crate::code::{self, SelfUse};

impl Event {
    /// The changes that give a value: bare fields, assignments, compound assignments. Their right sides come first.
    pub(super) fn assignments(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| !matches!(change.how, How::Statement(_)))
    }
}

impl Model {
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
