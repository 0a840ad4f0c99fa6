//! What arrives, and how it is signed.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::receiver::{Receiver, Reply};
use super::{ALLOWED, WEIGHT, add, added, change, deliveries, path_of, subscribe};
use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox};

#[tokio::test]
async fn a_change_arrives_at_once_signed_and_as_the_api_shows_it() {
    let (daemon, receiver) = (Daemon::start(&sandbox(), ALLOWED).await, Receiver::start().await);
    let endpoint = subscribe(&daemon.app, &receiver.url, &["record.*"]).await;
    let mut took = Vec::new();
    for number in 0..20 {
        add(&daemon, "ann", number..number + 1).await;
        let committed = Instant::now();
        receiver.gets(number as usize + 1).await;
        took.push(receiver.got().pop().unwrap().at.saturating_duration_since(committed));
    }
    took.sort();
    println!(
        "from the answer to a write to its message: median {:?}, longest {:?}",
        took[10], took[19]
    );
    assert!(took[10] < Duration::from_millis(500), "{took:?}");
    receiver.takes("ann", &added("ann", 0..20)).await;

    let message = receiver.got().remove(0);
    assert!(message.is_signed_with(endpoint["secret"].as_str().unwrap()));
    assert_eq!(message.signatures(), 1);
    let change = daemon.app.changes().await.remove(0);
    let data = json!({"user_id": "ann", "record": change["record"], "cause": "host",
        "partner": null, "cursor": change["cursor"]});
    assert_eq!(message.body["data"], data);
    assert_eq!(message.body["type"], "record.created");
    assert_eq!(message.body["timestamp"], change["at"]);
    assert_eq!((&change["cause"], &change["partner"]), (&json!("host"), &json!(null)));

    let stored = eventually(async || deliveries(&daemon.app, &endpoint, "").await.len() == 20);
    assert!(stored.await);
    let listed = deliveries(&daemon.app, &endpoint, "&status=delivered").await;
    assert_eq!(listed[19]["message_id"], message.id());
    assert_eq!(listed[19]["types"], json!({"record.created": 1}));
    let said = format!("{listed:?}{}", daemon.log());
    let hidden = [&WEIGHT.to_string(), "whsec_", "hidden-key"];
    assert!(hidden.iter().all(|text| !said.contains(*text)), "{said}");
}

#[tokio::test]
async fn for_a_day_after_a_rotation_both_secrets_sign() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_of(&["withings"], &sandbox, ALLOWED, &[MOVED_CLOCK]).await;
    let receiver = Receiver::start().await;
    let endpoint = subscribe(&daemon.app, &receiver.url, &["*"]).await;
    let path = format!("{}/rotate", path_of(&endpoint));
    let (status, rotated) = daemon.app.call(Method::POST, &path, None).await;
    assert_eq!(status, 200, "{rotated}");
    let secrets = [&endpoint, &rotated].map(|it| it["secret"].as_str().unwrap().to_owned());
    add(&daemon, "ann", 0..1).await;
    receiver.gets(1).await;
    let message = receiver.got().remove(0);
    assert_eq!(message.signatures(), 2);
    assert!(secrets.iter().all(|secret| message.is_signed_with(secret)));
    daemon.let_pass(&sandbox, Duration::from_secs(24 * 3600 + 1));
    add(&daemon, "ann", 1..2).await;
    receiver.gets(2).await;
    assert_eq!(receiver.got()[1].signatures(), 1);
}

#[tokio::test]
async fn an_endpoint_gets_the_types_and_users_it_asked_for_and_nothing_from_before() {
    let daemon = Daemon::start(&sandbox(), ALLOWED).await;
    let (all, some) = (Receiver::start().await, Receiver::start().await);
    add(&daemon, "eu-ann", 0..1).await;
    subscribe(&daemon.app, &all.url, &["*"]).await;
    let endpoint = subscribe(&daemon.app, &some.url, &["record.deleted"]).await;
    assert_eq!(change(&daemon.app, &endpoint, json!({"user_prefix": "eu-"})).await.0, 200);
    for user in ["eu-ann", "us-ann"] {
        add(&daemon, user, 1..2).await;
        let path = format!("/v1/users/{user}/records/by-app-id/w-1");
        assert_eq!(daemon.app.call(Method::DELETE, &path, None).await.0, 204);
    }
    let twice = |user: &str| vec![format!("{user}:w-1"); 2];
    all.takes("us-ann", &twice("us-ann")).await;
    all.takes("eu-ann", &twice("eu-ann")).await;
    some.takes("eu-ann", &added("eu-ann", 1..2)).await;
    assert_eq!(some.got().len(), 1);
    assert_eq!(some.got()[0].body["type"], "record.deleted");
    assert_eq!(some.got()[0].body["data"]["record"]["deleted"], true);
}

#[tokio::test]
async fn a_replay_sends_everything_from_a_time_on_again_also_after_a_restart() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_of(&["withings"], &sandbox, ALLOWED, &[MOVED_CLOCK]).await;
    let receiver = Receiver::start().await;
    let endpoint = subscribe(&daemon.app, &receiver.url, &["*"]).await;
    add(&daemon, "ann", 0..3).await;
    receiver.takes("ann", &added("ann", 0..3)).await;
    daemon.let_pass(&sandbox, Duration::from_secs(3600));
    add(&daemon, "ann", 3..30).await;
    receiver.takes("ann", &added("ann", 0..30)).await;
    let from = daemon.app.changes().await[3]["at"].clone();
    receiver.replies(|_| Reply::status(503));
    let body = json!({"from": from}).to_string();
    let path = format!("{}/replay", path_of(&endpoint));
    let (status, answer) = daemon.app.call(Method::POST, &path, Some(&body)).await;
    assert_eq!(status, 202, "{answer}");
    add(&daemon, "ann", 30..31).await;
    daemon.kill();
    receiver.replies(|_| Reply::status(204));
    daemon.launch().await;
    daemon.let_pass(&sandbox, Duration::from_secs(60));
    let mut expected = added("ann", 0..30);
    expected.extend(added("ann", 3..31));
    receiver.takes("ann", &expected).await;
}
