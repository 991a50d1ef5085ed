//! Whether two values are the same, as far as their JSON tells.

use serde_json::Value;

/// How often a value is read and written to find out whether it has a collection without an order. One of two elements comes
/// back in the other order half of the time.
const TRIES: usize = 32;

/// What stands for the value as a whole, where fields cannot be told.
const WHOLE: &str = "(everything)";

/// The fields in which these two differ. Collections without an order, such as a `HashSet`, may come in any: `again` reads such a
/// text and writes it once more.
pub(crate) fn differing(again: &dyn Fn(&str) -> Option<String>, one: &str, other: &str) -> Vec<String> {
    let (Ok(first), Ok(second)) = (serde_json::from_str(one), serde_json::from_str(other)) else {
        return everything();
    };
    let mut fields = fields(&first, &second);
    fields.retain(|field| part(&first, field) != part(&second, field));
    if fields.is_empty() {
        return fields;
    }
    let unordered = |field: &str| {
        let sorted = |value| part(value, field).cloned().map(sorted);
        sorted(&first) == sorted(&second) && has_no_order(again, one, &first, field)
    };
    fields.retain(|field| !unordered(field));
    fields
}

/// All of them.
pub(crate) fn everything() -> Vec<String> {
    vec![WHOLE.to_owned()]
}

fn fields(one: &Value, other: &Value) -> Vec<String> {
    let (Value::Object(one), Value::Object(other)) = (one, other) else { return everything() };
    let mut names: Vec<_> = one.keys().chain(other.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn part<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(field),
        other => Some(other),
    }
}

/// The same with the elements of each array in one order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(elements) => {
            let mut elements: Vec<_> = elements.into_iter().map(sorted).collect();
            elements.sort_by_cached_key(Value::to_string);
            Value::Array(elements)
        }
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, sorted(value))).collect(),
        other => other,
    }
}

/// Whether the elements in this field come in another order now and then.
fn has_no_order(again: &dyn Fn(&str) -> Option<String>, text: &str, value: &Value, field: &str) -> bool {
    (0..TRIES).any(|_| {
        again(text).is_some_and(|again| {
            serde_json::from_str::<Value>(&again).is_ok_and(|again| part(&again, field) != part(value, field))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct State {
        list: Vec<u32>,
        set: HashSet<u32>,
        map: HashSet<(u32, Vec<u32>)>,
    }

    #[test]
    fn only_what_has_no_order_comes_in_another() {
        let again = |text: &str| serde_json::to_string(&serde_json::from_str::<State>(text).ok()?).ok();
        let one = r#"{"list":[1,2],"set":[1,2],"map":[[1,[1]],[2,[3,4]]]}"#;
        let same = r#"{"set":[2,1],"map":[[2,[3,4]],[1,[1]]],"list":[1,2]}"#;
        assert!(differing(&again, one, one).is_empty());
        assert!(differing(&again, one, same).is_empty());
        let other = r#"{"list":[2,1],"set":[1,3],"map":[[1,[1]],[2,[3,4]]]}"#;
        assert_eq!(differing(&again, one, other), ["list", "set"]);
        assert_eq!(differing(&again, one, r#"{"list":[1,2],"set":[1,2]}"#), ["map"]);
        assert_eq!(differing(&again, one, "[]"), everything());
        assert_eq!(differing(&again, one, ""), everything());
    }
}
