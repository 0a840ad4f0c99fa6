//! The overview and the actors: as JSON, as pages, in a terminal.

use std::time::Duration;

use partner_sandbox::TokenAction;
use serde_json::{Value, json};

use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox, weight};

const SETTINGS: &str =
    "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"365d\"]\ndemote_after = \"9000d\"\n";

async fn overview(daemon: &Daemon) -> Value {
    daemon.admin.get("/admin/api/overview").await
}

/// What was counted, of whole minutes and of the present one.
fn counted(overview: &Value, name: &str) -> i64 {
    let steps = overview["steps"].as_array().unwrap().iter();
    steps.chain([&overview["so_far"]]).map(|step| step[name].as_i64().unwrap()).sum()
}

/// Waits for an overview of which this holds.
async fn shows(daemon: &Daemon, holds: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    let shown = eventually(async || {
        found = overview(daemon).await;
        holds(&found)
    });
    assert!(shown.await, "{found:#}");
    found
}

/// What `syncwell status` prints, and how it ends.
fn status(daemon: &Daemon, key: &str) -> (i32, String, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{key}\n")).unwrap();
    let ended = daemon.command(&["status", "--key-file", file.path().to_str().unwrap()]);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

#[tokio::test]
async fn an_overview_says_what_was_done_what_is_wrong_and_whom_it_needs() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_with(&sandbox, SETTINGS, &[MOVED_CLOCK]).await;
    let (app, control) = (daemon.app.clone(), sandbox.control().clone());

    // A new installation: what is left to do.
    let pages = daemon.sign_in().await;
    let html = pages.page("/admin").await;
    assert!(html.contains("<h1>One step to the first data</h1>"), "{html}");
    assert!(html.contains(&format!("{}/oauth/withings/callback", daemon.address)), "{html}");
    assert_eq!(overview(&daemon).await["setup"]["has_app_key"], true);

    // Syncs are counted with what they brought, and failures.
    for user in ["ann", "ben"] {
        app.connect(&sandbox, user, "withings").await;
    }
    app.connect(&sandbox, "cyd", "runkeeper").await;
    control.append("withings", "ann", "measure", vec![weight(&control, 71_300, 5)]).unwrap();
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    let well = shows(&daemon, |it| counted(it, "records") == 1 && it["setup"].is_null()).await;
    assert_eq!((&well["title"], &well["sentence"]), (&json!("All is well"), &json!("")));
    let (done, failed) = (counted(&well, "syncs_done"), counted(&well, "syncs_failed"));
    assert!(done >= 4 && counted(&well, "calls") >= 4, "{well:#}");
    shows(&daemon, |it| it["connections"]["connected"] == 3).await;
    let fault = json!({"times": 1, "fault": {"kind": "status", "status": 500}});
    control.add_fault("runkeeper", serde_json::from_value(fault).unwrap()).unwrap();
    assert_eq!(app.sync("cyd", "runkeeper").await["outcome"], "failed");
    control.clear_faults("runkeeper").unwrap();
    let after = shows(&daemon, |it| counted(it, "syncs_failed") == failed + 1).await;
    let runkeeper = |it: &Value| {
        let partners = it["partners"].as_array().unwrap().iter();
        partners.clone().find(|line| line["partner"] == "runkeeper").unwrap().clone()
    };
    let line = runkeeper(&after);
    assert_eq!((&line["failed_last_hour"], &line["connected"]), (&json!(1), &json!(1)), "{line}");
    assert!(status(&daemon, &daemon.admin.key).1.starts_with("All is well\n"));

    // A thousand users would be one line, too.
    for user in ["ann", "ben"] {
        control.tokens("withings", user, TokenAction::Revoke).unwrap();
        app.syncs_until_reconnect(user, "withings").await;
    }
    let wrong = shows(&daemon, |it| it["needs_users"][0]["users"] == 2).await;
    assert_eq!(wrong["title"], "Nothing needs you", "{wrong:#}");
    assert_eq!(wrong["needs_users"].as_array().unwrap().len(), 1, "{wrong:#}");
    let issue = &wrong["needs_users"][0];
    assert_eq!(issue["code"], "authorization_revoked");
    assert_eq!(issue["heading"], "2 users must reconnect Withings");
    shows(&daemon, |it| it["connections"]["needs_reconnect"] == 2).await;
    let (code, shown, errors) = status(&daemon, &daemon.admin.key);
    assert_eq!(code, 0, "{shown}{errors}");
    assert!(shown.contains("Needs users\n  ! 2 users must reconnect Withings"), "{shown}");
    assert!(shown.contains("\nPartners\n") && !shown.contains('\x1b'), "{shown}");
    let (code, _, errors) = status(&daemon, "sw_admin_00000000_0");
    assert!(code == 1 && errors.contains("key create --scope admin"), "{errors}");

    // The minutes become charts, and survive a restart.
    let pass = Duration::from_secs(120);
    daemon.let_pass(&sandbox, pass);
    let steps = |it: &Value| it["steps"].as_array().unwrap().len();
    let before = shows(&daemon, |it| steps(it) > 0 && it["so_far"]["syncs_done"] == 0).await;
    assert!(daemon.stop().await.success());
    daemon.launch().await;
    let again = shows(&daemon, |it| steps(it) > 0).await;
    for name in ["syncs_done", "syncs_failed", "records", "calls"] {
        assert!(counted(&again, name) >= counted(&before, name), "{name}: {again:#}");
    }
    for (address, period) in
        [("/admin", "over the last hour"), ("/admin?range=24h", "over the last day")]
    {
        let html = pages.page(address).await;
        assert!(html.contains("<h1>Nothing needs you</h1>"), "{html}");
        assert!(html.contains("<h3>2 users must reconnect Withings</h3>"), "{html}");
        assert!(html.contains("Syncs a minute ") && html.contains(period), "{html}");
        assert!(html.contains("<path class=\"ln l-s1\""), "{html}");
        assert!(!html.contains("style=") && !html.contains("<script>"), "{html}");
    }

    // A clock that is wrong needs the administrator.
    daemon.set_clock_ahead(pass + Duration::from_secs(3 * 3_600));
    app.connect(&sandbox, "dan", "withings").await;
    let wrong = shows(&daemon, |it| it["needs_you"][0]["code"] == "clock_skew").await;
    assert_eq!(wrong["title"], "One thing needs you", "{wrong:#}");
    let (code, shown, errors) = status(&daemon, &daemon.admin.key);
    assert_eq!(code, 1, "{shown}{errors}");
    assert!(shown.starts_with("One thing needs you\n") && errors.is_empty(), "{shown}{errors}");
}

#[tokio::test]
async fn actors_show_who_works_and_for_how_long() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, SETTINGS).await;
    let (app, control) = (daemon.app.clone(), sandbox.control().clone());
    app.connect(&sandbox, "ann", "withings").await;
    let slow = json!({"times": 1, "fault": {"kind": "hang"}});
    control.add_fault("withings", serde_json::from_value(slow).unwrap()).unwrap();
    control.advance(Duration::from_secs(11));
    app.post("/v1/users/ann/connections/withings/sync").await;
    let mut node = Value::Null;
    let works = eventually(async || {
        node = daemon.actor("withings").await;
        node["sessions"][0]["user_id"] == "ann"
    });
    assert!(works.await, "{node:#}");
    let session = &node["sessions"][0];
    assert_eq!((&session["state"], &session["cause"]), (&json!("working"), &json!("request")));
    let html = daemon.sign_in().await.page("/admin/actors").await;
    assert!(html.contains("<h1>All 4 actors run</h1>"), "{html}");
    assert!(html.contains("<details id=\"actor-withings\">"), "{html}");
    assert!(html.contains("<a href=\"/admin/users/ann\">ann</a>"), "{html}");
    assert!(html.contains("syncs, because somebody asked for it"), "{html}");
}
