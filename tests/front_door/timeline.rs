//! The timeline says what each sync cost, which limits it met and where its feeds stand.

use partner_sandbox::TokenAction;
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, eventually, sandbox};
use crate::partners::RUNKEEPER;

/// The newest line of a user's timeline for this cause.
async fn last(app: &HostApp, cause: &str) -> Value {
    let lines = app.timeline("ann").await;
    let found = lines.iter().find(|line| line["cause"] == cause).cloned();
    assert!(found.is_some(), "{lines:?}");
    found.unwrap()
}

#[tokio::test]
async fn a_sync_says_which_calls_it_made_and_where_its_feeds_stand() {
    let sandbox = sandbox();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"1h\"]\n";
    let daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    let syncs = eventually(async || app.timeline("ann").await.len() >= 2);
    assert!(syncs.await, "{:?}", app.timeline("ann").await);
    control.reset_counts("withings").unwrap();
    app.sync_ok("ann", "withings").await;
    let made = control.counts("withings").unwrap().calls;
    let detail = last(app, "request").await["detail"].clone();
    assert_eq!(detail["calls"], json!({"reads": made, "writes": 0, "tokens": 0}), "{detail}");
    assert!(detail.get("limits").is_none(), "{detail}");
    let feed = &detail["feeds"][0];
    for name in ["cursor_before", "cursor_after"] {
        let text = feed[name].as_str().unwrap();
        assert!(text.starts_with("modified until 20") && text.ends_with("UTC"), "{text}");
    }
    let connected = app.timeline("ann").await;
    let first = connected.iter().find(|line| line["detail"]["feeds"].is_array());
    let oldest = connected.iter().rev().find(|line| line["detail"]["feeds"].is_array()).unwrap();
    assert!(first.is_some() && oldest["detail"]["feeds"][0]["cursor_before"].is_null());

    // New tokens cost a call of their own.
    control.tokens("withings", "ann", TokenAction::ExpireAccess).unwrap();
    let again = eventually(async || {
        app.sync("ann", "withings").await;
        last(app, "request").await["detail"]["calls"]["tokens"] == 1
    });
    assert!(again.await, "{}", last(app, "request").await);
    let cursors = app.timeline("ann").await;
    let text = serde_json::to_string(&cursors).unwrap();
    assert!(!text.contains("token\":\"") && !text.contains("Bearer"), "{text}");
}

#[tokio::test]
async fn scheduled_syncs_that_find_nothing_keep_one_line_although_their_cursors_move() {
    let sandbox = sandbox();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"1s\"]\n";
    let daemon = Daemon::start_of(&["runkeeper"], &sandbox, settings, &[]).await;
    let app = &daemon.app;
    app.connect(&sandbox, "ann", RUNKEEPER.name).await;
    let times = async || last(app, "schedule").await["times"].as_i64().unwrap();
    assert!(
        eventually(async || app.timeline("ann").await.iter().any(|it| it["cause"] == "schedule"))
            .await
    );
    let stands = async || {
        last(app, "schedule").await["detail"]["feeds"][0]["cursor_after"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (before, at) = (times().await, stands().await);
    let repeated = eventually(async || times().await >= before + 3);
    assert!(repeated.await, "{:?}", app.timeline("ann").await);
    assert!(stands().await > at, "where it stands after the last of them");
}

/// What a sync says of limits that allows so few calls.
async fn under(limit: &str) -> Value {
    let sandbox = sandbox();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"1h\"]\n";
    let mut daemon = Daemon::start_of(&["runkeeper"], &sandbox, settings, &[]).await;
    let app = daemon.app.clone();
    app.connect(&sandbox, "ann", RUNKEEPER.name).await;
    daemon.stop().await;
    daemon.set_limits(&format!("limits = [{limit}]\n"));
    daemon.launch().await;
    app.sync("ann", RUNKEEPER.name).await;
    last(&app, "request").await
}

#[tokio::test]
async fn a_sync_that_waited_for_a_limit_says_for_which_and_how_long() {
    let waited = under("{calls = 1, per = \"2s\"}").await;
    let detail = &waited["detail"];
    let met = &detail["limits"][0];
    let limit = met["limit"].as_str().unwrap();
    assert!(limit.contains("1 call") && limit.contains("2s"), "{detail}");
    assert!(met["waited_ms"].as_u64().unwrap() >= 1_000, "{detail}");
    assert_eq!((&waited["outcome"], &met["stopped"]), (&json!("ok"), &json!(false)));
    assert!(met["calls"].as_u64().unwrap() <= detail["calls"]["reads"].as_u64().unwrap());
    let limited = under("{calls = 1, per = \"1h\"}").await;
    assert_eq!(limited["outcome"], "limited", "the worst of its parts: {limited}");
    assert_eq!(limited["detail"]["limits"][0]["stopped"], true, "{limited}");
}
