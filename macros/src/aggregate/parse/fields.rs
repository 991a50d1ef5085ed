//! The fields of the struct and their `#[on(…)]`.

use proc_macro2::{Span, TokenTree};
use syn::{
    Attribute, BinOp, Expr, Field as SynField, FieldsNamed, Ident, Meta, Token, parse::ParseStream,
    spanned::Spanned, token,
};

use super::{
    super::{
        ast::{Field, Operator, Rule},
        keys::{self, Place},
    },
    blocks, docs, unique,
};
use crate::errors::Errors;

pub(super) fn parse(named: &FieldsNamed, errors: &mut Errors) -> Vec<Field> {
    let mut fields: Vec<Field> = named.named.iter().filter_map(|original| field(original, errors)).collect();
    if fields.iter().all(|field| field.id.is_none()) {
        let meant =
            |field: &SynField| field.attrs.iter().find(|attr| keys::meant_for(attr, "id")).map(Spanned::span);
        for (field, original) in fields.iter_mut().zip(&named.named) {
            field.id = meant(original);
        }
    }
    fields
}

fn field(original: &SynField, errors: &mut Errors) -> Option<Field> {
    let mut field = Field {
        ident: original.ident.clone()?,
        ty: original.ty.clone(),
        docs: docs(&original.attrs),
        serde: original.attrs.iter().filter(|attr| attr.path().is_ident("serde")).cloned().collect(),
        id: None,
        version: None,
        unique: None,
        rules: Vec::new(),
        broken: false,
    };
    for attr in &original.attrs {
        if let Some(message) = keys::out_of_place(attr, Place::Field) {
            errors.span(attr.meta.span(), message);
        } else if attr.path().is_ident("id") {
            once(&mut field.id, attr, errors);
        } else if attr.path().is_ident("version") {
            once(&mut field.version, attr, errors);
        } else if attr.path().is_ident("on") {
            rules(attr, &mut field, errors);
        } else if attr.path().is_ident("unique") {
            if field.unique.replace(unique::parse(attr, errors)).is_some() {
                errors.at(&attr.meta, "this stands here twice; remove one");
            }
        } else if misspelt(attr) {
            field.broken = true;
        }
    }
    Some(field)
}

/// Whether this is a misspelt `#[on(Event …)]` or `#[version]`.
fn misspelt(attr: &Attribute) -> bool {
    match &attr.meta {
        Meta::Path(_) => keys::meant_for(attr, "version"),
        Meta::List(list) => {
            let first = list.tokens.clone().into_iter().next().map(|first| first.to_string());
            keys::meant_for(attr, "on") && first.is_some_and(|first| first.starts_with(char::is_uppercase))
        }
        Meta::NameValue(_) => false,
    }
}

fn once(flag: &mut Option<Span>, attr: &Attribute, errors: &mut Errors) {
    if flag.replace(blocks::flag(attr, errors)).is_some() {
        errors.at(&attr.meta, "this stands here twice; remove one");
    }
}

fn rules(attr: &Attribute, field: &mut Field, errors: &mut Errors) {
    let mut broken = false;
    let parsed =
        attr.parse_args_with(|input: ParseStream<'_>| Ok(blocks::list(input, errors, &mut broken, rule)));
    match parsed {
        Ok(rules) => {
            if rules.is_empty() && !broken {
                broken = true;
                errors.at(&attr.meta, "`#[on(…)]` says nothing: write `#[on(Event = value)]`");
            }
            field.rules.extend(rules);
        }
        Err(_) => {
            broken = true;
            errors.at(&attr.meta, "`on` takes rules in parentheses: `#[on(Event = value)]`");
        }
    }
    field.broken |= broken;
}

fn rule(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Rule> {
    let mut events = vec![blocks::event(input, errors)?];
    while input.peek(Token![|]) && !input.peek(Token![|=]) {
        input.parse::<Token![|]>()?;
        events.push(blocks::event(input, errors)?);
    }
    without_pattern(input, &events, errors)?;
    let operator = operator(input, &events)?;
    let body: Expr = input.parse()?;
    let statement = input.fork();
    if matches!(operator, Operator::Statement)
        && statement.parse::<Token![;]>().is_ok()
        && !statement.is_empty()
        && !statement.peek(Ident)
    {
        return Err(input.error("several statements stand in braces: `Event => { …; … }`"));
    }
    Ok(Rule { events, operator, body })
}

/// Passes over a pattern after an event, which is a mistake.
fn without_pattern(input: ParseStream<'_>, events: &[Ident], errors: &mut Errors) -> syn::Result<()> {
    let ahead = input.fork();
    if let Some(event) = events.last()
        && (input.peek(token::Brace) || input.peek(token::Paren))
        && ahead.parse::<TokenTree>().is_ok()
        && ahead.peek(Token![=>])
    {
        let pattern: TokenTree = input.parse()?;
        errors.at(&pattern, format!("the fields of `{event}` are in scope by their names; leave this out"));
    }
    Ok(())
}

fn operator(input: ParseStream<'_>, events: &[Ident]) -> syn::Result<Operator> {
    let event = events.first().map(ToString::to_string).unwrap_or_default();
    if input.peek(Token![=>]) {
        input.parse::<Token![=>]>()?;
        return Ok(Operator::Statement);
    }
    if input.peek(Token![==]) {
        return Err(input.error(format!("`==` compares; to set the field write `{event} = value`")));
    }
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(Operator::Assign);
    }
    let fork = input.fork();
    match fork.parse::<BinOp>() {
        Ok(operator) if is_compound(&operator) => {
            input.parse::<BinOp>()?;
            Ok(Operator::Compound(operator))
        }
        _ => {
            let message = format!(
                "`{event}` does not say what becomes of the field: write `{event} = value`, `{event} += value` or `{event} => statement`"
            );
            // At the end of the attribute there is no token to point at but the event's name.
            match events.last() {
                Some(last) if input.is_empty() => Err(syn::Error::new(last.span(), message)),
                Some(last) if input.peek(Token![,]) => {
                    let join = format!("{message}; to join several events write `{event} | Other = value`");
                    Err(syn::Error::new(last.span(), join))
                }
                _ => Err(input.error(message)),
            }
        }
    }
}

fn is_compound(operator: &BinOp) -> bool {
    matches!(
        operator,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}
