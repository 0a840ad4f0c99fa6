//! The document is complete, and what it shows agrees with what it says.

use std::collections::BTreeSet;

use actix_web::App;
use serde_json::Value;

use super::{Served, examples};
use crate::web::{contract, routes};

fn document() -> Value {
    let (_, document) = routes(App::new());
    Served::new(&document).1
}

/// What each operation is called, and the operation.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((format!("{} {path}", method.to_uppercase()), operation));
        }
    }
    all
}

/// The examples of a body, without those of problems that have a component.
fn examples_in<'a>(content: &'a Value, document: &'a Value) -> Vec<&'a Value> {
    let linked = |example: &'a Value| match example["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => example,
    };
    let named = content["examples"].as_object().into_iter().flatten();
    let named = named.map(|(_, example)| &linked(example)["value"]);
    content.get("example").into_iter().chain(named).collect()
}

#[test]
fn its_schemas_can_check_requests() {
    match contract::tests::compile(&document()) {
        Ok(operations) => assert!(operations > 15, "{operations}"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_body_and_every_answer_has_an_example_that_agrees_with_its_schema() {
    let document = document();
    let mut wrong = Vec::new();
    for (what, operation) in operations(&document) {
        let body = [("the body".to_owned(), &operation["requestBody"])];
        let answers = operation["responses"].as_object().unwrap().iter();
        let answers = answers.map(|(status, answer)| (status.clone(), answer));
        for (of, said) in body.into_iter().chain(answers) {
            for (kind, content) in said["content"].as_object().into_iter().flatten() {
                let found = examples_in(content, &document);
                if found.is_empty() {
                    let why = examples::of(&content["schema"], &document);
                    wrong.push(format!(
                        "{what}: {of} ({kind}) has no example: give one to the text {why:?}, or to its type"
                    ));
                }
                for example in found {
                    let mistakes =
                        contract::tests::mistakes(&document, &content["schema"], example);
                    let mistakes = mistakes.unwrap();
                    wrong.extend(mistakes.iter().map(|it| format!("{what}: {of}: {it}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_of_a_type_agrees_with_it() {
    let document = document();
    let mut seen = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let Some(example) = schema.get("example") else { continue };
        let mistakes = contract::tests::mistakes(&document, schema, example).unwrap();
        assert!(mistakes.is_empty(), "{name}: {mistakes:?}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn every_call_has_a_title_a_description_and_a_name_in_one_style() {
    let document = document();
    let mut names = BTreeSet::new();
    for (what, operation) in operations(&document) {
        let text = |part: &str| operation[part].as_str().unwrap_or_default().to_owned();
        let (name, title) = (text("operationId"), text("summary"));
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase());
        let words: Vec<_> = name.split('_').collect();
        assert!(words.len() > 1 && words.iter().all(|it| is_word(it)), "{what}: {name}");
        assert!(names.insert(name), "{what}: two calls have its name");
        assert!((10..150).contains(&title.len()), "{what}: {title}");
        assert!(!title.ends_with('.') && !title.contains('\n'), "{what}: {title}");
        assert!(text("description").starts_with(&title), "{what}: {title}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{what}");
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let about = answer["description"].as_str().unwrap_or_default();
            assert!(about.len() > 3, "{what}: {status} has no description");
            let has_rate = answer["headers"]["RateLimit"].is_object();
            assert_eq!(has_rate, !operation["security"].is_null(), "{what}: {status}");
        }
    }
}
