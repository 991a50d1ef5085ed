//! The attribute keys, each spelt once: where it is allowed, and whether this version carries it out.

use syn::Attribute;

use crate::suggest::similar;

/// Where an attribute of ours stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Struct,
    Field,
    Event,
    Payload,
    Command,
    CommandField,
}

impl Place {
    pub(super) const fn article(self) -> &'static str {
        match self {
            Self::Struct => "the struct",
            Self::Field => "a field of the struct",
            Self::Event => "an event",
            Self::Payload => "a payload field",
            Self::Command => "a command",
            Self::CommandField => "a field of a command",
        }
    }
}

/// The keys of the language, and the places where each may stand.
const KEYS: &[(&str, &[Place])] = &[
    ("aggregate", &[Place::Struct]),
    ("events", &[Place::Struct]),
    ("commands", &[Place::Struct]),
    ("id", &[Place::Field]),
    ("version", &[Place::Field]),
    ("on", &[Place::Field]),
    ("unique", &[Place::Field]),
    ("creates", &[Place::Event]),
    ("ends", &[Place::Event]),
    ("name", &[Place::Event]),
    ("schema", &[Place::Event]),
    ("upcast", &[Place::Event]),
    ("retired", &[Place::Event]),
    ("audit", &[Place::Event, Place::Payload]),
    ("since", &[Place::Payload]),
    ("renamed", &[Place::Event, Place::Payload]),
    ("removed", &[Place::Event]),
    ("require", &[Place::Command]),
    ("decide", &[Place::Command]),
    ("reads", &[Place::Command]),
    ("on_conflict", &[Place::Command]),
];

/// The keys of `#[unique(…)]`.
pub(super) const UNIQUE: &[&str] = &["with", "by", "show_holder", "enforce"];

/// What `enforce` may be.
pub(super) const ENFORCE: &[&str] = &["append", "view", "after"];

/// The keys of `snapshot(…)`.
pub(super) const SNAPSHOT: &[&str] = &["every", "epoch"];

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

/// What both enums derive unless `event_derive(!…)` or `command_derive(!…)` says otherwise.
pub(super) const USUAL_DERIVES: &[&str] = &["Clone", "Debug", "PartialEq", "Serialize", "Deserialize"];

/// Attributes of the compiler that a misspelt key of ours must not be taken for.
const BUILT_IN: &[&str] =
    &["allow", "expect", "warn", "deny", "deprecated", "serde", "must_use", "non_exhaustive"];

/// What an attribute inside one of the blocks is.
pub(super) enum Class {
    /// One of ours, allowed here.
    Ours(&'static str),
    /// A doc comment.
    Doc,
    /// Somebody else's: it passes through to the generated item.
    Foreign,
    /// One of ours, misspelt, and the message about it.
    Misspelt(&'static str, String),
    /// Wrong, and why.
    Wrong(String),
}

/// Keys of ours that other derives may have as well. Outside the blocks they are theirs.
const SHARED: &[&str] = &["name", "schema", "upcast", "since", "renamed", "removed"];

/// The message for a key of ours that stands on the struct or on a field of it and does not belong there.
pub(super) fn out_of_place(attr: &Attribute, place: Place) -> Option<String> {
    if SHARED.iter().any(|key| attr.path().is_ident(key)) {
        return None;
    }
    let (key, places) = KEYS.iter().find(|(key, _)| attr.path().is_ident(key))?;
    misplaced(key, places, place)
}

/// Whether an attribute outside the blocks is this key of ours, misspelt. The compiler knows no such attribute and says
/// so; reading it as what was meant keeps that the only message.
pub(super) fn meant_for(attr: &Attribute, key: &str) -> bool {
    let Some(ident) = attr.path().get_ident() else { return false };
    let name = ident.to_string();
    let ours = KEYS.iter().any(|(key, _)| *key == name);
    let keys =
        KEYS.iter().filter(|(_, places)| places.contains(&Place::Struct) || places.contains(&Place::Field));
    !ours
        && name != "doc"
        && !BUILT_IN.contains(&name.as_str())
        && similar(&name, keys.map(|(key, _)| *key)) == Some(key)
}

fn misplaced(key: &str, places: &[Place], place: Place) -> Option<String> {
    let allowed: Vec<_> = places.iter().map(|place| place.article()).collect();
    let message =
        || format!("`#[{key}]` is only valid on {}, not on {}", allowed.join(" or "), place.article());
    (!places.contains(&place)).then(message)
}

/// Tells what an attribute in a block is, at this place.
pub(super) fn classify(attr: &Attribute, place: Place) -> Class {
    let Some(ident) = attr.path().get_ident() else { return Class::Foreign };
    let name = ident.to_string();
    if let Some((key, places)) = KEYS.iter().find(|(key, _)| *key == name) {
        return match misplaced(key, places, place) {
            Some(message) => Class::Wrong(message),
            None => Class::Ours(key),
        };
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
        Some(key) => Class::Misspelt(key, format!("unknown attribute `{name}`; did you mean `#[{key}]`?")),
        None => Class::Foreign,
    }
}
