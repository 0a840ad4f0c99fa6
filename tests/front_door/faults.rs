//! When a partner fails, no cursor moves, nothing is lost, and the other partner is not affected.

use std::time::{Duration, Instant};

use partner_sandbox::Control;
use serde_json::{Value, json};

use crate::harness::{Daemon, empty_account, eventually, sandbox, stored_before, values, weight};

/// Faults that make a sync fail; a later sync must find everything.
fn failures() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("an internal error", json!({"kind": "status", "status": 500}), "HTTP 500"),
        (
            "a bad gateway with a page",
            json!({"kind": "status", "status": 502, "body": "<html>", "content_type": "text/html"}),
            "HTTP 502",
        ),
        ("an outage page", json!({"kind": "html"}), "unavailable"),
        ("an empty body", json!({"kind": "empty"}), "unavailable|not understood"),
        ("a broken transfer", json!({"kind": "truncated"}), "broke off"),
        ("half a JSON", json!({"kind": "cut_json"}), "unavailable|not understood"),
        ("a closed connection", json!({"kind": "close"}), "unavailable"),
        ("a hanging connection", json!({"kind": "hang"}), "no complete answer within"),
    ]
}

/// Whether a text contains one of the phrases, which are separated by `|`.
fn says(text: &Value, words: &str) -> bool {
    words.split('|').any(|word| text.as_str().unwrap().contains(word))
}

#[tokio::test]
async fn a_failing_partner_never_moves_a_cursor_and_the_timeline_says_what_happened() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "[scheduler]\ncall_timeout = \"5s\"\n").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    app.connect(&sandbox, "ann", "runkeeper").await;
    let mut expected = Vec::new();
    for (number, (what, fault, words)) in failures().into_iter().enumerate() {
        let kilos = 70 + i64::try_from(number).unwrap();
        let group = stored_before(weight(&control, kilos * 1_000, 60), &control, 30);
        control.append("withings", "ann", "measure", vec![group]).unwrap();
        let item = json!({"timestamp": "Sat, 1 Nov 2025 07:00:00", "weight": 170 + kilos});
        control.append("runkeeper", "ann", "weight", vec![item]).unwrap();
        for (partner, path) in [("withings", "/measure"), ("runkeeper", "/weight")] {
            let rule = json!({"on": {"path": path}, "fault": fault});
            control.add_fault(partner, serde_json::from_value(rule).unwrap()).unwrap();
            for _ in 0..2 {
                let sync = app.sync("ann", partner).await;
                assert_eq!(sync["outcome"], "failed", "{partner}, {what}: {sync}");
                assert!(says(&sync["summary"], words), "{partner}, {what}: {sync}");
            }
            let connection = app.connection("ann", partner).await;
            assert!(says(&connection["last_error"]["message"], words), "{connection}");
            assert_eq!(app.timeline("ann").await[0]["outcome"], "failed", "{partner}, {what}");
            control.clear_faults(partner).unwrap();
            app.sync_ok("ann", partner).await;
            assert!(app.connection("ann", partner).await["last_error"].is_null());
        }
        #[expect(clippy::cast_precision_loss, reason = "small whole numbers")]
        expected.extend([kilos as f64, (170 + kilos) as f64]);
        expected.sort_by(f64::total_cmp);
        assert_eq!(values(&app.records("ann").await, "weight"), expected, "{what}");
    }
}

#[tokio::test]
async fn a_failure_in_the_middle_of_many_pages_costs_nothing() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "withings", "ann");
    let groups = (0..950)
        .map(|number| stored_before(weight(&control, 60_000 + number, number), &control, 3_600))
        .collect();
    control.append("withings", "ann", "measure", groups).unwrap();
    let rule = json!({"on": {"path": "/measure"}, "skip": 4, "times": 1, "fault": {"kind": "status", "status": 500}});
    control.add_fault("withings", serde_json::from_value(rule).unwrap()).unwrap();
    app.connect_account("ann", "withings", "ann").await;
    let failed = eventually(async || {
        app.timeline("ann").await.iter().any(|line| line["outcome"] == "failed")
    });
    assert!(failed.await);
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    let (with_failure, count) = (app.records("ann").await, app.changes().await.len());
    assert_eq!(with_failure.len(), count, "each record was created once");

    empty_account(&sandbox, "withings", "whole");
    app.connect_account("whole", "withings", "ann").await;
    app.first_sync("whole", "withings").await;
    assert_eq!(
        app.records("whole").await.len(),
        with_failure.len(),
        "as many as without a failure"
    );
    assert_eq!(with_failure.len(), 950);
}

#[tokio::test]
async fn a_limit_is_waited_for_and_is_no_failure() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "runkeeper").await;
    app.connect(&sandbox, "ann", "withings").await;
    let slow_down = json!({"on": {"path": "/changeLog"}, "times": 1,
        "fault": {"kind": "status", "status": 429, "body": "slow down", "retry_after": 2}});
    control.add_fault("runkeeper", serde_json::from_value(slow_down).unwrap()).unwrap();
    let began = Instant::now();
    app.sync_ok("ann", "runkeeper").await;
    assert!(began.elapsed() >= Duration::from_secs(2), "a short wait is waited for");

    let same = json!({"on": {"path": "/measure"}, "times": 1,
        "fault": {"kind": "partner_error", "body": {"status": 601, "body": {"wait_seconds": 1}, "error": "Too many requests"}}});
    control.add_fault("withings", serde_json::from_value(same).unwrap()).unwrap();
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;

    let text = "Rate limit for this user exceeded, try again in 12 minutes";
    let per_user = json!({"on": {"path": "/changeLog"}, "times": 1, "fault": {"kind": "status", "status": 429, "body": text}});
    control.add_fault("runkeeper", serde_json::from_value(per_user).unwrap()).unwrap();
    let sync = app.sync("ann", "runkeeper").await;
    assert_eq!(sync["outcome"], "limited", "{sync}");
    let connection = app.connection("ann", "runkeeper").await;
    assert_eq!(
        (&connection["status"], &connection["last_error"]["code"]),
        (&json!("connected"), &json!("rate_limited"))
    );
    let next: chrono::DateTime<chrono::Utc> =
        connection["next_poll_at"].as_str().unwrap().parse().unwrap();
    let at: chrono::DateTime<chrono::Utc> =
        connection["last_error"]["at"].as_str().unwrap().parse().unwrap();
    assert!((718..=725).contains(&(next - at).num_seconds()), "{connection}");
    // The limit applied to one user only.
    app.connect(&sandbox, "ben", "runkeeper").await;
}

#[tokio::test]
async fn an_absurd_wait_is_cut_and_does_no_harm() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "runkeeper").await;
    let absurd = json!({"times": 1, "fault": {"kind": "status", "status": 429,
        "body": "slow down", "retry_after": u32::MAX}});
    control.add_fault("runkeeper", serde_json::from_value(absurd).unwrap()).unwrap();
    assert_eq!(app.sync("ann", "runkeeper").await["outcome"], "limited");
    let actor = daemon.actor("runkeeper").await;
    assert_eq!((&actor["generation"], &actor["state"]), (&json!(1), &json!("running")));
    let connection = app.connection("ann", "runkeeper").await;
    let time =
        |text: &Value| text.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let wait = time(&connection["next_poll_at"]) - time(&connection["last_error"]["at"]);
    assert!(wait.num_hours() <= 48, "{connection}");
}

/// A new item in a feed, so that the feed is read.
fn meal() -> Value {
    json!({"timestamp": "Sat, 1 Nov 2025 12:00:00", "calories": 450})
}

/// Calls of the change log. Each of RunKeeper's three feeds reads it first, once it has been read.
fn change_log_calls(control: &Control) -> u64 {
    control.counts("runkeeper").unwrap().by_path.get("/changeLog").copied().unwrap_or_default()
}

#[tokio::test]
async fn one_broken_feed_does_not_stop_the_others_of_anybody() {
    let sandbox = sandbox();
    let settings = "[scheduler]\ngroups = [\"1s\"]\nmin_gap = \"100ms\"\njitter = 0.0\n";
    let daemon = Daemon::start(&sandbox, settings).await;
    let (app, control) = (&daemon.app, sandbox.control());
    for number in 0..6 {
        let user = format!("user{number}");
        app.connect(&sandbox, &user, "runkeeper").await;
        control.append("runkeeper", &user, "nutrition", vec![meal()]).unwrap();
    }
    let broken = json!({"on": {"path": "/nutrition"}, "fault": {"kind": "status", "status": 503}});
    control.add_fault("runkeeper", serde_json::from_value(broken).unwrap()).unwrap();
    let polls = || change_log_calls(&control);
    let before = polls();
    let goes_on = eventually(async || polls() >= before + 6 * 5 * 3);
    assert!(goes_on.await, "the feeds are polled at their interval: {} polls", polls() - before);
    assert_eq!(daemon.actor("runkeeper").await["circuit"], "closed");
    assert_eq!(app.connection("user1", "runkeeper").await["last_error"]["code"], "transient");
}

#[tokio::test]
async fn a_missing_right_switches_that_kind_off_and_says_why() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "runkeeper").await;
    let refused = json!({"on": {"path": "/nutrition"}, "fault": {"kind": "partner_error", "body": {"reason": "Insufficient permission"}}});
    control.add_fault("runkeeper", serde_json::from_value(refused).unwrap()).unwrap();
    control.append("runkeeper", "ann", "nutrition", vec![meal()]).unwrap();
    let sync = app.sync("ann", "runkeeper").await;
    assert_eq!(sync["outcome"], "not_granted", "{sync}");
    assert_eq!(app.timeline("ann").await[0]["outcome"], "not_granted");
    assert!(sync["summary"].as_str().unwrap().contains("has not granted access"), "{sync}");
    let connection = app.connection("ann", "runkeeper").await;
    assert_eq!(
        (&connection["poll"]["nutrition"], &connection["poll"]["weight"]),
        (&json!(false), &json!(true))
    );
    let before = control.counts("runkeeper").unwrap().by_path["/nutrition"];
    app.sync_ok("ann", "runkeeper").await;
    assert_eq!(
        control.counts("runkeeper").unwrap().by_path["/nutrition"],
        before,
        "it is not requested any more"
    );
}

#[tokio::test]
async fn one_partner_that_hangs_on_every_call_does_not_delay_the_other() {
    let sandbox = sandbox();
    // What happens must happen before the first of the calls that hang ends.
    let settings = "[scheduler]\ngroups = [\"1s\"]\nmin_gap = \"100ms\"\njitter = 0.0\n\
                    call_timeout = \"1m\"\n";
    let daemon = Daemon::start(&sandbox, settings).await;
    let (app, control) = (&daemon.app, sandbox.control());
    for number in 0..10 {
        let user = format!("user{number}");
        app.connect(&sandbox, &user, "withings").await;
        app.connect(&sandbox, &user, "runkeeper").await;
    }
    control
        .add_fault("withings", serde_json::from_value(json!({"fault": {"kind": "hang"}})).unwrap())
        .unwrap();
    let hangs = async || daemon.actor("withings").await["sessions_busy"] == 10;
    assert!(eventually(hangs).await, "all ten hang: {}", daemon.actor("withings").await);
    let polls = || change_log_calls(&control) / 3;
    let before = polls();
    let goes_on = eventually(async || polls() >= before + 40).await;
    assert!(goes_on, "ten users once a second: {} polls", polls() - before);
    // Interactive calls do not wait either: connecting the other partner works immediately.
    app.connect(&sandbox, "late", "runkeeper").await;
    assert!(hangs().await, "none of the calls ended: {}", daemon.actor("withings").await);
}

#[tokio::test]
async fn a_partner_whose_name_is_not_found_is_away_and_costs_nobody_the_connection() {
    let sandbox = sandbox();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"500ms\"]\n";
    let mut daemon = Daemon::start(&sandbox, settings).await;
    for partner in ["withings", "runkeeper"] {
        daemon.app.connect(&sandbox, "ann", partner).await;
    }
    let found = format!("api_url = \"{}\"", sandbox.urls("withings").api_url);
    // A name that never is found (RFC 6761).
    let lost = "api_url = \"https://partner.invalid\"";
    assert!(daemon.stop().await.success());
    daemon.change_settings(&found, lost);
    daemon.launch().await;
    let error = async || daemon.app.connection("ann", "withings").await["last_error"].clone();
    assert!(eventually(async || error().await.is_object()).await, "{}", error().await);
    let connection = daemon.app.connection("ann", "withings").await;
    assert_eq!(connection["status"], "connected", "{connection}");
    daemon.app.sync_ok("ann", "runkeeper").await;
    assert!(daemon.stop().await.success());
    daemon.change_settings(lost, &found);
    daemon.launch().await;
    let mended = eventually(async || daemon.app.sync("ann", "withings").await["outcome"] == "ok");
    assert!(mended.await, "{}", daemon.app.connection("ann", "withings").await);
}
