//! Commands: their events, and their fields with types.

use proc_macro2::Span;
use syn::{Ident, Type};

use super::{
    super::{
        ast,
        model::{Body, Command, Event, Model, OnConflict, Payload},
    },
    concrete, find_event,
};
use crate::{code, errors::Errors, suggest::similar};

pub(super) fn resolve(model: &Model, command: ast::Command, errors: &mut Errors) -> Option<Command> {
    let ast::Command {
        ident,
        docs,
        foreign,
        requires,
        decide,
        reads,
        on_conflict,
        fields,
        unnamed,
        events: names,
        mut broken,
    } = command;
    if model.commands.iter().any(|other| other.ident == ident) {
        errors.at(&ident, format!("the command `{ident}` is declared twice; remove one or rename it"));
        return None;
    }
    let mut events: Vec<(usize, Span)> = Vec::new();
    for name in &names {
        match find_event(model, name, errors) {
            Some(index) if events.iter().any(|(other, _)| *other == index) => {
                errors.at(name, format!("`{ident}` names `{name}` twice; remove one"));
            }
            Some(index) => events.push((index, name.span())),
            None => broken = true,
        }
    }
    if names.is_empty() && !broken {
        events.extend(guess_event(model, &ident, errors).map(|index| (index, ident.span())));
        broken = true;
    }
    let sources: Vec<&Event> = events.iter().filter_map(|(index, _)| model.events.get(*index)).collect();
    broken |= sources.iter().any(|event| event.broken);
    // Without braces there are no fields, which is fine for a decision that uses none.
    let takes_nothing = decide.as_ref().is_some_and(|expr| !uses_payload(expr, &requires, &sources));
    let no_fields = fields.is_none() && sources.len() > 1;
    if no_fields && !takes_nothing {
        broken = true;
        errors.at(
            &ident,
            format!("`{ident}` names several events, so it needs fields of its own: `{ident} {{ … }} => …`, without any if it takes nothing"),
        );
    }
    let braces = fields.is_some();
    let fields = match fields {
        Some(fields) => own_fields(model, &ident, fields, &sources, &mut broken, errors),
        None if no_fields && takes_nothing => Vec::new(),
        None => payload_fields(&sources),
    };
    let body = match (decide, reads) {
        (Some(expr), reads) => Body::Decide { expr, reads },
        (None, Some(reads)) => {
            if let (Some(first), false) = (reads.first(), broken) {
                errors.at(
                    first,
                    format!("`#[reads]` says what `#[decide]` sees, and `{ident}` has none; remove it"),
                );
            }
            Body::Record
        }
        (None, None) => Body::Record,
    };
    let on_conflict = on_conflict.and_then(|ast::OnConflict { event, fields }| {
        let found = find_event(model, &event, errors);
        broken |= found.is_none();
        Some(OnConflict { event: found?, span: event.span(), fields })
    });
    Some(Command {
        ident,
        docs,
        foreign,
        fields,
        braces,
        unnamed,
        events,
        requires,
        body,
        on_conflict,
        broken,
    })
}

/// For a command that does not say what it records: what it probably meant.
fn guess_event(model: &Model, command: &Ident, errors: &mut Errors) -> Option<usize> {
    let names: Vec<_> = model.events.iter().map(|event| event.ident.to_string()).collect();
    let text = command.to_string();
    if names.contains(&text) {
        errors.at(
            command,
            format!(
                "`{command}` is an event: several events are joined by `|`, as in `=> First | {command}`"
            ),
        );
        return None;
    }
    let meant = similar(&text, names.iter().map(String::as_str));
    let event = meant.unwrap_or("Event");
    errors.at(command, format!("`{command}` does not say what it records: write `{command} => {event}`"));
    model.events.iter().position(|event| meant.is_some_and(|meant| event.ident == meant))
}

fn own_fields(
    model: &Model,
    command: &Ident,
    fields: Vec<ast::CommandField>,
    events: &[&Event],
    broken: &mut bool,
    errors: &mut Errors,
) -> Vec<Payload> {
    let deserialized =
        !model.command_derive.iter().any(|derive| derive.without && derive.name() == "Deserialize");
    let mut resolved: Vec<Payload> = Vec::new();
    for ast::CommandField { mut ident, docs, foreign, ty } in fields {
        if let (None, Some(meant)) = (&ty, meant_field(model, &ident, events)) {
            errors.at(&ident, format!("no event of `{command}` and no field of `{}` is named `{ident}`; did you mean `{meant}`? (a field that only the command has needs a type: `{ident}: Type`)", model.ident));
            // Read on as what was meant, unless that is there already.
            if resolved.iter().any(|other| other.ident == meant) {
                continue;
            }
            ident = Ident::new(&meant, ident.span());
        }
        if resolved.iter().any(|other| other.ident == ident) {
            errors.at(&ident, format!("`{command}` has two fields `{ident}`; remove one"));
            continue;
        }
        let of_event =
            || events.iter().flat_map(|event| &event.payload).find(|payload| payload.ident == ident);
        let of_struct = || model.fields.iter().find(|field| field.ident == ident);
        let ty = ty
            .map(|ty| concrete(&model.generics, ty, errors))
            .or_else(|| of_event().map(|payload| payload.ty.clone()))
            .or_else(|| of_struct().map(|field| field.ty.clone()))
            .unwrap_or_else(|| {
                let known = !*broken && !model.broken.fields;
                *broken = true;
                let message = format!("nothing tells the type of `{ident}`: no event of `{command}` and no field of `{}` has that name; write `{ident}: Type`", model.ident);
                if known {
                    errors.at(&ident, message);
                }
                errors.stand_in()
            });
        let ty = match code::reference(&ty) {
            Some(span) if deserialized && !matches!(ty, Type::Verbatim(_)) => {
                errors.unknown_type(syn::Error::new(span, format!("`{command}` owns its values, so `{ident}` cannot be a reference; take a type such as `String` for `&str`")))
            }
            _ => ty,
        };
        resolved.push(Payload {
            ident,
            ty,
            docs,
            foreign,
            fill: None,
            audit: None,
            since: None,
            renamed: Vec::new(),
        });
    }
    resolved
}

/// For a field without a type that is named like nothing there is: what was probably meant.
fn meant_field(model: &Model, ident: &Ident, events: &[&Event]) -> Option<String> {
    let payload = events.iter().flat_map(|event| &event.payload).map(|payload| &payload.ident);
    let names: Vec<_> =
        payload.chain(model.fields.iter().map(|field| &field.ident)).map(ToString::to_string).collect();
    let name = ident.to_string();
    if names.contains(&name) {
        return None;
    }
    similar(&name, names.iter().map(String::as_str)).filter(|name| !name.starts_with("r#")).map(str::to_owned)
}

/// Whether guards or the decision use a field of one of the events by name.
fn uses_payload(decide: &syn::Expr, requires: &[ast::Require], events: &[&Event]) -> bool {
    let guards = requires.iter().flat_map(|require| [&require.condition, &require.error]);
    let names: Vec<String> =
        events.iter().flat_map(|event| &event.payload).map(|payload| payload.ident.to_string()).collect();
    guards.chain([decide]).any(|code| names.iter().any(|name| code::mentions(code, name).is_some()))
}

/// The fields of a command without braces: those of its events, less what they fill in.
fn payload_fields(events: &[&Event]) -> Vec<Payload> {
    let mut fields: Vec<Payload> = Vec::new();
    for payload in events.iter().flat_map(|event| &event.payload).filter(|payload| payload.fill.is_none()) {
        if fields.iter().all(|other| other.ident != payload.ident) {
            fields.push(borrowed(payload));
        }
    }
    fields
}

/// A field of a command that is a field of its event: the docs and serde's attributes come along.
fn borrowed(payload: &Payload) -> Payload {
    let serde = payload.foreign.iter().filter(|attr| attr.path().is_ident("serde"));
    Payload {
        ident: payload.ident.clone(),
        ty: payload.ty.clone(),
        docs: payload.docs.clone(),
        foreign: serde.cloned().collect(),
        fill: None,
        audit: None,
        since: None,
        renamed: Vec::new(),
    }
}
