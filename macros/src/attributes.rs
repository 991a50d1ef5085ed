//! What the attributes of all derives have in common: lists that go on after a mistake, names, and flags.

use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Data, DataStruct, DeriveInput, Expr, ExprLit, Fields, FieldsNamed, Ident, Lit, LitStr, Meta,
    Token, ext::IdentExt, parse::ParseStream, spanned::Spanned,
};

use crate::errors::Errors;

/// Keywords with which a declaration begins elsewhere.
const DECLARES: &[&str] = &["async", "const", "enum", "fn", "let", "mut", "pub", "ref", "static", "struct"];

/// Reads items separated by commas. One that cannot be read is noted, and reading goes on after the next comma.
pub(crate) fn list<T>(
    input: ParseStream<'_>,
    errors: &mut Errors,
    broken: &mut bool,
    mut item: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<T>,
) -> Vec<T> {
    let mut items = Vec::new();
    let mut comma = true;
    while !input.is_empty() {
        match item(input, errors) {
            Ok(item) => items.push(item),
            Err(error) => {
                *broken = true;
                // After a forgotten comma the guess where the next item begins may have been wrong.
                if comma {
                    errors.push(error);
                }
                skip_to_comma(input);
            }
        }
        comma = separator(input, errors, broken);
    }
    items
}

/// Passes over the comma after an item, and tells whether there was one.
fn separator(input: ParseStream<'_>, errors: &mut Errors, broken: &mut bool) -> bool {
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return true;
    }
    if let Ok(semicolon) = input.parse::<Token![;]>() {
        errors.at(&semicolon, "expected `,`, not `;`");
        return true;
    }
    errors.span(input.span(), "expected `,`");
    if input.peek(Ident) || input.peek(Token![#]) {
        return false;
    }
    *broken = true;
    skip_to_comma(input);
    let _ = input.parse::<Token![,]>();
    true
}

pub(crate) fn skip_to_comma(input: ParseStream<'_>) {
    skip_until(input, |input| input.peek(Token![,]));
}

pub(crate) fn skip_until(input: ParseStream<'_>, end: impl Fn(ParseStream<'_>) -> bool) {
    while !input.is_empty() && !end(input) {
        // Any token will do; there is one, because the input is not empty.
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

/// A name. A keyword in its place is noted, and stands for the raw identifier that was meant.
pub(crate) fn name(input: ParseStream<'_>, what: &str, errors: &mut Errors) -> syn::Result<Ident> {
    if let Ok(quoted) = input.fork().parse::<LitStr>()
        && let Ok(name) = quoted.parse::<Ident>()
    {
        input.parse::<LitStr>()?;
        errors.at(&quoted, format!("the name of {what} stands without quotes: write `{name}`"));
        return Ok(name);
    }
    if !input.peek(Ident::peek_any) {
        return Err(input.error(format!("expected the name of {what}")));
    }
    if input.peek(Ident) {
        return input.parse();
    }
    let keyword = input.call(Ident::parse_any)?;
    let text = keyword.to_string();
    if input.peek(Ident) && DECLARES.contains(&text.as_str()) {
        errors.at(&keyword, format!("{what} begins with its name; leave `{text}` out"));
        return input.parse();
    }
    if ["self", "Self", "super", "crate", "_"].contains(&text.as_str()) {
        return Err(syn::Error::new(keyword.span(), format!("`{text}` cannot be the name of {what}")));
    }
    errors.at(&keyword, format!("`{text}` is a keyword; write `r#{text}` or choose another name"));
    Ok(Ident::new_raw(&text, keyword.span()))
}

/// The span of an attribute that takes nothing.
pub(crate) fn flag(attr: &Attribute, errors: &mut Errors) -> Span {
    if !matches!(attr.meta, Meta::Path(_)) {
        let key = attr.path().to_token_stream();
        errors.at(&attr.meta, format!("`#[{key}]` takes nothing; leave the rest out"));
    }
    attr.path().span()
}

/// Notes where the flag stands; a second one is a mistake.
pub(crate) fn once(place: &mut Option<Span>, attr: &Attribute, errors: &mut Errors) {
    if place.replace(flag(attr, errors)).is_some() {
        errors.at(&attr.meta, TWICE);
    }
}

/// The message at an attribute that stands at one place a second time.
pub(crate) const TWICE: &str = "this stands here twice; remove one";

/// The fields of a struct that has named ones; else what is said of a tuple struct, or of what is no struct.
pub(crate) fn named_fields<'a>(
    input: &'a DeriveInput,
    of_tuples: &str,
    of_others: &str,
) -> syn::Result<&'a FieldsNamed> {
    let message = match &input.data {
        Data::Struct(DataStruct { fields: Fields::Named(named), .. }) => return Ok(named),
        Data::Struct(_) => of_tuples,
        Data::Enum(_) | Data::Union(_) => of_others,
    };
    Err(syn::Error::new_spanned(&input.ident, message))
}

/// The doc comments among the attributes.
pub(crate) fn docs(attrs: &[Attribute]) -> Vec<Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("doc")).cloned().collect()
}

/// The text of doc comments, lines joined.
pub(crate) fn docs_text(attrs: &[Attribute]) -> String {
    let lines: Vec<String> = attrs.iter().filter_map(doc_line).collect();
    lines.join("\n")
}

fn doc_line(attr: &Attribute) -> Option<String> {
    match &attr.meta {
        Meta::NameValue(pair) if attr.path().is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let text = text.value();
                Some(text.strip_prefix(' ').unwrap_or(&text).to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}
