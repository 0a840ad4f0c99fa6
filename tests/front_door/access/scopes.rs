//! What a key may do.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::done;
use crate::harness::{Daemon, HostApp, MOVED_CLOCK, eventually, sandbox};

const SCOPES: [&str; 4] = ["app", "app:read", "admin", "admin:read"];

/// A path of the document with the examples of its parameters in it.
fn filled(path: &str, said: &Value) -> String {
    let (mut path, mut query) = (path.to_owned(), Vec::new());
    for parameter in said["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let example = match (&parameter["example"], &parameter["schema"]["example"]) {
            (Value::String(text), _) | (Value::Null, Value::String(text)) => text.clone(),
            _ if name == "partner" => "withings".to_owned(),
            _ => "01a200e2-532c-73fe-83a7-fce8c8c624ea".to_owned(),
        };
        if parameter["in"] == "path" {
            path = path.replace(&format!("{{{name}}}"), &example);
        } else if parameter["required"] == true {
            query.push(format!("{name}={example}"));
        }
    }
    format!("{path}?{}", query.join("&"))
}

#[tokio::test]
async fn each_scope_may_do_what_the_document_says_and_nothing_else() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let mut keys = Vec::new();
    for scope in SCOPES {
        let body = json!({"scope": scope}).to_string();
        let (status, made) = daemon.admin.call(Method::POST, "/admin/api/keys", Some(&body)).await;
        assert_eq!(status, 201, "{made}");
        let key = made["key"].as_str().unwrap().to_owned();
        keys.push((scope, HostApp::new(daemon.address.clone(), key)));
    }
    let document = daemon.app.get("/openapi.json").await;
    let (mut wrong, mut walked) = (Vec::new(), 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, said) in item.as_object().unwrap() {
            if said["security"].is_null() {
                assert!(!path.starts_with("/v1") && !path.starts_with("/admin"), "{path}: no key");
                continue;
            }
            walked += 1;
            let needed = said["security"][0]["key"][0].as_str().unwrap();
            let (kind, only_reads) = needed.split_once(':').unwrap_or((needed, ""));
            assert_eq!(only_reads == "read", method == "get", "{method} {path}: {needed}");
            let is_admin = path.starts_with("/admin/api/") || path == "/metrics";
            assert!(!is_admin || kind == "admin", "{method} {path}: {needed}");
            for (scope, app) in &keys {
                let (has, reads) = scope.split_once(':').unwrap_or((scope, ""));
                let may =
                    (has == "admin" || kind == "app") && (reads.is_empty() || method == "get");
                let url = format!("{}{}", app.address, filled(path, said));
                let method: Method = method.to_uppercase().parse().unwrap();
                // Without its body: a stream has no end.
                let sent = app.client.request(method.clone(), url).bearer_auth(&app.key).send();
                let answer = sent.await.unwrap();
                let status = answer.status();
                if may == (status != StatusCode::FORBIDDEN) && may {
                    continue;
                }
                let text = if may { String::new() } else { answer.text().await.unwrap() };
                let names = text.contains(&format!("a key of scope {needed}"))
                    && text.contains(&format!("--scope {needed}"));
                if may || status != StatusCode::FORBIDDEN || !names {
                    wrong.push(format!("{scope}: {method} {path} needs {needed}: {status} {text}"));
                }
            }
        }
    }
    assert!(wrong.is_empty() && walked > 50, "{walked}\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_key_expires_when_it_was_said_to_and_is_warned_of_before() {
    let mut daemon = Daemon::start_with(&sandbox(), "", &[MOVED_CLOCK]).await;
    let create = ["key", "create", "--scope", "app:read", "--label", "report", "--expires"];
    let key = done(&daemon, &[&create[..], &["30d"]].concat(), "");
    let key = key.trim().to_owned();
    let id = key.split('_').nth(2).unwrap().to_owned();
    assert!(key.starts_with("sw_app-read_"), "{key}");
    let app = HostApp::new(daemon.address.clone(), key);
    app.get("/v1/partners").await;
    let listed = async |daemon: &Daemon| {
        let list = daemon.admin.get("/admin/api/keys").await;
        list["keys"].as_array().unwrap().iter().find(|it| it["id"] == id.as_str()).unwrap().clone()
    };
    assert_eq!(listed(&daemon).await["expires_soon"], false);
    let list = || String::from_utf8(daemon.command(&["key", "list"]).stdout).unwrap();
    let used = async || list().lines().any(|it| it.contains(&id) && !it.contains("used never"));
    assert!(eventually(used).await, "{}", list());
    assert!(list().lines().any(|it| it.contains("app:read") && it.contains("in force until")));

    daemon.set_clock_ahead(Duration::from_secs(20 * 86_400));
    let seen = async || listed(&daemon).await["expires_soon"] == true;
    assert!(eventually(seen).await);
    let html = daemon.sign_in().await.page("/admin/keys").await;
    assert!(html.contains("soon: ") && html.contains("app:read"), "{html}");
    let day = done(&daemon, &[&create[..], &["1d"]].concat(), "");
    let checked = String::from_utf8(daemon.command(&["check"]).stdout).unwrap();
    let day = day.split('_').nth(2).unwrap();
    assert!(checked.contains(&format!("note   keys: {day} (report) expires on")), "{checked}");

    daemon.set_clock_ahead(Duration::from_secs(31 * 86_400));
    let refused = async || {
        let (status, problem) = app.call(Method::GET, "/v1/partners", None).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        status == 401 && detail.contains("expired on") && detail.contains("--scope app:read")
    };
    assert!(eventually(refused).await);
    let html = daemon.sign_in().await.page("/admin/keys").await;
    assert!(html.contains("expired "), "{html}");
    for never in ["0s", "eleven days", "99999d"] {
        let refused = daemon.command(&[&create[..], &[never]].concat());
        assert_eq!(refused.status.code(), Some(2), "{never}");
    }
}
