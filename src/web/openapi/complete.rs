//! What all operations have in common: the answers that any call may get, and the rules of ids and
//! numbers. Added to the finished document, so that a new operation has it without a line of its own.

use partner_sdk::rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value, json};

use super::{examples, problems};
use crate::store::KeyScope;
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
    document["components"]["headers"] = headers();
    document["components"]["examples"] = problems::components().into();
    let schemas = document.clone();
    for (path, operations) in members(&mut document["paths"]) {
        for (method, operation) in members(operations) {
            in_words(operation);
            body_may_be_missing(operation, &schemas);
            operation.get_mut("parameters").into_iter().for_each(parameters);
            scope_of(method, operation);
            answers(path, method, operation);
            show(path, operation, &schemas);
        }
    }
    document
}

/// What a handler's documentation says becomes a title, its first sentence, and a description.
fn in_words(operation: &mut Value) {
    let whole = ["summary", "description"].map(|part| operation[part].as_str().unwrap_or_default());
    let whole = whole.join("\n\n").trim().to_owned();
    let paragraphs: Vec<_> = whole.split("\n\n").map(|text| text.replace('\n', " ")).collect();
    let first = paragraphs.first().map(String::as_str).unwrap_or_default();
    // A stop within a sentence ("e.g. all") has no capital after it.
    let begins = |rest: &str| rest.starts_with(|it: char| it.is_uppercase() || "`*“".contains(it));
    let mut stops = first.match_indices(". ");
    let end = stops.find(|(at, stop)| first.get(at + stop.len()..).is_some_and(begins));
    let title = end.and_then(|(at, _)| first.get(..at)).unwrap_or(first.trim_end_matches('.'));
    operation["summary"] = title.into();
    operation["description"] = paragraphs.join("\n\n").into();
}

/// Names the scope that an operation needs, where it needs a key. Handlers of the
/// administrator's calls declare a 403; the rest follows from the method, as in the extractors. A test compares
/// this with what is answered.
fn scope_of(method: &str, operation: &mut Value) {
    if operation["security"].is_null() {
        return;
    }
    let declared = operation["responses"]["403"]["description"].as_str().unwrap_or_default();
    let is_admin = declared.contains("scope `admin`");
    let scope = KeyScope::needed(is_admin, !["get", "head"].contains(&method));
    operation["security"] = json!([{"key": [scope.name()]}]);
    let said = operation["description"].as_str().unwrap_or_default();
    operation["description"] = format!("{said}\n\nNeeds a key of scope `{}`.", scope.name()).into();
    if scope != KeyScope::AppRead {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        let description = format!("The key does not have scope `{}`", scope.name());
        let content = json!({"application/json": {"schema": schema}});
        operation["responses"]["403"] = json!({"description": description, "content": content});
    }
}

/// A body of which every part may be left out may be left out as a whole.
fn body_may_be_missing(operation: &mut Value, document: &Value) {
    let Some(body) = operation.get_mut("requestBody") else { return };
    let reference = body["content"]["application/json"]["schema"]["$ref"].as_str();
    let schema = reference.and_then(|to| document.pointer(to.trim_start_matches('#')));
    if schema.is_some_and(|schema| schema["required"].is_null()) {
        body["required"] = false.into();
    }
}

/// The headers that several answers have.
fn headers() -> Value {
    let text = |about: &str, example: &str| json!({"description": about, "schema": {"type": "string"}, "example": example});
    json!({
        "RateLimit-Policy": text(
            "The limit that this call counts for: `q` calls in `w` seconds. `key` is `server.requests_per_minute_per_key`, if it is set; \
             `unknown-keys` is that of keys that are not known, by address (draft-ietf-httpapi-ratelimit-headers).",
            "\"key\";q=6000;w=60",
        ),
        "RateLimit": text("How many calls are left of it (`r`), and after how many seconds it is full again (`t`).", "\"key\";r=5997;t=1"),
        "Retry-After": {
            "description": "After how many seconds to try again.",
            "schema": {"type": "integer", "minimum": 1}, "example": 2,
        },
        "ETag": text("Names the content: sent back in `If-None-Match` it is answered with 304 as long as nothing changed.", "W/\"6f1ed002ab5595859014ebf0951522d9\""),
        "X-Request-Id": text("The id of the request, the caller's own if it sent one. It stands in the daemon's log, too.", "01a200e2-5a31-7c04-9d1e-2b7f0c8e4a63"),
    })
}

/// Adds what all answers have: an example of the body, and headers.
fn show(path: &str, operation: &mut Value, document: &Value) {
    if let Some(body) = operation.get_mut("requestBody").and_then(|body| body.get_mut("content")) {
        members(body).for_each(|(_, content)| add_example(content, document));
    }
    let has_key = !operation["security"].is_null();
    let has_tag = !operation["responses"]["304"].is_null();
    let (mut answers, said) = (operation["responses"].take(), &*operation);
    for (status, answer) in members(&mut answers) {
        let mut named = vec!["X-Request-Id"];
        if has_key {
            named.extend(["RateLimit-Policy", "RateLimit"]);
        }
        if has_tag && ["200", "304"].contains(&status.as_str()) {
            named.push("ETag");
        }
        if has_key && status == "429" {
            named.push("Retry-After");
        }
        for name in named {
            answer["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
        }
        let Some(content) = answer.get_mut("content") else { continue };
        for (kind, content) in members(content) {
            if kind == "application/problem+json" {
                let kinds = problems::of(path, said, status);
                if content["example"].is_null() && !kinds.is_empty() {
                    let link = |kind| json!({"$ref": format!("#/components/examples/{kind}")});
                    let examples = kinds.into_iter().map(|kind| (kind.to_owned(), link(kind)));
                    content["examples"] = examples.collect::<Map<_, _>>().into();
                }
            } else {
                add_example(content, document);
            }
        }
    }
    operation["responses"] = answers;
}

fn add_example(content: &mut Value, document: &Value) {
    if content["example"].is_null()
        && content["examples"].is_null()
        && let Ok(example) = examples::of(&content["schema"], document)
    {
        content["example"] = example;
    }
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
fn answers(path: &str, method: &str, operation: &mut Value) {
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
            ("429", "More than 20 unknown keys came from this address in a minute (`too-many-keys`), or this key makes more calls than `server.requests_per_minute_per_key` allows (`too-many-calls`); `Retry-After` says when to try again"),
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
    let is_data = !["/oauth/", "/notifications/"].iter().any(|it| path.starts_with(it));
    if method == "get" && is_data && !path.ends_with("/stream") {
        let same = "Nothing has changed since the answer whose `ETag` came in `If-None-Match`";
        operation["responses"]["304"] = json!({"description": same});
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
