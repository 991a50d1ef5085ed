//! What JSON a Rust type becomes, as far as its name says so.

use serde_json::{Value, json};

/// The schema for what serde makes of this type; `None` if its name does not say.
pub(super) fn schema_of(ty: &str) -> Option<Value> {
    let ty = ty.trim();
    if let Some(inside) = ty.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let parts = split(inside);
        return match &*parts {
            [] => Some(json!({ "type": "null" })),
            parts => tuple(parts),
        };
    }
    if let Some(inside) = ty.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let (of, length) = inside.rsplit_once(';')?;
        let mut array = array(of)?;
        if let Ok(length) = length.trim().parse::<u32>() {
            array
                .as_object_mut()?
                .extend([("maxItems".to_owned(), length.into()), ("minItems".to_owned(), length.into())]);
        }
        return Some(array);
    }
    let (path, arguments) = match ty.split_once('<') {
        Some((path, rest)) => (path, split(rest.strip_suffix('>')?)),
        None => (ty, Vec::new()),
    };
    let name = path.trim().rsplit("::").next().unwrap_or(path);
    match (name.trim(), &*arguments) {
        ("Option", [of]) => Some(or_null(schema_of(of)?)),
        ("Box" | "Arc" | "Rc", [of]) => schema_of(of),
        ("Vec" | "VecDeque" | "LinkedList", [of]) => array(of),
        ("BTreeSet" | "HashSet", [of, ..]) => {
            let mut array = array(of)?;
            array.as_object_mut()?.insert("uniqueItems".to_owned(), true.into());
            Some(array)
        }
        ("BTreeMap" | "HashMap", [_, of, ..]) => {
            Some(json!({ "additionalProperties": schema_of(of)?, "type": "object" }))
        }
        ("DateTime", _) => Some(text("date-time")),
        (name, []) => plain(name),
        _ => None,
    }
}

fn plain(name: &str) -> Option<Value> {
    let schema = match name {
        "String" => json!({ "type": "string" }),
        "char" => json!({ "maxLength": 1, "minLength": 1, "type": "string" }),
        "bool" => json!({ "type": "boolean" }),
        "f32" | "f64" => json!({ "type": "number" }),
        "u8" => json!({ "maximum": u8::MAX, "minimum": 0, "type": "integer" }),
        "u16" => json!({ "maximum": u16::MAX, "minimum": 0, "type": "integer" }),
        "u32" => json!({ "maximum": u32::MAX, "minimum": 0, "type": "integer" }),
        "u64" | "u128" | "usize" => json!({ "minimum": 0, "type": "integer" }),
        "i8" => json!({ "maximum": i8::MAX, "minimum": i8::MIN, "type": "integer" }),
        "i16" => json!({ "maximum": i16::MAX, "minimum": i16::MIN, "type": "integer" }),
        "i32" => json!({ "maximum": i32::MAX, "minimum": i32::MIN, "type": "integer" }),
        "i64" | "i128" | "isize" => json!({ "type": "integer" }),
        "NonZeroU8" | "NonZeroU16" | "NonZeroU32" | "NonZeroU64" => {
            json!({ "minimum": 1, "type": "integer" })
        }
        "Uuid" => text("uuid"),
        "NaiveDate" => text("date"),
        "Url" => text("uri"),
        "Ipv4Addr" => text("ipv4"),
        "Ipv6Addr" => text("ipv6"),
        _ => return None,
    };
    Some(schema)
}

fn text(format: &str) -> Value {
    json!({ "format": format, "type": "string" })
}

fn array(of: &str) -> Option<Value> {
    Some(json!({ "items": schema_of(of)?, "type": "array" }))
}

fn tuple(parts: &[&str]) -> Option<Value> {
    let schemas = parts.iter().map(|part| schema_of(part)).collect::<Option<Vec<_>>>()?;
    let length = schemas.len();
    Some(json!({ "maxItems": length, "minItems": length, "prefixItems": schemas, "type": "array" }))
}

pub(super) fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// What stands between the commas that are not inside brackets.
fn split(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    list.split(|char| {
        match char {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' => return depth == 0,
            _ => {}
        }
        false
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_types_are_known() {
        let cases = [
            ("String", json!({ "type": "string" })),
            ("std::num::NonZeroU32", json!({ "minimum": 1, "type": "integer" })),
            ("Option<Vec<u8>>", or_null(json!({ "items": plain("u8"), "type": "array" }))),
            ("chrono::DateTime<chrono::Utc>", json!({ "format": "date-time", "type": "string" })),
            (
                "(bool, [Uuid; 2])",
                json!({
                    "maxItems": 2,
                    "minItems": 2,
                    "prefixItems": [
                        { "type": "boolean" },
                        { "items": text("uuid"), "maxItems": 2, "minItems": 2, "type": "array" },
                    ],
                    "type": "array",
                }),
            ),
            (
                "HashMap<String, (f64, i64)>",
                json!({ "additionalProperties": tuple(&["f64", "i64"]), "type": "object" }),
            ),
            ("()", json!({ "type": "null" })),
        ];
        for (ty, schema) in cases {
            assert_eq!(schema_of(ty), Some(schema), "{ty}");
        }
        for ty in ["UserNumber", "Vec<Status>", "Vec<", "[u8", "&'static str", "", "Foo<String>"] {
            assert_eq!(schema_of(ty), None, "{ty}");
        }
    }
}
