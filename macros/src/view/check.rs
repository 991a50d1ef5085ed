//! The rules that span fields, events and options, one function each.

use std::collections::HashMap;

use syn::Type;

use super::model::{Deed, Event, Field, Model, uses_self};
use crate::{errors::Errors, fold};

pub(super) fn check(model: &Model, errors: &mut Errors) {
    some_field_is_the_key(model, errors);
    columns_have_names_of_their_own(model, errors);
    for (_, field) in model.key() {
        key_is_always_there(field, errors);
    }
    if model.by_hand.is_some() {
        return;
    }
    for (index, field) in model.values() {
        field_is_set(model, index, field, errors);
    }
    some_event_creates(model, errors);
    aggregates_are_used(model, errors);
    let slots = model.slots();
    for event in &model.events {
        removal_is_all(model, event, errors);
        for key in event.keys.iter().filter_map(|change| change.how.body()) {
            key_stands_alone(key, errors);
        }
        for change in &event.changes {
            fold::stays_inside(&slots, &event.ident, false, change, errors);
        }
        fold::order_exists(&slots, &event.ident, &event.changes, errors);
    }
}

fn some_field_is_the_key(model: &Model, errors: &mut Errors) {
    if model.key().next().is_none() && !model.broken.fields {
        errors.at(&model.ident, "no key: mark the field by which a row is found with `#[key]`");
    }
}

fn columns_have_names_of_their_own(model: &Model, errors: &mut Errors) {
    let mut seen: HashMap<&str, &Field> = HashMap::new();
    for field in &model.fields {
        if let Some(first) = seen.insert(&field.column, field) {
            let message = format!(
                "the column `{}` is that of `{}` already; choose another name",
                field.column, first.ident
            );
            errors.span(field.column_span, message);
        }
    }
}

/// Two rows without a key would be one to some databases and two to others.
fn key_is_always_there(field: &Field, errors: &mut Errors) {
    if let Type::Path(path) = &field.ty
        && path.path.segments.last().is_some_and(|last| last.ident == "Option")
    {
        errors.at(
            &field.ty,
            format!("a row is found by `{}`, so it always has a value; leave the `Option` out", field.ident),
        );
    }
    if let Some(index) = field.index {
        errors.span(index, "a key has an index anyway; remove this");
    }
}

fn field_is_set(model: &Model, index: usize, field: &Field, errors: &mut Errors) {
    let unknown = field.broken || model.broken.events;
    let set = model.events.iter().flat_map(|event| &event.changes).any(|change| change.field == index);
    if !set && !unknown {
        let name = &field.ident;
        errors.at(
            name,
            format!("no event sets `{name}`: add `#[on(Event = value)]`, or `#[on(Event)]` to take the event's field of that name"),
        );
    }
}

fn some_event_creates(model: &Model, errors: &mut Errors) {
    let creates = |event: &Event| matches!(model.deed(event), Deed::Put | Deed::Ensure);
    if model.broken.events || model.broken.fields || model.events.iter().any(creates) {
        return;
    }
    let changing = model.events.iter().filter(|event| !event.changes.is_empty());
    let Some(nearest) = changing.min_by_key(|event| model.missing(event).count()) else {
        errors.at(&model.ident, "no event creates a row: name one that does in `#[view(create_on(Event))]`");
        return;
    };
    // A field that nothing sets has been reported.
    let unset = |field: &&Field| {
        !model.values().any(|(index, other)| {
            other.ident == field.ident
                && !model.events.iter().flat_map(|event| &event.changes).any(|change| change.field == index)
        })
    };
    let missing: Vec<_> =
        model.missing(nearest).filter(unset).map(|field| format!("`{}`", field.ident)).collect();
    if missing.is_empty() {
        return;
    }
    let event = model.named(nearest.source, &nearest.ident);
    errors.at(
        &model.ident,
        format!(
            "no event creates a row, because none sets every field without reading the row: `{event}` would if it set {} with `=`; or let it begin with defaults, `#[view(create_on({event}))]`",
            missing.join(" and ")
        ),
    );
}

fn aggregates_are_used(model: &Model, errors: &mut Errors) {
    if model.broken.events || model.broken.fields {
        return;
    }
    for (index, path) in model.of.iter().enumerate() {
        if model.of.len() > 1 && !model.events.iter().any(|event| event.source == index) {
            errors.at(path, "no event of this aggregate does anything to a row; leave it out");
        }
    }
}

fn removal_is_all(model: &Model, event: &Event, errors: &mut Errors) {
    let Some(removes) = event.removes else { return };
    let name = model.named(event.source, &event.ident);
    if let Some(creates) = event.creates {
        errors.span(creates, format!("`{name}` removes the row, so it does not create one; remove it from `create_on` or from `remove_on`"));
    }
    if let Some(field) = event.changes.first().and_then(|change| model.fields.get(change.field)) {
        errors.span(removes, format!("`{name}` removes the row, so there is nothing left to change; remove its rule from `{}`, or remove it here", field.ident));
    }
}

/// Which row it is must be known before there is a row.
fn key_stands_alone(key: &syn::Expr, errors: &mut Errors) {
    fold::does_not_jump(key, errors);
    if let Some(span) = uses_self(key) {
        errors.span(span, "the key says which row it is, so there is no row to read yet; use `id`, `recorded` and the fields of the event");
    }
}
