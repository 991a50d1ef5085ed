//! `#[events { … }]`

use syn::{Attribute, Expr, Ident, LitStr, Meta, Token, braced, parenthesized, parse::ParseStream, token};

use super::{
    super::{
        ast::{Broken, Event, Payload},
        keys::Place,
    },
    blocks::{self, Sorted},
};
use crate::errors::Errors;

pub(super) fn parse(attr: &Attribute, broken: &mut Broken, errors: &mut Errors) -> Vec<Event> {
    let parsed = attr.parse_args_with(|input: ParseStream<'_>| {
        Ok(blocks::list(input, errors, &mut broken.events, event))
    });
    errors.ok(parsed).unwrap_or_default()
}

fn event(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Event> {
    let attrs = Sorted::new(input.call(Attribute::parse_outer)?, Place::Event, errors);
    let ident: Ident = input.parse()?;
    let mut broken = false;
    let mut payload = Vec::new();
    if input.peek(token::Brace) {
        let content;
        braced!(content in input);
        payload = blocks::list(&content, errors, &mut broken, self::payload);
    } else if input.peek(token::Paren) {
        let content;
        let paren = parenthesized!(content in input);
        let _: proc_macro2::TokenStream = content.parse()?;
        broken = true;
        errors.span(
            paren.span.join(),
            format!("the fields of an event have names: `{ident} {{ what: Type }}`"),
        );
    }
    if input.peek(Token![=]) {
        broken = true;
        let equals: Token![=] = input.parse()?;
        errors.at(&equals, "an event has no number; leave this out (a stored name is `#[name = \"…\"]`)");
        blocks::skip_to_comma(input);
    }
    Ok(Event {
        name: name(&attrs, errors),
        creates: attrs.flag("creates", errors),
        ends: attrs.flag("ends", errors),
        retired: attrs.flag("retired", errors),
        audit: attrs.flag("audit", errors),
        docs: attrs.docs,
        foreign: attrs.foreign,
        ident,
        payload,
        broken,
    })
}

/// `#[name = "…"]`
fn name(attrs: &Sorted, errors: &mut Errors) -> Option<LitStr> {
    let attr = attrs.once("name", errors)?;
    match &attr.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) if name.value().trim().is_empty() => {
                errors.at(name, "a stored name cannot be empty");
                None
            }
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) => Some(name.clone()),
            other => {
                errors.at(other, "a stored name is a string literal: `#[name = \"…\"]`");
                None
            }
        },
        other => {
            errors.at(other, "write the stored name as `#[name = \"…\"]`");
            None
        }
    }
}

fn payload(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Payload> {
    let attrs = Sorted::new(input.call(Attribute::parse_outer)?, Place::Payload, errors);
    let ident = blocks::field_name(input, Place::Payload, errors)?;
    let ty = if input.peek(Token![:]) {
        input.parse::<Token![:]>()?;
        Some(input.parse()?)
    } else {
        None
    };
    let fill = if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        Some(input.parse()?)
    } else {
        None
    };
    let audit = attrs.flag("audit", errors);
    Ok(Payload { audit, docs: attrs.docs, foreign: attrs.foreign, ident, ty, fill })
}
