//! The shapes that stand for "nothing" in partners' answers.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a list. Programs whose language has one type for lists and objects send `{}` for an empty
/// list, and others send null. For `#[serde(deserialize_with = "partner_sdk::list_or_nothing")]`,
/// with `default` where the field may be missing.
///
/// # Errors
/// When it is something else.
pub fn list_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Array(items) => Ok(items),
        Value::Null => Ok(Vec::new()),
        Value::Object(fields) if fields.is_empty() => Ok(Vec::new()),
        _ => Err(serde::de::Error::custom("it is not a list")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Answer {
        #[serde(default, deserialize_with = "list_or_nothing")]
        items: Vec<Value>,
    }

    #[test]
    fn null_an_empty_object_and_a_missing_field_are_nothing() {
        let count = |json: &str| Some(serde_json::from_str::<Answer>(json).ok()?.items.len());
        for (json, expected) in [
            (r#"{"items":[1,{}]}"#, Some(2)),
            (r#"{"items":[]}"#, Some(0)),
            (r#"{"items":null}"#, Some(0)),
            (r#"{"items":{}}"#, Some(0)),
            ("{}", Some(0)),
            (r#"{"items":{"0":1}}"#, None),
            (r#"{"items":"none"}"#, None),
            (r#"{"items":0}"#, None),
        ] {
            assert_eq!(count(json), expected, "{json}");
        }
    }
}
