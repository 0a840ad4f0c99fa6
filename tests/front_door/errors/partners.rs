//! Scenarios of a whole partner.

use std::time::Duration;

use partner_sandbox::Control;
use serde_json::{Value, json};

use super::{closes, errors, explains, opens};
use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox};

const AT_ONCE: &str = "[scheduler]\nmin_gap = \"10ms\"\n";

fn add_fault(control: &Control, partner: &str, rule: Value) {
    control.add_fault(partner, serde_json::from_value(rule).unwrap()).unwrap();
}

#[tokio::test]
async fn an_outage_and_a_limit_are_open_while_they_last() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let mut daemon =
        Daemon::start_of(&["withings", "runkeeper"], &sandbox, AT_ONCE, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    for user in ["ann", "ben"] {
        app.connect(&sandbox, user, "runkeeper").await;
    }
    app.connect(&sandbox, "ann", "withings").await;

    add_fault(&control, "runkeeper", json!({"fault": {"kind": "status", "status": 502}}));
    for user in ["ann", "ben", "ann", "ben", "ann"] {
        assert_eq!(app.sync(user, "runkeeper").await["outcome"], "failed");
    }
    let error = opens(&daemon, "partner_down", "runkeeper").await;
    assert_eq!((&error["users"], &error["user_id"]), (&2.into(), &Value::Null), "{error}");
    for user in ["ann", "ben"] {
        let why = explains(&app, user, "runkeeper", "partner_down").await;
        assert!(why["next"]["why"].as_str().unwrap().contains("tries"), "{why}");
    }
    explains(&app, "ann", "withings", "up_to_date").await;
    // A restart does not forget it, and still closes it.
    daemon.kill();
    daemon.launch().await;
    assert_eq!(errors(&daemon, "open", "partner_down").await.len(), 1);
    explains(&app, "ann", "runkeeper", "partner_down").await;
    control.clear_faults("runkeeper").unwrap();
    app.sync_ok("ann", "runkeeper").await;
    closes(&daemon, &error).await;
    assert!(errors(&daemon, "open", "partner_down").await.is_empty());

    let fault = json!({"kind": "status", "status": 429, "body": "", "retry_after": 3_000});
    add_fault(&control, "runkeeper", json!({"times": 1, "fault": fault}));
    assert_eq!(app.sync("ben", "runkeeper").await["outcome"], "limited");
    let error = opens(&daemon, "limit_exhausted", "runkeeper").await;
    let why = explains(&app, "ben", "runkeeper", "limit_exhausted").await;
    assert!(why["next"]["at"].is_string(), "{why}");
    assert!(why["next"]["why"].as_str().unwrap().contains("limit"), "{why}");
    daemon.let_pass(&sandbox, Duration::from_secs(3_601));
    closes(&daemon, &error).await;
}

#[tokio::test]
async fn a_clock_that_is_ahead_is_open_until_it_is_right() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_of(&["runkeeper"], &sandbox, AT_ONCE, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    app.connect(&sandbox, "ann", "runkeeper").await;
    daemon.set_clock_ahead(Duration::from_secs(5 * 3_600));
    app.sync_ok("ann", "runkeeper").await;
    let error = opens(&daemon, "clock_skew", "runkeeper").await;
    assert!(
        error["sentence"].as_str().unwrap().contains("by 5 h")
            || error["sentence"].as_str().unwrap().contains("by 4 h"),
        "{error}"
    );
    explains(&app, "ann", "runkeeper", "clock_skew").await;
    daemon.kill();
    daemon.set_clock_ahead(Duration::ZERO);
    daemon.launch().await;
    app.sync_ok("ann", "runkeeper").await;
    closes(&daemon, &error).await;
}

#[tokio::test]
async fn a_quota_that_is_too_small_says_for_how_many_users_it_is_enough() {
    let sandbox = sandbox();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\n";
    let mut daemon = Daemon::start_of(&["runkeeper"], &sandbox, settings, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    for user in ["ann", "ben"] {
        app.connect(&sandbox, user, "runkeeper").await;
    }
    assert!(errors(&daemon, "all", "quota_too_small").await.is_empty());
    daemon.kill();
    // Two users who are polled every five minutes make 576 syncs a day.
    daemon.set_limits("limits = [{calls = 40, per = \"1h\"}]\n");
    daemon.launch().await;
    let error = opens(&daemon, "quota_too_small", "runkeeper").await;
    assert_eq!(error["users"], 2, "{error}");
    let sentence = error["sentence"].as_str().unwrap();
    assert!(
        sentence.contains("2 users need") && sentence.contains("it is enough for about 0 users"),
        "{error}"
    );
    explains(&app, "ann", "runkeeper", "quota_too_small").await;
    daemon.kill();
    daemon.set_environment(&[MOVED_CLOCK, ("SYNCWELL__SCHEDULER__GROUPS", "[\"24h\"]")]);
    daemon.launch().await;
    closes(&daemon, &error).await;
}

#[tokio::test]
async fn an_ended_service_is_open_while_it_has_connections() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let daemon = Daemon::start_of(&["fitbit"], &sandbox, AT_ONCE, &[]).await;
    let app = &daemon.app;
    for user in ["ann", "ben"] {
        app.connect(&sandbox, user, "fitbit").await;
    }
    let gone = json!({"fault": {"kind": "status", "status": 410}});
    add_fault(&control, "fitbit", gone);
    assert_eq!(app.sync("ann", "fitbit").await["outcome"], "ended");
    let error = opens(&daemon, "connection_ended", "fitbit").await;
    assert_eq!(error["users"], 2, "{error}");
    for user in ["ann", "ben"] {
        let why = explains(app, user, "fitbit", "connection_ended").await;
        assert!(why["next"]["at"].is_null(), "{why}");
    }
    control.clear_faults("fitbit").unwrap();
    app.connect_account("ann", "fitbit", "ann").await;
    closes(&daemon, &error).await;
}

#[tokio::test]
async fn a_limit_of_one_user_concerns_only_that_user() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_of(&["runkeeper"], &sandbox, AT_ONCE, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    for user in ["ann", "ben"] {
        app.connect(&sandbox, user, "runkeeper").await;
    }
    daemon.kill();
    daemon.set_limits("limits = [{calls = 20, per = \"1h\", scope = \"connection\"}]\n");
    daemon.launch().await;
    let limited = eventually(async || app.sync("ann", "runkeeper").await["outcome"] == "limited");
    assert!(limited.await);
    let error = opens(&daemon, "limit_exhausted", "runkeeper").await;
    assert_eq!(error["user_id"], "ann", "{error}");
    explains(&app, "ann", "runkeeper", "limit_exhausted").await;
    explains(&app, "ben", "runkeeper", "up_to_date").await;
    daemon.let_pass(&sandbox, Duration::from_secs(7_200));
    closes(&daemon, &error).await;
}
