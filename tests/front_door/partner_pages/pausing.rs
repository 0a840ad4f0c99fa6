//! A partner that is paused: nothing starts, nothing is lost, and a restart changes nothing.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Daemon, MOVED_CLOCK, NOTIFIED, empty_account, eventually, sandbox};
use crate::notifications::{Sender, account, run};

const HOUR: Duration = Duration::from_secs(3_600);

async fn pause(daemon: &Daemon, what: &str) -> Value {
    let (status, answer) = daemon.admin.post(&format!("/admin/api/partners/moves/{what}")).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn records(daemon: &Daemon, count: usize) -> bool {
    eventually(async || daemon.app.records("ann").await.len() == count).await
}

#[tokio::test]
async fn a_paused_partner_starts_nothing_until_it_is_resumed_and_loses_nothing() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let environment = [NOTIFIED, MOVED_CLOCK];
    let mut daemon = Daemon::start_of(&["moves", "runkeeper"], &sandbox, "", &environment).await;
    account(&sandbox);
    let app = daemon.app.clone();
    app.connect(&sandbox, "ann", "moves").await;
    empty_account(&sandbox, "runkeeper", "ann");
    app.connect_account("ann", "runkeeper", "ann").await;
    let account = app.connection("ann", "moves").await["external_user_id"].clone();
    let mut sender = Sender::of(&daemon, &sandbox);

    // A sync that runs is finished.
    let slow = json!({"times": 1, "fault": {"kind": "latency", "ms": 1_500}});
    control.add_fault("moves", serde_json::from_value(slow).unwrap()).unwrap();
    run(&control, "ann", 60);
    let (status, _) = app.post("/v1/users/ann/connections/moves/sync").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(eventually(async || daemon.actor("moves").await["sessions_busy"] == 1).await);
    let paused = pause(&daemon, "pause").await;
    assert_eq!(paused["state"], "paused");
    assert!(records(&daemon, 1).await, "{:?}", app.timeline("ann").await);
    assert!(eventually(async || daemon.actor("moves").await["sessions_busy"] == 0).await);

    // Again changes nothing, and it is for administrators.
    assert_eq!(pause(&daemon, "pause").await, paused);
    for (app, path, expected) in [
        (&daemon.app, "moves/pause", 403),
        (&daemon.app, "moves/resume", 403),
        (&daemon.admin, "nobody/pause", 404),
    ] {
        let (status, answer) = app.post(&format!("/admin/api/partners/{path}")).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }

    // What is announced, due or asked for waits, also over a restart.
    control.reset_counts("moves").unwrap();
    run(&control, "ann", 30);
    assert_eq!(sender.announce(account.as_str().unwrap()).await, 200);
    daemon.let_pass(&sandbox, HOUR);
    sender.passed += HOUR;
    for restarts in 0..2 {
        assert!(
            eventually(async || {
                let actor = daemon.actor("moves").await;
                actor["state"] == "paused" && actor["due_now"] != 0
            })
            .await
        );
        let (status, answer) = app.post("/v1/users/ann/connections/moves/sync?wait=60s").await;
        let sync = &answer["syncs"][0];
        assert_eq!(
            (status, &sync["outcome"]),
            (StatusCode::ACCEPTED, &json!("paused")),
            "{answer}"
        );
        assert!(sync["summary"].as_str().unwrap().contains("paused"), "{answer}");
        app.sync_ok("ann", "runkeeper").await;
        let why = app.get("/v1/users/ann/connections/moves/explain").await;
        assert_eq!(why["causes"][0]["code"], "paused", "{why:#}");
        let sentence = why["causes"][0]["sentence"].as_str().unwrap();
        assert!(sentence.starts_with("Syncs with Moves are paused by the administrator since 20"));
        assert_eq!(why["causes"][0]["since"], paused["paused_since"]);
        assert!(why["next"]["at"].is_null(), "{why:#}");
        let known = app.get("/v1/partners").await;
        let moves = known["partners"].as_array().unwrap().iter().find(|it| it["name"] == "moves");
        assert_eq!(moves.unwrap()["state"], "paused");
        let report = daemon.admin.get("/admin/api/partners/moves").await;
        assert_eq!(
            (&report["state"], &report["paused_since"]),
            (&json!("paused"), &paused["paused_since"])
        );
        assert_eq!(app.records("ann").await.len(), 1);
        assert_eq!(control.counts("moves").unwrap().calls, 0, "it was called");
        if restarts == 0 {
            daemon.kill();
            daemon.launch().await;
        }
    }

    for _ in 0..2 {
        assert_eq!(pause(&daemon, "resume").await["state"], "running");
    }
    assert!(records(&daemon, 2).await, "{:?}", app.timeline("ann").await);
    app.sync_ok("ann", "moves").await;
    let actor = daemon.actor("moves").await;
    assert_eq!((&actor["state"], &actor["paused_since"]), (&json!("running"), &Value::Null));
    let late = actor["lateness_ms"]["worst"].as_u64().unwrap_or_default();
    assert!(late < 600_000, "the pause counts as lateness: {late}");
    let (_, page) = daemon.admin.call(Method::GET, "/admin/api/partners", None).await;
    assert!(!page.to_string().contains("\"paused\""), "{page}");
}
