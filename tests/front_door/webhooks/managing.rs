//! Endpoints are created, listed, changed and deleted.

use reqwest::Method;
use serde_json::json;

use super::receiver::Receiver;
use super::{ALLOWED, change, path_of, subscribe};
use crate::harness::{Daemon, sandbox};

const ENDPOINTS: &str = "/v1/webhook-endpoints";

#[tokio::test]
async fn an_endpoint_is_created_listed_changed_and_deleted_and_its_secret_is_shown_once() {
    let daemon = Daemon::start(&sandbox(), ALLOWED).await;
    let (app, receiver) = (&daemon.app, Receiver::start().await);
    let created = subscribe(app, &receiver.url, &["record.*", "connection.*"]).await;
    let secret = created["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && created["id"].as_str().unwrap().starts_with("we_"));
    assert_eq!(created["status"], "active");

    let shown = app.get(&path_of(&created)).await;
    assert_eq!((&shown["url"], &shown["events"]), (&created["url"], &created["events"]));
    let listed = app.get(ENDPOINTS).await;
    assert_eq!(listed["webhook_endpoints"], json!([shown]));
    assert!(!listed.to_string().contains("whsec_"));

    let wish =
        json!({"events": ["*"], "user_prefix": "eu-", "description": "ours", "enabled": false});
    let (status, changed) = change(app, &created, wish).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["events"], json!(["*"]));
    assert_eq!((&changed["status"], &changed["user_prefix"]), (&json!("disabled"), &json!("eu-")));
    assert_eq!(changed["disabled_reason"], "disabled by a request");
    let (_, changed) = change(app, &created, json!({"user_prefix": null, "enabled": true})).await;
    assert_eq!((&changed["status"], &changed["user_prefix"]), (&json!("active"), &json!(null)));
    assert_eq!(changed["description"], "ours");

    assert_eq!(app.call(Method::DELETE, &path_of(&created), None).await.0, 204);
    let body = json!({"from": "2026-12-01T00:00:00Z"}).to_string();
    for (method, tail, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some("{\"enabled\": true}")),
        (Method::DELETE, "", None),
        (Method::POST, "/rotate", None),
        (Method::POST, "/test", None),
        (Method::POST, "/replay", Some(body.as_str())),
        (Method::GET, "/deliveries", None),
    ] {
        let path = format!("{}{tail}", path_of(&created));
        let (status, problem) = app.call(method.clone(), &path, body).await;
        assert_eq!(status, 404, "{method} {path}: {problem}");
        assert_eq!(problem["type"], "urn:syncwell:problem:no-webhook-endpoint");
    }
    let files = daemon.files();
    let stands = |text: &str| {
        files.iter().any(|(_, bytes)| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    };
    assert!(!stands(secret) && !stands("hidden-key"), "sealed at rest");
}

#[tokio::test]
async fn mistakes_are_named_with_what_mends_them() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let good = "https://app.example.com/hooks";
    for (body, pointer, text) in [
        (json!({"events": ["*"]}), "/url", "missing"),
        (json!({"url": good}), "/events", "missing"),
        (json!({"url": good, "events": []}), "/events", ""),
        (json!({"url": good, "events": ["record.*", "rec*"]}), "/events/1", "record.created"),
        (json!({"url": "app.example.com", "events": ["*"]}), "/url", "not an address"),
        (json!({"url": "http://app.example.com", "events": ["*"]}), "/url", "https"),
        (json!({"url": "https://a:b@app.example.com", "events": ["*"]}), "/url", "user name"),
        (json!({"url": "https://127.0.0.1/", "events": ["*"]}), "/url", "allow_private_targets"),
        (json!({"url": "https://[::ffff:10.1.2.3]/", "events": ["*"]}), "/url", "not a public"),
        (json!({"url": good, "events": ["*"], "secret": "a"}), "/secret", ""),
    ] {
        let (status, problem) = app.call(Method::POST, ENDPOINTS, Some(&body.to_string())).await;
        assert_eq!(status, 422, "{body}: {problem}");
        let named = problem["errors"].as_array().unwrap().iter();
        let named: Vec<_> = named.filter(|error| error["pointer"] == pointer).collect();
        assert!(!named.is_empty(), "{body}: {problem}");
        let detail = named[0]["detail"].as_str().unwrap();
        assert!(detail.contains(text), "{body}: {detail}");
    }
    let created = subscribe(app, good, &["*"]).await;
    let (status, _) = change(app, &created, json!({"url": "https://10.0.0.1/"})).await;
    assert_eq!(status, 422);
    let (status, problem) = change(app, &created, json!({})).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("send at least one of"), "{problem}");
    let path = format!("{}/deliveries?status=late", path_of(&created));
    assert_eq!(app.call(Method::GET, &path, None).await.0, 400);
    let replay = format!("{}/replay", path_of(&created));
    let (status, _) = app.call(Method::POST, &replay, Some("{\"from\": \"yesterday\"}")).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn there_is_room_for_a_hundred_endpoints() {
    let daemon = Daemon::start(&sandbox(), "").await;
    for _ in 0..100 {
        subscribe(&daemon.app, "https://app.example.com/", &["record.created"]).await;
    }
    let body = json!({"url": "https://app.example.com/", "events": ["*"]}).to_string();
    let (status, problem) = daemon.app.call(Method::POST, ENDPOINTS, Some(&body)).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("delete one first"));
}
