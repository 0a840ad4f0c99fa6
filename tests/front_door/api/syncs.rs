//! Requested syncs, and how the timeline shows scheduled ones.

use reqwest::Method;
use serde_json::{Value, json};

use super::{bad, refused};
use crate::harness::{Daemon, eventually, sandbox, values, weight};

#[tokio::test]
async fn a_wait_that_is_no_duration_or_too_long_is_refused() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    app.connect(&sandbox, "ann", "withings").await;
    for path in ["/v1/users/ann/sync", "/v1/users/ann/connections/withings/sync"] {
        for wait in ["bad", "", "6m", "30", "-1s", "99999999999999999999s"] {
            let path = format!("{path}?wait={wait}");
            bad(app, ("POST", &path, ""), "bad-query", &["wait", "30s", "5m"]).await;
        }
    }
    let (status, answer) = app.post("/v1/users/ann/sync?wait=5m").await;
    assert_eq!((status.as_u16(), &answer["syncs"][0]["outcome"]), (200, &json!("ok")));
}

#[tokio::test]
async fn a_request_returns_how_many_connections_will_sync_and_they_do() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, admin, control) = (&daemon.app, &daemon.admin, sandbox.control());
    for path in ["/v1/sync", "/v1/partners/withings/sync"] {
        let (status, answer) = admin.post(path).await;
        assert_eq!((status.as_u16(), answer), (202, json!({"accepted": 0})));
    }
    for (user, partner) in [("ann", "withings"), ("ann", "runkeeper"), ("ben", "withings")] {
        app.connect(&sandbox, user, partner).await;
    }
    for (caller, path, accepted) in [
        (admin, "/v1/sync", 3),
        (admin, "/v1/partners/withings/sync", 2),
        (admin, "/v1/partners/runkeeper/sync", 1),
        (app, "/v1/users/ann/sync", 2),
        (app, "/v1/users/ann/connections/runkeeper/sync", 1),
        (app, "/v1/users/nobody/sync", 0),
    ] {
        let (status, answer) = caller.post(path).await;
        assert_eq!((status.as_u16(), answer), (202, json!({ "accepted": accepted })), "{path}");
    }
    for user in ["ann", "ben"] {
        control.append("withings", user, "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    }
    admin.post("/v1/sync").await;
    for user in ["ann", "ben"] {
        let synced =
            eventually(async || values(&app.records(user).await, "weight") == [70.1]).await;
        assert!(synced, "{user}: {:?}", app.timeline(user).await);
    }
    let (status, _) = app.call(Method::DELETE, "/v1/users/ben/connections/withings", None).await;
    assert_eq!(status, 200);
    let (_, answer) = admin.post("/v1/sync").await;
    assert_eq!(answer, json!({"accepted": 2}), "a disconnected user does not sync");
    let call = ("POST", "/v1/users/ben/connections/withings/sync", "");
    assert!(refused(app, call, (409, "not-connected")).await.contains("authorize"));
    let call = ("POST", "/v1/users/cleo/connections/withings/sync", "");
    assert!(refused(app, call, (404, "no-connection")).await.contains("authorize"));
}

/// The timeline entries of scheduled syncs, newest first.
fn scheduled(timeline: &[Value]) -> Vec<Value> {
    timeline.iter().filter(|line| line["cause"] == "schedule").cloned().collect()
}

#[tokio::test]
async fn scheduled_syncs_that_find_nothing_share_one_line_with_a_count() {
    let sandbox = sandbox();
    let often = "[scheduler]\ngroups = [\"1s\"]\nmin_gap = \"100ms\"\n";
    let daemon = Daemon::start(&sandbox, often).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    let times = async || {
        let lines = scheduled(&app.timeline("ann").await);
        assert!(lines.len() <= 1, "{lines:?}");
        lines.first().map_or(0, |line| line["times"].as_i64().unwrap())
    };
    assert!(eventually(async || times().await >= 3).await, "{:?}", app.timeline("ann").await);
    let quiet = scheduled(&app.timeline("ann").await)[0].clone();
    assert_eq!(quiet["outcome"], "ok");
    let at = |field: &str| {
        quiet[field].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    };
    assert!((at("finished_at") - at("started_at")).num_milliseconds() >= 1_500, "{quiet}");

    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    let listed = eventually(async || scheduled(&app.timeline("ann").await).len() >= 3).await;
    let lines = scheduled(&app.timeline("ann").await);
    assert!(
        listed,
        "a sync with data has its own line, and so have quiet syncs after it: {lines:?}"
    );
    let found = &lines[1];
    assert_eq!((&found["times"], &found["outcome"]), (&json!(1), &json!("ok")), "{lines:?}");
    assert!(found["summary"].as_str().unwrap().contains('1'), "{found}");
    assert_ne!(found["summary"], quiet["summary"]);
    assert_eq!(lines[0]["summary"], quiet["summary"]);
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);
}
