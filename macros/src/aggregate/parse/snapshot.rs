//! `snapshot(every = n, epoch = n)`

use proc_macro2::Span;
use syn::{Ident, LitInt, Token, parenthesized, parse::ParseStream, token};

use super::super::{ast::Snapshot, keys};
use crate::{attributes, errors::Errors, suggest::instead};

/// Reads what stands behind the key; `None` where that has been reported.
pub(super) fn parse(
    input: ParseStream<'_>,
    key: &Ident,
    errors: &mut Errors,
) -> syn::Result<Option<Snapshot>> {
    if !input.peek(token::Paren) {
        let message = "`snapshot` takes after how many events, in parentheses: `snapshot(every = 100)`";
        return Err(syn::Error::new(key.span(), message));
    }
    let content;
    parenthesized!(content in input);
    let (mut every, mut epoch) = (None, None);
    let mut broken = false;
    attributes::list(&content, errors, &mut broken, |input, _| option(input, &mut every, &mut epoch));
    if every.is_none() && !broken {
        let message = "`snapshot` does not say after how many events: write `snapshot(every = 100)`";
        errors.at(key, message);
    }
    Ok(every.filter(|_| !broken).map(|every| Snapshot { span: key.span(), every, epoch: epoch.unwrap_or(0) }))
}

fn option(input: ParseStream<'_>, every: &mut Option<u64>, epoch: &mut Option<u64>) -> syn::Result<()> {
    let key: Ident = input.parse()?;
    let name = key.to_string();
    let place = match name.as_str() {
        "every" => every,
        "epoch" => epoch,
        other => {
            let names = keys::SNAPSHOT.iter().copied();
            let message = format!("`snapshot` has no option `{other}`{}", instead(other, "options", names));
            return Err(syn::Error::new(key.span(), message));
        }
    };
    let (number, span) = number(input, &key)?;
    if name == "every" && number == 0 {
        let message = "a snapshot after 0 events makes no sense; the smallest is `every = 1`, a usual one `every = 100`";
        return Err(syn::Error::new(span, message));
    }
    if place.replace(number).is_some() {
        return Err(syn::Error::new(key.span(), format!("`{key}` is set twice; remove one")));
    }
    Ok(())
}

fn number(input: ParseStream<'_>, key: &Ident) -> syn::Result<(u64, Span)> {
    let example = if key == "every" { "every = 100" } else { "epoch = 1" };
    let wrong =
        |span: Span| syn::Error::new(span, format!("`{key}` takes a whole number: `snapshot({example})`"));
    if input.parse::<Token![=]>().is_err() || input.is_empty() {
        return Err(wrong(key.span()));
    }
    let span = input.span();
    let literal: LitInt = input.parse().map_err(|_| wrong(span))?;
    literal.base10_parse().map(|number| (number, span)).map_err(|_| wrong(span))
}
