//! `#[unique(…)]`

use proc_macro2::Span;
use syn::{
    Attribute, Ident, Meta, Path, Token, parenthesized,
    parse::{Parse, ParseStream},
    token,
};

use super::super::{
    ast::{Enforce, Unique},
    keys,
};
use crate::{attributes, errors::Errors, suggest::instead};

/// Reads the attribute. What cannot be read of it has been reported, and is left out.
pub(super) fn parse(attr: &Attribute, errors: &mut Errors) -> Unique {
    let span = syn::spanned::Spanned::span(attr.path());
    let mut unique = Unique { span, with: Vec::new(), by: None, show_holder: false, enforce: None };
    match &attr.meta {
        Meta::Path(_) => {}
        Meta::List(_) => {
            let mut broken = false;
            let read = attr.parse_args_with(|input: ParseStream<'_>| {
                attributes::list(input, errors, &mut broken, |input, _| option(input, &mut unique));
                Ok(())
            });
            errors.ok(read);
        }
        Meta::NameValue(_) => {
            errors.at(&attr.meta, "`unique` takes its options in parentheses: `#[unique(with = tenant)]`");
        }
    }
    unique
}

fn option(input: ParseStream<'_>, unique: &mut Unique) -> syn::Result<()> {
    let key: Ident = input.parse()?;
    match key.to_string().as_str() {
        "with" if input.peek(token::Paren) => {
            let content;
            parenthesized!(content in input);
            unique.with.extend(content.parse_terminated(Ident::parse, Token![,])?);
        }
        "with" => unique.with.push(value(input, &key, "a field of the struct", "tenant")?),
        "by" => {
            let path: Path = value(input, &key, "the path of a function", "str::to_lowercase")?;
            if unique.by.replace(path).is_some() {
                return Err(syn::Error::new(key.span(), "`by` stands here twice; remove one"));
            }
        }
        "show_holder" => unique.show_holder = true,
        "enforce" => {
            let place: Ident = value(input, &key, "the place where the rule is enforced", "view")?;
            let enforce = match place.to_string().as_str() {
                "append" => Enforce::Append,
                "view" => Enforce::View,
                "after" => Enforce::After,
                other => {
                    let hint = instead(other, "places", keys::ENFORCE.iter().copied());
                    let message = format!("a rule is not enforced at `{other}`{hint}");
                    return Err(syn::Error::new(place.span(), message));
                }
            };
            if unique.enforce.replace(enforce).is_some() {
                return Err(syn::Error::new(key.span(), "`enforce` stands here twice; remove one"));
            }
        }
        other => {
            let names = keys::UNIQUE.iter().copied();
            let message = format!("`unique` has no option `{other}`{}", instead(other, "options", names));
            return Err(syn::Error::new(key.span(), message));
        }
    }
    Ok(())
}

fn value<T: Parse>(input: ParseStream<'_>, key: &Ident, what: &str, example: &str) -> syn::Result<T> {
    let wrong =
        |span: Span| syn::Error::new(span, format!("`{key}` takes {what}: `#[unique({key} = {example})]`"));
    if input.parse::<Token![=]>().is_err() || input.is_empty() {
        return Err(wrong(key.span()));
    }
    let span = input.span();
    input.parse().map_err(|_| wrong(span))
}
