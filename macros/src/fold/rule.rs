//! The entries of `#[on(…)]`: `Event = expr`, `Event += expr`, `A | B => statement`.

use std::fmt::Display;

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::{BinOp, Expr, Ident, Token, parse::ParseStream, spanned::Spanned, token};

use super::How;
use crate::errors::Errors;

/// `A | B`, each read by `event`.
pub(crate) fn events<E>(
    input: ParseStream<'_>,
    errors: &mut Errors,
    event: impl Fn(ParseStream<'_>, &mut Errors) -> syn::Result<E>,
) -> syn::Result<Vec<E>> {
    let mut events = vec![event(input, errors)?];
    while input.peek(Token![|]) && !input.peek(Token![|=]) {
        input.parse::<Token![|]>()?;
        events.push(event(input, errors)?);
    }
    Ok(events)
}

/// Whether an entry ends here, behind its events.
pub(crate) fn ends(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// What becomes of the field: what stands behind the events.
pub(crate) fn change<E: Display + ToTokens>(
    input: ParseStream<'_>,
    events: &[E],
    errors: &mut Errors,
) -> syn::Result<How> {
    without_pattern(input, events, errors)?;
    let operator = operator(input, events)?;
    let body: Expr = input.parse()?;
    let statement = input.fork();
    if matches!(operator, Operator::Statement)
        && statement.parse::<Token![;]>().is_ok()
        && !statement.is_empty()
        && !statement.peek(Ident)
    {
        return Err(input.error("several statements stand in braces: `Event => { …; … }`"));
    }
    Ok(match operator {
        Operator::Assign => How::Assign(body),
        Operator::Compound(operator) => How::Compound(operator, body),
        Operator::Statement => How::Statement(body),
    })
}

/// Passes over a pattern after an event, which is a mistake.
fn without_pattern<E: Display>(input: ParseStream<'_>, events: &[E], errors: &mut Errors) -> syn::Result<()> {
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

/// What stands between the events and the code.
enum Operator {
    Assign,
    Compound(BinOp),
    Statement,
}

fn operator<E: Display + ToTokens>(input: ParseStream<'_>, events: &[E]) -> syn::Result<Operator> {
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
