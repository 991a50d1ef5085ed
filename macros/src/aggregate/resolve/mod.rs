//! From [`ast`](super::ast) to [`model`](super::model): every name finds what it names, or is reported.

mod commands;
mod events;

use proc_macro2::Span;
use quote::format_ident;
use syn::{GenericParam, Generics, Ident, Type, ext::IdentExt};

use super::{
    ast::{self, Item},
    model::{Field, Model, Role, Snapshot, Unique},
};
use crate::{
    code,
    errors::Errors,
    names::snake_case,
    suggest::{instead, similar},
};

pub(super) fn resolve(item: Item, errors: &mut Errors) -> Model {
    let Item {
        vis,
        ident,
        mut generics,
        docs,
        options,
        fields,
        events,
        commands,
        mut broken,
        distinction,
        fingerprint,
    } = item;
    let usual_event = usual_name(&ident, "Event");
    let taken = [&ident, options.event.as_ref().unwrap_or(&usual_event)];
    let command = enum_name(options.command, usual_name(&ident, "Command"), &taken, errors);
    let event = enum_name(options.event, usual_event, &[&ident, &command], errors);
    let category = options.category.map_or_else(|| snake_case(&ident), |literal| literal.value());
    if !generics.params.is_empty() {
        generics.make_where_clause().predicates.push(syn::parse_quote!(Self: Send + Sync + 'static));
    }
    let mut resolved: Vec<Field> = Vec::new();
    let (mut rules, mut uniques) = (Vec::new(), Vec::new());
    for mut field in fields {
        let role = role(&resolved, &mut field, errors);
        rules.push(field.rules);
        let ast::Field { ident, ty, docs, serde, unique, broken, .. } = field;
        let ty = concrete(&generics, ty, errors);
        uniques.push(unique);
        resolved.push(Field { ident, ty, docs, serde, role, unique: None, broken });
    }
    for (index, unique) in uniques.into_iter().enumerate() {
        if let Some(unique) = unique {
            let unique = unique_field(&ident, &resolved, index, unique, errors);
            if let Some(field) = resolved.get_mut(index) {
                field.unique = unique;
            }
        }
    }
    let id = match resolved.iter().find(|field| field.role == Role::Id) {
        Some(id) => id.ty.clone(),
        None if broken.fields => errors.stand_in(),
        None => {
            broken.id = true;
            let message = "no id: mark the field that identifies the aggregate with `#[id]`";
            errors.unknown_type(syn::Error::new_spanned(&ident, message))
        }
    };
    let mut model = Model {
        vis,
        ident,
        generics,
        docs,
        event,
        command,
        error: options.error,
        category,
        event_derive: options.event_derive,
        command_derive: options.command_derive,
        locked: options.locked,
        krate: options.krate,
        id,
        fields: resolved,
        events: Vec::new(),
        commands: Vec::new(),
        broken,
        distinction,
        snapshot: options.snapshot.map(|ast::Snapshot { span, every, epoch }| {
            let fingerprint = fingerprint.in_epoch(epoch).get();
            Snapshot { span, every, fingerprint }
        }),
    };
    for event in events {
        let event = events::resolve(&model, event, errors);
        model.events.extend(event);
    }
    for (index, rules) in rules.into_iter().enumerate() {
        for rule in rules {
            events::apply_rule(&mut model, index, rule, errors);
        }
    }
    for event in &mut model.events {
        event.changes.sort_by_key(|change| change.field);
    }
    for command in commands {
        let command = commands::resolve(&model, command, errors);
        model.commands.extend(command);
    }
    if model.error.is_none() {
        model.error = error_type(&model, errors);
    }
    model
}

/// What stands in for the type of the errors where one is needed and none is known.
fn error_type(model: &Model, errors: &mut Errors) -> Option<Type> {
    if model.broken.options {
        return Some(errors.stand_in());
    }
    let guard = model.commands.iter().flat_map(|command| &command.requires).next()?;
    let message = "the aggregate declares no error type: add `#[aggregate(error = Type)]`";
    Some(errors.unknown_type(syn::Error::new_spanned(&guard.error, message)))
}

fn usual_name(ident: &Ident, what: &str) -> Ident {
    format_ident!("{}{what}", ident.unraw(), span = ident.span())
}

/// The name that the user chose for an enum, unless another type has it already.
fn enum_name(chosen: Option<Ident>, usual: Ident, taken: &[&Ident], errors: &mut Errors) -> Ident {
    match chosen {
        Some(name) if taken.contains(&&name) => {
            errors.at(
                &name,
                format!(
                    "`{name}` is another type of this aggregate; choose a name of its own, such as `{usual}`"
                ),
            );
            usual
        }
        Some(name) => name,
        None => usual,
    }
}

/// `#[unique]` on the field with this index.
fn unique_field(
    aggregate: &Ident,
    fields: &[Field],
    index: usize,
    unique: ast::Unique,
    errors: &mut Errors,
) -> Option<Unique> {
    let ast::Unique { span, with: names, by, show_holder, enforce } = unique;
    match fields.get(index)?.role {
        Role::State => {}
        Role::Id => {
            errors.span(span, "the id is unique already: two aggregates of one id are one; remove this");
            return None;
        }
        Role::Version => {
            errors.span(span, "the version is no value of the domain, so it cannot be unique; remove this");
            return None;
        }
    }
    let mut with = Vec::new();
    for name in names {
        match fields.iter().position(|field| field.ident == name) {
            Some(other) if other == index => {
                errors.at(&name, format!("`{name}` is the field itself; leave it out"))
            }
            Some(other) if with.contains(&other) => {
                errors.at(&name, format!("`{name}` is named twice; remove one"))
            }
            Some(other) if fields.get(other).is_some_and(|field| field.role != Role::State) => {
                errors.at(&name, format!("with `{name}`, which belongs to one aggregate alone, every value is unique; leave it out"));
            }
            Some(other) => with.push(other),
            None => {
                let state = fields.iter().filter(|field| field.role == Role::State);
                let others: Vec<_> = state.map(|field| field.ident.to_string()).collect();
                let hint = instead(&name.to_string(), "fields", others.iter().map(String::as_str));
                errors.at(&name, format!("`{aggregate}` has no field `{name}`{hint}"));
            }
        }
    }
    Some(Unique { with, by, show_holder, enforce: enforce.unwrap_or_default() })
}

fn role(others: &[Field], field: &mut ast::Field, errors: &mut Errors) -> Role {
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
    if let Some(first) = others.iter().find(|other| other.role == role) {
        errors
            .span(span, format!("a second `#[{name}]`: `{}` is the {name} already; remove one", first.ident));
        // What sets the field is not asked: it was not meant to be set.
        field.broken = true;
        return Role::State;
    }
    if let Some(event) = field.rules.first().and_then(|rule| rule.events.first()) {
        errors.at(event, format!("no event changes the {name}; remove the `#[on(…)]`"));
    }
    role
}

/// The index of the event of this name, or else of the one that was probably meant. Where the events could not all be
/// read, a missing one is no new mistake.
fn find_event(model: &Model, name: &Ident, errors: &mut Errors) -> Option<usize> {
    let position = |name: &str| model.events.iter().position(|event| event.ident == name);
    let text = name.to_string();
    let found = position(&text);
    if found.is_some() || model.broken.events {
        return found;
    }
    let names: Vec<_> = model.events.iter().map(|event| event.ident.to_string()).collect();
    let names = names.iter().map(String::as_str);
    errors.at(
        name,
        format!("`{}` has no event `{name}`{}", model.ident, instead(&text, "events", names.clone())),
    );
    similar(&text, names).and_then(position)
}

/// A type that does not depend on parameters of the struct. There should be none, but where there are, they are unknown
/// outside it.
fn concrete(generics: &Generics, ty: Type, errors: &Errors) -> Type {
    let parameters: Vec<String> = generics.params.iter().map(parameter_name).collect();
    let depends = !parameters.is_empty() && code::names(&ty).any(|name| parameters.contains(&name));
    if depends { errors.stand_in() } else { ty }
}

fn parameter_name(parameter: &GenericParam) -> String {
    match parameter {
        GenericParam::Lifetime(lifetime) => lifetime.lifetime.ident.to_string(),
        GenericParam::Type(ty) => ty.ident.to_string(),
        GenericParam::Const(value) => value.ident.to_string(),
    }
}
