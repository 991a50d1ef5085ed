//! From [`ast`](super::ast) to [`model`](super::model): every name finds what it names, or is reported.

mod find;
mod key;

use proc_macro2::Span;
use syn::{Ident, ext::IdentExt, spanned::Spanned};

pub(super) use self::key::ID;

use self::find::find;
use super::{
    ast::{self, EventRef, Item},
    model::{Event, Field, Model, RECORDED},
    parse::BY_HAND,
    source::Source,
};
use crate::{
    code,
    errors::Errors,
    fold::{Change, How},
    names::snake_case,
    suggest::instead,
};

pub(super) fn resolve(item: Item, sources: Option<Vec<Source>>, errors: &mut Errors) -> Model {
    let Item { vis, ident, mut generics, docs, options, fields, mut broken } = item;
    if !generics.params.is_empty() {
        generics.make_where_clause().predicates.push(syn::parse_quote!(Self: Send + Sync + 'static));
    }
    broken.events |= sources.is_none();
    let mut model = Model {
        vis,
        table: options.table.map_or_else(|| snake_case(&ident), |literal| literal.value()),
        ident,
        generics,
        docs,
        epoch: options.epoch,
        by_hand: options.by_hand,
        krate: options.krate,
        of: options.of,
        sources: sources.unwrap_or_default(),
        fields: Vec::new(),
        events: Vec::new(),
        broken,
    };
    let (mut rules, mut keys) = (Vec::new(), Vec::new());
    for field in fields {
        let ast::Field { ident, ty, vis, docs, key, index, column, rules: own, broken } = field;
        let column_span = column.as_ref().map_or_else(|| ident.span(), |literal| literal.span());
        let column = column.map_or_else(|| ident.unraw().to_string(), |literal| literal.value());
        rules.push(own);
        let place = key.as_ref().map(|key| key.span);
        keys.push(key);
        model.fields.push(Field { ident, ty, vis, docs, column, column_span, key: place, index, broken });
    }
    if model.by_hand.is_some() {
        by_hand(&rules, &keys, errors);
    }
    for reference in &options.remove_on {
        let mark = used(&mut model, reference, errors).map(|event| &mut event.removes);
        once(mark, reference, errors);
    }
    for reference in &options.create_on {
        let mark = used(&mut model, reference, errors).map(|event| &mut event.creates);
        once(mark, reference, errors);
    }
    for (index, rules) in rules.into_iter().enumerate() {
        let mut without = Vec::new();
        for rule in rules {
            apply_rule(&mut model, index, rule, &mut without, errors);
        }
        payload_exists(&model, index, &without, errors);
    }
    model.events.sort_by_key(|event| (event.source, event.index));
    key::resolve(&mut model, keys, errors);
    for event in &mut model.events {
        event.changes.sort_by_key(|change| change.field);
    }
    bind(&mut model);
    model
}

/// Notes where `remove_on` or `create_on` names an event.
fn once(mark: Option<&mut Option<Span>>, reference: &EventRef, errors: &mut Errors) {
    let Some(mark) = mark else { return };
    if mark.replace(reference.span()).is_some() {
        errors.at(reference, format!("`{reference}` is named twice; remove one"));
    }
}

/// Rules have no place in a view that is written by hand.
fn by_hand(rules: &[Vec<ast::Rule>], keys: &[Option<ast::Key>], errors: &mut Errors) {
    let rules = rules.iter().flatten().filter_map(|rule| rule.events.first());
    let keys = keys.iter().flatten().flat_map(|key| key.rules.iter().flatten());
    for event in rules.chain(keys.filter_map(|rule| rule.events.first())) {
        errors.at(event, BY_HAND);
    }
}

/// The event that this names, which does something from now on.
fn used<'a>(model: &'a mut Model, reference: &EventRef, errors: &mut Errors) -> Option<&'a mut Event> {
    let (source, index) = find(model, reference, errors)?;
    let same = |event: &Event| (event.source, event.index) == (source, index);
    let position = match model.events.iter().position(same) {
        Some(position) => position,
        None => {
            let ident = model.sources.get(source)?.events.get(index)?.ident.clone();
            model.events.push(Event {
                source,
                index,
                ident,
                keys: Vec::new(),
                changes: Vec::new(),
                creates: None,
                removes: None,
                payload: Vec::new(),
                id: None,
                recorded: None,
            });
            model.events.len() - 1
        }
    };
    model.events.get_mut(position)
}

/// Notes with the events of a rule what it does to the field with this index, and which of them should have a field of its
/// name and have none.
fn apply_rule(
    model: &mut Model,
    index: usize,
    rule: ast::Rule,
    without: &mut Vec<(EventRef, String)>,
    errors: &mut Errors,
) {
    let Some(field) = model.fields.get(index) else { return };
    let name = field.ident.clone();
    if field.key.is_some() {
        if let Some(event) = rule.events.first() {
            errors.at(event, format!("`{name}` is the key, by which a row is found, so no event changes it; say where it comes from with `#[key({event} = value)]`"));
        }
        return;
    }
    for reference in &rule.events {
        let asked = errors.len();
        let Some(event) = used(model, reference, errors) else {
            if let Some(field) = model.fields.get_mut(index) {
                field.broken = true;
            }
            continue;
        };
        if event.changes.iter().any(|change| change.field == index) {
            if errors.len() == asked {
                errors.at(reference, format!("`{reference}` changes `{name}` twice; write one rule"));
            }
            continue;
        }
        let how = rule.how.clone().unwrap_or_else(|| How::Bare(name.clone()));
        event.changes.push(Change { field: index, how });
        let (source, position) = (event.source, event.index);
        let source = model.sources.get(source).filter(|source| !source.incomplete && rule.how.is_none());
        let payload = source.and_then(|source| source.events.get(position)).map(|event| &event.payload);
        if let Some(payload) = payload.filter(|payload| payload.iter().all(|field| field.ident != name)) {
            let names: Vec<_> = payload.iter().map(|field| field.ident.to_string()).collect();
            let hint = instead(&name.to_string(), "fields", names.iter().map(String::as_str));
            without.push((reference.clone(), hint));
        }
    }
}

/// An event without a value needs a field of the name. Where several need the same correction, that is one mistake.
fn payload_exists(model: &Model, index: usize, without: &[(EventRef, String)], errors: &mut Errors) {
    let Some(field) = model.fields.get(index) else { return };
    let name = &field.ident;
    let mut told: Vec<&str> = Vec::new();
    for (first, hint) in without {
        if told.contains(&hint.as_str()) {
            continue;
        }
        told.push(hint);
        let alike = without.iter().filter(|(_, other)| other == hint);
        let events: Vec<_> = alike.map(|(event, _)| format!("`{event}`")).collect();
        let have = if events.len() == 1 { "has" } else { "have" };
        errors.at(
            first,
            format!(
                "{} {have} no field `{name}`{hint} (a value of another name is written `{first} = value`)",
                events.join(" and ")
            ),
        );
    }
}

/// Finds out which variables the code of each event uses, and makes them visible to it: they get the spans of the user's own
/// words.
fn bind(model: &mut Model) {
    for event in &mut model.events {
        let payload = model
            .sources
            .get(event.source)
            .and_then(|source| source.events.get(event.index))
            .map(|event| event.payload.as_slice())
            .unwrap_or_default();
        let bare = |event: &Event, name: &str| {
            event.keys.iter().chain(&event.changes).find_map(|change| match &change.how {
                How::Bare(ident) if ident == name => Some(ident.span()),
                _ => None,
            })
        };
        let mentioned = |event: &Event, name: &str| -> Option<Span> {
            event.bodies().find_map(|body| code::mentions(body, name)).or_else(|| bare(event, name))
        };
        let mut variables: Vec<Ident> = Vec::new();
        // What no code mentions is there as well, so that the compiler can say what was meant.
        let anywhere = event.bodies().next().map(Spanned::span);
        for field in payload {
            if let Some(span) = mentioned(event, &field.ident.to_string()).or(anywhere) {
                let mut ident = field.ident.clone();
                ident.set_span(span);
                variables.push(ident);
            }
        }
        let ours = |event: &Event, name: &str| Some(Ident::new(name, mentioned(event, name)?));
        (event.id, event.recorded) = (ours(event, ID), ours(event, RECORDED));
        for change in event.keys.iter_mut().chain(&mut event.changes) {
            if let How::Bare(ident) = &mut change.how
                && let Some(variable) = variables.iter().chain(&event.id).find(|variable| *variable == ident)
            {
                ident.set_span(ident.span().resolved_at(variable.span()));
            }
        }
        event.payload = variables;
    }
}
