//! The fields of the struct and their `#[on(…)]`.

use syn::{Attribute, Field as SynField, FieldsNamed, Meta, parse::ParseStream, spanned::Spanned};

use super::{
    super::{
        ast::{Field, Rule},
        keys::{self, Place},
    },
    blocks, unique,
};
use crate::{
    attributes::{self, docs},
    errors::Errors,
    fold,
};

pub(super) fn parse(named: &FieldsNamed, errors: &mut Errors) -> Vec<Field> {
    let mut fields: Vec<Field> = named.named.iter().filter_map(|original| field(original, errors)).collect();
    if fields.iter().all(|field| field.id.is_none()) {
        let meant =
            |field: &SynField| field.attrs.iter().find(|attr| keys::meant_for(attr, "id")).map(Spanned::span);
        for (field, original) in fields.iter_mut().zip(&named.named) {
            field.id = meant(original);
        }
    }
    fields
}

fn field(original: &SynField, errors: &mut Errors) -> Option<Field> {
    let mut field = Field {
        ident: original.ident.clone()?,
        ty: original.ty.clone(),
        docs: docs(&original.attrs),
        serde: original.attrs.iter().filter(|attr| attr.path().is_ident("serde")).cloned().collect(),
        id: None,
        version: None,
        unique: None,
        rules: Vec::new(),
        broken: false,
    };
    for attr in &original.attrs {
        if let Some(message) = keys::out_of_place(attr, Place::Field) {
            errors.span(attr.meta.span(), message);
        } else if attr.path().is_ident("id") {
            attributes::once(&mut field.id, attr, errors);
        } else if attr.path().is_ident("version") {
            attributes::once(&mut field.version, attr, errors);
        } else if attr.path().is_ident("on") {
            rules(attr, &mut field, errors);
        } else if attr.path().is_ident("unique") {
            if field.unique.replace(unique::parse(attr, errors)).is_some() {
                errors.at(&attr.meta, attributes::TWICE);
            }
        } else if misspelt(attr) {
            field.broken = true;
        }
    }
    Some(field)
}

/// Whether this is a misspelt `#[on(Event …)]` or `#[version]`.
fn misspelt(attr: &Attribute) -> bool {
    match &attr.meta {
        Meta::Path(_) => keys::meant_for(attr, "version"),
        Meta::List(list) => {
            let first = list.tokens.clone().into_iter().next().map(|first| first.to_string());
            keys::meant_for(attr, "on") && first.is_some_and(|first| first.starts_with(char::is_uppercase))
        }
        Meta::NameValue(_) => false,
    }
}

fn rules(attr: &Attribute, field: &mut Field, errors: &mut Errors) {
    let mut broken = false;
    let parsed =
        attr.parse_args_with(|input: ParseStream<'_>| Ok(attributes::list(input, errors, &mut broken, rule)));
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
    let events = fold::events(input, errors, blocks::event)?;
    let how = fold::change(input, &events, errors)?;
    Ok(Rule { events, how })
}
