//! Events: the types of their payload, and what the fields' rules make of them.

use proc_macro2::Span;
use syn::{Ident, Type, ext::IdentExt};

use super::{
    super::{
        ast,
        model::{Event, Field, Model, Payload, Role},
        parse::serde_words,
    },
    concrete, find_event,
};
use crate::{
    code,
    errors::Errors,
    fold::{Change, How},
    suggest::{instead, similar},
};

pub(super) fn resolve(model: &Model, event: ast::Event, errors: &mut Errors) -> Option<Event> {
    let ast::Event {
        ident,
        docs,
        foreign,
        name,
        creates,
        ends,
        retired,
        audit,
        evolution,
        payload,
        unnamed,
        broken,
    } = event;
    if model.events.iter().any(|other| other.ident == ident) {
        errors.at(&ident, format!("the event `{ident}` is declared twice; remove one or rename it"));
        return None;
    }
    let stored = name.as_ref().map_or_else(|| ident.unraw().to_string(), syn::LitStr::value);
    if let Some(other) = model.events.iter().find(|other| other.stored == stored) {
        let message = format!(
            "the stored name `{stored}` belongs to `{}` already; give this event another `#[name = \"…\"]`",
            other.ident
        );
        match &name {
            Some(name) => errors.at(name, message),
            None => errors.at(&ident, message),
        }
    }
    let mut resolved = Event {
        ident,
        stored,
        docs,
        foreign,
        creates: creates.is_some(),
        ends: ends.is_some(),
        retired: retired.is_some(),
        evolution,
        payload: Vec::new(),
        unnamed,
        changes: Vec::new(),
        broken,
    };
    for field in payload {
        if resolved.payload.iter().any(|other| other.ident == field.ident) {
            errors.at(
                &field.ident,
                format!("`{}` has two fields `{}`; remove one", resolved.ident, field.ident),
            );
            continue;
        }
        let payload = resolve_payload(model, &mut resolved, field, audit, errors);
        // A misspelt name may have been meant to be one that is there already.
        if resolved.payload.iter().all(|other| other.ident != payload.ident) {
            resolved.payload.push(payload);
        }
    }
    Some(resolved)
}

fn resolve_payload(
    model: &Model,
    event: &mut Event,
    field: ast::Payload,
    audit: Option<Span>,
    errors: &mut Errors,
) -> Payload {
    let ast::Payload { mut ident, mut docs, mut foreign, ty, fill, audit: own, since, mut renamed } = field;
    let source = match ty {
        Some(ty) => Source::Type(concrete(&model.generics, ty, errors)),
        None => bare(model, &ident, errors),
    };
    let ty = match source {
        Source::Type(ty) => ty,
        Source::Field(index, source) => {
            refuse_skipped(source, errors);
            let span = ident.span();
            ident = source.ident.clone();
            ident.set_span(span);
            foreign.extend(source.serde.iter().cloned());
            if docs.is_empty() {
                docs.clone_from(&source.docs);
            }
            event.changes.push(Change { field: index, how: How::Bare(ident.clone()) });
            source.ty.clone()
        }
        Source::Unknown(stand_in) => {
            event.broken = true;
            stand_in
        }
    };
    let ty = match code::reference(&ty) {
        Some(span) if !matches!(ty, Type::Verbatim(_)) => {
            errors.unknown_type(syn::Error::new(span, format!("`{}` is stored and read back, so `{ident}` cannot be a reference; take a type that owns its value, such as `String` for `&str`", event.ident)))
        }
        _ => ty,
    };
    renamed.sort_by_key(|renamed| renamed.version.value);
    Payload { ident, ty, docs, foreign, fill, audit: own.or(audit), since, renamed }
}

/// Where the type of a payload field comes from.
enum Source<'a> {
    Type(Type),
    Field(usize, &'a Field),
    Unknown(Type),
}

/// The field of the aggregate that a bare payload field stands for.
fn bare<'a>(model: &'a Model, ident: &Ident, errors: &mut Errors) -> Source<'a> {
    let name = ident.to_string();
    let names = state_fields(model);
    let names = names.iter().map(String::as_str);
    let message = match model.field(&name) {
        Some((index, field)) if field.role == Role::State => return Source::Field(index, field),
        Some((_, field)) if field.role == Role::Id => {
            format!("`{name}` is the id, which every event has already; leave it out")
        }
        Some(_) => format!("`{name}` is the version, which counts events by itself; leave it out"),
        None if model.broken.fields => return Source::Unknown(errors.stand_in()),
        None => format!(
            "`{}` has no field `{name}`{} (a field that only the event has needs a type: `{name}: Type`)",
            model.ident,
            instead(&name, "fields", names.clone())
        ),
    };
    let error = syn::Error::new_spanned(ident, message);
    // Read on as what was meant.
    match similar(&name, names).and_then(|meant| model.field(meant)) {
        Some((index, field)) if model.field(&name).is_none() => {
            errors.push(error);
            Source::Field(index, field)
        }
        _ => Source::Unknown(errors.unknown_type(error)),
    }
}

/// The event would record nothing of a field that serde skips.
fn refuse_skipped(source: &Field, errors: &mut Errors) {
    let skips =
        |word: &Ident| ["skip", "skip_serializing", "skip_deserializing"].iter().any(|skip| word == skip);
    let name = &source.ident;
    for word in source.serde.iter().flat_map(serde_words).filter(skips) {
        errors.at(
            &word,
            format!("events take `{name}` with its serde attributes, and what serde skips would be lost; remove this, or give the payload field a type: `{name}: Type`"),
        );
    }
}

fn state_fields(model: &Model) -> Vec<String> {
    let state = model.fields.iter().filter(|field| field.role == Role::State);
    state.map(|field| field.ident.to_string()).collect()
}

/// Notes with the events of a rule what it does to the field with this index.
pub(super) fn apply_rule(model: &mut Model, index: usize, rule: ast::Rule, errors: &mut Errors) {
    let Some(field) = model.fields.get(index) else { return };
    if field.role != Role::State {
        return;
    }
    let field_name = field.ident.clone();
    for name in rule.events {
        let Some(event) = find_event(model, &name, errors) else {
            if let Some(field) = model.fields.get_mut(index) {
                field.broken = true;
            }
            continue;
        };
        let Some(event) = model.events.get_mut(event) else { continue };
        let guessed = event.ident != name;
        if let Some(twice) = event.changes.iter().find(|change| change.field == index) {
            let message = match twice.how {
                How::Bare(_) => format!(
                    "`{name}` sets `{field_name}` already, by naming it bare; remove this rule, or give the payload field a type: `{field_name}: Type`"
                ),
                _ => format!("`{name}` changes `{field_name}` twice; write one rule"),
            };
            if !guessed {
                errors.at(&name, message);
            }
            continue;
        }
        event.changes.push(Change { field: index, how: rule.how.clone() });
    }
}
