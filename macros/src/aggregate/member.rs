//! The names of members in stored payloads, as serde's attributes have them.

use proc_macro2::TokenStream;
use syn::{Attribute, Expr, LitStr, Token, ext::IdentExt, meta::ParseNestedMeta, parenthesized, token};

use super::model::Payload;

/// The name of the member that a payload field is today. `event` are the attributes of its event.
pub(super) fn today(event: &[Attribute], payload: &Payload) -> String {
    let name = payload.ident.unraw().to_string();
    match (serde_name(&payload.foreign, "rename"), serde_name(event, "rename_all")) {
        (Some(renamed), _) => renamed,
        (None, Some(rule)) => by_rule(&name, &rule),
        (None, None) => name,
    }
}

/// The name that it had in this schema version.
pub(super) fn at(event: &[Attribute], payload: &Payload, version: u32) -> String {
    let next = payload.renamed.iter().find(|renamed| renamed.version.value > version);
    next.map_or_else(|| today(event, payload), |renamed| renamed.from.value())
}

/// `key = "…"` or, of `key(serialize = "…", deserialize = "…")`, the name that is read.
fn serde_name(attrs: &[Attribute], key: &str) -> Option<String> {
    let mut name = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        // What cannot be read here is reported by serde's own derive.
        let _ = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident(key) {
                return skip(&meta);
            }
            if meta.input.peek(Token![=]) {
                name = Some(meta.value()?.parse::<LitStr>()?.value());
                return Ok(());
            }
            meta.parse_nested_meta(|side| {
                let given = side.value()?.parse::<LitStr>()?.value();
                if side.path.is_ident("deserialize") {
                    name = Some(given);
                }
                Ok(())
            })
        });
    }
    name
}

/// Passes over the value of a key.
fn skip(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(token::Paren) {
        let content;
        parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
}

/// The name of a field by serde's `rename_all`.
fn by_rule(name: &str, rule: &str) -> String {
    let words = || {
        name.split('_').map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
    };
    match rule {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => name.to_ascii_uppercase(),
        "PascalCase" => words().collect(),
        "camelCase" => {
            let pascal: String = words().collect();
            let mut letters = pascal.chars();
            let first = letters.next().map(|first| first.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
        "kebab-case" => name.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => name.to_ascii_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}
