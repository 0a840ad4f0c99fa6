//! What all operations have in common: the answers that any call may get, and the rules of ids and
//! numbers. Added to the finished document, so that a new operation has it without a line of its own.

use partner_sdk::rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value, json};

use crate::sync::bounds::{EXERCISE, Field, NUTRITION};
use crate::web::contract::MAX_BYTES;
use crate::web::texts::Text;

/// Completes the document that the handlers' attributes make.
pub(super) fn complete(mut document: Value) -> Value {
    document["servers"] =
        json!([{"url": "/", "description": "The daemon that serves this document"}]);
    for (name, schema) in members(&mut document["components"]["schemas"]) {
        match name.as_str() {
            "Exercise" | "ExerciseInput" => numbers(schema, EXERCISE),
            "Nutrition" | "NutritionInput" => numbers(schema, NUTRITION),
            _ => {}
        }
    }
    for (path, operations) in members(&mut document["paths"]) {
        for (_, operation) in members(operations) {
            operation.get_mut("parameters").into_iter().for_each(parameters);
            answers(path, operation);
        }
    }
    document
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

/// The unit and the possible values of each number, from the table that the check uses.
fn numbers(schema: &mut Value, fields: &[Field]) {
    for field in fields {
        let Some(property) = schema["properties"].get_mut(field.name) else { continue };
        let range = field.range();
        property["minimum"] = range.start().to_i64().into();
        property["maximum"] = range.end().to_i64().into();
        let own = property["description"].as_str().map(|own| format!(" {own}")).unwrap_or_default();
        property["description"] = format!("{} In `{}`.{own}", field.about, field.unit).into();
    }
}

fn parameters(parameters: &mut Value) {
    for parameter in parameters.as_array_mut().into_iter().flatten() {
        // There is no null in an address: what is optional is left out.
        if parameter["in"] == "query" {
            without_null(&mut parameter["schema"]);
        }
        if parameter["in"] == "path" && parameter["name"] == "user" {
            parameter["schema"] = json!({
                "type": "string", "minLength": 1, "maxLength": 256, MAX_BYTES: 256,
                "pattern": Text::Id.pattern(),
            });
            parameter["example"] = "ann".into();
        }
        if parameter["in"] == "path" && parameter["name"] == "app_id" {
            parameter["schema"] = json!({
                "type": "string", "minLength": 1, "maxLength": 512, MAX_BYTES: 512,
                "pattern": Text::Id.pattern(),
            });
            parameter["example"] = "w-1".into();
        }
    }
}

fn without_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
    if let Some(branches) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        branches.retain(|branch| branch["type"] != "null");
        if let [one] = branches.as_slice() {
            *schema = one.clone();
        }
    }
}

/// Adds the answers that follow from having a key, a query or a body, and says of all problems that
/// they are problems.
fn answers(path: &str, operation: &mut Value) {
    let has = |place: &str| {
        let mut all = operation["parameters"].as_array().into_iter().flatten();
        all.any(|parameter| parameter["in"] == place)
    };
    let (has_key, has_body) =
        (!operation["security"].is_null(), !operation["requestBody"].is_null());
    let mut common: Vec<(&str, &str)> = Vec::new();
    if has_key {
        common.extend([
            ("400", "A parameter of the address is wrong; `errors` names each"),
            ("401", "The key is missing, unknown or revoked"),
            ("415", "The body has a `Content-Encoding`; bodies are never unpacked"),
            ("429", "More than 20 unknown keys came from this address in a minute; `Retry-After` says when to try again"),
            ("503", "The database cannot be reached, or the partner's actor is being restarted; nothing was done, try again"),
        ]);
    }
    if has_body {
        common.extend([
            ("400", "The body is not JSON, or a parameter of the address is wrong"),
            ("408", "The body did not arrive within `server.body_timeout`"),
            ("413", "The body has more than 2 MiB"),
            ("422", "Values of the body are wrong; `errors` names each with its place"),
        ]);
    }
    if has("path") && !path.starts_with("/v1/users/") {
        common.push(("404", "No such partner is installed"));
    }
    let responses = &mut operation["responses"];
    for (status, description) in common {
        if responses.get(status).is_none() {
            let schema = json!({"$ref": "#/components/schemas/Problem"});
            let content = json!({"application/json": {"schema": schema}});
            responses[status] = json!({"description": description, "content": content});
        }
    }
    for (_, answer) in members(responses) {
        let content = answer.get_mut("content").and_then(Value::as_object_mut);
        let Some(content) = content else { continue };
        let is_problem = |said: &Value| said["schema"]["$ref"] == "#/components/schemas/Problem";
        if content.get("application/json").is_some_and(is_problem)
            && let Some(problem) = content.remove("application/json")
        {
            content.insert("application/problem+json".to_owned(), problem);
        }
    }
    if let Some(responses) = responses.as_object_mut() {
        let mut sorted: Vec<_> = std::mem::take(responses).into_iter().collect();
        sorted.sort_by(|one, other| one.0.cmp(&other.0));
        *responses = sorted.into_iter().collect::<Map<_, _>>();
    }
}
