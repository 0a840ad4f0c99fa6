//! Access tokens that no call could send.

use partner_sandbox::Control;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, empty_account, sandbox};

/// The rule by which the next token answer of a partner has these members.
fn fault(control: &Control, partner: &str, fields: Value) {
    let rule = json!({"times": 1, "on": {"path": token_path(partner)},
        "fault": {"kind": "token_fields", "fields": fields}});
    control.add_fault(partner, serde_json::from_value(rule).unwrap()).unwrap();
}

fn token_path(partner: &str) -> &'static str {
    if partner == "withings" { "/v2/oauth2" } else { "/oauth/token" }
}

async fn connect(app: &HostApp, partner: &str) -> String {
    let begin = r#"{"return_url":"http://127.0.0.1:9/done"}"#;
    let url = app.authorize("ann", partner, begin).await;
    let back = app.decide(&url, "ann", "allow").await;
    let ended = app.client.get(&back).send().await.unwrap();
    ended.headers()[LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_not_taken() {
    let sandbox = sandbox();
    let partners = ["withings", "strava"];
    let daemon = Daemon::start_of(&partners, &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    let long = "t".repeat(64 * 1024 + 1);
    for partner in partners {
        empty_account(&sandbox, partner, "ann");
        for (field, token, reason) in [
            ("access_token", "", "no access token"),
            ("access_token", " \t", "no access token"),
            ("access_token", "hush\nhush", "access token"),
            ("access_token", "hush\0hush", "access token"),
            ("access_token", "hush\u{e9}hush", "access token"),
            ("access_token", &long, "access token"),
            ("refresh_token", "hush\nhush", "refresh token"),
            ("refresh_token", &long, "refresh token"),
        ] {
            let begin: String = token.chars().take(20).collect();
            control.clear_faults(partner).unwrap();
            fault(&control, partner, json!({field: token}));
            let location = connect(app, partner).await;
            assert!(location.contains("status=error"), "{partner} {begin:?}: {location}");
            let line = app.timeline("ann").await[0].clone();
            assert_eq!(line["outcome"], "failed", "{partner} {begin:?}: {line}");
            let summary = line["summary"].as_str().unwrap();
            assert!(summary.contains(reason), "{partner} {begin:?}: {line}");
            assert!(!summary.contains("hush") && summary.len() < 1_000, "{line}");
            let path = format!("/v1/users/ann/connections/{partner}");
            let (status, connection) = app.call(reqwest::Method::GET, &path, None).await;
            assert_eq!(status, 404, "nothing is stored: {connection}");
        }
        control.clear_faults(partner).unwrap();
        // As long as a token may be.
        let longest = "t".repeat(64 * 1024);
        fault(&control, partner, json!({"refresh_token": longest}));
        let location = connect(app, partner).await;
        assert!(location.contains("status=connected"), "{partner}: {location}");
    }
    assert!(!daemon.log().contains("hush"), "{}", daemon.log());
}

#[tokio::test]
async fn neither_is_one_of_oauth_1() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["fatsecret"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "fatsecret", "ann");
    let long = "t".repeat(64 * 1024 + 1);
    for (token, secret, reason) in [
        ("hush%0Ahush", "s", "control character"),
        ("hush", "s%00", "control character"),
        (&*long, "s", "64 KiB"),
        ("hush", &*long, "64 KiB"),
        ("", "s", "no token and secret"),
    ] {
        control.clear_faults("fatsecret").unwrap();
        let body = format!("oauth_token={token}&oauth_token_secret={secret}");
        let rule = json!({"times": 1, "on": {"path": "/oauth/access_token"},
            "fault": {"kind": "status", "status": 200, "body": body}});
        control.add_fault("fatsecret", serde_json::from_value(rule).unwrap()).unwrap();
        let location = connect(app, "fatsecret").await;
        assert!(location.contains("status=error"), "{reason}: {location}");
        let line = app.timeline("ann").await[0].clone();
        assert!(line["summary"].as_str().unwrap().contains(reason), "{reason}: {line}");
    }
}
