//! Calls of the document, as the page shows them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::markup;
use super::types::{Field, kind, pretty};

/// Calls that belong together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) heading: String,
    /// HTML.
    pub(super) about: String,
    pub(super) calls: Vec<Call>,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    /// HTML.
    pub(super) title: String,
    /// What it is called, in two or three words.
    pub(super) short: String,
    /// HTML, without what the title says.
    pub(super) about: String,
    /// Which key it needs, in words; empty if none.
    pub(super) key: &'static str,
    pub(super) parameters: Vec<Field>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    /// The command that makes it.
    pub(super) curl: String,
}

/// What is sent, or comes back.
#[derive(Debug)]
pub(super) struct Body {
    /// HTML.
    pub(super) kind: String,
    /// Its media type.
    pub(super) media: String,
    /// Each with a name, if there are several.
    pub(super) examples: Vec<(String, String)>,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) is_good: bool,
    /// HTML.
    pub(super) about: String,
    pub(super) bodies: Vec<Body>,
}

const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// All calls, by tag, in the order of the tags.
pub(super) fn of(document: &Value, address: &str) -> Vec<Group> {
    let tags = document["tags"].as_array().into_iter().flatten();
    let groups = tags.map(|tag| {
        let name = tag["name"].as_str().unwrap_or_default();
        let mut calls = Vec::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let Some(said) = methods.get(method) else { continue };
                if said["tags"].get(0).is_some_and(|tag| tag == name) {
                    calls.push(call(document, address, (method, path), said));
                }
            }
        }
        let about = markup::blocks(tag["description"].as_str().unwrap_or_default());
        Group { name: name.to_owned(), heading: capital(name), about, calls }
    });
    groups.filter(|group| !group.calls.is_empty()).collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + letters.as_str()
}

fn call(document: &Value, address: &str, (method, path): (&str, &str), said: &Value) -> Call {
    let text = |part: &str| said[part].as_str().unwrap_or_default();
    let (title, about) = (text("summary"), text("description"));
    let about = about.strip_prefix(title).unwrap_or(about).trim_start_matches('.').trim();
    let key = match (said["security"].is_null(), said["responses"]["403"].is_null()) {
        (true, _) => "",
        (false, true) => "API key",
        (false, false) => "admin key",
    };
    let parameters = said["parameters"].as_array();
    let body = said["requestBody"]["content"].as_object();
    let body = body.and_then(|all| all.iter().next()).map(|it| Body::new(document, it));
    let answers = said["responses"].as_object().into_iter().flatten();
    Call {
        id: text("operationId").to_owned(),
        method: method.to_uppercase(),
        path: path.to_owned(),
        title: markup::line(title),
        short: capital(&text("operationId").replace('_', " ")),
        about: markup::blocks(about),
        key,
        parameters: parameters.into_iter().flatten().map(parameter).collect(),
        curl: curl(address, (method, path), said, key, body.as_ref()),
        body,
        answers: answers.map(|(status, said)| Answer::new(document, status, said)).collect(),
    }
}

fn parameter(said: &Value) -> Field {
    let text = |part: &str| said[part].as_str().unwrap_or_default();
    let place = match text("in") {
        "path" => "in the path",
        "header" => "header",
        _ => "in the query",
    };
    Field {
        name: text("name").to_owned(),
        place,
        kind: kind(&said["schema"]),
        is_required: said["required"] == true,
        about: markup::line(text("description")),
    }
}

impl Body {
    fn new(document: &Value, (media, said): (&String, &Value)) -> Self {
        let one = said.get("example").map(|example| (String::new(), pretty(example)));
        let named = said["examples"].as_object().into_iter().flatten().map(|(name, example)| {
            let pointer = example["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
            let example = pointer.and_then(|at| document.pointer(at)).unwrap_or(example);
            (name.clone(), pretty(&example["value"]))
        });
        let examples = one.into_iter().chain(named).collect();
        Self { kind: kind(&said["schema"]), media: media.clone(), examples }
    }
}

impl Answer {
    fn new(document: &Value, status: &str, said: &Value) -> Self {
        let bodies = said["content"].as_object().into_iter().flatten();
        Self {
            status: status.to_owned(),
            is_good: status.starts_with('2') || status == "303",
            about: markup::line(said["description"].as_str().unwrap_or_default()),
            bodies: bodies.map(|it| Body::new(document, it)).collect(),
        }
    }
}

/// The command that makes a call, to be pasted into a shell.
fn curl(
    address: &str,
    (method, path): (&str, &str),
    said: &Value,
    key: &str,
    body: Option<&Body>,
) -> String {
    let mut command = match method {
        "get" => "curl".to_owned(),
        "head" => "curl --head".to_owned(),
        other => format!("curl -X {}", other.to_uppercase()),
    };
    match key {
        "" => {}
        "admin key" => command.push_str(" -H \"Authorization: Bearer $ADMIN_KEY\""),
        _ => command.push_str(" -H \"Authorization: Bearer $KEY\""),
    }
    let mut filled = path.to_owned();
    for parameter in said["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let example = match (parameter["example"].as_str(), name) {
            (Some(example), _) => example,
            (None, "partner") => "withings",
            (None, "id") if path.contains("webhook") => "we_5b0c2f9e4d7a4c1e8f3a6b9d2e7c0f41",
            (None, "id") if path.contains("connections") => "1",
            (None, "id") => "01a200e2-532c-73fe-83a7-fce8c8c624ea",
            (None, _) => continue,
        };
        let example = match name {
            "id" => example.to_owned(),
            _ => utf8_percent_encode(example, NON_ALPHANUMERIC).to_string().replace("%2D", "-"),
        };
        filled = filled.replace(&format!("{{{name}}}"), &example);
    }
    command.push_str(&format!(" {address}{filled}"));
    if let Some((_, example)) = body.and_then(|body| body.examples.first()) {
        let sent: Value = serde_json::from_str(example).unwrap_or_default();
        let sent = sent.to_string().replace('\'', "'\\''");
        command.push_str(&format!(" \\\n  -d '{sent}'"));
    }
    command
}
