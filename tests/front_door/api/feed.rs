//! The feed of changes tells of connections too, and knows its own cursors.

use std::collections::BTreeSet;

use partner_sandbox::TokenAction;
use reqwest::Method;
use serde_json::{Value, json};

use super::{bad, refused};
use crate::harness::{Daemon, HostApp, empty_account, sandbox};

/// What happened to connections since the beginning: who, where, what.
async fn happened(app: &HostApp) -> Vec<String> {
    let all = app.all("/v1/changes?only=connections&limit=2", "changes").await;
    let words = |change: &Value| {
        assert!(change.get("record").is_none(), "{change}");
        let text = |name: &str| change["connection"][name].as_str().unwrap().to_owned();
        format!("{} {} {}", text("user_id"), text("partner"), change["change"].as_str().unwrap())
    };
    all.iter().map(words).collect()
}

async fn add_weight(app: &HostApp, app_id: &str) {
    let path = format!("/v1/users/ann/records/by-app-id/{app_id}");
    let body = r#"{"start":"2026-03-04T06:15:00Z","measurement":{"type":"weight","value":70}}"#;
    assert_eq!(app.call(Method::PUT, &path, Some(body)).await.0, 201);
}

#[tokio::test]
async fn what_happens_to_connections_stands_in_the_feed_once_and_in_order() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    add_weight(app, "w-1").await;
    for (user, partner) in [("ann", "withings"), ("ann", "runkeeper"), ("ben", "withings")] {
        app.connect(&sandbox, user, partner).await;
    }
    add_weight(app, "w-2").await;
    let path = "/v1/users/ann/connections/withings";
    for _ in 0..2 {
        let choices = Some(r#"{"poll":{"spo2":false}}"#);
        assert_eq!(app.call(Method::PATCH, path, choices).await.0, 200);
    }
    control.tokens("withings", "ann", TokenAction::Revoke).unwrap();
    app.syncs_until_reconnect("ann", "withings").await;
    app.connect_account("ann", "withings", "ann").await;
    app.sync_ok("ann", "withings").await;
    for _ in 0..2 {
        let path = "/v1/users/ben/connections/withings";
        assert_eq!(app.call(Method::DELETE, path, None).await.0, 200);
    }
    add_weight(app, "w-3").await;
    let expected = [
        "ann withings connected",
        "ann runkeeper connected",
        "ben withings connected",
        "ann withings settings_changed",
        "ann withings needs_reconnect",
        "ann withings connected",
        "ben withings disconnected",
    ];
    assert_eq!(happened(app).await, expected);
    assert!(daemon.log().contains("the user must connect again"), "a line for the operator");

    let both = app.all("/v1/changes?limit=3", "changes").await;
    let kinds: Vec<_> = both.iter().map(|change| change["change"].as_str().unwrap()).collect();
    assert_eq!((kinds.len(), kinds[0], kinds[4], kinds[9]), (10, "created", "created", "created"));
    let cursors: BTreeSet<_> =
        both.iter().map(|change| change["cursor"].as_str().unwrap()).collect();
    assert_eq!(cursors.len(), 10, "none twice");
    let now = &both[1]["connection"];
    assert_eq!(*now, app.connection("ann", "withings").await, "as it is now");
    assert_eq!(app.changes().await.len(), 3, "only=records");
    // From the middle, whichever sort was read before.
    let middle = both[4]["cursor"].as_str().unwrap();
    for (only, count) in [("", 5), ("&only=records", 1), ("&only=connections", 4)] {
        let page = app.get(&format!("/v1/changes?cursor={middle}{only}")).await;
        assert_eq!(page["changes"].as_array().unwrap().len(), count, "{only}");
    }
    bad(app, ("GET", "/v1/changes?only=both", ""), "bad-query", &["connections"]).await;
}

#[tokio::test]
async fn connections_of_all_users_are_listed_by_status_and_partner() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    for partner in ["withings", "runkeeper"] {
        empty_account(&sandbox, partner, "joint");
        for user in ["ann", "ben", "cid"] {
            app.connect_account(user, partner, "joint").await;
        }
    }
    // Begun only: it was never connected.
    app.authorize("dan", "withings", "{}").await;
    app.call(Method::DELETE, "/v1/users/cid/connections/withings", None).await;
    for (query, count) in [
        ("", 6),
        ("partner=withings", 3),
        ("status=connected&partner=withings", 2),
        ("status=disconnected", 1),
        ("status=ended", 0),
        ("status=disconnected&partner=runkeeper", 0),
    ] {
        let whole = app.all(&format!("/v1/connections?limit=1000&{query}"), "connections").await;
        assert_eq!(whole.len(), count, "{query}: {whole:?}");
        for limit in [1, 2, 4] {
            let path = format!("/v1/connections?limit={limit}&{query}");
            let walked = app.all(&path, "connections").await;
            let names = |list: &[Value]| -> Vec<_> {
                let name = |one: &Value| (one["partner"].clone(), one["user_id"].clone());
                list.iter().map(name).collect()
            };
            assert_eq!(names(&walked), names(&whole), "{path}");
        }
    }
    control.tokens("withings", "joint", TokenAction::Revoke).unwrap();
    app.syncs_until_reconnect("ann", "withings").await;
    let need = app.get("/v1/connections?status=needs_reconnect").await;
    let need = need["connections"].as_array().unwrap();
    assert!(need.iter().any(|one| one["user_id"] == "ann"), "{need:?}");
    assert!(
        need.iter().all(|one| one["partner"] == "withings" && one["status"] == "needs_reconnect")
    );
    for (query, words) in [
        ("status=lost", ["needs_reconnect", "lost"]),
        ("partner=bogus", ["partner: ", "withings"]),
        ("cursor=withings.1&partner=runkeeper", ["cursor", "cursor"]),
    ] {
        let kind = if query.starts_with("cursor") { "bad-cursor" } else { "bad-query" };
        bad(app, ("GET", &format!("/v1/connections?{query}"), ""), kind, &words).await;
    }
}

#[tokio::test]
async fn a_cursor_beyond_the_end_or_of_another_database_is_noticed() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let app = daemon.app.clone();
    for number in 1..=4 {
        add_weight(&app, &format!("w-{number}")).await;
    }
    let changes = app.changes().await;
    let cursor = |place: usize| changes[place]["cursor"].as_str().unwrap().to_owned();
    let after = |place: usize| format!("/v1/changes?cursor={}", cursor(place));
    assert_eq!(app.get(&after(3)).await, json!({"changes": [], "next_cursor": null}));
    // As after the restore of a backup that is two changes older.
    assert!(daemon.stop().await.success());
    daemon.rewrite(
        "DELETE FROM changes WHERE seq IN (SELECT seq FROM changes ORDER BY seq DESC LIMIT 2)",
    );
    daemon.launch().await;
    let detail = refused(&app, ("GET", &after(3), ""), (410, "cursor-ahead")).await;
    assert!(detail.contains(&format!("ends at {}", cursor(1))), "{detail}");
    assert!(detail.contains("from its beginning"), "{detail}");
    assert_eq!(app.get(&after(0)).await["changes"].as_array().unwrap().len(), 1);
    // Another history takes the numbers that the caller has seen.
    let reset = match std::env::var("SYNCWELL_TEST_POSTGRES") {
        Ok(_) => "SELECT setval(pg_get_serial_sequence('changes', 'seq'), 2)",
        Err(_) => "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'changes'",
    };
    assert!(daemon.stop().await.success());
    daemon.rewrite(reset);
    daemon.launch().await;
    for number in 5..=9 {
        add_weight(&app, &format!("w-{number}")).await;
    }
    let refusal = (410, "cursor-of-another-feed");
    for place in [2, 3] {
        let detail = refused(&app, ("GET", &after(place), ""), refusal).await;
        assert!(detail.contains("another database"), "{detail}");
    }
    let other = Daemon::start(&sandbox, "").await;
    for number in 1..=4 {
        add_weight(&other.app, &format!("w-{number}")).await;
    }
    refused(&other.app, ("GET", &after(0), ""), refusal).await;
}
