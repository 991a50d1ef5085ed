//! What the blocks have in common: lists that go on after a mistake, and the sorting of attributes.

use proc_macro2::{Span, TokenTree};
use syn::{Attribute, Ident, Meta, Token, ext::IdentExt, parse::ParseStream, spanned::Spanned};

use super::super::keys::{Class, Place, classify};
use crate::errors::Errors;

/// Names that mean something else inside guards, decisions and folds.
const RESERVED: &[(&str, &str)] = &[
    ("id", "the id of the aggregate"),
    ("ctx", "the context of the decision"),
    ("state", "the state, where there may be none"),
    ("recorded", "the envelope of a recorded event"),
];

/// Reads items separated by commas. One that cannot be read is noted, and reading goes on after the next comma.
pub(super) fn list<T>(
    input: ParseStream<'_>,
    errors: &mut Errors,
    broken: &mut bool,
    mut item: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<T>,
) -> Vec<T> {
    let mut items = Vec::new();
    while !input.is_empty() {
        match item(input, errors) {
            Ok(item) => items.push(item),
            Err(error) => {
                *broken = true;
                errors.push(error);
                skip_to_comma(input);
            }
        }
        if !input.is_empty() && input.parse::<Token![,]>().is_err() {
            *broken = true;
            errors.span(input.span(), "expected `,`");
            // What looks like the start of the next item is one whose comma was forgotten.
            if !(input.peek(Ident) || input.peek(Token![#])) {
                skip_to_comma(input);
                let _ = input.parse::<Token![,]>();
            }
        }
    }
    items
}

pub(super) fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // Any token will do; there is one, because the input is not empty.
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

/// A name that the user gives to a payload or command field.
pub(super) fn field_name(input: ParseStream<'_>, place: Place, errors: &mut Errors) -> syn::Result<Ident> {
    if input.peek(Token![pub]) {
        let vis: syn::Visibility = input.parse()?;
        errors.at(&vis, format!("{} is always as public as its enum; leave this out", place.article()));
    }
    if input.peek(syn::token::Brace) || input.peek(syn::token::Paren) {
        return Err(input.error("expected the name of a field"));
    }
    let ident: Ident = input.parse()?;
    if let Some((name, meaning)) = RESERVED.iter().find(|(name, _)| ident.unraw() == name) {
        errors.at(
            &ident,
            format!("`{name}` cannot be the name of {}: in expressions it is {meaning}; choose another name", place.article()),
        );
    }
    Ok(ident)
}

/// The attributes of an item in a block, sorted.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    pub(super) ours: Vec<(&'static str, Attribute)>,
}

impl Sorted {
    pub(super) fn new(attrs: Vec<Attribute>, place: Place, errors: &mut Errors) -> Self {
        let mut sorted = Self::default();
        for attr in attrs {
            match classify(&attr, place) {
                Class::Doc => sorted.docs.push(attr),
                Class::Ours(key) => sorted.ours.push((key, attr)),
                Class::Foreign => {
                    refuse_serde(&attr, place, errors);
                    sorted.foreign.push(attr);
                }
                Class::Wrong(message) => errors.span(attr.meta.span(), message),
            }
        }
        sorted
    }

    /// The span of the flag with this key, if it is set.
    pub(super) fn flag(&self, key: &'static str, errors: &mut Errors) -> Option<Span> {
        let attr = self.once(key, errors)?;
        if !matches!(attr.meta, Meta::Path(_)) {
            errors.at(&attr.meta, format!("`#[{key}]` takes nothing; leave the rest out"));
        }
        Some(attr.path().span())
    }

    /// The attribute with this key; a second one is a mistake.
    pub(super) fn once(&self, key: &'static str, errors: &mut Errors) -> Option<&Attribute> {
        let mut found = self.ours.iter().filter(|(ours, _)| *ours == key).map(|(_, attr)| attr);
        let first = found.next();
        for again in found {
            errors.at(again.path(), format!("`#[{key}]` stands here twice; remove one"));
        }
        first
    }
}

/// Serde's names and omissions would go around the stored name and lose what happened.
fn refuse_serde(attr: &Attribute, place: Place, errors: &mut Errors) {
    if !attr.path().is_ident("serde") {
        return;
    }
    let Meta::List(list) = &attr.meta else { return };
    for tree in list.tokens.clone() {
        let TokenTree::Ident(word) = tree else { continue };
        match word.to_string().as_str() {
            "rename" | "alias" if place == Place::Event => {
                errors.span(word.span(), "an event is stored under its `#[name = \"…\"]`; use that in place of serde's");
            }
            "skip" | "skip_serializing" | "skip_deserializing" if matches!(place, Place::Event | Place::Payload) => {
                errors.span(word.span(), "an event records what happened: a part that serde skips would be lost");
            }
            _ => {}
        }
    }
}
