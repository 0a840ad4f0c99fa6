//! Data that travels both ways: once everywhere, edited everywhere, deleted everywhere, and then
//! nothing more is sent.

use std::time::Duration;

use partner_sandbox::{Control, Sandbox};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, eventually, sandbox, values, weight};

const PARTNERS: [&str; 3] = ["withings", "runkeeper", "google_health"];

/// Syncs follow each other at once.
const AT_ONCE: &str = "[scheduler]\nmin_gap = \"10ms\"\n";

/// A daemon whose user has connected all three, and wants weight pushed.
pub(crate) async fn connected(sandbox: &Sandbox) -> Daemon {
    let daemon = Daemon::start_of(&PARTNERS, sandbox, AT_ONCE, &[]).await;
    for partner in PARTNERS {
        daemon.app.connect(sandbox, "ann", partner).await;
    }
    for partner in ["runkeeper", "google_health"] {
        switch(&daemon, partner, &json!({"push": {"weight": true}})).await;
    }
    daemon
}

async fn switch(daemon: &Daemon, partner: &str, choices: &Value) -> Value {
    let path = format!("/v1/users/ann/connections/{partner}");
    let body = choices.to_string();
    let (status, answer) = daemon.app.call(Method::PATCH, &path, Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A weight of the host app.
fn own_weight(control: &Control, app_id: &str, kilograms: f64, hours_ago: i64) -> Value {
    let at = chrono::DateTime::from_timestamp(control.now() - hours_ago * 3_600, 0).unwrap();
    json!({
        "app_id": app_id, "kind": "measurement", "start": at.to_rfc3339(),
        "measurement": {"type": "weight", "value": kilograms, "unit": "kg"},
    })
}

async fn add(daemon: &Daemon, records: &[Value]) -> Vec<Value> {
    let body = json!({"records": records}).to_string();
    let (status, answer) =
        daemon.app.call(Method::POST, "/v1/users/ann/records", Some(&body)).await;
    assert_eq!(status, 201, "{answer}");
    answer["records"].as_array().unwrap().clone()
}

async fn replace(daemon: &Daemon, record: &Value, kilograms: f64) {
    let path = format!("/v1/users/ann/records/{}", record["id"].as_str().unwrap());
    let body = json!({
        "start": record["start"],
        "measurement": {"type": "weight", "value": kilograms},
    });
    let (status, answer) = daemon.app.call(Method::PUT, &path, Some(&body.to_string())).await;
    assert_eq!(status, 200, "{answer}");
}

async fn delete(daemon: &Daemon, record: &Value) {
    let path = format!("/v1/users/ann/records/{}", record["id"].as_str().unwrap());
    let (status, answer) = daemon.app.call(Method::DELETE, &path, None).await;
    assert_eq!(status, 204, "{answer}");
}

/// The weights at RunKeeper and Google Health, in grams, smallest first.
fn grams(control: &Control, partner: &str) -> Vec<i64> {
    let (resource, grams): (_, fn(&Value) -> Option<i64>) = match partner {
        "runkeeper" => ("weight", |item| Some((item["weight"].as_f64()? * 1_000.0).round() as i64)),
        _ => ("weight", |item| item["weight"]["weightGrams"].as_f64().map(|grams| grams as i64)),
    };
    let items = control.items(partner, "ann", resource).unwrap();
    let mut found: Vec<i64> = items.iter().filter_map(grams).collect();
    found.sort_unstable();
    found
}

async fn has(control: &Control, partner: &str, expected: &[i64]) {
    let there = eventually(async || grams(control, partner) == expected).await;
    assert!(there, "{partner} has {:?}, not {expected:?}", grams(control, partner));
}

/// Both partners that take weights have these.
async fn have(control: &Control, expected: &[i64]) {
    for partner in ["runkeeper", "google_health"] {
        has(control, partner, expected).await;
    }
}

/// All three are polled; Withings refuses the same call again within ten seconds of its clock.
async fn round(daemon: &Daemon, control: &Control) {
    control.advance(Duration::from_secs(11));
    for partner in PARTNERS {
        daemon.app.sync_ok("ann", partner).await;
    }
}

/// How often something was written at a partner.
fn writes(control: &Control) -> Value {
    let of = |partner| {
        let counts = control.counts(partner).unwrap();
        json!(counts.writes)
    };
    json!({"runkeeper": of("runkeeper"), "google_health": of("google_health")})
}

#[tokio::test]
async fn a_weight_is_everywhere_once_follows_every_edit_and_is_left_alone_then() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let daemon = connected(&sandbox).await;

    let entered = add(&daemon, &[own_weight(&control, "w-1", 78.12, 30)]).await.remove(0);
    have(&control, &[78_120]).await;
    let measured = vec![weight(&control, 79_300, 60)];
    let id = control.append("withings", "ann", "measure", measured).unwrap()[0];
    control.advance(Duration::from_secs(11));
    daemon.app.sync_ok("ann", "withings").await;
    have(&control, &[78_120, 79_300]).await;
    round(&daemon, &control).await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [78.12, 79.3]);

    replace(&daemon, &entered, 78.5).await;
    have(&control, &[78_500, 79_300]).await;
    control
        .edit(
            "withings",
            "ann",
            "measure",
            id,
            &json!({"measures": [{"value": 79_400, "type": 1, "unit": -3}]}),
        )
        .unwrap();
    control.advance(Duration::from_secs(11));
    daemon.app.sync_ok("ann", "withings").await;
    have(&control, &[78_500, 79_400]).await;

    let before = (writes(&control), daemon.app.changes().await.len());
    for _ in 0..100 {
        round(&daemon, &control).await;
    }
    assert_eq!((writes(&control), daemon.app.changes().await.len()), before);
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [78.5, 79.4]);

    delete(&daemon, &entered).await;
    have(&control, &[79_400]).await;
    round(&daemon, &control).await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [79.4]);
}
