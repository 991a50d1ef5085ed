//! The attribute keys, each spelt once, and where it is allowed.

use syn::Attribute;

use crate::suggest::similar;

/// Where an attribute of ours stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Struct,
    Field,
}

impl Place {
    const fn article(self) -> &'static str {
        match self {
            Self::Struct => "the struct",
            Self::Field => "a field of the struct",
        }
    }
}

/// The keys of the language.
const KEYS: &[(&str, Place)] = &[
    ("view", Place::Struct),
    ("key", Place::Field),
    ("on", Place::Field),
    ("index", Place::Field),
    ("column", Place::Field),
];

/// The keys of `#[view(…)]`.
pub(super) const OPTIONS: &[&str] = &["of", "remove_on", "create_on", "table", "epoch", "by_hand", "crate"];

/// Attributes of others that a misspelt key of ours must not be taken for.
const OTHERS: &[&str] =
    &["doc", "serde", "allow", "expect", "warn", "deny", "deprecated", "must_use", "non_exhaustive"];

/// The message for a key of ours that does not belong here.
pub(super) fn out_of_place(attr: &Attribute, place: Place) -> Option<String> {
    let (key, allowed) = KEYS.iter().find(|(key, _)| attr.path().is_ident(key))?;
    (*allowed != place)
        .then(|| format!("`#[{key}]` is only valid on {}, not on {}", allowed.article(), place.article()))
}

/// Whether an attribute is this key of ours, misspelt. The compiler knows no such attribute and says so; reading it as what
/// was meant keeps that the only message.
pub(super) fn meant_for(attr: &Attribute, key: &str) -> bool {
    let Some(ident) = attr.path().get_ident() else { return false };
    let name = ident.to_string();
    let ours = KEYS.iter().any(|(key, _)| *key == name);
    !ours && !OTHERS.contains(&name.as_str()) && similar(&name, KEYS.iter().map(|(key, _)| *key)) == Some(key)
}
