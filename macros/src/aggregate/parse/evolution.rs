//! `#[schema(…)]`, `#[since(…)]`, `#[renamed(…)]`, `#[removed(…)]` and `#[upcast(…)]`.

use syn::{Attribute, Expr, Ident, LitInt, LitStr, Path, Token, ext::IdentExt, parse::ParseStream};

use super::{
    super::ast::{Evolution, Number, Removed, Renamed, Since, Upcast},
    blocks::Sorted,
};
use crate::{errors::Errors, suggest::instead};

/// What the attributes of an event say of its past.
pub(super) fn event(attrs: &Sorted, errors: &mut Errors) -> Evolution {
    let mut evolution = Evolution { broken: attrs.misplaced, ..Evolution::default() };
    if let Some(attr) = attrs.once("schema", errors) {
        evolution.schema = read(attr, "#[schema(2)]", number, errors);
        evolution.broken |= evolution.schema.is_none();
    }
    evolution.renamed = renamed(attrs, errors, &mut evolution.broken);
    for attr in attrs.all("removed") {
        let removed = read(attr, "#[removed(2, \"old_name\")]", removed, errors);
        evolution.broken |= removed.is_none();
        evolution.removed.extend(removed);
    }
    for attr in attrs.all("upcast") {
        let upcast = read(attr, "#[upcast(from = 1, with = path)]", upcast, errors);
        evolution.broken |= upcast.is_none();
        evolution.upcasts.extend(upcast);
    }
    evolution
}

/// `#[since(…)]` and the `#[renamed(…)]` of a payload field, and whether one of them could not be read.
pub(super) fn field(attrs: &Sorted, errors: &mut Errors) -> (Option<Since>, Vec<Renamed>, bool) {
    let mut broken = attrs.misplaced;
    let since = attrs.once("since", errors).and_then(|attr| {
        let since = read(attr, "#[since(2, default = value)]", since, errors);
        broken |= since.is_none();
        since
    });
    let renamed = renamed(attrs, errors, &mut broken);
    (since, renamed, broken)
}

fn renamed(attrs: &Sorted, errors: &mut Errors, broken: &mut bool) -> Vec<Renamed> {
    let read =
        attrs.all("renamed").map(|attr| read(attr, "#[renamed(2, from = \"old_name\")]", renaming, errors));
    let read: Vec<_> = read.collect();
    *broken |= read.iter().any(Option::is_none);
    read.into_iter().flatten().collect()
}

/// What stands in the parentheses of the attribute; `usage` is how it is written.
fn read<T>(
    attr: &Attribute,
    usage: &str,
    parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
    errors: &mut Errors,
) -> Option<T> {
    let syn::Meta::List(list) = &attr.meta else {
        errors.at(&attr.meta, format!("write `{usage}`"));
        return None;
    };
    let whole = |input: ParseStream<'_>| {
        let value = parse(input)?;
        input.parse::<Option<Token![,]>>()?;
        if input.is_empty() { Ok(value) } else { Err(input.error("nothing else stands here")) }
    };
    let explained = |error: syn::Error| syn::Error::new(error.span(), format!("{error} (write `{usage}`)"));
    errors.ok(list.parse_args_with(whole).map_err(explained))
}

fn since(input: ParseStream<'_>) -> syn::Result<Since> {
    let version = number(input)?;
    let mut default = None;
    if next(input)? {
        key(input, "default")?;
        default = Some(input.parse::<Expr>()?);
    }
    Ok(Since { version, default })
}

fn renaming(input: ParseStream<'_>) -> syn::Result<Renamed> {
    let version = number(input)?;
    input.parse::<Token![,]>()?;
    key(input, "from")?;
    Ok(Renamed { version, from: name(input)? })
}

fn removed(input: ParseStream<'_>) -> syn::Result<Removed> {
    let version = number(input)?;
    input.parse::<Token![,]>()?;
    Ok(Removed { version, member: name(input)? })
}

fn upcast(input: ParseStream<'_>) -> syn::Result<Upcast> {
    key(input, "from")?;
    let from = number(input)?;
    let mut with = None;
    if next(input)? {
        key(input, "with")?;
        with = Some(input.parse::<Path>()?);
    }
    Ok(Upcast { from, with })
}

/// Whether there is something after a comma.
fn next(input: ParseStream<'_>) -> syn::Result<bool> {
    if input.is_empty() {
        return Ok(false);
    }
    input.parse::<Token![,]>()?;
    Ok(!input.is_empty())
}

fn number(input: ParseStream<'_>) -> syn::Result<Number> {
    let literal: LitInt = input
        .parse()
        .map_err(|error| syn::Error::new(error.span(), "a schema version is a number, such as 2"))?;
    let value = literal.base10_parse::<u32>();
    match value {
        Ok(value) if value > 0 && literal.suffix().is_empty() => Ok(Number { value, span: literal.span() }),
        _ => Err(syn::Error::new(literal.span(), "a schema version is a number from 1 to 4294967295")),
    }
}

fn name(input: ParseStream<'_>) -> syn::Result<LitStr> {
    input
        .parse()
        .map_err(|error| syn::Error::new(error.span(), "the name stands in quotes, as it was stored"))
}

/// `key =`
fn key(input: ParseStream<'_>, expected: &str) -> syn::Result<()> {
    let found = input
        .fork()
        .call(Ident::parse_any)
        .map_err(|error| syn::Error::new(error.span(), format!("expected `{expected} = …`")))?;
    if found != expected {
        let hint = instead(&found.to_string(), "options here", [expected]);
        return Err(syn::Error::new(found.span(), format!("unknown option `{found}`{hint}")));
    }
    input.call(Ident::parse_any)?;
    input.parse::<Token![=]>()?;
    Ok(())
}
