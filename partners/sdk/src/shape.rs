//! Describes the shape of a JSON response without its values, for logs about a response that was
//! not understood.

use serde_json::Value;

const MAX_LENGTH: usize = 400;

/// Lists keys and types of `body`, or what it is if it is not JSON. Never a value.
pub(crate) fn describe(body: &[u8]) -> String {
    if crate::http::bounds::check(body).is_err() {
        return format!("{} bytes of JSON with too many values", body.len());
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => "an empty body".to_owned(),
            Some(b'<') => format!("{} bytes of markup", body.len()),
            Some(b'{' | b'[') => format!("{} bytes of incomplete or invalid JSON", body.len()),
            Some(_) => format!("{} bytes of text", body.len()),
        };
    };
    let mut text = String::new();
    write_shape(&value, 0, &mut text);
    if text.len() > MAX_LENGTH {
        text = text.chars().take(MAX_LENGTH).collect();
        text.push('…');
    }
    text
}

fn write_shape(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(_) => out.push_str("bool"),
        Value::Number(_) => out.push_str("number"),
        Value::String(_) => out.push_str("string"),
        Value::Array(items) => {
            out.push('[');
            if let Some(first) = items.first() {
                write_shape(first, depth + 1, out);
                out.push_str(&format!("; {}", items.len()));
            }
            out.push(']');
        }
        Value::Object(_) if depth > 4 => out.push_str("{…}"),
        Value::Object(fields) => {
            out.push('{');
            for (index, (key, value)) in fields.iter().take(20).enumerate() {
                if index > 0 {
                    out.push(',');
                }
                // A key with other characters may itself be data (series keyed by time).
                let plain = key.len() <= 40
                    && key.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-.".contains(&byte));
                out.push_str(if plain { key } else { "…" });
                out.push(':');
                write_shape(value, depth + 1, out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn shapes_name_keys_and_types_and_no_values() {
        let body = br#"{"status":0,"body":{"weight":78.12,"name":"Ann","list":[{"a":1},{"a":2}],"1727":3}}"#;
        let shape = describe(body);
        assert_eq!(
            shape,
            "{body:{…:number,list:[{a:number}; 2],name:string,weight:number},status:number}"
        );
    }

    #[test]
    fn what_is_not_json_is_named_by_size() {
        assert_eq!(describe(b""), "an empty body");
        assert_eq!(describe(b"<html>78.12</html>"), "18 bytes of markup");
        assert_eq!(describe(b"{\"weight\":78"), "12 bytes of incomplete or invalid JSON");
    }
}
