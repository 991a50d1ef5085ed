//! `#[commands { … }]`

use syn::{
    Attribute, Expr, Ident, Meta, Token, braced, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token,
};

use super::{
    super::{
        ast::{Broken, Command, CommandField, Require},
        keys::Place,
    },
    blocks::{self, Sorted},
};
use crate::errors::Errors;

pub(super) fn parse(attr: &Attribute, broken: &mut Broken, errors: &mut Errors) -> Vec<Command> {
    let parsed = attr.parse_args_with(|input: ParseStream<'_>| {
        Ok(blocks::list(input, errors, &mut broken.commands, command))
    });
    errors.ok(parsed).unwrap_or_default()
}

fn command(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Command> {
    let attrs = Sorted::new(input.call(Attribute::parse_outer)?, Place::Command, errors);
    let ident: Ident = input.parse()?;
    let mut broken = false;
    let fields = if input.peek(token::Brace) {
        let content;
        braced!(content in input);
        Some(blocks::list(&content, errors, &mut broken, field))
    } else if input.peek(token::Paren) {
        let content;
        let paren = parenthesized!(content in input);
        let _: proc_macro2::TokenStream = content.parse()?;
        broken = true;
        errors.span(
            paren.span.join(),
            format!("the fields of a command have names: `{ident} {{ what: Type }} => Event`"),
        );
        None
    } else {
        None
    };
    let events = match right_side(input) {
        Ok(events) => events,
        Err(error) => {
            broken = true;
            errors.span(
                error.span(),
                format!("`{ident}` does not say what it records: write `{ident} => Event` or `{ident} => Event | Other`"),
            );
            blocks::skip_to_comma(input);
            Vec::new()
        }
    };
    let requires = requires(&attrs, &mut broken, errors);
    let decide = argument(&attrs, "decide", "an expression that gives `Result<events, Error>`", &mut broken, errors);
    let reads = attrs.once("reads", errors).and_then(|attr| {
        let names = attr.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated);
        match names {
            Ok(names) => Some(names.into_iter().collect()),
            Err(_) => {
                errors.at(&attr.meta, "`#[reads(…)]` takes names of fields: `#[reads(status, owner)]`");
                None
            }
        }
    });
    Ok(Command { ident, docs: attrs.docs, foreign: attrs.foreign, requires, decide, reads, fields, events, broken })
}

/// `=> Event | Event`
fn right_side(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    input.parse::<Token![=>]>()?;
    let events = Punctuated::<Ident, Token![|]>::parse_separated_nonempty(input)?;
    Ok(events.into_iter().collect())
}

fn requires(attrs: &Sorted, broken: &mut bool, errors: &mut Errors) -> Vec<Require> {
    let guards = attrs.ours.iter().filter(|(key, _)| *key == "require").map(|(_, attr)| attr);
    let mut requires = Vec::new();
    for attr in guards {
        match attr.parse_args() {
            Ok(require) => requires.push(require),
            Err(error) => {
                *broken = true;
                let shape = "`#[require(condition, error)]` takes a condition and the error to give when it does not hold";
                // An expression that does not parse is told apart from one that is missing.
                let message = if attr.parse_args::<Expr>().is_ok() || is_empty(&attr.meta) {
                    shape.to_owned()
                } else {
                    format!("{error}; {shape}")
                };
                errors.span(error.span(), message);
            }
        }
    }
    requires
}

fn is_empty(meta: &Meta) -> bool {
    match meta {
        Meta::Path(_) => true,
        Meta::List(list) => list.tokens.is_empty(),
        Meta::NameValue(_) => false,
    }
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
            errors.span(error.span(), format!("{error}; `#[{key}(…)]` takes {what}"));
            None
        }
    }
}

impl Parse for Require {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let require = Self { condition: input.parse()?, _comma: input.parse()?, error: input.parse()? };
        let _: Option<Token![,]> = input.parse()?;
        if input.is_empty() { Ok(require) } else { Err(input.error("`#[require]` takes two things")) }
    }
}

fn field(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<CommandField> {
    let attrs = Sorted::new(input.call(Attribute::parse_outer)?, Place::CommandField, errors);
    let ident = blocks::field_name(input, Place::CommandField, errors)?;
    let ty = if input.peek(Token![:]) {
        input.parse::<Token![:]>()?;
        Some(input.parse()?)
    } else {
        None
    };
    if input.peek(Token![=]) {
        let equals: Token![=] = input.parse()?;
        errors.at(&equals, "a field of a command is given by the caller; fill a field in where the event declares it");
        blocks::skip_to_comma(input);
    }
    Ok(CommandField { ident, docs: attrs.docs, foreign: attrs.foreign, ty })
}
