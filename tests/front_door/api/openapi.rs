//! The document at `/openapi.json` is the reference: it is complete and matches the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::routes::{ROUTES, is_open};
use crate::harness::{Daemon, sandbox};

async fn document() -> Value {
    let daemon = Daemon::start(&sandbox(), "").await;
    daemon.app.get("/openapi.json").await
}

/// Every operation: method, path, description object.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, said)| (method.to_uppercase(), path.clone(), said.clone()))
    });
    of_path.collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The routes in the attributes of the handlers in `src/web`.
fn handlers() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let attribute = line.trim().strip_prefix("#[").and_then(|rest| rest.split_once("(\"/"));
            let Some((method, rest)) = attribute else { continue };
            let path = format!("/{}", rest.split('"').next().unwrap());
            routes.insert((method.to_uppercase(), path));
        }
    }
    routes
}

#[tokio::test]
async fn every_call_is_in_the_document_and_nothing_else() {
    let document = document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert!(document["info"]["version"].is_string());
    let owned = |(method, path): &(&str, &str)| ((*method).to_owned(), (*path).to_owned());
    let expected: BTreeSet<_> = ROUTES.iter().map(owned).collect();
    let documented: BTreeSet<_> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(documented, expected);
    assert_eq!(handlers(), expected, "the handlers of src/web");
}

#[tokio::test]
async fn every_call_says_what_it_is_what_it_takes_and_who_may_call_it() {
    let document = document().await;
    let scheme = &document["components"]["securitySchemes"]["key"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&"http".into(), &"bearer".into()));
    let tags = document["tags"].as_array().unwrap();
    let tags: BTreeSet<_> = tags.iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (method, path, said) in operations(&document) {
        let what = format!("{method} {path}: {said}");
        let security = &said["security"];
        if is_open(&path) {
            assert!(security.is_null(), "{what}");
        } else {
            let scope = security[0]["key"][0].as_str().unwrap_or_default();
            assert!(["app", "app:read", "admin", "admin:read"].contains(&scope), "{what}");
        }
        assert!(ids.insert(said["operationId"].as_str().unwrap().to_owned()), "{what}");
        assert!(said["summary"].as_str().is_some_and(|text| text.len() > 10), "{what}");
        assert!(tags.contains(said["tags"][0].as_str().unwrap()), "{what}");
        let parameters = said["parameters"].as_array().cloned().unwrap_or_default();
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let known = parameters.iter().any(|one| one["name"] == name && one["in"] == "path");
            assert!(known, "{name} is missing in {what}");
        }
        for parameter in &parameters {
            let about = parameter["description"].as_str();
            assert!(about.is_some_and(|text| text.len() > 5), "{parameter} of {what}");
        }
        let answers = said["responses"].as_object().unwrap();
        assert!(!answers.is_empty(), "{what}");
        for (status, answer) in answers {
            let text = answer["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{status} of {what}");
        }
    }
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| references(entry, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = document().await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 10, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// The schema itself, of one that may be a reference.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    reference.map_or(schema, |pointer| document.pointer(pointer).unwrap())
}

#[tokio::test]
async fn every_call_documents_the_answers_it_can_give() {
    let document = document().await;
    assert_eq!(document["servers"][0]["url"], "/");
    for (method, path, said) in
        operations(&document).into_iter().filter(|(_, path, _)| !is_open(path))
    {
        let what = format!("{method} {path}");
        let answers = said["responses"].as_object().unwrap();
        let body = &said["requestBody"]["content"]["application/json"]["schema"];
        let mut expected = vec!["400", "401", "415", "429", "503"];
        if body.is_object() {
            expected.extend(["408", "413", "422"]);
            assert!(resolved(&document, body)["example"].is_object(), "{what} has no example");
        }
        if path.contains("{partner}") || path.contains("{id}") {
            expected.push("404");
        }
        for status in expected {
            assert!(answers.contains_key(status), "{what} does not document {status}");
        }
        for (status, answer) in answers {
            let content = answer["content"].as_object();
            let kinds: Vec<_> =
                content.into_iter().flatten().map(|(kind, _)| kind.as_str()).collect();
            let problem = status.starts_with(['4', '5']);
            let expected: &[&str] = match problem {
                true => &["application/problem+json"],
                false if path.ends_with("/stream") => &["text/event-stream"],
                false if path == "/metrics" => &["text/plain"],
                false if path.ends_with("/export") => &["application/x-ndjson", "text/csv"],
                false => &["application/json"],
            };
            assert!(
                ["204", "304"].contains(&status.as_str()) || kinds == expected,
                "{status} of {what}: {kinds:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_records_hold_has_types_words_and_bounds() {
    let document = document().await;
    let schemas = &document["components"]["schemas"];
    let record = &schemas["RecordView"]["properties"];
    for (field, name) in
        [("measurement", "Measurement"), ("exercise", "Exercise"), ("nutrition", "Nutrition")]
    {
        assert_eq!(record[field]["$ref"], format!("#/components/schemas/{name}"), "{record}");
    }
    assert_eq!(
        (&record["start"]["format"], &record["updated_at"]["format"]),
        (&"date-time".into(), &"date-time".into())
    );
    for name in [
        "MeasurementType",
        "Activity",
        "Meal",
        "Status",
        "LinkState",
        "Cause",
        "LineOutcome",
        "FailureCode",
        "ChangeKind",
        "TimeBasis",
        "RecordKind",
        "IncidentCode",
        "IncidentState",
    ] {
        let (words, about) = (&schemas[name]["enum"], schemas[name]["description"].as_str());
        for word in words.as_array().unwrap_or_else(|| panic!("{name}: {}", schemas[name])) {
            let line = format!("- `{}`: ", word.as_str().unwrap());
            assert!(about.unwrap().contains(&line), "{name} does not explain {word}");
        }
    }
    let number = &schemas["ExerciseInput"]["properties"]["energy_kcal"];
    assert_eq!((&number["minimum"], &number["maximum"]), (&0.into(), &50_000.into()), "{number}");
    let new = &schemas["NewRecord"];
    assert_eq!(new["required"], serde_json::json!(["app_id", "start"]), "{new}");
    assert_eq!(schemas["NewRecords"]["properties"]["records"]["maxItems"], 1_000);
    let limit =
        &operations(&document).into_iter().find(|(_, path, _)| path == "/v1/changes").unwrap().2;
    let limit =
        limit["parameters"].as_array().unwrap().iter().find(|one| one["name"] == "limit").unwrap();
    assert_eq!(
        (&limit["schema"]["minimum"], &limit["schema"]["maximum"], &limit["schema"]["type"]),
        (&1.into(), &1_000.into(), &"integer".into()),
        "{limit}"
    );
}

#[tokio::test]
async fn the_kinds_are_those_of_the_document() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let (document, kinds) =
        (daemon.app.get("/openapi.json").await, daemon.app.get("/v1/kinds").await);
    let words = |name: &str| document["components"]["schemas"][name]["enum"].clone();
    let named = |list: &str, name: &str| -> Value {
        kinds[list].as_array().unwrap().iter().map(|one| one[name].clone()).collect()
    };
    assert_eq!(named("measurements", "type"), words("MeasurementType"));
    assert_eq!(named("activities", "activity"), words("Activity"));
    assert_eq!(named("meals", "meal"), words("Meal"));
    assert_eq!(
        kinds["measurements"][0],
        serde_json::json!({"type": "weight", "unit": "kg", "minimum": 0.3, "maximum": 700, "about": "Body weight."})
    );
    assert_eq!(kinds["exercise_energy"], "optional");
    assert!(
        kinds["rules"].as_array().unwrap().len() > 5
            && kinds["kinds"].as_array().unwrap().len() > 20
    );
}

/// The kinds of problems that the document shows for an answer.
fn shown(document: &Value, method: &str, path: &str, status: &str) -> BTreeSet<String> {
    let answer = &document["paths"][path][method]["responses"][status];
    let examples = answer["content"]["application/problem+json"]["examples"].as_object();
    assert!(examples.is_some(), "{method} {path} {status}: {answer}");
    examples.into_iter().flatten().map(|(kind, _)| kind.clone()).collect()
}

#[tokio::test]
async fn problems_are_those_that_the_document_shows() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let document = daemon.app.get("/openapi.json").await;
    let record = "01a200e2-532c-73fe-83a7-fce8c8c624ea";
    let user = "/v1/users/{user}";
    for (method, path, query, body, status) in [
        ("get", "/v1/connections", "?limit=0", "", "400"),
        ("get", "/v1/changes", "?cursor=x", "", "400"),
        ("get", "/admin/api/errors", "", "", "403"),
        ("get", &format!("{user}/connections/{{partner}}"), "", "", "404"),
        ("get", &format!("{user}/records/{{id}}"), "", "", "404"),
        ("get", &format!("{user}/records/{{id}}/explain"), "", "", "404"),
        ("delete", &format!("{user}/records/by-app-id/{{app_id}}"), "", "", "404"),
        ("post", "/v1/webhook-endpoints/{id}/test", "", "", "404"),
        (
            "post",
            &format!("{user}/connections/{{partner}}/authorize"),
            "",
            r#"{"return_url":"https://x.example"}"#,
            "400",
        ),
        ("post", &format!("{user}/records"), "", "{", "400"),
        ("post", &format!("{user}/records"), "", r#"{"records":[]}"#, "422"),
    ] {
        let address = path.replace("{user}", "ann").replace("{partner}", "withings");
        let address = address.replace("{app_id}", "w-1").replace("{id}", record) + query;
        let body = (!body.is_empty()).then_some(body);
        let method_name = method.to_uppercase().parse().unwrap();
        let (answered, problem) = daemon.app.call(method_name, &address, body).await;
        assert_eq!(answered.as_str(), status, "{method} {address}: {problem}");
        let kind = problem["type"].as_str().unwrap().rsplit(':').next().unwrap();
        let shown = shown(&document, method, path, status);
        assert!(shown.contains(kind), "{method} {path}: {kind} is not one of {shown:?}");
    }
}
