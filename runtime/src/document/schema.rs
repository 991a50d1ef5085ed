//! JSON Schemas of payloads.
//!
//! The name of a type says what it becomes for well-known types only, and attributes of serde may make something else
//! of it. So made-up events are stored, and what they become decides.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::types::{or_null, schema_of};
use crate::{
    Aggregate, Event,
    model::{EventModel, PayloadModel},
    testing::sample::{TAME, sample_variant},
};

const SAMPLES: u64 = 40;

/// The JSON Schema (draft 2020-12) of the payload of an event in the schema version that it has today, with an example.
///
/// Of a type that is not well known it tells the kind of JSON that it becomes, and its name in `$comment`. Of an event
/// that [cannot be made up](crate::testing::sample) it tells what the names of the types say, and has no example.
#[must_use]
pub fn schema<A: Aggregate>(event: &EventModel) -> Value {
    let samples: Vec<_> = (TAME..SAMPLES).filter_map(|seed| payload::<A>(event, seed)).collect();
    let declared: BTreeMap<_, _> = event.payload.iter().map(|field| (field.member, field)).collect();
    let names: BTreeSet<&str> = match &*samples {
        [] => declared.keys().copied().collect(),
        samples => samples.iter().flat_map(Map::keys).map(String::as_str).collect(),
    };
    let mut properties = Map::new();
    let mut required = Vec::new();
    for name in names {
        let values: Vec<_> = samples.iter().filter_map(|sample| sample.get(name)).collect();
        let field = declared.get(name).copied();
        if values.len() == samples.len() && !field.is_some_and(is_optional) {
            required.push(name);
        }
        properties.insert(name.to_owned(), property(field, &values));
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": properties,
        "required": required,
        "title": format!("{}.{}, schema {}", A::CATEGORY, event.name, event.schema),
        "type": "object",
    });
    if let Some(members) = schema.as_object_mut() {
        if !event.docs.is_empty() {
            members.insert("description".to_owned(), event.docs.into());
        }
        if let Some(example) = payload::<A>(event, TAME) {
            members.insert("examples".to_owned(), json!([example]));
        }
    }
    sorted(schema)
}

/// A made-up payload, as it is stored.
fn payload<A: Aggregate>(event: &EventModel, seed: u64) -> Option<Map<String, Value>> {
    let made_up: A::Event = sample_variant(event.name, seed).ok()?;
    serde_json::from_str(&made_up.encode().ok()?).ok()
}

/// What may be left out in JSON.
fn is_optional(field: &PayloadModel) -> bool {
    field.ty.split_once('<').is_some_and(|(path, _)| path.trim().ends_with("Option"))
}

fn property(field: Option<&PayloadModel>, values: &[&Value]) -> Value {
    let from_type = field.and_then(|field| schema_of(field.ty));
    let known = from_type.filter(|schema| values.iter().all(|value| fits(schema, value)));
    let comment = known.is_none();
    let mut schema = known.unwrap_or_else(|| shape(values));
    if let (Some(members), Some(field)) = (schema.as_object_mut(), field) {
        if comment {
            members.insert("$comment".to_owned(), format!("the Rust type `{}`", field.ty).into());
        }
        if !field.docs.is_empty() {
            members.insert("description".to_owned(), field.docs.into());
        }
    }
    schema
}

/// Whether a value is of the kind that the schema says.
fn fits(schema: &Value, value: &Value) -> bool {
    if let Some(Value::Array(any)) = schema.get("anyOf") {
        return any.iter().any(|schema| fits(schema, value));
    }
    let of_kind = |kind: &Value| kind == kind_of(value) || kind == "number" && value.is_number();
    let of_format = |format: &Value| match format.as_str() {
        Some("uuid") => is_uuid(value),
        Some("date-time") => is_time(value),
        _ => true,
    };
    let with_items =
        |items: &Value| value.as_array().is_none_or(|all| all.iter().all(|item| fits(items, item)));
    schema.get("type").is_none_or(of_kind)
        && schema.get("format").is_none_or(of_format)
        && schema.get("items").is_none_or(with_items)
}

/// What all of these have in common.
fn shape(values: &[&Value]) -> Value {
    let (nulls, values): (Vec<&Value>, Vec<&Value>) = values.iter().partition(|value| value.is_null());
    let kinds: BTreeSet<_> = values.iter().map(|value| kind_of(value)).collect();
    let kinds: Vec<_> = kinds.into_iter().collect();
    let schema = match &*kinds {
        [] => return json!({}),
        ["array"] => {
            let items: Vec<_> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
            json!({ "items": shape(&items), "type": "array" })
        }
        ["string"] if values.iter().all(|value| is_uuid(value)) => {
            json!({ "format": "uuid", "type": "string" })
        }
        ["string"] if values.iter().all(|value| is_time(value)) => {
            json!({ "format": "date-time", "type": "string" })
        }
        [kind] => json!({ "type": kind }),
        ["integer", "number"] => json!({ "type": "number" }),
        kinds => json!({ "type": kinds }),
    };
    if nulls.is_empty() { schema } else { or_null(schema) }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_uuid(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok())
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok())
}

/// The same with all members in alphabetical order, also where another crate of the build has `serde_json` keep the order
/// in which they were put in.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        Value::Object(members) => {
            let members: BTreeMap<_, _> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.into_iter().collect()
        }
        plain => plain,
    }
}
