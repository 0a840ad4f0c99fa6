//! Connects that the host app confirms: what somebody else's browser brings back lands nowhere.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox, weight};
use partner_sandbox::{AccountChange, Sandbox};

const CONFIRM: &str = r#"{"confirm": true, "return_url": "http://127.0.0.1:3000/back?page=1"}"#;

fn account(sandbox: &Sandbox, name: &str, grams: i64) {
    let change = AccountChange { empty: true, ..AccountChange::default() };
    let control = sandbox.control();
    control.put_account("withings", name, &change).unwrap();
    control.append("withings", name, "measure", vec![weight(&control, grams, 60)]).unwrap();
}

/// Goes through the partner as `account`; returns the address the partner sends the browser to, and the
/// parameters of the app's address in the end.
async fn come_back(
    daemon: &Daemon,
    user: &str,
    account: &str,
) -> (String, BTreeMap<String, String>) {
    let url = daemon.app.authorize(user, "withings", CONFIRM).await;
    let callback = daemon.app.decide(&url, account, "allow").await;
    let parameters = visit(daemon, &callback).await;
    (callback, parameters)
}

async fn visit(daemon: &Daemon, callback: &str) -> BTreeMap<String, String> {
    let answer = daemon.app.client.get(callback).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let address = answer.headers()[LOCATION].to_str().unwrap().to_owned();
    assert!(!address.contains("code=") && !address.contains("state="), "{address}");
    url::Url::parse(&address).unwrap().query_pairs().into_owned().collect()
}

async fn confirm(daemon: &Daemon, user: &str, token: &str) -> (u16, Value) {
    let path = format!("/v1/users/{user}/connections/withings/confirm");
    let body = json!({"token": token}).to_string();
    let (status, answer) = daemon.app.call(Method::POST, &path, Some(&body)).await;
    (status.as_u16(), answer)
}

async fn revoked(daemon: &Daemon, sandbox: &Sandbox, user: &str, revocations: u64) {
    let came = eventually(async || {
        sandbox.control().counts("withings").unwrap().revoked == revocations
            && daemon.app.timeline(user).await[0]["outcome"] == "disconnected"
    });
    assert!(came.await, "{:?}", daemon.app.timeline(user).await);
}

#[tokio::test]
async fn somebody_elses_browser_brings_nothing_to_the_user_whose_link_it_was_sent() {
    let sandbox = sandbox();
    account(&sandbox, "victim", 63_500);
    let mut daemon = Daemon::start_with(&sandbox, "", &[MOVED_CLOCK]).await;
    // The attacker has sent his own link around; the victim opens it and allows.
    let (callback, back) = come_back(&daemon, "attacker", "victim").await;
    assert_eq!(back["status"], "unconfirmed");
    assert_eq!((&*back["partner"], &*back["page"]), ("withings", "1"));
    let token = &back["confirm"];
    assert_eq!(visit(&daemon, &callback).await, back, "a browser may come back once more");
    assert_eq!(daemon.app.records("attacker").await, Vec::<Value>::new());
    let timeline = daemon.app.timeline("attacker").await;
    assert_eq!(timeline[0]["outcome"], "unconfirmed", "{timeline:?}");

    // The app confirms for who is logged in there: that is not the attacker.
    let (status, problem) = confirm(&daemon, "victim", token).await;
    assert_eq!(
        (status, &problem["type"]),
        (404, &json!("urn:syncwell:problem:nothing-to-confirm"))
    );
    // A kill loses neither the grant nor its end.
    daemon.kill();
    daemon.launch().await;
    daemon.let_pass(&sandbox, Duration::from_secs(9 * 60));
    assert_eq!(sandbox.control().counts("withings").unwrap().revoked, 0);
    daemon.let_pass(&sandbox, Duration::from_secs(2 * 60));
    assert_eq!(confirm(&daemon, "attacker", token).await.0, 404, "it is too late");
    revoked(&daemon, &sandbox, "attacker", 1).await;
    assert_eq!(daemon.app.records("attacker").await, Vec::<Value>::new());
    let connection = "/v1/users/attacker/connections/withings";
    assert_eq!(daemon.app.call(Method::GET, connection, None).await.0, 404);
    for (file, content) in daemon.files() {
        let found = content.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!found, "the token stands in {}", file.display());
    }
}

#[tokio::test]
async fn a_confirmed_connect_works_once_and_a_reconnect_changes_nothing_before() {
    let sandbox = sandbox();
    account(&sandbox, "one", 70_000);
    account(&sandbox, "two", 80_000);
    let mut daemon = Daemon::start_with(&sandbox, "", &[MOVED_CLOCK]).await;
    let (_, back) = come_back(&daemon, "ann", "one").await;
    daemon.kill();
    daemon.launch().await;
    let (status, connection) = confirm(&daemon, "ann", &back["confirm"]).await;
    assert_eq!((status, &connection["status"]), (200, &json!("connected")), "{connection}");
    daemon.app.first_sync("ann", "withings").await;
    assert_eq!(daemon.app.records("ann").await.len(), 1);
    assert_eq!(confirm(&daemon, "ann", &back["confirm"]).await.0, 404, "once");

    let known = connection["external_user_id"].clone();
    let (_, back) = come_back(&daemon, "ann", "two").await;
    daemon.app.sync_ok("ann", "withings").await;
    assert_eq!(daemon.app.connection("ann", "withings").await["external_user_id"], known);
    let (status, connection) = confirm(&daemon, "ann", &back["confirm"]).await;
    assert_eq!(status, 200);
    assert_ne!(connection["external_user_id"], known);
    daemon.app.sync_ok("ann", "withings").await;

    // Of an account that is connected, the access stays although nobody confirms the second connect.
    come_back(&daemon, "ann", "two").await;
    daemon.let_pass(&sandbox, Duration::from_secs(11 * 60));
    revoked(&daemon, &sandbox, "ann", 0).await;
    daemon.app.sync_ok("ann", "withings").await;
}

#[tokio::test]
async fn confirming_can_be_required_and_needs_a_place_to_go_back_to() {
    let sandbox = sandbox();
    let required = "[connect]\nrequire_confirm = true\n";
    let daemon = Daemon::start(&sandbox, required).await;
    let refused = async |path: &str, body: &str, words: &str| {
        let (status, problem) = daemon.app.call(Method::POST, path, Some(body)).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    };
    for path in ["/v1/users/ann/connections/withings/authorize", "/v1/users/ann/connect-link"] {
        refused(path, "{}", "connect.require_confirm").await;
        refused(path, r#"{"confirm": true}"#, "return_url").await;
        assert_eq!(daemon.app.call(Method::POST, path, Some(CONFIRM)).await.0, 201);
    }
}

#[tokio::test]
async fn an_answer_that_names_another_server_as_its_sender_is_not_used() {
    let sandbox = sandbox();
    account(&sandbox, "one", 70_000);
    let daemon = Daemon::start(&sandbox, "").await;
    let urls = sandbox.urls("withings");
    let own = url::Url::parse(&urls.authorize_url).unwrap().origin().ascii_serialization();
    let back = r#"{"return_url": "http://127.0.0.1:3000/back"}"#;
    for (issuer, status) in [("https://attacker.example", "error"), (&own, "connected")] {
        let url = daemon.app.authorize("ann", "withings", back).await;
        let callback = daemon.app.decide(&url, "one", "allow").await;
        let ended = visit(&daemon, &format!("{callback}&iss={issuer}")).await;
        assert_eq!(ended["status"], status, "{ended:?}");
    }
}
