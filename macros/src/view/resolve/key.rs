//! `#[key]`: of which row an event speaks.

use proc_macro2::Span;
use syn::{Expr, Ident, spanned::Spanned};

use super::{
    super::{ast::Key, model::Model},
    find::find,
};
use crate::{
    errors::Errors,
    fold::{Change, How},
};

/// The name of the id of the event's aggregate in the user's code.
pub(in super::super) const ID: &str = "id";

/// Notes with each event what the fields of the key are.
pub(super) fn resolve(model: &mut Model, keys: Vec<Option<Key>>, errors: &mut Errors) {
    for (index, key) in keys.into_iter().enumerate() {
        let Some(key) = key else { continue };
        match key.rules {
            None => by_stream(model, index, key.span, errors),
            Some(_) if model.sources.is_empty() => {}
            Some(rules) => {
                let mut given: Vec<((usize, usize), Expr)> = Vec::new();
                for rule in rules {
                    for reference in rule.events {
                        let Some(place) = find(model, &reference, errors) else { continue };
                        if given.iter().any(|(other, _)| *other == place) {
                            errors.at(&reference, format!("`{reference}` has two keys; remove one"));
                        } else if !does_something(model, place) {
                            errors.at(&reference, format!("`{reference}` does nothing to a row: no `#[on]`, `create_on` or `remove_on` names it; leave it out"));
                        }
                        given.push((place, rule.body.clone()));
                    }
                }
                by_event(model, index, key.span, &given, errors);
            }
        }
    }
}

fn does_something(model: &Model, place: (usize, usize)) -> bool {
    model.broken.events
        || model.broken.fields
        || model.events.iter().any(|event| (event.source, event.index) == place)
}

/// The id of the event's stream.
fn by_stream(model: &mut Model, index: usize, span: Span, errors: &mut Errors) {
    if model.sources.len() > 1 && model.by_hand.is_none() {
        let first = model.events.first();
        let example = first.map(|event| model.named(event.source, &event.ident)).unwrap_or_default();
        errors.span(
            span,
            format!("the ids of several aggregates are not of one kind, so say for each event what its key is: `#[key({example} = id, …)]`, where `id` is the id of its aggregate"),
        );
        return;
    }
    let span = model.fields.get(index).map_or(span, |field| field.ty.span());
    for event in &mut model.events {
        event.keys.push(Change { field: index, how: How::Bare(Ident::new(ID, span)) });
    }
}

/// What is given for each event.
fn by_event(
    model: &mut Model,
    index: usize,
    span: Span,
    given: &[((usize, usize), Expr)],
    errors: &mut Errors,
) {
    let mut without = Vec::new();
    for event in &mut model.events {
        let place = (event.source, event.index);
        match given.iter().find(|(other, _)| *other == place) {
            Some((_, body)) => event.keys.push(Change { field: index, how: How::Assign(body.clone()) }),
            None => without.push((event.source, event.ident.clone())),
        }
    }
    let unknown = model.broken.events || model.fields.get(index).is_some_and(|field| field.broken);
    if let (Some((source, first)), false) = (without.first(), unknown) {
        let names: Vec<_> =
            without.iter().map(|(source, ident)| format!("`{}`", model.named(*source, ident))).collect();
        let (has, first) = (if names.len() == 1 { "has" } else { "have" }, model.named(*source, first));
        errors.span(
            span,
            format!(
                "{} {has} no key: add `{first} = value` (`id` is the id of its aggregate)",
                names.join(" and ")
            ),
        );
    }
}
