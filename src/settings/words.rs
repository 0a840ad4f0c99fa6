//! What is wrong with a value, in our words: serde's are for programmers.

use toml::Value;

/// How much of a value is shown.
const LONGEST_VALUE: usize = 60;

/// Says what is wrong with the value at `key`, and what to write. `error` is serde's.
pub(super) fn in_our_words(key: &str, value: &Value, error: &str) -> String {
    let wrong = reason(error);
    match shown(key, value) {
        Some(value) => format!("{key} = {value}: {wrong}"),
        None => format!("{key}: {wrong}"),
    }
}

fn reason(error: &str) -> String {
    if let Some((_, expected)) = error
        .strip_prefix("invalid type: ")
        .or_else(|| error.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        return format!("write {}", wanted(expected));
    }
    if let Some((_, expected)) =
        error.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("write {}", expected.strip_prefix("one of ").unwrap_or(expected));
    }
    if let Some(field) = error.strip_prefix("missing field ") {
        return format!("{field} is missing");
    }
    if let Some((field, expected)) =
        error.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", expected "))
    {
        let expected = expected.strip_prefix("one of ").unwrap_or(expected);
        return format!("there is no {field}; there are {expected}");
    }
    error.to_owned()
}

/// What serde expected.
fn wanted(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number without quotes, 0 or more",
        "f32" | "f64" => "a number without quotes",
        "a string" | "string" | "path string" => "a text in quotes",
        "a boolean" => "true or false without quotes",
        "a sequence" => "a list in brackets",
        "a map" => "a section with keys of its own",
        _ if expected.starts_with("struct ") => "a section with keys of its own",
        _ => expected,
    }
}

/// The value as it was written; not of what may hold a secret.
fn shown(key: &str, value: &Value) -> Option<String> {
    if ["client_secret", "verify_code", "database.url"].iter().any(|end| key.ends_with(end)) {
        return None;
    }
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Table(_) | Value::Array(_) => return None,
    };
    let cut: String = text.chars().take(LONGEST_VALUE).collect();
    Some(if cut == text { text } else { format!("{cut}…") })
}
