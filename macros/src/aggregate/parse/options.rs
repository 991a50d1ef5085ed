//! `#[aggregate(…)]`

use syn::{
    Attribute, Ident, LitStr, Path, Token, Type,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token,
};

use super::{
    super::{
        ast::{Broken, Derive, Options},
        keys::{self, OPTIONS, USUAL_DERIVES},
    },
    snapshot,
};
use crate::{
    attributes,
    errors::Errors,
    options::{self, value, wrong},
};

pub(super) fn parse(attrs: &[Attribute], broken: &mut Broken, errors: &mut Errors) -> Options {
    let ours: Vec<_> = attrs.iter().filter(|attr| attr.path().is_ident("aggregate")).collect();
    let misspelt = attrs.iter().find(|attr| ours.is_empty() && keys::meant_for(attr, "aggregate"));
    if let Some(attr) = misspelt {
        // What cannot be read may belong to somebody else.
        let (mut unheard, mut unread) = (Errors::default(), Broken::default());
        let options = read(&[attr], &mut unread, &mut unheard);
        if unheard.is_empty() {
            return options;
        }
    }
    read(&ours, broken, errors)
}

fn read(attrs: &[&Attribute], broken: &mut Broken, errors: &mut Errors) -> Options {
    let mut options = Options {
        error: None,
        category: None,
        event: None,
        command: None,
        event_derive: Vec::new(),
        command_derive: Vec::new(),
        locked: None,
        snapshot: None,
        krate: syn::parse_quote!(::factum),
    };
    let mut seen: Vec<String> = Vec::new();
    for attr in attrs {
        let parsed = attr.parse_args_with(|input: ParseStream<'_>| {
            attributes::list(input, errors, &mut broken.options, |input, errors| {
                option(input, &mut options, &mut seen, errors)
            });
            Ok(())
        });
        if parsed.is_err() {
            broken.options = true;
            errors
                .at(&attr.meta, "`aggregate` takes options in parentheses: `#[aggregate(error = MyError)]`");
        }
    }
    options
}

fn option(
    input: ParseStream<'_>,
    chosen: &mut Options,
    seen: &mut Vec<String>,
    errors: &mut Errors,
) -> syn::Result<()> {
    let (key, name) = options::key(input, OPTIONS, seen, errors)?;
    match name.as_str() {
        "error" => chosen.error = Some(error_type(input, &key, errors)),
        "category" => chosen.category = Some(category(input, &key)?),
        "event" => chosen.event = Some(enum_name(input, &key, "a name: `event = MyEvent`", errors)?),
        "command" => chosen.command = Some(enum_name(input, &key, "a name: `command = MyCommand`", errors)?),
        "event_derive" => chosen.event_derive = derives(input, &key)?,
        "command_derive" => chosen.command_derive = derives(input, &key)?,
        "locked" if input.is_empty() || input.peek(Token![,]) => chosen.locked = Some(key.span()),
        "locked" => return Err(input.error("`locked` stands alone: `#[aggregate(locked)]`")),
        "snapshot" => chosen.snapshot = snapshot::parse(input, &key, errors)?,
        _ => chosen.krate = options::krate(input, &key)?,
    }
    seen.push(name);
    Ok(())
}

fn error_type(input: ParseStream<'_>, key: &Ident, errors: &mut Errors) -> Type {
    value(input, key, "a type: `error = MyError`").unwrap_or_else(|error| {
        attributes::skip_to_comma(input);
        errors.unknown_type(error)
    })
}

/// The name of a generated enum; one in quotes is a mistake, and read all the same.
fn enum_name(input: ParseStream<'_>, key: &Ident, what: &str, errors: &mut Errors) -> syn::Result<Ident> {
    input.parse::<Token![=]>().map_err(|error| wrong(error.span(), key, what))?;
    if let Ok(quoted) = input.fork().parse::<LitStr>()
        && let Ok(name) = quoted.parse()
    {
        input.parse::<LitStr>()?;
        errors.at(&quoted, format!("`{key}` takes {what}, without quotes"));
        return Ok(name);
    }
    let name = input.parse().map_err(|error| wrong(error.span(), key, what))?;
    if input.peek(Token![::]) {
        return Err(input.error(format!("`{key}` takes {what}, without a path")));
    }
    Ok(name)
}

fn category(input: ParseStream<'_>, key: &Ident) -> syn::Result<LitStr> {
    let literal: LitStr = value(input, key, "a string: `category = \"orders\"`")?;
    if literal.value().trim().is_empty() {
        return Err(syn::Error::new(literal.span(), "a category cannot be empty"));
    }
    Ok(literal)
}

fn derives(input: ParseStream<'_>, key: &Ident) -> syn::Result<Vec<Derive>> {
    let what = format!("derives in parentheses: `{key}(Eq, Hash)`; `!PartialEq` leaves a usual one out");
    if !input.peek(token::Paren) {
        return Err(wrong(input.span(), key, &what));
    }
    let content;
    syn::parenthesized!(content in input);
    let list = Punctuated::<Derive, Token![,]>::parse_terminated(&content);
    let list = list.map_err(|error| wrong(error.span(), key, &what))?;
    for derive in list.iter().filter(|derive| derive.without) {
        may_be_left_out(derive, key)?;
    }
    Ok(list.into_iter().collect())
}

fn may_be_left_out(derive: &Derive, key: &Ident) -> syn::Result<()> {
    let name = derive.name();
    let usual: Vec<_> = USUAL_DERIVES.iter().map(|usual| format!("`{usual}`")).collect();
    let message = if !USUAL_DERIVES.contains(&name.as_str()) {
        format!("`{name}` is not derived unless you ask for it; what can be left out is {}", usual.join(", "))
    } else if key == "event_derive" && ["Serialize", "Deserialize"].contains(&name.as_str()) {
        format!("events are stored, so `{name}` cannot be left out")
    } else {
        return Ok(());
    };
    Err(syn::Error::new_spanned(&derive.path, message))
}

impl Parse for Derive {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let without = input.parse::<Option<Token![!]>>()?.is_some();
        Ok(Self { without, path: input.call(Path::parse_mod_style)? })
    }
}
