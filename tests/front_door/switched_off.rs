//! Kinds that the daemon switched off: never for an answer of doubtful meaning, and not for ever.

use partner_sandbox::Control;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, eventually, sandbox, values, weight};
use crate::two_way::{add, own_weight};

/// Tries again soon what is tried again daily by default.
const SOON: &str = "[scheduler]\nretry_switched_off = \"2s\"\nmin_gap = \"100ms\"\n";

fn add_fault(control: &Control, partner: &str, rule: Value) {
    control.add_fault(partner, serde_json::from_value(rule).unwrap()).unwrap();
}

#[tokio::test]
async fn an_unknown_error_switches_nothing_off() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["withings", "fatsecret"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    for status in [214, 277, 2_553, 2_555] {
        let body = json!({"status": status, "body": {}, "error": "An unknown error occurred"});
        let fault = json!({"kind": "partner_error", "body": body});
        add_fault(&control, "withings", json!({"times": 2, "fault": fault}));
        let sync = app.sync("ann", "withings").await;
        assert_eq!(sync["outcome"], "failed", "{status}: {sync}");
        let connection = app.connection("ann", "withings").await;
        assert_eq!(connection["last_error"]["code"], "transient", "{status}");
        assert_eq!(connection["poll"]["weight"], true, "{status}");
        assert_eq!(connection["switched_off"], json!({}), "{status}");
        control.clear_faults("withings").unwrap();
        control.advance(std::time::Duration::from_secs(11));
    }
    app.sync_ok("ann", "withings").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);

    app.connect(&sandbox, "ann", "fatsecret").await;
    let body = json!({"error": {"code": 14, "message": "An unknown error occurred"}});
    let fault = json!({"kind": "status", "status": 200, "body": body.to_string(),
        "content_type": "application/json"});
    add_fault(&control, "fatsecret", json!({"fault": fault}));
    assert_eq!(app.sync("ann", "fatsecret").await["outcome"], "failed");
    assert_eq!(app.connection("ann", "fatsecret").await["switched_off"], json!({}));
}

#[tokio::test]
async fn a_poll_that_was_switched_off_is_tried_again_and_comes_back() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, SOON).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "runkeeper").await;
    let meal = json!({"timestamp": "Sat, 1 Nov 2025 12:00:00", "calories": 450});
    control.append("runkeeper", "ann", "nutrition", vec![meal]).unwrap();
    let reason = json!({"reason": "Insufficient permission"});
    let fault = json!({"kind": "partner_error", "body": reason});
    add_fault(&control, "runkeeper", json!({"on": {"path": "/nutrition"}, "fault": fault}));
    let tries = || control.faults("runkeeper").unwrap()[0].hits;
    for expected in 1..=3 {
        let tried = eventually(async || {
            app.sync("ann", "runkeeper").await;
            let connection = app.connection("ann", "runkeeper").await;
            assert_eq!(connection["poll"]["nutrition"], false, "{connection}");
            let why = connection["switched_off"]["poll.nutrition"].as_str().unwrap();
            assert!(why.contains("has not granted access"), "{connection}");
            tries() >= expected
        });
        assert!(tried.await, "{} tries", tries());
        app.sync_ok("ann", "runkeeper").await;
        assert_eq!(tries(), expected, "it costs one call, and not in every sync");
    }
    control.clear_faults("runkeeper").unwrap();
    let is_back = eventually(async || {
        app.sync_ok("ann", "runkeeper").await;
        app.connection("ann", "runkeeper").await["poll"]["nutrition"] == true
    });
    assert!(is_back.await);
    assert_eq!(app.connection("ann", "runkeeper").await["switched_off"], json!({}));
    assert_eq!(app.records("ann").await.len(), 1, "what came meanwhile is there");
}

#[tokio::test]
async fn a_push_that_was_switched_off_is_tried_again_and_comes_back() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, SOON).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "runkeeper").await;
    let choices = Some(r#"{"push":{"weight":true}}"#);
    let path = "/v1/users/ann/connections/runkeeper";
    let (status, answer) = app.call(Method::PATCH, path, choices).await;
    assert_eq!(status, 200, "{answer}");
    control.set_read_only("runkeeper", "ann", true).unwrap();
    add(&daemon, &[own_weight(&control, "one", 71.5, 2)]).await;
    let is_off = eventually(async || {
        let connection = app.connection("ann", "runkeeper").await;
        connection["switched_off"]["push.weight"].is_string()
            && connection["push"]["weight"] == false
    });
    assert!(is_off.await);
    add(&daemon, &[own_weight(&control, "two", 72.5, 1)]).await;
    control.set_read_only("runkeeper", "ann", false).unwrap();
    let arrived =
        eventually(async || control.items("runkeeper", "ann", "weight").unwrap().len() == 2);
    assert!(arrived.await, "{}", app.connection("ann", "runkeeper").await);
    let is_back = eventually(async || {
        let connection = app.connection("ann", "runkeeper").await;
        connection["push"]["weight"] == true && connection["switched_off"] == json!({})
    });
    assert!(is_back.await);
}
