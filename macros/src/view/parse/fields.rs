//! The fields of the struct, with `#[key]`, `#[on(…)]`, `#[index]` and `#[column(…)]`.

use syn::{
    Attribute, Expr, Field as SynField, FieldsNamed, LitStr, Meta, Token, parse::ParseStream,
    spanned::Spanned,
};

use super::{
    super::{
        ast::{Field, Key, KeyRule, Rule},
        keys::{self, Place},
    },
    check_name, event,
};
use crate::{
    attributes::{self, TWICE, docs},
    errors::Errors,
    fold,
};

/// How long the name of a column may be.
const LONGEST_COLUMN: usize = 63;

pub(super) fn parse(named: &FieldsNamed, errors: &mut Errors) -> Vec<Field> {
    let mut fields: Vec<Field> = named.named.iter().filter_map(|original| field(original, errors)).collect();
    if fields.iter().all(|field| field.key.is_none()) {
        for (field, original) in fields.iter_mut().zip(&named.named) {
            let misspelt = original.attrs.iter().find(|attr| keys::meant_for(attr, "key"));
            field.key = misspelt.map(|attr| Key { span: attr.span(), rules: None });
            // What it says of events is not known.
            field.broken |= misspelt.is_some_and(|attr| !matches!(attr.meta, Meta::Path(_)));
        }
    }
    fields
}

fn field(original: &SynField, errors: &mut Errors) -> Option<Field> {
    let mut field = Field {
        ident: original.ident.clone()?,
        ty: original.ty.clone(),
        vis: original.vis.clone(),
        docs: docs(&original.attrs),
        key: None,
        index: None,
        column: None,
        rules: Vec::new(),
        broken: false,
    };
    for attr in &original.attrs {
        if let Some(message) = keys::out_of_place(attr, Place::Field) {
            errors.span(attr.meta.span(), message);
        } else if attr.path().is_ident("key") {
            let key = key(attr, &mut field.broken, errors);
            if field.key.replace(key).is_some() {
                errors.at(&attr.meta, TWICE);
            }
        } else if attr.path().is_ident("on") {
            let rules = entries(attr, "`#[on(Event = value)]`", &mut field.broken, errors, rule);
            field.rules.extend(rules);
        } else if attr.path().is_ident("index") {
            attributes::once(&mut field.index, attr, errors);
        } else if attr.path().is_ident("column") {
            let name = errors.ok(column(attr));
            if name.is_some() && field.column.is_some() {
                errors.at(&attr.meta, TWICE);
            }
            field.column = field.column.or(name);
        } else if keys::meant_for(attr, "on") && matches!(attr.meta, Meta::List(_)) {
            field.broken = true;
        }
    }
    Some(field)
}

fn key(attr: &Attribute, broken: &mut bool, errors: &mut Errors) -> Key {
    let rules = match &attr.meta {
        Meta::Path(_) => None,
        _ => Some(entries(attr, "`#[key(Event = value)]`", broken, errors, key_rule)),
    };
    Key { span: attr.path().span(), rules }
}

/// The entries in the parentheses of an attribute, of which there is at least one.
fn entries<T>(
    attr: &Attribute,
    example: &str,
    broken: &mut bool,
    errors: &mut Errors,
    entry: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<T>,
) -> Vec<T> {
    let mut unread = false;
    let parsed = attr
        .parse_args_with(|input: ParseStream<'_>| Ok(attributes::list(input, errors, &mut unread, entry)));
    let entries = parsed.unwrap_or_default();
    if entries.is_empty() && !unread {
        unread = true;
        errors.at(&attr.meta, format!("this says nothing of events: write {example}"));
    }
    *broken |= unread;
    entries
}

fn key_rule(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<KeyRule> {
    let events = fold::events(input, errors, event)?;
    let named = events.first().map(ToString::to_string).unwrap_or_default();
    if !input.peek(Token![=]) || input.peek(Token![==]) || input.peek(Token![=>]) {
        let message = format!("the key of a row is a value: write `{named} = value`");
        return Err(match events.last() {
            Some(last) if fold::ends(input) => syn::Error::new_spanned(last, message),
            _ => input.error(message),
        });
    }
    input.parse::<Token![=]>()?;
    let body: Expr = input.parse()?;
    Ok(KeyRule { events, body })
}

fn rule(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Rule> {
    let events = fold::events(input, errors, event)?;
    let how = if fold::ends(input) { None } else { Some(fold::change(input, &events, errors)?) };
    Ok(Rule { events, how })
}

/// `#[column(name = "…")]`
fn column(attr: &Attribute) -> syn::Result<LitStr> {
    let wrong = |span| syn::Error::new(span, "`column` takes a name: `#[column(name = \"…\")]`");
    let mut name: Option<LitStr> = None;
    let parsed = attr.parse_nested_meta(|meta| {
        if !meta.path.is_ident("name") {
            return Err(wrong(meta.path.span()));
        }
        name = Some(meta.value()?.parse()?);
        Ok(())
    });
    parsed.map_err(|error| wrong(error.span()))?;
    let name = name.ok_or_else(|| wrong(attr.meta.span()))?;
    check_name(&name, "column", LONGEST_COLUMN)?;
    Ok(name)
}
