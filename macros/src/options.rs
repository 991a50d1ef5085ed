//! The options in the attribute of a derive: `#[aggregate(…)]`, `#[view(…)]`.

use proc_macro2::Span;
use syn::{
    Ident, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
};

use crate::{
    errors::Errors,
    suggest::{instead, similar},
};

/// The key of an option: as it stands there, and which one it is. A misspelt one is noted, and is what was meant.
pub(crate) fn key(
    input: ParseStream<'_>,
    options: &[&str],
    seen: &[String],
    errors: &mut Errors,
) -> syn::Result<(Ident, String)> {
    let key = input.call(Ident::parse_any)?;
    let mut name = key.to_string();
    if !options.contains(&name.as_str()) {
        let message =
            format!("unknown option `{name}`{}", instead(&name, "options", options.iter().copied()));
        match similar(&name, options.iter().copied()) {
            // Read on as what was meant.
            Some(meant) => {
                errors.at(&key, message);
                name = meant.to_owned();
            }
            None => return Err(syn::Error::new(key.span(), message)),
        }
    }
    if seen.contains(&name) {
        return Err(syn::Error::new(key.span(), format!("`{name}` is set twice; remove one")));
    }
    Ok((key, name))
}

/// `= value`
pub(crate) fn value<T: Parse>(input: ParseStream<'_>, key: &Ident, what: &str) -> syn::Result<T> {
    equals(input, key, what)?;
    let end = input.is_empty();
    input.parse().map_err(|error: syn::Error| wrong(if end { key.span() } else { error.span() }, key, what))
}

/// `=`; where nothing comes behind the key, there is nothing to point at but the key.
fn equals(input: ParseStream<'_>, key: &Ident, what: &str) -> syn::Result<()> {
    let place = if input.is_empty() { key.span() } else { input.span() };
    input.parse::<Token![=]>().map(drop).map_err(|_| wrong(place, key, what))
}

/// `= path`, of `crate`.
pub(crate) fn krate(input: ParseStream<'_>, key: &Ident) -> syn::Result<Path> {
    let what = "a path: `crate = my::factum`";
    equals(input, key, what)?;
    input.call(Path::parse_mod_style).map_err(|error| wrong(error.span(), key, what))
}

/// That an option takes something else than what stands there.
pub(crate) fn wrong(span: Span, key: &Ident, what: &str) -> syn::Error {
    syn::Error::new(span, format!("`{key}` takes {what}"))
}
