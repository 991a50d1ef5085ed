//! Payloads compared as what they are: JSON, in which the order of members means nothing.

use std::collections::BTreeSet;

use serde_json::Value;

/// The members, by their paths, that the payload has and none of the known ones. Of what is empty in each of those, nothing
/// is known, so nothing in it is new.
pub(super) fn new_members(payload: &str, known: &[&str], maps: &BTreeSet<String>) -> Vec<String> {
    let known: BTreeSet<_> = known.iter().flat_map(|known| members(known, maps)).collect();
    let empty: Vec<_> = known
        .iter()
        .filter(|(path, empty)| *empty && !known.contains(&(path.clone(), false)))
        .map(|(path, _)| path)
        .collect();
    let is_known = |path: &String| {
        known.iter().any(|(known, _)| known == path) || empty.iter().any(|outer| is_within(path, outer))
    };
    // Of a new member, not what is in it.
    let mut found: Vec<String> = Vec::new();
    for (path, _) in members(payload, maps) {
        let told = found.iter().any(|outer| *outer == path || is_within(&path, outer));
        if !told && !is_known(&path) {
            found.push(path);
        }
    }
    found.iter().map(|path| format!("`{path}`")).collect()
}

fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['.', '[']))
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

/// What there is, by path, and whether it is empty: absent, or a list or map with nothing in it. The keys of these maps are
/// values, so what they have is one path.
pub(super) fn members(payload: &str, maps: &BTreeSet<String>) -> BTreeSet<(String, bool)> {
    let mut found = BTreeSet::new();
    if let Ok(value) = serde_json::from_str(payload) {
        collect(&value, "", maps, &mut found);
    }
    found
}

fn collect(value: &Value, path: &str, maps: &BTreeSet<String>, found: &mut BTreeSet<(String, bool)>) {
    if !path.is_empty() {
        let empty = match value {
            Value::Null => true,
            Value::Array(elements) => elements.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        found.insert((path.to_owned(), empty));
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = match path {
                    path if maps.contains(path) => format!("{path}[]"),
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                collect(member, &path, maps, found);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect(element, &format!("{path}[]"), maps, found);
            }
        }
        _ => {}
    }
}
