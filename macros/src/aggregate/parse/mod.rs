//! From tokens to [`ast`](super::ast): the struct and its attributes.
//!
//! Every function notes what it cannot read and goes on, so that all mistakes are found in one run.

mod blocks;
mod commands;
mod events;
mod fields;
mod options;

use syn::{Attribute, Data, DeriveInput, Fields, Meta, spanned::Spanned};

use super::ast::{Broken, Item};
use crate::errors::Errors;

/// Reads the annotated item.
pub(super) fn parse(input: DeriveInput, errors: &mut Errors) -> Item {
    let options = options::parse(&input.attrs, errors);
    let mut broken = Broken::default();
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics,
            "an aggregate cannot have generic parameters: its events are stored under one name, so use concrete types",
        );
    }
    let name = &input.ident;
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => fields::parse(named, errors),
            Fields::Unnamed(_) | Fields::Unit => {
                broken.fields = true;
                errors.at(
                    name,
                    format!("an aggregate has named fields, one of them its id: `struct {name} {{ #[id] id: … }}`"),
                );
                Vec::new()
            }
        },
        Data::Enum(_) | Data::Union(_) => {
            broken.fields = true;
            errors.at(
                name,
                "an aggregate is a struct with named fields; use an enum as the type of a field, such as `status: Status`",
            );
            Vec::new()
        }
    };
    let events = match block(&input.attrs, "events", errors) {
        Found::Block(attr) => events::parse(attr, &mut broken, errors),
        Found::Wrong => {
            broken.events = true;
            Vec::new()
        }
        Found::None => {
            broken.events = true;
            errors.at(name, "no events: add `#[events { #[creates] Opened { … }, … }]` to the struct");
            Vec::new()
        }
    };
    let commands = match block(&input.attrs, "commands", errors) {
        Found::Block(attr) => commands::parse(attr, &mut broken, errors),
        Found::Wrong => {
            broken.commands = true;
            Vec::new()
        }
        Found::None if broken.events || events.iter().all(|event| event.retired.is_some()) => Vec::new(),
        Found::None => {
            broken.commands = true;
            errors.at(name, "no commands: add `#[commands { Open => Opened, … }]` to the struct");
            Vec::new()
        }
    };
    let docs = docs(&input.attrs);
    Item { vis: input.vis, ident: input.ident, docs, options, fields, events, commands, broken }
}

enum Found<'a> {
    Block(&'a Attribute),
    Wrong,
    None,
}

/// The attribute `#[events { … }]` or `#[commands { … }]`.
fn block<'a>(attrs: &'a [Attribute], key: &str, errors: &mut Errors) -> Found<'a> {
    let mut found = attrs.iter().filter(|attr| attr.path().is_ident(key));
    let Some(first) = found.next() else { return Found::None };
    for again in found {
        errors.at(again.path(), format!("`#[{key}]` stands here twice; write one block"));
    }
    match &first.meta {
        Meta::List(list) if matches!(list.delimiter, syn::MacroDelimiter::Brace(_)) => Found::Block(first),
        _ => {
            errors.span(first.meta.span(), format!("`{key}` takes a block in braces: `#[{key} {{ … }}]`"));
            Found::Wrong
        }
    }
}

/// The doc comments among the attributes.
fn docs(attrs: &[Attribute]) -> Vec<Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("doc")).cloned().collect()
}
