//! From [`ast`](super::ast) to [`model`](super::model): every name finds what it names, or is reported.

use proc_macro2::Span;
use quote::format_ident;
use syn::{Attribute, Ident, ext::IdentExt};

use super::{
    ast::{self, Item, Operator},
    model::{Body, Change, Command, Event, Field, How, Model, Payload, Role},
};
use crate::{errors::Errors, suggest::instead};

pub(super) fn resolve(item: Item, errors: &mut Errors) -> Model {
    let Item { vis, ident, docs, options, fields, events, commands, broken } = item;
    let event = options.event.unwrap_or_else(|| format_ident!("{}Event", ident.unraw(), span = ident.span()));
    let command = options.command.unwrap_or_else(|| format_ident!("{}Command", ident.unraw(), span = ident.span()));
    let category = options.category.map_or_else(|| snake_case(&ident), |literal| literal.value());
    let mut model = Model {
        vis,
        ident,
        docs,
        event,
        command,
        error: options.error,
        category,
        event_derive: options.event_derive,
        command_derive: options.command_derive,
        krate: options.krate,
        fields: Vec::new(),
        events: Vec::new(),
        commands: Vec::new(),
        broken,
    };
    let mut rules = Vec::new();
    for field in fields {
        let role = role(&model, &field, errors);
        rules.push(field.rules);
        let ast::Field { ident, ty, docs, broken, serde, .. } = field;
        model.fields.push(Field { ident, ty, docs: [docs, serde].concat(), role, broken });
    }
    if !model.broken.fields && model.id().is_none() {
        errors.at(&model.ident, "no id: mark the field that identifies the aggregate with `#[id]`");
    }
    for event in events {
        let event = resolve_event(&model, event, errors);
        model.events.extend(event);
    }
    for (index, rules) in rules.into_iter().enumerate() {
        for rule in rules {
            apply_rule(&mut model, index, rule, errors);
        }
    }
    for event in &mut model.events {
        event.changes.sort_by_key(|change| change.field);
    }
    for command in commands {
        let command = resolve_command(&model, command, errors);
        model.commands.extend(command);
    }
    model
}

fn role(model: &Model, field: &ast::Field, errors: &mut Errors) -> Role {
    let role = match (field.id, field.version) {
        (Some(_), Some(version)) => {
            errors.span(version, "a field is either the id or the version; remove one of the two");
            Role::Id
        }
        (Some(_), None) => Role::Id,
        (None, Some(_)) => Role::Version,
        (None, None) => return Role::State,
    };
    let (name, span) = if role == Role::Id { ("id", field.id) } else { ("version", field.version) };
    let span = span.unwrap_or_else(Span::call_site);
    if let Some(first) = model.fields.iter().find(|other| other.role == role) {
        errors.span(span, format!("a second `#[{name}]`: `{}` is the {name} already; remove one", first.ident));
        return Role::State;
    }
    if let Some(event) = field.rules.first().and_then(|rule| rule.events.first()) {
        errors.at(event, format!("no event changes the {name}; remove the `#[on(…)]`"));
    }
    role
}

fn resolve_event(model: &Model, event: ast::Event, errors: &mut Errors) -> Option<Event> {
    let ast::Event { ident, docs, foreign, name, creates, ends, retired, audit, payload, broken } = event;
    if model.events.iter().any(|other| other.ident == ident) {
        errors.at(&ident, format!("the event `{ident}` is declared twice; remove one or rename it"));
        return None;
    }
    let stored = name.as_ref().map_or_else(|| ident.unraw().to_string(), syn::LitStr::value);
    if let Some(other) = model.events.iter().find(|other| other.stored == stored) {
        let message = format!("the stored name `{stored}` belongs to `{}` already; give this event another `#[name = \"…\"]`", other.ident);
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
        payload: Vec::new(),
        changes: Vec::new(),
        broken,
    };
    for field in payload {
        if resolved.payload.iter().any(|other| other.ident == field.ident) {
            errors.at(&field.ident, format!("`{}` has two fields `{}`; remove one", resolved.ident, field.ident));
            continue;
        }
        match resolve_payload(model, &mut resolved, field, audit, errors) {
            Some(payload) => resolved.payload.push(payload),
            None => resolved.broken = true,
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
) -> Option<Payload> {
    let ast::Payload { ident, mut docs, mut foreign, ty, fill, audit: own } = field;
    let ty = match ty {
        Some(ty) => ty,
        None => {
            let (index, source) = bare(model, &ident, errors)?;
            let attrs = |serde: bool| {
                let wanted = move |attr: &&Attribute| attr.path().is_ident("serde") == serde;
                source.docs.iter().filter(wanted).cloned()
            };
            foreign.extend(attrs(true));
            if docs.is_empty() {
                docs.extend(attrs(false));
            }
            event.changes.push(Change { field: index, how: How::Bare(ident.clone()) });
            source.ty.clone()
        }
    };
    Some(Payload { ident, ty, docs, foreign, fill, audit: own.or(audit) })
}

/// The field of the aggregate that a bare payload field stands for.
fn bare<'a>(model: &'a Model, ident: &Ident, errors: &mut Errors) -> Option<(usize, &'a Field)> {
    if model.broken.fields {
        return None;
    }
    let Some(index) = model.field_index(ident) else {
        let names: Vec<_> = state_fields(model);
        let hint = instead(&ident.to_string(), "fields", names.iter().map(String::as_str));
        errors.at(
            ident,
            format!(
                "`{}` has no field `{ident}`{hint} (a field that only the event has needs a type: `{ident}: Type`)",
                model.ident
            ),
        );
        return None;
    };
    let field = model.fields.get(index)?;
    match field.role {
        Role::State => Some((index, field)),
        Role::Id => {
            errors.at(ident, format!("`{ident}` is the id, which every event has already; leave it out"));
            None
        }
        Role::Version => {
            errors.at(ident, format!("`{ident}` is the version, which counts events by itself; leave it out"));
            None
        }
    }
}

fn state_fields(model: &Model) -> Vec<String> {
    let state = model.fields.iter().filter(|field| field.role == Role::State);
    state.map(|field| field.ident.to_string()).collect()
}

fn apply_rule(model: &mut Model, index: usize, rule: ast::Rule, errors: &mut Errors) {
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
        if let Some(twice) = event.changes.iter().find(|change| change.field == index) {
            let message = match twice.how {
                How::Bare(_) => format!(
                    "`{name}` sets `{field_name}` already, by naming it bare; remove this rule, or give the payload field a type: `{field_name}: Type`"
                ),
                _ => format!("`{name}` changes `{field_name}` twice; write one rule"),
            };
            errors.at(&name, message);
            continue;
        }
        let body = rule.body.clone();
        let how = match &rule.operator {
            Operator::Assign => How::Assign(body),
            Operator::Compound(operator) => How::Compound(*operator, body),
            Operator::Statement => How::Statement(body),
        };
        event.changes.push(Change { field: index, how });
    }
}

/// The index of the event of this name. Where the events could not all be read, a missing one is no new mistake.
fn find_event(model: &Model, name: &Ident, errors: &mut Errors) -> Option<usize> {
    let found = model.events.iter().position(|event| event.ident == *name);
    if found.is_none() && !model.broken.events {
        let names: Vec<_> = model.events.iter().map(|event| event.ident.to_string()).collect();
        let hint = instead(&name.to_string(), "events", names.iter().map(String::as_str));
        errors.at(name, format!("`{}` has no event `{name}`{hint}", model.ident));
    }
    found
}

fn resolve_command(model: &Model, command: ast::Command, errors: &mut Errors) -> Option<Command> {
    let ast::Command { ident, docs, foreign, requires, decide, reads, fields, events: names, mut broken } = command;
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
    let sources: Vec<&Event> = events.iter().filter_map(|(index, _)| model.events.get(*index)).collect();
    broken |= sources.iter().any(|event| event.broken);
    let fields = match fields {
        Some(fields) => own_fields(model, &ident, fields, &sources, &mut broken, errors),
        None => match sources.as_slice() {
            [event] => event.payload.iter().filter(|payload| payload.fill.is_none()).map(borrowed).collect(),
            [] => Vec::new(),
            _ => {
                broken = true;
                errors.at(
                    &ident,
                    format!("`{ident}` names several events, so it needs fields of its own: `{ident} {{ … }} => …`"),
                );
                Vec::new()
            }
        },
    };
    let body = match (decide, reads) {
        (Some(expr), reads) => Body::Decide { expr, reads },
        (None, Some(reads)) => {
            if let (Some(first), false) = (reads.first(), broken) {
                errors.at(first, format!("`#[reads]` says what `#[decide]` sees, and `{ident}` has none; remove it"));
            }
            Body::Record
        }
        (None, None) => Body::Record,
    };
    Some(Command { ident, docs, foreign, fields, events, requires, body, broken })
}

fn own_fields(
    model: &Model,
    command: &Ident,
    fields: Vec<ast::CommandField>,
    events: &[&Event],
    broken: &mut bool,
    errors: &mut Errors,
) -> Vec<Payload> {
    let mut resolved: Vec<Payload> = Vec::new();
    for ast::CommandField { ident, docs, foreign, ty } in fields {
        if resolved.iter().any(|other| other.ident == ident) {
            errors.at(&ident, format!("`{command}` has two fields `{ident}`; remove one"));
            continue;
        }
        let source = events.iter().flat_map(|event| &event.payload).find(|payload| payload.ident == ident);
        let field = model.fields.iter().find(|field| field.ident == ident);
        let ty = ty.or_else(|| source.map(|source| source.ty.clone())).or_else(|| field.map(|field| field.ty.clone()));
        let Some(ty) = ty else {
            if !*broken && !model.broken.fields {
                errors.at(
                    &ident,
                    format!("nothing tells the type of `{ident}`: no event of `{command}` and no field of `{}` has that name; write `{ident}: Type`", model.ident),
                );
            }
            *broken = true;
            continue;
        };
        resolved.push(Payload { ident, ty, docs, foreign, fill: None, audit: None });
    }
    resolved
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
    }
}

fn snake_case(ident: &Ident) -> String {
    let mut snake = String::new();
    let name = ident.unraw().to_string();
    let mut previous_lower = false;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        // A capital begins a word after a small letter, and before one: `HTTPServer` is `http_server`.
        let begins = letter.is_uppercase() && (previous_lower || letters.peek().is_some_and(|next| next.is_lowercase()));
        if begins && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        previous_lower = letter.is_lowercase() || letter.is_numeric();
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The name of a function of ours for this command.
pub(super) fn function_name(command: &Ident) -> Ident {
    format_ident!("__{}", snake_case(command), span = command.span())
}
