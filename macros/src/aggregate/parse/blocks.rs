//! What the blocks have in common: references to events, fields, and the sorting of attributes.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Field, Ident, Meta, Token, Type, ext::IdentExt, parenthesized, parse::ParseStream,
    punctuated::Punctuated, spanned::Spanned, token,
};

use super::super::keys::{Class, Place, classify};
use crate::{
    attributes::{flag, name, skip_until},
    errors::Errors,
};

/// Names that mean something else inside guards, decisions and folds.
const RESERVED: &[(&str, &str)] = &[
    ("id", "the id of the aggregate"),
    ("ctx", "the context of the decision"),
    ("state", "the state, where there may be none"),
    ("recorded", "the envelope of a recorded event"),
];

/// An event where it is referred to. A path before its name is noted, and left out.
pub(super) fn event(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Ident> {
    let mut ident = name(input, "an event", errors)?;
    let mut path = ident.to_token_stream();
    let alone = !input.peek(Token![::]);
    while input.peek(Token![::]) {
        input.parse::<Token![::]>()?.to_tokens(&mut path);
        ident = name(input, "an event", errors)?;
        ident.to_tokens(&mut path);
    }
    if !alone {
        errors.at(&path, format!("events are named alone, without a path: write `{ident}`"));
    }
    Ok(ident)
}

/// The name of a payload field or of a field of a command.
pub(super) fn field_name(input: ParseStream<'_>, place: Place, errors: &mut Errors) -> syn::Result<Ident> {
    if input.peek(Token![pub]) {
        let vis: syn::Visibility = input.parse()?;
        errors.at(&vis, format!("{} is always as public as its enum; leave this out", place.article()));
    }
    let ident = name(input, place.article(), errors)?;
    if let Some((name, meaning)) = RESERVED.iter().find(|(name, _)| ident.unraw() == name) {
        errors.at(
            &ident,
            format!(
                "`{name}` cannot be the name of {}: in expressions it is {meaning}; choose another name",
                place.article()
            ),
        );
    }
    Ok(ident)
}

/// The type after the name of a field, if there is one.
pub(super) fn field_type(input: ParseStream<'_>, ident: &Ident, errors: &mut Errors) -> Option<Type> {
    let colon = input.parse::<Token![:]>().is_ok();
    if !colon && ends_a_field(input) {
        return None;
    }
    let ty = if colon { input.parse::<Type>() } else { Err(input.error("")) };
    Some(ty.unwrap_or_else(|error| {
        skip_until(input, |input| input.peek(Token![,]) || input.peek(Token![=]));
        let what = if colon { "needs a type after the `:`" } else { "needs a `:` before its type" };
        errors.unknown_type(syn::Error::new(error.span(), format!("`{ident}` {what}: write `{ident}: Type`")))
    }))
}

/// Whether a field ends here, after its name, or another begins whose comma was forgotten.
fn ends_a_field(input: ParseStream<'_>) -> bool {
    let next_name = || {
        let next = input.fork().parse::<Ident>().map(|ident| ident.to_string());
        next.is_ok_and(|next| next.starts_with(char::is_lowercase) && !PRIMITIVES.contains(&next.as_str()))
    };
    input.is_empty() || input.peek(Token![,]) || input.peek(Token![=]) || input.peek(Token![#]) || next_name()
}

/// Types that are written like names.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16", "u32",
    "u64", "u128", "usize",
];

/// `(Type, Type)` after a name, which is a mistake wherever fields have names.
pub(super) fn unnamed(
    input: ParseStream<'_>,
    message: &str,
    errors: &mut Errors,
) -> syn::Result<Option<Vec<Type>>> {
    if !input.peek(token::Paren) {
        return Ok(None);
    }
    let content;
    let paren = parenthesized!(content in input);
    errors.span(paren.span.join(), message);
    let types = content
        .call(|content| Punctuated::<_, Token![,]>::parse_terminated_with(content, Field::parse_unnamed));
    let _: TokenStream = content.parse()?;
    Ok(Some(types.map(|types| types.into_iter().map(|field| field.ty).collect()).unwrap_or_default()))
}

/// The attributes of an item in a block, sorted.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    pub(super) ours: Vec<(&'static str, Attribute)>,
    /// One of ours has no place here.
    pub(super) misplaced: bool,
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
                Class::Misspelt(key, message) => {
                    errors.span(attr.meta.span(), message);
                    sorted.ours.push((key, attr));
                }
                Class::Wrong(message) => {
                    sorted.misplaced = true;
                    errors.span(attr.meta.span(), message);
                }
            }
        }
        sorted
    }

    /// The span of the flag with this key, if it is set.
    pub(super) fn flag(&self, key: &'static str, errors: &mut Errors) -> Option<Span> {
        self.once(key, errors).map(|attr| flag(attr, errors))
    }

    /// The attributes with this key.
    pub(super) fn all(&self, key: &'static str) -> impl Iterator<Item = &Attribute> {
        self.ours.iter().filter(move |(ours, _)| *ours == key).map(|(_, attr)| attr)
    }

    /// The attribute with this key; a second one is a mistake.
    pub(super) fn once(&self, key: &'static str, errors: &mut Errors) -> Option<&Attribute> {
        let mut found = self.all(key);
        let first = found.next();
        for again in found {
            errors.at(again.path(), format!("`#[{key}]` stands here twice; remove one"));
        }
        first
    }
}

/// Serde's names and omissions would go around the stored name and lose what happened.
fn refuse_serde(attr: &Attribute, place: Place, errors: &mut Errors) {
    for word in serde_words(attr) {
        match word.to_string().as_str() {
            "rename" | "alias" | "other" | "untagged" if place == Place::Event => {
                errors.at(
                    &word,
                    "an event is stored under its `#[name = \"…\"]`; use that in place of serde's",
                );
            }
            "skip" | "skip_serializing" | "skip_deserializing"
                if matches!(place, Place::Event | Place::Payload) =>
            {
                errors.at(&word, "an event records what happened: what serde skips would be lost");
            }
            _ => {}
        }
    }
}

/// The keys of a `#[serde(…)]`, each with the value behind its `=`, as it is written; nothing for other attributes.
pub(in super::super) fn serde_values(attr: &Attribute) -> Vec<(Ident, Option<String>)> {
    let Meta::List(list) = &attr.meta else { return Vec::new() };
    if !attr.path().is_ident("serde") {
        return Vec::new();
    }
    let mut values = Vec::new();
    let mut tokens = list.tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(word) = token else { continue };
        let equals = tokens.next_if(|next| matches!(next, TokenTree::Punct(punct) if punct.as_char() == '='));
        let value = equals.and_then(|_| tokens.next()).map(|value| value.to_string());
        values.push((word, value));
    }
    values
}

/// The keys of a `#[serde(…)]`; nothing for other attributes.
pub(in super::super) fn serde_words(attr: &Attribute) -> Vec<Ident> {
    let words = |tokens: TokenStream| {
        tokens.into_iter().filter_map(|tree| match tree {
            TokenTree::Ident(word) => Some(word),
            _ => None,
        })
    };
    match &attr.meta {
        Meta::List(list) if attr.path().is_ident("serde") => words(list.tokens.clone()).collect(),
        _ => Vec::new(),
    }
}
