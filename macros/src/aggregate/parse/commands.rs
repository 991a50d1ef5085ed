//! `#[commands { … }]`

use proc_macro2::Punct;
use quote::ToTokens;
use syn::{
    Attribute, Expr, Ident, Meta, Token, braced,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token,
};

use super::{
    super::{
        ast::{Broken, Command, CommandField, OnConflict, Require},
        keys::Place,
    },
    blocks::{self, Sorted},
};
use crate::{attributes, errors::Errors};

pub(super) fn parse(attr: &Attribute, broken: &mut Broken, errors: &mut Errors) -> Vec<Command> {
    let Meta::List(list) = &attr.meta else {
        broken.commands = true;
        return Vec::new();
    };
    let mut commands = Vec::new();
    let read = list.parse_args_with(|input: ParseStream<'_>| {
        commands = attributes::list(input, errors, &mut broken.commands, command);
        Ok(())
    });
    // What is left over inside an attribute; the rest has been read.
    errors.ok(read);
    commands
}

fn command(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Command> {
    let attrs = Sorted::new(input.call(Attribute::parse_outer)?, Place::Command, errors);
    let ident = attributes::name(input, "a command", errors)?;
    let mut broken = false;
    let (mut fields, mut unnamed) = (None, Vec::new());
    if input.peek(token::Brace) {
        let content;
        braced!(content in input);
        fields = Some(attributes::list(&content, errors, &mut broken, field));
    } else if let Some(types) = blocks::unnamed(
        input,
        &format!("the fields of a command have names: `{ident} {{ what: Type }} => Event`"),
        errors,
    )? {
        broken = true;
        unnamed = types;
    }
    let events = right_side(input, &ident, errors).unwrap_or_else(|error| {
        broken = true;
        errors.push(error);
        attributes::skip_to_comma(input);
        Vec::new()
    });
    let requires = requires(&attrs, &mut broken, errors);
    let decide =
        argument(&attrs, "decide", "an expression that gives `Result<events, Error>`", &mut broken, errors);
    let reads = attrs.once("reads", errors).and_then(|attr| {
        let names = attr.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated);
        if names.is_err() {
            broken = true;
            errors.at(&attr.meta, "`#[reads(…)]` takes names of fields: `#[reads(status, owner)]`");
        }
        names.ok().map(|names| names.into_iter().collect())
    });
    let on_conflict = attrs.once("on_conflict", errors).and_then(|attr| {
        let parsed = attr.parse_args_with(|input: ParseStream<'_>| on_conflict(input, errors));
        let problem = parsed.as_ref().err().map(syn::Error::span);
        if let Some(span) = problem {
            broken = true;
            errors.span(span, "`#[on_conflict(…)]` takes one event and its fields: `#[on_conflict(Failed { wanted: name })]`");
        }
        parsed.ok()
    });
    Ok(Command {
        ident,
        docs: attrs.docs,
        foreign: attrs.foreign,
        requires,
        decide,
        reads,
        on_conflict,
        fields,
        unnamed,
        events,
        broken,
    })
}

/// `=> Event | Event`; nothing where neither the arrow nor an event is there.
fn right_side(input: ParseStream<'_>, command: &Ident, errors: &mut Errors) -> syn::Result<Vec<Ident>> {
    let arrow = input.parse::<Token![=>]>().is_ok();
    let place = input.span();
    while !arrow && !input.peek(Token![,]) && input.parse::<Punct>().is_ok() {}
    if !arrow && !input.peek(Ident) {
        return Ok(Vec::new());
    }
    let mut events = vec![blocks::event(input, errors)?];
    if !arrow {
        let event = events.first();
        errors.span(place, format!("expected `=>`: write `{command} => {}`", event.to_token_stream()));
    }
    while input.parse::<Token![|]>().is_ok() {
        events.push(blocks::event(input, errors)?);
    }
    let next_item = input.is_empty()
        || input.peek(Token![,])
        || input.peek(Token![;])
        || input.peek(Ident)
        || input.peek(Token![#]);
    if !next_item {
        errors.span(input.span(), "expected `,`, or `|` and another event");
        attributes::skip_to_comma(input);
    }
    Ok(events)
}

/// `Event { field: expr, field }`
fn on_conflict(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<OnConflict> {
    let event = blocks::event(input, errors)?;
    let mut fields = Vec::new();
    if input.peek(token::Brace) {
        let content;
        braced!(content in input);
        let one = |input: ParseStream<'_>| {
            let name: Ident = input.parse()?;
            let expr = input.parse::<Option<Token![:]>>()?.map(|_| input.parse()).transpose()?;
            Ok((name, expr))
        };
        fields.extend(Punctuated::<_, Token![,]>::parse_terminated_with(&content, one)?);
    }
    match input.is_empty() {
        true => Ok(OnConflict { event, fields }),
        false => Err(input.error("one event")),
    }
}

fn requires(attrs: &Sorted, broken: &mut bool, errors: &mut Errors) -> Vec<Require> {
    let guards = attrs.ours.iter().filter(|(key, _)| *key == "require").map(|(_, attr)| attr);
    let mut requires = Vec::new();
    for attr in guards {
        match attr.parse_args_with(require) {
            Ok(require) => requires.push(require),
            Err(error) => {
                *broken = true;
                errors.push(error);
            }
        }
    }
    requires
}

fn require(input: ParseStream<'_>) -> syn::Result<Require> {
    let shape =
        "`#[require(condition, error)]` takes a condition and the error to give when it does not hold";
    let wrong = |span| Err(syn::Error::new(span, shape));
    if input.is_empty() {
        return wrong(input.span());
    }
    let condition: Expr = input.parse()?;
    let _: Token![,] = input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), shape))?;
    let wrong = |span| Err(syn::Error::new(span, shape));
    if input.is_empty() {
        return wrong(input.span());
    }
    let error = input.parse()?;
    let _: Option<Token![,]> = input.parse()?;
    if input.is_empty() { Ok(Require { condition, error }) } else { wrong(input.span()) }
}

fn argument<T: Parse>(
    attrs: &Sorted,
    key: &'static str,
    what: &str,
    broken: &mut bool,
    errors: &mut Errors,
) -> Option<T> {
    let attr = attrs.once(key, errors)?;
    match attr.parse_args() {
        Ok(argument) => Some(argument),
        Err(error) => {
            *broken = true;
            errors.span(error.span(), format!("`#[{key}(…)]` takes {what}: {error}"));
            None
        }
    }
}

fn field(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<CommandField> {
    let attrs = Sorted::new(input.call(Attribute::parse_outer)?, Place::CommandField, errors);
    let ident = blocks::field_name(input, Place::CommandField, errors)?;
    let ty = blocks::field_type(input, &ident, errors);
    if input.peek(Token![=]) {
        let equals: Token![=] = input.parse()?;
        errors.at(
            &equals,
            "a field of a command is given by the caller; fill a field in where the event declares it",
        );
        attributes::skip_to_comma(input);
    }
    Ok(CommandField { ident, docs: attrs.docs, foreign: attrs.foreign, ty })
}
