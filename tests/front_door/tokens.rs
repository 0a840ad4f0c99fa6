//! Tokens: renewed before and after they expire, each refresh token used once, never exposed.

use std::time::Duration;

use partner_sandbox::{TokenAction, TokenRules};
use reqwest::Method;
use serde_json::json;

use crate::harness::{Daemon, MOVED_CLOCK, empty_account, eventually, sandbox, values, weight};

#[tokio::test]
async fn an_expired_token_is_renewed_and_the_sync_goes_on() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    for round in 1..=5_u32 {
        if round % 2 == 0 {
            // Three hours pass on the partner's clock only: expired there, not yet here.
            control.advance(Duration::from_secs(10_801));
        } else {
            control.tokens("withings", "ann", TokenAction::ExpireAccess).unwrap();
        }
        let grams = 70_000 + i64::from(round);
        control.append("withings", "ann", "measure", vec![weight(&control, grams, 60)]).unwrap();
        let sync = app.sync_ok("ann", "withings").await;
        assert!(sync["summary"].as_str().unwrap().starts_with("got new tokens"), "{sync}");
    }
    assert_eq!(values(&app.records("ann").await, "weight").len(), 5);
    let counts = control.counts("withings").unwrap();
    assert_eq!((counts.refreshes, counts.refresh_token_reuse), (5, 0));
}

/// A database that fails for a moment, between a refresh and the next.
#[tokio::test]
async fn new_tokens_that_cannot_be_stored_are_kept_until_they_can() {
    for partner in ["withings", "fitbit"] {
        let sandbox = sandbox();
        let fails = [("FAILPOINTS", "store::save_tokens=3*return;store::save_kept=return")];
        let daemon =
            Daemon::start_of(&[partner], &sandbox, "[scheduler]\nmin_gap = \"10ms\"\n", &fails)
                .await;
        let (app, control) = (&daemon.app, sandbox.control());
        app.connect(&sandbox, "ann", partner).await;
        control.tokens(partner, "ann", TokenAction::ExpireAccess).unwrap();
        for _ in 0..3 {
            let sync = app.sync("ann", partner).await;
            assert_eq!(
                (&sync["outcome"], &sync["errors"][0]["code"]),
                (&"failed".into(), &"store".into()),
                "{sync}"
            );
            let counts = control.counts(partner).unwrap();
            assert_eq!(
                counts.refreshes, 1,
                "{partner}: the tokens are there, and not fetched again"
            );
        }
        control.advance(Duration::from_secs(11));
        app.sync_ok("ann", partner).await;
        let counts = control.counts(partner).unwrap();
        assert_eq!((counts.refreshes, counts.refresh_token_reuse), (1, 0), "{partner}");
    }
}

/// The next sync is half a minute away: a crash before it must not lose them.
#[tokio::test]
async fn new_tokens_that_had_to_wait_are_stored_without_another_sync() {
    for partner in ["withings", "fitbit"] {
        let sandbox = sandbox();
        let control = sandbox.control();
        let strict = TokenRules { rotates_strictly: true, ..TokenRules::default() };
        control.set_token_rules(partner, strict).unwrap();
        let fails = [("FAILPOINTS", "store::save_tokens=1*return;store::save_kept=2*return")];
        let mut daemon = Daemon::start_of(&[partner], &sandbox, "", &fails).await;
        let app = daemon.app.clone();
        app.connect(&sandbox, "ann", partner).await;
        control.tokens(partner, "ann", TokenAction::ExpireAccess).unwrap();
        let sync = app.sync("ann", partner).await;
        assert_eq!(sync["errors"][0]["code"], "store", "{sync}");
        let stored = eventually(async || daemon.log().contains("had to wait are stored now"));
        assert!(stored.await, "{}", daemon.log());
        daemon.kill();
        control.advance(Duration::from_secs(11));
        daemon.launch().await;
        app.sync_ok("ann", partner).await;
        assert_eq!(control.counts(partner).unwrap().refresh_token_reuse, 0, "{partner}");
    }
}

#[tokio::test]
async fn no_tokens_are_fetched_while_none_could_be_stored() {
    let sandbox = sandbox();
    let fails = [("FAILPOINTS", "store::begin_refresh=1*return")];
    let daemon = Daemon::start_with(&sandbox, "[scheduler]\nmin_gap = \"10ms\"\n", &fails).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    control.tokens("withings", "ann", TokenAction::ExpireAccess).unwrap();
    let sync = app.sync("ann", "withings").await;
    assert_eq!(sync["outcome"], "failed", "{sync}");
    assert_eq!(control.counts("withings").unwrap().refreshes, 0);
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    assert_eq!(control.counts("withings").unwrap().refreshes, 1);
}

/// The answer to a refresh never comes, and the old token is dead.
#[tokio::test]
async fn a_lost_answer_to_a_refresh_is_named_as_the_reason_for_a_reconnect() {
    let sandbox = sandbox();
    let crash = [("FAILPOINTS", "sync::tokens_received=1*return")];
    let mut daemon = Daemon::start_of(&["fitbit"], &sandbox, "", &crash).await;
    let (app, control) = (daemon.app.clone(), sandbox.control());
    app.connect(&sandbox, "ann", "fitbit").await;
    control.tokens("fitbit", "ann", TokenAction::ExpireAccess).unwrap();
    let path = "/v1/users/ann/connections/fitbit/sync";
    app.try_call(Method::POST, path, &serde_json::Value::Null).await;
    assert!(daemon.has_ended().await);
    control.tokens("fitbit", "ann", TokenAction::Revoke).unwrap();
    daemon.set_environment(&[]);
    daemon.launch().await;
    app.syncs_until_reconnect("ann", "fitbit").await;
    let connection = app.connection("ann", "fitbit").await;
    let why = connection["last_error"]["message"].as_str().unwrap();
    assert!(why.contains("got no tokens that could be stored"), "{why}");
}

#[tokio::test]
async fn a_revoked_grant_asks_for_a_reconnect_and_loses_nothing() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_with(&sandbox, "", &[MOVED_CLOCK]).await;
    let (app, control) = (daemon.app.clone(), sandbox.control());
    for partner in ["withings", "runkeeper"] {
        app.connect(&sandbox, "ann", partner).await;
        control.tokens(partner, "ann", TokenAction::Revoke).unwrap();
        let sync = app.sync("ann", partner).await;
        // RunKeeper's token cannot be renewed: that it is refused is believed after ten minutes.
        let expected = if partner == "runkeeper" { "failed" } else { "needs_reconnect" };
        assert_eq!(sync["outcome"], expected, "{sync}");
        daemon.let_pass(&sandbox, Duration::from_secs(660));
        app.syncs_until_reconnect("ann", partner).await;
        let connection = app.connection("ann", partner).await;
        assert_eq!(connection["last_error"]["code"], "unauthorized");
        assert!(connection["next_poll_at"].is_null(), "it is not polled any more");
        let line = app.timeline("ann").await[0].clone();
        assert!(
            line["summary"].as_str().unwrap().contains("the user must connect again"),
            "{line}"
        );
    }
    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    app.connect_account("ann", "withings", "ann").await;
    app.sync_ok("ann", "withings").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);
    assert_eq!(app.connection("ann", "withings").await["status"], "connected");
}

#[tokio::test]
async fn a_refresh_that_fails_for_a_while_is_tried_again_with_the_same_token() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    control.tokens("withings", "ann", TokenAction::ExpireAccess).unwrap();
    let outage = r#"{"on":{"path":"/v2/oauth2"},"times":1,"fault":{"kind":"status","status":503}}"#;
    control.add_fault("withings", serde_json::from_str(outage).unwrap()).unwrap();
    let sync = app.sync("ann", "withings").await;
    assert_eq!(sync["outcome"], "failed", "{sync}");
    assert_eq!(app.connection("ann", "withings").await["status"], "connected");
    // An identical call within ten seconds would be rejected as a repetition.
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    let counts = control.counts("withings").unwrap();
    assert_eq!((counts.refreshes, counts.refresh_token_reuse), (1, 0));
}

#[tokio::test]
async fn secrets_are_in_no_file_and_no_log() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "withings", "ann");
    control.append("withings", "ann", "measure", vec![weight(&control, 71_234, 60)]).unwrap();
    let url = app.authorize("ann", "withings", "{}").await;
    let back = app.decide(&url, "ann", "allow").await;
    app.client.get(&back).send().await.unwrap();
    app.first_sync("ann", "withings").await;
    control.tokens("withings", "ann", TokenAction::ExpireAccess).unwrap();
    app.sync_ok("ann", "withings").await;
    let callback = reqwest::Url::parse(&back).unwrap();
    let mut secrets: Vec<String> =
        callback.query_pairs().map(|(_, value)| value.into_owned()).collect();
    secrets.extend([app.key.clone(), daemon.admin.key.clone()]);
    // The sandbox's tokens are long hexadecimal strings; nothing else here is.
    let issued = control.issue_tokens("withings", "ann").unwrap();
    assert!(longest_hex(issued.access_token.as_bytes()) >= 32, "{}", issued.access_token);
    let shown = everything_shown(&daemon).await;
    for secret in &secrets {
        let place = shown.iter().find(|(_, text)| text.contains(secret.as_str()));
        assert!(place.is_none(), "a secret at {}", place.unwrap().0);
    }
    let (_, metrics) = shown.iter().find(|(path, _)| path == "/metrics").unwrap();
    for hidden in ["71.234", "71234", "\"ann\""] {
        assert!(!metrics.contains(hidden), "{hidden} in the metrics");
    }
    let log = daemon.log();
    assert!(log.contains("sync ended"), "the log is there: {log}");
    for secret in &secrets {
        assert!(secret.len() > 10, "{secret}");
        assert!(!log.contains(secret.as_str()), "a secret in the log");
        for (path, bytes) in daemon.files() {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret in {}", path.display());
        }
    }
    assert!(!log.contains("71.234") && !log.contains("71234"), "a value in the log");
    assert!(longest_hex(log.as_bytes()) < 32, "a token in the log");
    for (path, bytes) in daemon.files() {
        let is_key = path.ends_with("syncwell.key");
        assert!(is_key || longest_hex(&bytes) < 32, "a token in {}", path.display());
    }
}

/// What pages, calls and metrics show of ann and of the daemon, each with its path.
async fn everything_shown(daemon: &Daemon) -> Vec<(String, String)> {
    let pages = daemon.sign_in().await;
    let mut shown = Vec::new();
    for path in [
        "/admin",
        "/admin/actors",
        "/admin/audit",
        "/admin/errors",
        "/admin/keys",
        "/admin/partners/withings",
        "/admin/settings",
        "/admin/users/ann",
        "/admin/webhooks",
    ] {
        shown.push((path.to_owned(), pages.page(path).await));
    }
    for path in [
        "/admin/api/actors",
        "/admin/api/audit",
        "/admin/api/settings",
        "/admin/api/users/ann",
        "/metrics",
        "/v1/changes",
        "/v1/users/ann/connections",
        "/v1/users/ann/connections/withings/explain",
        "/v1/users/ann/export",
        "/v1/users/ann/syncs",
    ] {
        let request = daemon.app.client.get(format!("{}{path}", daemon.address));
        let answer = request.bearer_auth(&daemon.admin.key).send().await.unwrap();
        shown.push((path.to_owned(), answer.text().await.unwrap()));
    }
    shown
}

fn longest_hex(bytes: &[u8]) -> usize {
    bytes.split(|byte| !byte.is_ascii_hexdigit()).map(<[u8]>::len).max().unwrap_or_default()
}

#[tokio::test]
async fn the_key_of_the_vault_is_needed_to_open_the_tokens() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    daemon.app.connect(&sandbox, "ann", "withings").await;
    assert!(daemon.stop().await.success());
    let (key, _) =
        daemon.files().into_iter().find(|(path, _)| path.ends_with("syncwell.key")).unwrap();
    let other = "00".repeat(32);
    let kept = std::fs::read_to_string(&key).unwrap();
    std::fs::write(&key, other).unwrap();
    let check = daemon.command(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(!check.status.success() && said.contains("was sealed with the key"), "{said}");
    let serve = daemon.command(&["serve"]);
    let said = String::from_utf8_lossy(&serve.stderr).into_owned();
    assert!(!serve.status.success() && said.contains("vault.key_file"), "{said}");
    std::fs::write(&key, kept).unwrap();
    daemon.launch().await;
    let polled = eventually(async || daemon.app.sync("ann", "withings").await["outcome"] == "ok");
    assert!(polled.await);
}

#[tokio::test]
async fn only_a_day_of_refused_tokens_ends_a_connection() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (daemon.app.clone(), sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    let refuse = json!({"fault": {"kind": "refuse_token"}});
    control.add_fault("withings", serde_json::from_value(refuse).unwrap()).unwrap();
    for (hours, outcome) in [(0, "failed"), (23, "failed"), (2, "needs_reconnect")] {
        assert!(daemon.stop().await.success());
        let micros = i64::from(hours) * 3_600_000_000;
        daemon.rewrite(&format!(
            "UPDATE connections SET refused_since = refused_since - {micros}, \
             refreshed_at = refreshed_at - {micros}"
        ));
        daemon.launch().await;
        control.advance(Duration::from_secs(11));
        let sync = app.sync("ann", "withings").await;
        assert_eq!(sync["outcome"], outcome, "{hours} hours later: {sync}");
    }
    let connection = app.connection("ann", "withings").await;
    assert_eq!(connection["status"], "needs_reconnect");
    assert_eq!(connection["last_error"]["code"], "unauthorized");
    control.clear_faults("withings").unwrap();
    app.connect_account("ann", "withings", "ann").await;
    app.sync_ok("ann", "withings").await;
}

#[tokio::test]
async fn an_empty_refresh_token_does_not_replace_the_good_one() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["google_health"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "google_health").await;
    for value in [json!(""), json!(" "), json!(null), json!([]), json!(7)] {
        let fields = json!({"on": {"path": "/token"}, "times": 1,
            "fault": {"kind": "token_fields", "fields": {"refresh_token": value}}});
        control.add_fault("google_health", serde_json::from_value(fields).unwrap()).unwrap();
        for _ in 0..2 {
            control.tokens("google_health", "ann", TokenAction::ExpireAccess).unwrap();
            app.sync_ok("ann", "google_health").await;
        }
    }
    assert_eq!(control.counts("google_health").unwrap().refreshes, 10);
}

#[tokio::test]
async fn a_push_that_is_refused_with_new_tokens_waits_and_is_done_later() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["google_health"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "google_health").await;
    let path = "/v1/users/ann/connections/google_health";
    let (status, _) = app.call(Method::PATCH, path, Some(r#"{"push":{"weight":true}}"#)).await;
    assert_eq!(status, 200);
    app.sync_ok("ann", "google_health").await;
    let refuse = json!({"fault": {"kind": "refuse_token"}});
    control.add_fault("google_health", serde_json::from_value(refuse).unwrap()).unwrap();
    let start = chrono::DateTime::from_timestamp(control.now() - 600, 0).unwrap().to_rfc3339();
    let record = json!({"records": [{"app_id": "w1", "start": start,
        "measurement": {"type": "weight", "value": 71.25}}]});
    let (status, added) =
        app.call(Method::POST, "/v1/users/ann/records", Some(&record.to_string())).await;
    assert!(status.is_success(), "{added}");
    let failed = eventually(async || {
        app.connection("ann", "google_health").await["last_error"]["code"] == "transient"
    });
    assert!(failed.await, "{}", app.connection("ann", "google_health").await);
    assert_eq!(app.connection("ann", "google_health").await["status"], "connected");
    control.clear_faults("google_health").unwrap();
    app.sync_ok("ann", "google_health").await;
    let there = || control.items("google_health", "ann", "weight").unwrap().len();
    assert!(eventually(async || there() == 1).await, "it is there once: {}", there());
}

#[tokio::test]
async fn a_refused_identity_call_says_nothing_about_the_code() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["google_health"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "google_health").await;
    let refuse = json!({"on": {"path": "/v4/users/me/identity"}, "times": 1,
        "fault": {"kind": "refuse_token"}});
    control.add_fault("google_health", serde_json::from_value(refuse).unwrap()).unwrap();
    let url = app.authorize("ann", "google_health", "{}").await;
    let back = app.decide(&url, "ann", "allow").await;
    assert_eq!(app.client.get(&back).send().await.unwrap().status(), 502);
    let line = app.timeline("ann").await[0].clone();
    let summary = line["summary"].as_str().unwrap();
    assert!(summary.contains("unavailable") && !summary.contains("code"), "{line}");
    assert_eq!(app.connection("ann", "google_health").await["status"], "connected");
    app.sync_ok("ann", "google_health").await;
}

#[tokio::test]
async fn a_grant_is_given_back_even_if_the_access_token_has_expired() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["strava"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "strava").await;
    control.tokens("strava", "ann", TokenAction::ExpireAccess).unwrap();
    let (status, ended) = app.call(Method::DELETE, "/v1/users/ann/connections/strava", None).await;
    assert_eq!((status.as_u16(), &ended["revoked"]), (200, &true.into()), "{ended}");
    assert_eq!(control.counts("strava").unwrap().revoked, 1);
    assert!(!control.accounts("strava").unwrap()[0].connected);
}
