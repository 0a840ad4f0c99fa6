//! Examples of bodies and answers. What a type gives as its example is used; what it does not give is
//! put together from the examples of its parts, so that it agrees with the schema.

use serde_json::{Map, Value, json};

/// References of our document are no circles, and shallow.
const DEEPEST: usize = 24;

/// What a text is called tells what stands in it.
const TEXTS: &[(&str, &str)] = &[
    ("user_id", "ann"),
    ("user", "ann"),
    ("partner", "withings"),
    ("id", "01a200e2-532c-73fe-83a7-fce8c8c624ea"),
    ("record_id", "01a200e2-532c-73fe-83a7-fce8c8c624ea"),
    ("endpoint_id", "we_5b0c2f9e4d7a4c1e8f3a6b9d2e7c0f41"),
    ("app", "w-1"),
    ("app_id", "w-1"),
    ("source_id", "3129822054:weight"),
    ("cursor", "7c1c15119603d411.482.6618a81381148"),
    ("state", "running"),
    ("version", "0.1.0"),
    ("feed", "measure"),
    ("unit", "kg"),
    ("name", "withings"),
    ("title", "Withings"),
    ("counts", "all"),
    ("window", "sliding"),
    ("subscribing", "per_connection"),
    ("status", "ok"),
    ("label", "phone backend"),
    ("heading", "One user must reconnect Withings"),
    ("sentence", "Strava’s limit of 100 reads in 15 minutes is used up."),
    ("message", "the partner answered 503"),
    ("meaning", "The number of HTTP worker threads."),
    ("words", "Up to date"),
    ("day", "2026-11-22"),
    ("kind", "weight"),
    ("host", "app.example.com"),
    ("redirect_address", "https://sync.example.com/oauth/{partner}/callback"),
];

/// Of these the usual value is none.
const NONE: &[&str] = &[
    "next_cursor",
    "error",
    "last_error",
    "last_failure",
    "failing_since",
    "waiting_for",
    "closed",
    "closed_until",
    "circuit_retry_at",
    "ended",
    "switched_off",
    "deleted_at",
];

/// An example of what a schema describes.
///
/// # Errors
/// The name of a text in it that has none.
pub(super) fn of(schema: &Value, document: &Value) -> Result<Value, String> {
    Maker { document }.example(schema, "", DEEPEST)
}

struct Maker<'a> {
    document: &'a Value,
}

impl Maker<'_> {
    fn example(&self, schema: &Value, name: &str, depth: usize) -> Result<Value, String> {
        let depth = depth.checked_sub(1).ok_or(name)?;
        if let Some(own) = own(schema) {
            return Ok(own.clone());
        }
        if NONE.contains(&name) && allows_null(schema) {
            return Ok(Value::Null);
        }
        if let Some(pointer) = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
            let known = self.document.pointer(pointer).ok_or(pointer)?;
            return self.example(known, name, depth);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in parts {
                if let Value::Object(members) = self.example(part, name, depth)? {
                    whole.extend(members);
                }
            }
            return Ok(whole.into());
        }
        if let Some(branches) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let meant = branches.iter().find(|branch| branch["type"] != "null");
            return self.example(meant.ok_or(name)?, name, depth);
        }
        match type_of(schema) {
            "object" => self.object(schema, depth),
            "array" => self.example(&schema["items"], name, depth).map(|one| json!([one])),
            "integer" | "number" => Ok(number(schema)),
            "boolean" => Ok(Value::Bool(false)),
            "string" => text(schema, name),
            "null" => Ok(Value::Null),
            // Anything: the schema says no more.
            _ => Ok(json!({})),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Result<Value, String> {
        let mut members = Map::new();
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            members.insert(name.clone(), self.example(of, name, depth)?);
        }
        if members.is_empty() && schema["additionalProperties"].is_object() {
            let one = self.example(&schema["additionalProperties"], "", depth)?;
            members.insert("weight".to_owned(), one);
        }
        Ok(members.into())
    }
}

/// What the schema itself gives.
fn own(schema: &Value) -> Option<&Value> {
    let given = [schema.get("example"), schema["examples"].get(0), schema.get("const")];
    given.into_iter().flatten().next().or_else(|| schema["enum"].get(0))
}

fn allows_null(schema: &Value) -> bool {
    let lists = [&schema["type"], &schema["oneOf"], &schema["anyOf"]];
    let mut all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.any(|one| one == "null" || one["type"] == "null")
}

fn type_of(schema: &Value) -> &str {
    let names = schema["type"].as_array().into_iter().flatten();
    let first = names.filter_map(Value::as_str).find(|name| *name != "null");
    first.or(schema["type"].as_str()).unwrap_or_default()
}

fn number(schema: &Value) -> Value {
    let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    let usual = 1_f64.max(least.unwrap_or_default()).min(most.unwrap_or(f64::MAX));
    #[expect(clippy::cast_possible_truncation, reason = "bounds of our document are small")]
    if usual.fract() == 0.0 { Value::from(usual as i64) } else { Value::from(usual) }
}

fn text(schema: &Value, name: &str) -> Result<Value, String> {
    let at = match name {
        "until" | "next_at" | "expires_at" => "2026-11-22T06:30:00Z",
        _ => "2026-11-22T06:15:00Z",
    };
    let found = match schema["format"].as_str() {
        Some("date-time") => at,
        Some("uuid") => "01a200e2-532c-73fe-83a7-fce8c8c624ea",
        _ => TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).ok_or(name)?,
    };
    Ok(found.into())
}
