//! `#[view(…)]`

use quote::ToTokens;
use syn::{Attribute, DeriveInput, Ident, LitInt, LitStr, Path, Token, parse::ParseStream, token};

use super::{
    super::{
        ast::{Broken, EventRef, Options},
        keys::{self, OPTIONS},
    },
    check_name, event,
};
use crate::{
    attributes,
    errors::Errors,
    options::{self, value, wrong},
};

/// How long the name of a table may be: the number of its build is put behind it.
const LONGEST_TABLE: usize = 50;

pub(super) fn parse(input: &DeriveInput, broken: &mut Broken, errors: &mut Errors) -> Options {
    let ours: Vec<_> = input.attrs.iter().filter(|attr| attr.path().is_ident("view")).collect();
    if ours.is_empty()
        && let Some(attr) = input.attrs.iter().find(|attr| keys::meant_for(attr, "view"))
    {
        // What cannot be read may belong to somebody else.
        let (mut unheard, mut unread) = (Errors::default(), Broken::default());
        let options = read(&[attr], &mut unread, &mut unheard);
        if unheard.is_empty() {
            return options;
        }
    }
    let mut options = read(&ours, broken, errors);
    if options.of.is_empty() && !broken.of {
        broken.of = true;
        let message = "a view does not say whose events it reads: add `#[view(of(Aggregate))]`";
        match ours.first() {
            Some(attr) => errors.at(&attr.meta, message),
            None => errors.at(&input.ident, message),
        }
    }
    let mut seen: Vec<String> = Vec::new();
    options.of.retain(|path| {
        let text = path.to_token_stream().to_string();
        let again = seen.contains(&text);
        if again {
            errors.at(path, "this aggregate is named twice; remove one");
        }
        seen.push(text);
        !again
    });
    if options.by_hand.is_some() {
        for event in options.remove_on.drain(..).chain(options.create_on.drain(..)) {
            errors.at(&event, BY_HAND);
        }
    }
    options
}

/// The message at what a view that is written by hand has no use for.
pub(in super::super) const BY_HAND: &str =
    "with `by_hand`, `impl View` says what events do; leave this out, or leave out `by_hand`";

fn read(attrs: &[&Attribute], broken: &mut Broken, errors: &mut Errors) -> Options {
    let mut options = Options {
        of: Vec::new(),
        remove_on: Vec::new(),
        create_on: Vec::new(),
        table: None,
        epoch: 0,
        by_hand: None,
        krate: syn::parse_quote!(::factum),
    };
    let mut seen: Vec<String> = Vec::new();
    for attr in attrs {
        let mut unread = false;
        let parsed = attr.parse_args_with(|input: ParseStream<'_>| {
            attributes::list(input, errors, &mut unread, |input, errors| {
                option(input, &mut options, &mut seen, broken, errors)
            });
            Ok(())
        });
        // What could not be read may have been the list.
        broken.of |= unread && options.of.is_empty();
        if parsed.is_err() {
            broken.of = true;
            errors.at(&attr.meta, "`view` takes options in parentheses: `#[view(of(Aggregate))]`");
        }
    }
    options
}

fn option(
    input: ParseStream<'_>,
    chosen: &mut Options,
    seen: &mut Vec<String>,
    broken: &mut Broken,
    errors: &mut Errors,
) -> syn::Result<()> {
    let (key, name) = options::key(input, OPTIONS, seen, errors)?;
    match name.as_str() {
        "of" => {
            let what = "aggregates in parentheses: `of(Incident, User)`";
            chosen.of = list(input, &key, what, &mut broken.of, errors, |input, _| {
                input.call(Path::parse_mod_style)
            })?;
        }
        "remove_on" => chosen.remove_on = events(input, &key, broken, errors)?,
        "create_on" => chosen.create_on = events(input, &key, broken, errors)?,
        "table" => {
            let literal: LitStr = value(input, &key, "a string: `table = \"open_incidents\"`")?;
            // A name that cannot be is no reason to stop here.
            errors.ok(table(&literal));
            chosen.table = Some(literal);
        }
        "epoch" => {
            let what = "a whole number: `epoch = 1`";
            let literal: LitInt = value(input, &key, what)?;
            chosen.epoch = literal.base10_parse().map_err(|_| wrong(literal.span(), &key, what))?;
        }
        "by_hand" if input.is_empty() || input.peek(Token![,]) => chosen.by_hand = Some(key.span()),
        "by_hand" => return Err(input.error("`by_hand` stands alone: `#[view(of(…), by_hand)]`")),
        _ => chosen.krate = options::krate(input, &key)?,
    }
    seen.push(name);
    Ok(())
}

fn events(
    input: ParseStream<'_>,
    key: &Ident,
    broken: &mut Broken,
    errors: &mut Errors,
) -> syn::Result<Vec<EventRef>> {
    let what = format!("events in parentheses: `{key}(Removed, Closed)`");
    list(input, key, &what, &mut broken.events, errors, event)
}

/// `key(item, item)`
fn list<T>(
    input: ParseStream<'_>,
    key: &Ident,
    what: &str,
    broken: &mut bool,
    errors: &mut Errors,
    item: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<T>,
) -> syn::Result<Vec<T>> {
    if !input.peek(token::Paren) {
        *broken = true;
        return Err(wrong(key.span(), key, what));
    }
    let content;
    syn::parenthesized!(content in input);
    if content.is_empty() {
        *broken = true;
        return Err(wrong(key.span(), key, what));
    }
    Ok(attributes::list(&content, errors, broken, item))
}

fn table(literal: &LitStr) -> syn::Result<()> {
    check_name(literal, "table", LONGEST_TABLE)?;
    let name = literal.value();
    let message = if name.starts_with("factum_") {
        "names that begin with `factum_` are those of factum's own tables; choose another one"
    } else if name.contains("__") {
        "`__` and a number behind the name of a table tell its builds apart; choose a name without `__`"
    } else {
        return Ok(());
    };
    Err(syn::Error::new(literal.span(), message))
}
