//! JSON when it is requested, XML otherwise; errors inside HTTP 200.

use serde_json::{Map, Value, json};

use crate::call::{Answer, Call};

/// An answer in the format that the call requests.
pub(super) fn answer(call: &Call<'_>, body: &Value) -> Answer {
    if call.params.get("format") == Some("json") {
        return Answer::json(200, body);
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    if let Some(fields) = body.as_object() {
        elements(fields, &mut text);
    }
    Answer::new(200, "text/xml; charset=utf-8", text)
}

/// `code` is a number or a string; here even codes are text.
pub(super) fn error(call: &Call<'_>, code: u16, message: &str) -> Answer {
    let number = if code.is_multiple_of(2) { json!(code.to_string()) } else { json!(code) };
    answer(call, &json!({"error": {"code": number, "message": message}}))
}

/// A list with one element is that element; the caller leaves out an empty one.
pub(super) fn list(mut items: Vec<Value>) -> Value {
    match items.len() {
        1 => items.pop().unwrap_or_default(),
        _ => items.into(),
    }
}

fn elements(fields: &Map<String, Value>, out: &mut String) {
    for (name, value) in fields {
        match value {
            Value::Array(items) => items.iter().for_each(|item| element(name, item, out)),
            value => element(name, value, out),
        }
    }
}

fn element(name: &str, value: &Value, out: &mut String) {
    out.push_str(&format!("<{name}>"));
    match value {
        Value::Object(fields) => elements(fields, out),
        Value::String(text) => {
            out.push_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
        }
        Value::Null => {}
        other => out.push_str(&other.to_string()),
    }
    out.push_str(&format!("</{name}>"));
}
