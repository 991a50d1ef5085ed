//! `#[events { … }]`

use proc_macro2::TokenStream;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Token, braced, parse::ParseStream, token};

use super::{
    super::{
        ast::{Broken, Event, Payload},
        keys::Place,
    },
    blocks::{self, Sorted},
    evolution,
};
use crate::{attributes, errors::Errors};

pub(super) fn parse(attr: &Attribute, broken: &mut Broken, errors: &mut Errors) -> Vec<Event> {
    let Meta::List(list) = &attr.meta else {
        broken.events = true;
        return Vec::new();
    };
    let mut events = Vec::new();
    let read = list.parse_args_with(|input: ParseStream<'_>| {
        events = attributes::list(input, errors, &mut broken.events, event);
        Ok(())
    });
    // What is left over inside an attribute; the rest has been read.
    errors.ok(read);
    events
}

fn event(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Event> {
    let attrs = Sorted::new(input.call(Attribute::parse_outer)?, Place::Event, errors);
    let ident = attributes::name(input, "an event", errors)?;
    let (mut broken, mut past_unread) = (false, false);
    let (mut payload, mut unnamed) = (Vec::new(), Vec::new());
    if input.peek(token::Brace) {
        let content;
        braced!(content in input);
        payload = attributes::list(&content, errors, &mut broken, |input, errors| {
            self::payload(input, &mut past_unread, errors)
        });
    } else if let Some(types) = blocks::unnamed(
        input,
        &format!("the fields of an event have names: `{ident} {{ what: Type }}`"),
        errors,
    )? {
        broken = true;
        unnamed = types;
    }
    if input.peek(Token![=]) {
        let equals: Token![=] = input.parse()?;
        errors.at(&equals, "an event has no number; leave this out (a stored name is `#[name = \"…\"]`)");
        attributes::skip_to_comma(input);
    }
    let mut evolution = evolution::event(&attrs, errors);
    evolution.broken |= past_unread;
    Ok(Event {
        evolution,
        name: name(&attrs, errors),
        creates: attrs.flag("creates", errors),
        ends: attrs.flag("ends", errors),
        retired: attrs.flag("retired", errors),
        audit: attrs.flag("audit", errors),
        docs: attrs.docs,
        foreign: attrs.foreign,
        ident,
        payload,
        unnamed,
        broken,
    })
}

/// `#[name = "…"]`
fn name(attrs: &Sorted, errors: &mut Errors) -> Option<LitStr> {
    let attr = attrs.once("name", errors)?;
    match &attr.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) if name.value().trim().is_empty() => {
                errors.at(name, "a stored name cannot be empty");
                None
            }
            Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Some(name.clone()),
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

fn payload(input: ParseStream<'_>, past_unread: &mut bool, errors: &mut Errors) -> syn::Result<Payload> {
    let attrs = Sorted::new(input.call(Attribute::parse_outer)?, Place::Payload, errors);
    let ident = blocks::field_name(input, Place::Payload, errors)?;
    let ty = blocks::field_type(input, &ident, errors);
    let fill = if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        Some(input.parse().unwrap_or_else(|error: syn::Error| {
            errors.span(
                error.span(),
                format!("`{ident} = …` takes an expression that fills the field in: {error}"),
            );
            attributes::skip_to_comma(input);
            Expr::Verbatim(TokenStream::new())
        }))
    } else {
        None
    };
    let audit = attrs.flag("audit", errors);
    let (since, renamed, unread) = evolution::field(&attrs, errors);
    *past_unread |= unread;
    Ok(Payload { audit, since, renamed, docs: attrs.docs, foreign: attrs.foreign, ident, ty, fill })
}
