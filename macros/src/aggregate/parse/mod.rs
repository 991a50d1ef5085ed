//! From tokens to [`ast`](super::ast): the struct and its attributes.
//!
//! Every function notes what it cannot read and goes on, so that all mistakes are found in one run.

mod blocks;
mod commands;
mod events;
mod evolution;
mod fields;
mod options;
mod snapshot;
mod unique;

use std::hash::{DefaultHasher, Hash, Hasher};

use quote::ToTokens;
use syn::{Attribute, DeriveInput, FieldsNamed, MacroDelimiter, Meta, spanned::Spanned};

pub(super) use blocks::{serde_values, serde_words};

use super::{
    ast::{Broken, Item},
    fingerprint,
    keys::{self, Place},
};
use crate::{
    attributes::{self, docs},
    errors::{Errors, place},
};

/// Reads the annotated item.
pub(super) fn parse(input: DeriveInput, errors: &mut Errors) -> Item {
    let (distinction, fingerprint) = (distinction(&input), fingerprint::of(&input));
    for attr in &input.attrs {
        if let Some(message) = keys::out_of_place(attr, Place::Struct) {
            errors.span(attr.meta.span(), message);
        }
    }
    let mut broken = Broken::default();
    let options = options::parse(&input.attrs, &mut broken, errors);
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics,
            "an aggregate cannot have generic parameters: its events are stored under one name, so use concrete types",
        );
    }
    let name = &input.ident;
    let fields = match named_fields(&input) {
        Ok(named) => fields::parse(named, errors),
        Err(error) => {
            broken.fields = true;
            errors.push(error);
            Vec::new()
        }
    };
    let events = match block(&input.attrs, "events", errors) {
        Some(attr) => events::parse(attr, &mut broken, errors),
        None => {
            broken.events = true;
            errors.at(name, "no events: add `#[events { #[creates] Opened { … }, … }]` to the struct");
            Vec::new()
        }
    };
    let commands = match block(&input.attrs, "commands", errors) {
        Some(attr) => commands::parse(attr, &mut broken, errors),
        None if broken.events || events.iter().all(|event| event.retired.is_some()) => Vec::new(),
        None => {
            broken.commands = true;
            errors.at(name, "no commands: add `#[commands { Open => Opened, … }]` to the struct");
            Vec::new()
        }
    };
    let docs = docs(&input.attrs);
    Item {
        vis: input.vis,
        ident: input.ident,
        generics: input.generics,
        docs,
        options,
        fields,
        events,
        commands,
        broken,
        distinction,
        fingerprint,
    }
}

fn named_fields(input: &DeriveInput) -> syn::Result<&FieldsNamed> {
    let name = &input.ident;
    attributes::named_fields(
        input,
        &format!("an aggregate has named fields, one of them its id: `struct {name} {{ #[id] id: … }}`"),
        "an aggregate is a struct with named fields; use an enum as the type of a field, such as `status: Status`",
    )
}

/// The attribute `#[events { … }]` or `#[commands { … }]`.
fn block<'a>(attrs: &'a [Attribute], key: &str, errors: &mut Errors) -> Option<&'a Attribute> {
    let braces = |attr: &Attribute| matches!(&attr.meta, Meta::List(list) if matches!(list.delimiter, MacroDelimiter::Brace(_)));
    let mut found = attrs.iter().filter(|attr| attr.path().is_ident(key));
    let misspelt = || attrs.iter().find(|attr| keys::meant_for(attr, key) && braces(attr));
    let first = found.next().or_else(misspelt)?;
    for again in found {
        errors.at(again.path(), format!("`#[{key}]` stands here twice; write one block"));
    }
    if !braces(first) {
        errors.span(first.meta.span(), format!("`{key}` takes a block in braces: `#[{key} {{ … }}]`"));
    }
    Some(first)
}

/// Everything that the item says, and where: aggregates of one name stand in different places, and those that a macro
/// of the user's writes in one place say different things.
fn distinction(input: &DeriveInput) -> u64 {
    let mut hasher = DefaultHasher::new();
    let span = input.ident.span();
    input.to_token_stream().to_string().hash(&mut hasher);
    place(span).hash(&mut hasher);
    if proc_macro::is_available() {
        span.unwrap().file().hash(&mut hasher);
    }
    hasher.finish()
}
