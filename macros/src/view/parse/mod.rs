//! From tokens to [`ast`](super::ast): the struct and its attributes.
//!
//! Every function notes what it cannot read and goes on, so that all mistakes are found in one run.

mod fields;
mod options;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    DeriveInput, FieldsNamed, Ident, LitStr, Path, Token, ext::IdentExt, parse::ParseStream, spanned::Spanned,
};

pub(super) use options::BY_HAND;

use super::{
    ast::{Broken, EventRef, Item},
    keys::{self, Place},
};
use crate::{
    attributes::{self, docs},
    errors::Errors,
};

/// Reads the annotated item.
pub(super) fn parse(input: DeriveInput, errors: &mut Errors) -> Item {
    for attr in &input.attrs {
        if let Some(message) = keys::out_of_place(attr, Place::Struct) {
            errors.span(attr.meta.span(), message);
        }
    }
    let mut broken = Broken::default();
    let options = options::parse(&input, &mut broken, errors);
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics,
            "a view cannot have generic parameters: its rows are kept in one table, so use concrete types",
        );
    }
    let fields = match named_fields(&input) {
        Ok(named) => fields::parse(named, errors),
        Err(error) => {
            broken.fields = true;
            errors.push(error);
            Vec::new()
        }
    };
    broken.fields |= fields.iter().any(|field| field.broken);
    let docs = docs(&input.attrs);
    Item { vis: input.vis, ident: input.ident, generics: input.generics, docs, options, fields, broken }
}

fn named_fields(input: &DeriveInput) -> syn::Result<&FieldsNamed> {
    let name = &input.ident;
    attributes::named_fields(
        input,
        &format!("a row has named fields, which are its columns: `struct {name} {{ #[key] id: …, … }}`"),
        "a row is a struct with named fields, which are its columns; use an enum as the type of a field",
    )
}

/// An event where it is referred to.
fn event(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<EventRef> {
    if !(input.peek(Ident::peek_any) && input.peek2(Token![::]) || input.peek(Token![::])) {
        let name = attributes::name(input, "an event", errors)?;
        let tokens = name.to_token_stream();
        return Ok(EventRef { aggregate: Vec::new(), name, tokens });
    }
    let path: Path = input.call(Path::parse_mod_style)?;
    let tokens: TokenStream = path.to_token_stream();
    let mut aggregate: Vec<Ident> = path.segments.into_iter().map(|segment| segment.ident).collect();
    // A path has at least one segment.
    let name = aggregate.pop().ok_or_else(|| input.error("expected the name of an event"))?;
    Ok(EventRef { aggregate, name, tokens })
}

/// Whether this can be the name of a table or of a column everywhere.
fn check_name(literal: &LitStr, what: &str, longest: usize) -> syn::Result<()> {
    let name = literal.value();
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let message = if name.is_empty()
        || !name.chars().all(fits)
        || name.starts_with(|first: char| first.is_ascii_digit())
    {
        format!(
            "the name of a {what} consists of small letters, digits and underscores, and does not begin with a digit"
        )
    } else if name.len() > longest {
        format!("the name of a {what} has {longest} letters at most, because PostgreSQL cuts off the rest")
    } else {
        return Ok(());
    };
    Err(syn::Error::new(literal.span(), message))
}
