//! The fields of the struct and their `#[on(…)]`.

use proc_macro2::Span;
use syn::{
    Attribute, BinOp, Expr, Field as SynField, FieldsNamed, Ident, Token, parse::ParseStream,
    spanned::Spanned,
};

use super::{
    super::{
        ast::{Field, Operator, Rule},
        keys::{self, Place},
    },
    blocks, docs,
};
use crate::errors::Errors;

pub(super) fn parse(named: &FieldsNamed, errors: &mut Errors) -> Vec<Field> {
    named.named.iter().filter_map(|original| field(original, errors)).collect()
}

fn field(original: &SynField, errors: &mut Errors) -> Option<Field> {
    let mut field = Field {
        ident: original.ident.clone()?,
        ty: original.ty.clone(),
        docs: docs(&original.attrs),
        serde: original.attrs.iter().filter(|attr| attr.path().is_ident("serde")).cloned().collect(),
        id: None,
        version: None,
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
        } else if attr.path().is_ident("unique")
            && let Some(message) = keys::later("unique")
        {
            errors.span(attr.meta.span(), message);
        }
    }
    Some(field)
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
    let operator = operator(input, &events)?;
    let body: Expr = input.parse()?;
    Ok(Rule { events, operator, body })
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
