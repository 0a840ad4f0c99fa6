//! Events out: webhook endpoints as a host app uses them, with a receiver of the test's own.

mod arriving;
mod crashes;
mod failing;
mod kills;
mod managing;
pub(crate) mod receiver;
mod syncs;
mod targets;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp};

/// Settings that allow a receiver on this machine.
pub(crate) const ALLOWED: &str = "[events]\nallow_private_targets = true\n";

/// Creates an endpoint; returns it with its secret.
pub(crate) async fn subscribe(app: &HostApp, url: &str, events: &[&str]) -> Value {
    let body = json!({"url": url, "events": events}).to_string();
    let (status, created) = app.call(Method::POST, "/v1/webhook-endpoints", Some(&body)).await;
    assert_eq!(status, 201, "{created}");
    created
}

fn path_of(endpoint: &Value) -> String {
    format!("/v1/webhook-endpoints/{}", endpoint["id"].as_str().unwrap())
}

async fn change(app: &HostApp, endpoint: &Value, change: Value) -> (StatusCode, Value) {
    app.call(Method::PATCH, &path_of(endpoint), Some(&change.to_string())).await
}

/// Adds weights of a user, named by these numbers.
pub(crate) async fn add(daemon: &Daemon, user: &str, numbers: std::ops::Range<u32>) {
    let record = |number: u32| {
        json!({"app_id": format!("w-{number}"), "start": "2026-03-04T06:15:00+02:00",
            "measurement": {"type": "weight", "value": WEIGHT}})
    };
    let records: Vec<Value> = numbers.map(record).collect();
    let body = json!({"records": records}).to_string();
    let path = format!("/v1/users/{user}/records");
    let (status, answer) = daemon.app.call(Method::POST, &path, Some(&body)).await;
    assert_eq!(status, 201, "{answer}");
}

/// A value that must stand nowhere but in messages.
const WEIGHT: f64 = 71.3459;

/// `user:w-1 user:w-2 …`, as [`add`] makes them.
pub(crate) fn added(user: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("{user}:w-{number}")).collect()
}

async fn deliveries(app: &HostApp, endpoint: &Value, status: &str) -> Vec<Value> {
    let path = format!("{}/deliveries?limit=1000{status}", path_of(endpoint));
    app.get(&path).await["deliveries"].as_array().unwrap().clone()
}
