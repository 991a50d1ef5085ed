//! The attribute keys, each spelt once: where it is allowed, and whether this version carries it out.

use syn::Attribute;

use crate::suggest::similar;

/// Where an attribute of ours stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Event,
    Payload,
    Command,
    CommandField,
}

impl Place {
    pub(super) const fn article(self) -> &'static str {
        match self {
            Self::Event => "an event",
            Self::Payload => "a payload field",
            Self::Command => "a command",
            Self::CommandField => "a field of a command",
        }
    }
}

/// The keys inside `#[events { … }]` and `#[commands { … }]`, and the places where each may stand.
const KEYS: &[(&str, &[Place])] = &[
    ("creates", &[Place::Event]),
    ("ends", &[Place::Event]),
    ("name", &[Place::Event]),
    ("schema", &[Place::Event]),
    ("upcast", &[Place::Event]),
    ("retired", &[Place::Event]),
    ("audit", &[Place::Event, Place::Payload]),
    ("since", &[Place::Payload]),
    ("renamed", &[Place::Payload]),
    ("require", &[Place::Command]),
    ("decide", &[Place::Command]),
    ("reads", &[Place::Command]),
    ("on_conflict", &[Place::Command]),
];

/// The keys of `#[aggregate(…)]`.
pub(super) const OPTIONS: &[&str] = &[
    "error",
    "category",
    "event",
    "command",
    "event_derive",
    "command_derive",
    "snapshot",
    "locked",
    "crate",
];

/// Keys of the language that this version does not carry out yet. They are refused, never ignored.
const LATER: &[&str] =
    &["schema", "upcast", "since", "renamed", "on_conflict", "unique", "snapshot", "locked"];

/// Attributes of the compiler that a misspelt key of ours must not be taken for.
const BUILT_IN: &[&str] = &["allow", "expect", "warn", "deny", "deprecated", "serde", "must_use", "non_exhaustive"];

/// The message for a key that this version does not carry out.
pub(super) fn later(key: &str) -> Option<String> {
    LATER.contains(&key).then(|| format!("`{key}` is not supported by this version of factum yet"))
}

/// What an attribute inside one of the blocks is.
pub(super) enum Class {
    /// One of ours, allowed here.
    Ours(&'static str),
    /// A doc comment.
    Doc,
    /// Somebody else's: it passes through to the generated item.
    Foreign,
    /// Wrong, and why.
    Wrong(String),
}

/// Tells what an attribute at this place is.
pub(super) fn classify(attr: &Attribute, place: Place) -> Class {
    let Some(ident) = attr.path().get_ident() else { return Class::Foreign };
    let name = ident.to_string();
    if let Some((key, places)) = KEYS.iter().find(|(key, _)| *key == name) {
        if let Some(message) = later(key) {
            return Class::Wrong(message);
        }
        if places.contains(&place) {
            return Class::Ours(key);
        }
        let allowed: Vec<_> = places.iter().map(|place| place.article()).collect();
        return Class::Wrong(format!(
            "`#[{key}]` is only valid on {}, not on {}",
            allowed.join(" or "),
            place.article()
        ));
    }
    match name.as_str() {
        "doc" => return Class::Doc,
        "cfg" | "cfg_attr" => {
            return Class::Wrong(format!(
                "`#[{name}]` has no effect inside this block, where nothing is stripped; put it on the struct, or write two structs"
            ));
        }
        name if BUILT_IN.contains(&name) => return Class::Foreign,
        _ => {}
    }
    let here = KEYS.iter().filter(|(_, places)| places.contains(&place)).map(|(key, _)| *key);
    match similar(&name, here) {
        Some(key) => Class::Wrong(format!("unknown attribute `{name}`; did you mean `#[{key}]`?")),
        None => Class::Foreign,
    }
}
