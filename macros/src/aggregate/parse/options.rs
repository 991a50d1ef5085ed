//! `#[aggregate(…)]`

use syn::{
    Attribute, Ident, LitStr, Path, Token, Type,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token,
};

use super::{
    super::{
        ast::{Derive, Options},
        keys::{self, OPTIONS},
    },
    blocks,
};
use crate::{errors::Errors, suggest::instead};

pub(super) fn parse(attrs: &[Attribute], errors: &mut Errors) -> Options {
    let mut options = Options {
        error: None,
        category: None,
        event: None,
        command: None,
        event_derive: Vec::new(),
        command_derive: Vec::new(),
        krate: syn::parse_quote!(::factum),
    };
    let mut seen: Vec<String> = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("aggregate")) {
        let mut broken = false;
        let parsed = attr.parse_args_with(|input: ParseStream<'_>| {
            blocks::list(input, errors, &mut broken, |input, _| option(input, &mut options, &mut seen));
            Ok(())
        });
        errors.ok(parsed);
    }
    options
}

fn option(input: ParseStream<'_>, options: &mut Options, seen: &mut Vec<String>) -> syn::Result<()> {
    let key = input.call(Ident::parse_any)?;
    let name = key.to_string();
    if !OPTIONS.contains(&name.as_str()) {
        let message = format!("unknown option `{name}`{}", instead(&name, "options", OPTIONS.iter().copied()));
        return Err(syn::Error::new(key.span(), message));
    }
    if let Some(message) = keys::later(&name) {
        return Err(syn::Error::new(key.span(), message));
    }
    if seen.contains(&name) {
        return Err(syn::Error::new(key.span(), format!("`{name}` is set twice; remove one")));
    }
    match name.as_str() {
        "error" => options.error = Some(value::<Type>(input, &key, "a type: `error = MyError`")?),
        "category" => options.category = Some(category(input, &key)?),
        "event" => options.event = Some(value(input, &key, "a name: `event = MyEvent`")?),
        "command" => options.command = Some(value(input, &key, "a name: `command = MyCommand`")?),
        "event_derive" => options.event_derive = derives(input, &key)?,
        "command_derive" => options.command_derive = derives(input, &key)?,
        _ => {
            input.parse::<Token![=]>().map_err(|error| wrong(&error, &key, "a path: `crate = my::factum`"))?;
            options.krate = input.call(Path::parse_mod_style)?;
        }
    }
    seen.push(name);
    Ok(())
}

fn value<T: Parse>(input: ParseStream<'_>, key: &Ident, what: &str) -> syn::Result<T> {
    input.parse::<Token![=]>().map_err(|error| wrong(&error, key, what))?;
    input.parse().map_err(|error| wrong(&error, key, what))
}

fn category(input: ParseStream<'_>, key: &Ident) -> syn::Result<LitStr> {
    let literal: LitStr = value(input, key, "a string: `category = \"orders\"`")?;
    if literal.value().trim().is_empty() {
        return Err(syn::Error::new(literal.span(), "a category cannot be empty"));
    }
    Ok(literal)
}

fn derives(input: ParseStream<'_>, key: &Ident) -> syn::Result<Vec<Derive>> {
    let what = "derives in parentheses: `event_derive(Eq, Hash)`; `!PartialEq` leaves a usual one out";
    if !input.peek(token::Paren) {
        return Err(wrong(&input.error(""), key, what));
    }
    let content;
    syn::parenthesized!(content in input);
    let list = Punctuated::<Derive, Token![,]>::parse_terminated(&content)?;
    Ok(list.into_iter().collect())
}

impl Parse for Derive {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let without = input.parse::<Option<Token![!]>>()?.is_some();
        Ok(Self { without, path: input.call(Path::parse_mod_style)? })
    }
}

fn wrong(error: &syn::Error, key: &Ident, what: &str) -> syn::Error {
    syn::Error::new(error.span(), format!("`{key}` takes {what}"))
}
