//! Payloads compared as what they are: JSON, in which the order of members means nothing.

use std::collections::BTreeSet;

use serde_json::Value;

/// The members, by their paths, that the payload has and none of the known ones.
pub(super) fn new_members(payload: &str, known: &[&str]) -> Vec<String> {
    let known: BTreeSet<_> = known.iter().flat_map(|known| members(known)).map(|(path, _)| path).collect();
    let new = members(payload).into_iter().map(|(path, _)| path).filter(|path| !known.contains(path));
    // Of a new member, not what is in it.
    let mut found: Vec<String> = Vec::new();
    for path in new {
        if !found
            .iter()
            .any(|outer| path.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with(['.', '['])))
        {
            found.push(path);
        }
    }
    found.iter().map(|path| format!("`{path}`")).collect()
}

/// Whether this text is a member or a value in the payload, as the name of a variant is one of the two.
pub(super) fn names(payload: &str, text: &str) -> bool {
    fn among(value: &Value, text: &str) -> bool {
        match value {
            Value::String(value) => value == text,
            Value::Array(elements) => elements.iter().any(|element| among(element, text)),
            Value::Object(members) => {
                members.iter().any(|(name, member)| name == text || among(member, text))
            }
            _ => false,
        }
    }
    serde_json::from_str(payload).is_ok_and(|value| among(&value, text))
}

/// What there is, by path, and whether it is absent.
pub(super) fn members(payload: &str) -> BTreeSet<(String, bool)> {
    let mut found = BTreeSet::new();
    if let Ok(value) = serde_json::from_str(payload) {
        collect(&value, "", &mut found);
    }
    found
}

fn collect(value: &Value, path: &str, found: &mut BTreeSet<(String, bool)>) {
    if !path.is_empty() {
        found.insert((path.to_owned(), value.is_null()));
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                collect(member, &format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect(element, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}
