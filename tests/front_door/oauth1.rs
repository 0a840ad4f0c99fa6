//! OAuth 1.0a: connecting with request tokens, signed calls, and revoked grants.

use std::time::Duration;

use partner_sandbox::{Control, Sandbox, TokenAction};
use reqwest::Method;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::harness::{Daemon, MOVED_CLOCK, empty_account, sandbox, values};

const PARTNER: &str = "fatsecret";
const CONNECTION: &str = "/v1/users/ann/connections/fatsecret";

async fn daemon(sandbox: &Sandbox) -> Daemon {
    Daemon::start_of(&[PARTNER], sandbox, "", &[MOVED_CLOCK]).await
}

/// Adds a weight of today and a meal.
fn fill(control: &Control, kilograms: &str) {
    let weight = json!({"weight_kg": kilograms});
    control.append(PARTNER, "ann", "weights", vec![weight]).unwrap();
    let meal = json!({"food_entry_name": "Soup & Bread", "meal": "Lunch", "calories": "320",
                      "carbohydrate": "30", "protein": "12", "fat": "9.5"});
    control.append(PARTNER, "ann", "food_entries", vec![meal]).unwrap();
}

fn fault(control: &Control, rule: &str) {
    control.add_fault(PARTNER, serde_json::from_str(rule).unwrap()).unwrap();
}

async fn begin(daemon: &Daemon) -> (u16, Value) {
    let path = format!("{CONNECTION}/authorize");
    let (status, answer) = daemon.app.call(Method::POST, &path, Some("{}")).await;
    (status.as_u16(), answer)
}

#[tokio::test]
async fn a_user_connects_by_the_redirects_and_the_data_is_there() {
    let sandbox = sandbox();
    let daemon = daemon(&sandbox).await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, PARTNER, "ann");
    fill(&control, "81.250");
    let url =
        app.authorize("ann", PARTNER, r#"{"return_url":"http://127.0.0.1:9/done?x=1"}"#).await;
    assert!(url.starts_with(&sandbox.urls(PARTNER).authorize_url), "{url}");
    let back = app.decide(&url, "ann", "allow").await;
    assert!(back.starts_with(&format!("{}/oauth/fatsecret/callback?oauth_token=", daemon.address)));
    let ended = app.client.get(&back).send().await.unwrap();
    let location = ended.headers()[LOCATION].to_str().unwrap();
    assert_eq!(location, "http://127.0.0.1:9/done?x=1&status=connected&partner=fatsecret");
    app.first_sync("ann", PARTNER).await;
    let records = app.records("ann").await;
    assert_eq!(values(&records, "weight"), [81.25]);
    let meal = records.iter().find(|record| record["kind"] == "nutrition").unwrap();
    assert_eq!(meal["nutrition"]["name"], "Soup & Bread");
    assert_eq!(meal["time_basis"], "local");
    let connection = app.connection("ann", PARTNER).await;
    assert_eq!(connection["status"], "connected");
    assert_eq!(connection["external_user_id"].as_str().unwrap().len(), 20);

    let again = app.client.get(&back).send().await.unwrap();
    assert_eq!(again.headers()[LOCATION].to_str().unwrap(), location, "the same answer again");
    app.sync_ok("ann", PARTNER).await;
    let counts = control.counts(PARTNER).unwrap();
    assert_eq!((counts.codes_issued, counts.codes_exchanged), (1, 1));
    // The parameters in the browser are useless without the secrets, which must appear nowhere.
    let log = daemon.log();
    for (name, value) in reqwest::Url::parse(&back).unwrap().query_pairs() {
        assert!(!log.contains(&*value), "{name} is in the log");
        for (path, bytes) in daemon.files() {
            let found = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!found, "{name} is in {}", path.display());
        }
    }
    assert!(!log.contains("oauth_signature") && !log.contains("81.25"), "{log}");
}

#[tokio::test]
async fn tokens_and_their_secrets_are_stored_sealed() {
    let sandbox = sandbox();
    let mut daemon = daemon(&sandbox).await;
    daemon.app.connect(&sandbox, "ann", PARTNER).await;
    let hex = |bytes: &[u8]| {
        bytes.split(|byte| !byte.is_ascii_hexdigit()).map(<[u8]>::len).max().unwrap_or_default()
    };
    assert!(daemon.stop().await.success());
    for (path, bytes) in daemon.files() {
        // The simulator's tokens and secrets are 32 hexadecimal digits.
        assert!(
            path.ends_with("syncwell.key") || hex(&bytes) < 32,
            "a token in {}",
            path.display()
        );
    }
    assert!(hex(daemon.log().as_bytes()) < 32, "a token in the log");
    daemon.launch().await;
    daemon.app.sync_ok("ann", PARTNER).await;
}

#[tokio::test]
async fn a_denial_leaves_no_connection_however_the_partner_reports_it() {
    let sandbox = sandbox();
    let daemon = daemon(&sandbox).await;
    let app = &daemon.app;
    for way in ["as the partner reports it", "oauth_problem=user_refused", "denied="] {
        let url = app.authorize("ann", PARTNER, "{}").await;
        let mut back = app.decide(&url, "ann", "deny").await;
        let token = back.split_once("oauth_token=").unwrap().1.to_owned();
        match way {
            "denied=" => back = back.replace("oauth_token=", "denied="),
            "oauth_problem=user_refused" => back = format!("{back}&{way}"),
            _ => assert!(!back.contains("verifier"), "{back}"),
        }
        let ended = app.client.get(&back).send().await.unwrap();
        assert_eq!(ended.status(), 200, "{way}");
        let page = ended.text().await.unwrap();
        assert!(page.contains("not to allow the access at FatSecret"), "{page}");
        let line = app.timeline("ann").await[0].clone();
        assert_eq!(line["outcome"], "denied", "{way}: {line}");
        let late = back.replace("denied=", "oauth_token=");
        let late = format!("{}&oauth_verifier=0123456789abcdef", late.split('&').next().unwrap());
        assert!(late.contains(&token));
        assert_eq!(
            app.client.get(&late).send().await.unwrap().status(),
            400,
            "the authorization is over"
        );
    }
    let nobodys = format!("{}/oauth/fatsecret/callback?oauth_problem=x", daemon.address);
    assert_eq!(app.client.get(&nobodys).send().await.unwrap().status(), 200);
    let nothing = format!("{}/oauth/fatsecret/callback", daemon.address);
    assert_eq!(app.client.get(&nothing).send().await.unwrap().status(), 400);
    let (status, _) = app.call(Method::GET, CONNECTION, None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_made_up_token_or_verifier_connects_nobody() {
    let sandbox = sandbox();
    let daemon = daemon(&sandbox).await;
    let app = &daemon.app;
    let made_up =
        format!("{}/oauth/fatsecret/callback?oauth_token=x&oauth_verifier=y", daemon.address);
    assert_eq!(app.client.get(&made_up).send().await.unwrap().status(), 400);
    let url = app.authorize("ann", PARTNER, "{}").await;
    let back = app.decide(&url, "ann", "allow").await;
    let (before, _) = back.split_once("oauth_verifier=").unwrap();
    let wrong = format!("{before}oauth_verifier=0123456789abcdef");
    assert_eq!(app.client.get(&wrong).send().await.unwrap().status(), 502);
    let line = app.timeline("ann").await[0].clone();
    assert_eq!(line["outcome"], "failed", "{line}");
    let (status, _) = app.call(Method::GET, CONNECTION, None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_connect_that_cannot_begin_says_why() {
    let sandbox = sandbox();
    let daemon = daemon(&sandbox).await;
    let control = sandbox.control();
    for (fault_rule, status, kind, says) in [
        (r#"{"kind":"status","status":503}"#, 503, "partner-unavailable", "FatSecret cannot begin"),
        (r#"{"kind":"html"}"#, 503, "partner-unavailable", "try again later"),
        (r#"{"kind":"status","status":401}"#, 503, "partner-unavailable", "try again later"),
        (r#"{"kind":"page","status":401}"#, 503, "partner-unavailable", "try again later"),
        (
            r#"{"kind":"status","status":401,"body":"Invalid signature"}"#,
            502,
            "partner-refused",
            "check client_id",
        ),
        (
            r#"{"kind":"status","status":200,"body":"oauth_token=a&oauth_token_secret=b"}"#,
            502,
            "partner-refused",
            "not of OAuth 1.0a",
        ),
        (
            r#"{"kind":"partner_error","body":{"error":{"code":5,"message":"Invalid consumer key"}}}"#,
            502,
            "partner-refused",
            "check client_id",
        ),
    ] {
        fault(
            &control,
            &format!(r#"{{"on":{{"path":"/oauth/request_token"}},"fault":{fault_rule}}}"#),
        );
        let (answered, problem) = begin(&daemon).await;
        assert_eq!(answered, status, "{fault_rule}: {problem}");
        assert_eq!(problem["type"], format!("urn:syncwell:problem:{kind}"), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
        control.clear_faults(PARTNER).unwrap();
    }
    assert_eq!(begin(&daemon).await.0, 201);
}

#[tokio::test]
async fn a_revoked_grant_asks_for_a_reconnect_after_ten_minutes_and_works_after_it() {
    let sandbox = sandbox();
    let mut daemon = daemon(&sandbox).await;
    let (app, control) = (daemon.app.clone(), sandbox.control());
    empty_account(&sandbox, PARTNER, "ann");
    fill(&control, "80.5");
    app.connect(&sandbox, "ann", PARTNER).await;
    control.tokens(PARTNER, "ann", TokenAction::Revoke).unwrap();
    let sync = app.sync("ann", PARTNER).await;
    assert_eq!(sync["outcome"], "failed", "one refusal says little: {sync}");
    daemon.let_pass(&sandbox, Duration::from_secs(660));
    app.syncs_until_reconnect("ann", PARTNER).await;
    let connection = app.connection("ann", PARTNER).await;
    assert_eq!(connection["last_error"]["code"], "unauthorized");
    assert_eq!(values(&app.records("ann").await, "weight"), [80.5], "nothing is lost");
    app.connect_account("ann", PARTNER, "ann").await;
    app.sync_ok("ann", PARTNER).await;
    assert_eq!(app.connection("ann", PARTNER).await["status"], "connected");
    assert_eq!(values(&app.records("ann").await, "weight"), [80.5], "and nothing is duplicated");
}

#[tokio::test]
async fn a_disconnect_destroys_the_tokens() {
    let sandbox = sandbox();
    let daemon = daemon(&sandbox).await;
    let app = &daemon.app;
    app.connect(&sandbox, "ann", PARTNER).await;
    let (status, answer) = app.call(Method::DELETE, CONNECTION, None).await;
    assert!(status.is_success(), "{answer}");
    assert_eq!(app.connection("ann", PARTNER).await["status"], "disconnected");
    sandbox.control().reset_counts(PARTNER).unwrap();
    let (status, answer) = app.post(&format!("{CONNECTION}/sync?wait=5s")).await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(
        sandbox.control().counts(PARTNER).unwrap().calls,
        0,
        "there is nothing to call with"
    );
}

#[tokio::test]
async fn calls_of_many_users_at_once_keep_their_timestamps_in_order() {
    let sandbox = sandbox();
    let daemon = daemon(&sandbox).await;
    let (app, control) = (&daemon.app, sandbox.control());
    let users: Vec<String> = (1..=12).map(|number| format!("user-{number}")).collect();
    for user in &users {
        app.connect(&sandbox, user, PARTNER).await;
    }
    fault(&control, r#"{"on":{"path":"/rest"},"fault":{"kind":"latency","ms":150}}"#);
    for _ in 0..3 {
        let syncs = users.iter().map(|user| {
            let (app, user) = (app.clone(), user.clone());
            tokio::spawn(async move { app.sync_ok(&user, PARTNER).await })
        });
        let syncs: Vec<_> = syncs.collect();
        for sync in syncs {
            sync.await.unwrap();
        }
    }
}
