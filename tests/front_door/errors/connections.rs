//! Scenarios of one connection.

use std::time::Duration;

use partner_sandbox::{Control, Sandbox, TokenAction};
use reqwest::Method;
use serde_json::{Value, json};

use super::{closes, errors, explains, opens};
use crate::harness::{Daemon, MOVED_CLOCK, empty_account, eventually, sandbox, weight};
use crate::two_way::{add, own_weight, replace, switch};

const SETTINGS: &str = "[scheduler]\nmin_gap = \"10ms\"\nretry_switched_off = \"30m\"\n";

fn add_fault(control: &Control, partner: &str, rule: Value) {
    control.add_fault(partner, serde_json::from_value(rule).unwrap()).unwrap();
}

async fn connected(partners: &[&str], sandbox: &Sandbox) -> Daemon {
    let daemon = Daemon::start_of(partners, sandbox, SETTINGS, &[MOVED_CLOCK]).await;
    for partner in partners {
        daemon.app.connect(sandbox, "ann", partner).await;
    }
    daemon
}

#[tokio::test]
async fn a_revoked_grant_is_open_until_the_user_connects_again() {
    let sandbox = sandbox();
    let daemon = connected(&["withings"], &sandbox).await;
    sandbox.control().tokens("withings", "ann", TokenAction::Revoke).unwrap();
    assert_eq!(daemon.app.sync("ann", "withings").await["outcome"], "needs_reconnect");
    let error = opens(&daemon, "authorization_revoked", "withings").await;
    assert_eq!(error["user_id"], "ann", "{error}");
    let why = explains(&daemon.app, "ann", "withings", "authorization_revoked").await;
    assert!(why["next"]["at"].is_null(), "{why}");
    daemon.app.connect_account("ann", "withings", "ann").await;
    closes(&daemon, &error).await;
    daemon.app.first_sync("ann", "withings").await;
    let works = eventually(async || {
        let path = "/v1/users/ann/connections/withings/explain";
        daemon.app.get(path).await["causes"][0]["code"] == "up_to_date"
    });
    assert!(works.await);

    // A disconnect closes what is open, too.
    sandbox.control().tokens("withings", "ann", TokenAction::Revoke).unwrap();
    sandbox.control().advance(Duration::from_secs(11));
    daemon.app.sync("ann", "withings").await;
    let error = opens(&daemon, "authorization_revoked", "withings").await;
    let path = "/v1/users/ann/connections/withings";
    assert_eq!(daemon.app.call(Method::DELETE, path, None).await.0, 200);
    closes(&daemon, &error).await;
    explains(&daemon.app, "ann", "withings", "disconnected").await;
}

#[tokio::test]
async fn what_polls_cannot_bring_is_open_until_they_do() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let mut daemon = connected(&["withings", "runkeeper"], &sandbox).await;
    let app = daemon.app.clone();

    // An answer without the documented form.
    let fault = json!({"kind": "status", "status": 200, "body": r#"{"status":0,"body":{"measuregrps":"surprise"}}"#,
        "content_type": "application/json"});
    add_fault(&control, "withings", json!({"on": {"path": "/measure"}, "fault": fault}));
    control.advance(Duration::from_secs(11));
    assert_eq!(app.sync("ann", "withings").await["outcome"], "failed");
    let error = opens(&daemon, "payload_not_understood", "withings").await;
    let why = explains(&app, "ann", "withings", "payload_not_understood").await;
    assert!(why["next"]["at"].is_string(), "{why}");
    control.clear_faults("withings").unwrap();
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    closes(&daemon, &error).await;

    // A record that no rule allows, until it is corrected.
    let heavy = control.append("withings", "ann", "measure", vec![weight(&control, 9_000_000, 60)]);
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    let error = opens(&daemon, "record_refused", "withings").await;
    assert!(error["external_id"].as_str().unwrap().ends_with(":weight"), "{error}");
    assert!(!error.to_string().contains("9000"), "no health data: {error}");
    explains(&app, "ann", "withings", "record_refused").await;
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    assert_eq!(errors(&daemon, "open", "record_refused").await.len(), 1, "it is still refused");
    let correction = json!({"measures": [{"value": 79_400, "type": 1, "unit": -3}]});
    control.edit("withings", "ann", "measure", heavy.unwrap()[0], &correction).unwrap();
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    closes(&daemon, &error).await;

    // A kind that is not granted, until it is.
    let fault = json!({"kind": "partner_error", "body": {"reason": "Insufficient permission"}});
    add_fault(&control, "runkeeper", json!({"on": {"path": "/nutrition"}, "fault": fault}));
    let meal = json!({"timestamp": "Sat, 1 Nov 2025 12:00:00", "calories": 450});
    control.append("runkeeper", "ann", "nutrition", vec![meal]).unwrap();
    assert_eq!(app.sync("ann", "runkeeper").await["outcome"], "not_granted");
    let error = opens(&daemon, "scope_missing", "runkeeper").await;
    assert!(error["sentence"].as_str().unwrap().contains("polling nutrition"), "{error}");
    explains(&app, "ann", "runkeeper", "scope_missing").await;
    app.sync_ok("ann", "runkeeper").await;
    assert_eq!(errors(&daemon, "open", "scope_missing").await.len(), 1, "it is not granted yet");
    control.clear_faults("runkeeper").unwrap();
    daemon.let_pass(&sandbox, Duration::from_secs(1_801));
    app.sync_ok("ann", "runkeeper").await;
    closes(&daemon, &error).await;
}

#[tokio::test]
async fn what_the_user_switches_off_is_not_missing() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let daemon = connected(&["runkeeper"], &sandbox).await;
    let fault = json!({"kind": "partner_error", "body": {"reason": "Insufficient permission"}});
    add_fault(&control, "runkeeper", json!({"on": {"path": "/nutrition"}, "fault": fault}));
    let meal = json!({"timestamp": "Sat, 1 Nov 2025 12:00:00", "calories": 450});
    control.append("runkeeper", "ann", "nutrition", vec![meal]).unwrap();
    daemon.app.sync("ann", "runkeeper").await;
    let error = opens(&daemon, "scope_missing", "runkeeper").await;
    switch(&daemon, "runkeeper", &json!({"poll": {"nutrition": false}})).await;
    closes(&daemon, &error).await;
    let why = explains(&daemon.app, "ann", "runkeeper", "switched_off").await;
    assert!(why["summary"].as_str().unwrap().starts_with("Nutrition is not polled"), "{why}");
}

#[tokio::test]
async fn pushes_that_do_not_arrive_are_open_until_they_do() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let mut daemon = connected(&["withings", "runkeeper"], &sandbox).await;
    let app = daemon.app.clone();
    switch(&daemon, "runkeeper", &json!({"push": {"weight": true}})).await;
    let explained = async |app: &crate::harness::HostApp, record: &Value, code: &str| {
        let id = record["id"].as_str().unwrap();
        let found = app.get(&format!("/v1/users/ann/records/{id}/explain")).await;
        assert_eq!(found["causes"][0]["code"], code, "{found:#}");
        found
    };

    // Refused for good, until the record changes.
    let refusal =
        json!({"kind": "status", "status": 400, "body": "", "content_type": "text/plain"});
    add_fault(
        &control,
        "runkeeper",
        json!({"on": {"path": "/weight"}, "times": 1, "fault": refusal}),
    );
    let record = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
    let error = opens(&daemon, "push_refused", "runkeeper").await;
    assert_eq!(error["record_id"], record["id"], "{error}");
    explains(&app, "ann", "runkeeper", "push_refused").await;
    let why = explained(&app, &record, "push_refused").await;
    assert!(why["next"]["at"].is_null(), "{why}");
    control.clear_faults("runkeeper").unwrap();
    app.sync_ok("ann", "runkeeper").await;
    assert_eq!(errors(&daemon, "open", "push_refused").await.len(), 1, "it is still refused");
    replace(&daemon, &record, 70.2).await;
    closes(&daemon, &error).await;
    explained(&app, &record, "origin").await;

    // Tried again and again.
    let outage = json!({"kind": "status", "status": 500});
    add_fault(&control, "runkeeper", json!({"on": {"path": "/weight"}, "fault": outage}));
    let record = add(&daemon, &[own_weight(&control, "w-2", 71.5, 20)]).await.remove(0);
    let mut error = Value::Null;
    for _ in 0..8 {
        daemon.let_pass(&sandbox, Duration::from_secs(600));
        app.sync("ann", "runkeeper").await;
        let open = errors(&daemon, "open", "item_still_waiting").await;
        error = open.into_iter().next().unwrap_or_default();
        if !error.is_null() {
            break;
        }
    }
    assert_eq!(error["record_id"], record["id"], "{error}: {}", daemon.log());
    explains(&app, "ann", "runkeeper", "item_still_waiting").await;
    explained(&app, &record, "item_still_waiting").await;
    control.clear_faults("runkeeper").unwrap();
    daemon.let_pass(&sandbox, Duration::from_secs(1_200));
    app.sync("ann", "runkeeper").await;
    closes(&daemon, &error).await;
    let why = explained(&app, &record, "origin").await;
    let at_runkeeper =
        why["causes"].as_array().unwrap().iter().any(|cause| cause["code"] == "pushed");
    assert!(at_runkeeper, "{why:#}");
}

#[tokio::test]
async fn accounts_that_change_or_are_shared_are_open_until_they_are_as_before() {
    let sandbox = sandbox();
    let daemon = connected(&["withings"], &sandbox).await;
    let app = &daemon.app;
    empty_account(&sandbox, "withings", "another");
    app.connect_account("ann", "withings", "another").await;
    let changed = opens(&daemon, "account_changed", "withings").await;
    app.first_sync("ann", "withings").await;
    explains(app, "ann", "withings", "account_changed").await;
    app.connect_account("ann", "withings", "ann").await;
    closes(&daemon, &changed).await;
    assert!(errors(&daemon, "open", "account_changed").await.is_empty());

    app.connect_account("ben", "withings", "ann").await;
    let shared = opens(&daemon, "account_shared", "withings").await;
    assert_eq!(shared["users"], 2, "{shared}");
    app.first_sync("ben", "withings").await;
    for user in ["ann", "ben"] {
        explains(app, user, "withings", "account_shared").await;
    }
    let path = "/v1/users/ann/connections/withings";
    assert_eq!(app.call(Method::DELETE, path, None).await.0, 200);
    closes(&daemon, &shared).await;
}
