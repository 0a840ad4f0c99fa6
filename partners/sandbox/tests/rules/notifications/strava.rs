//! Strava: the challenge, one subscription, events, signatures, three attempts.

use std::time::Duration;

use partner_sandbox::{Sandbox, TokenAction};
use serde_json::{Value, json};

use super::receiver::{Receiver, Said, says};
use super::*;

fn push(sandbox: &Sandbox, callback: &str) -> Reply {
    let url = format!("{}/push_subscriptions", sandbox.urls("strava").api_url);
    let app = [("client_id", "syncwell-sandbox"), ("client_secret", "sandbox-secret")];
    let form = [app[0], app[1], ("callback_url", callback), ("verify_token", "STR&VA")];
    post_form(&url, &form)
}

/// Repeats the challenge, and takes events.
fn good(it: &receiver::Received) -> Said {
    match it.query("hub.challenge") {
        Some(challenge) => (200, json!({"hub.challenge": challenge}).to_string(), Duration::ZERO),
        None => says(200),
    }
}

fn ready() -> (Sandbox, Receiver, Value) {
    let (sandbox, receiver) = (relaxed(), Receiver::start(good));
    connected(&sandbox, "strava", "rider");
    let made = push(&sandbox, &receiver.url("/n?key=1"));
    assert_eq!(made.status, 201, "{}", made.text());
    let challenge = receiver.one();
    assert_eq!(challenge.method, "GET");
    assert!(challenge.target.starts_with("/n?key=1&hub.mode=subscribe&hub.challenge="));
    assert_eq!(challenge.query("hub.verify_token").as_deref(), Some("STR&VA"));
    let id = made.json()["id"].clone();
    (sandbox, receiver, id)
}

fn run() -> Value {
    json!({"name": "Run", "sport_type": "Run", "type": "Run", "start_date": "2026-09-30T06:00:00Z",
           "elapsed_time": 1600, "moving_time": 1500, "distance": 5000.0, "visibility": "everyone"})
}

#[test]
fn the_challenge_decides_and_there_is_one_subscription() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    let refused = |callback: &str| {
        let reply = push(&sandbox, callback);
        assert_eq!(reply.status, 400, "{}", reply.text());
        reply.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused(&receiver.url("/")), "not verifiable");
    receiver.answer(|_| (200, json!({"hub.challenge": "other"}).to_string(), Duration::ZERO));
    assert_eq!(refused(&receiver.url("/")), "not verifiable");
    receiver.answer(|it| (201, good(it).1, Duration::ZERO));
    assert!(refused(&receiver.url("/")).contains("does not return 200"));
    receiver.answer(|it| (200, good(it).1, Duration::from_millis(2_500)));
    assert!(refused(&receiver.url("/")).contains("does not return 200"), "two seconds");
    assert_eq!(refused(&format!("http://127.0.0.1:9/{}", "x".repeat(250))), "invalid");
    assert_eq!(refused(""), "missing");

    receiver.answer(good);
    let made = push(&sandbox, &receiver.url("/n"));
    assert_eq!(made.status, 201);
    assert_eq!(refused(&receiver.url("/n")), "already exists");
    let url = format!("{}/push_subscriptions", sandbox.urls("strava").api_url);
    let app = form(&[("client_id", "syncwell-sandbox"), ("client_secret", "sandbox-secret")]);
    let list = send("GET", &format!("{url}?{app}"), &[], "").unwrap().json();
    assert_eq!((&list[0]["id"], list.as_array().unwrap().len()), (&made.json()["id"], 1));
    assert_eq!(list[0]["callback_url"], json!(receiver.url("/n")));
    assert_eq!(send("GET", &url, &[], "").unwrap().status, 401);
    let one = format!("{url}/{}?{app}", made.json()["id"]);
    assert_eq!(send("DELETE", &one, &[], "").unwrap().status, 204);
    assert_eq!(send("DELETE", &one, &[], "").unwrap().status, 404);
}

#[test]
fn each_change_is_an_event_with_a_signature_over_time_and_raw_body() {
    let (sandbox, receiver, id) = ready();
    let control = sandbox.control();
    let ids = control.append("strava", "rider", "activities", vec![run()]).unwrap();
    let received = receiver.one();
    let event = received.json();
    let (time, owner) = (event["event_time"].as_i64().unwrap(), event["owner_id"].clone());
    assert!((START..START + 60).contains(&time));
    let expected = json!({"aspect_type": "create", "event_time": time, "object_id": ids[0], "object_type": "activity",
                          "owner_id": owner, "subscription_id": id, "updates": {}});
    assert_eq!(event, expected);
    let header = received.header("x-strava-signature").unwrap();
    let (time, signature) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let signed = [time.as_bytes(), b".", &received.body].concat();
    assert_eq!(signature, sha256_hex("sandbox-secret", &signed));

    control.edit("strava", "rider", "activities", ids[0], &json!({"distance": 1.0})).unwrap();
    let edits = json!({"name": "Messy", "sport_type": "Walk"});
    control.edit("strava", "rider", "activities", ids[0], &edits).unwrap();
    let event = receiver.one().json();
    assert_eq!(event["updates"], json!({"title": "Messy", "type": "Walk"}), "not of the distance");
    let hidden = json!({"visibility": "only_me"});
    control.edit("strava", "rider", "activities", ids[0], &hidden).unwrap();
    assert_eq!(receiver.one().json()["updates"], json!({"private": "true"}));
    control.set_notification_signing("strava", false).unwrap();
    control.delete("strava", "rider", "activities", ids[0]).unwrap();
    let received = receiver.one();
    assert_eq!(received.json()["aspect_type"], json!("delete"));
    assert_eq!(received.header("x-strava-signature"), None);
    control.tokens("strava", "rider", TokenAction::Revoke).unwrap();
    let event = receiver.one().json();
    assert_eq!((&event["object_type"], &event["object_id"]), (&json!("athlete"), &owner));
    assert_eq!(event["updates"], json!({"authorized": "false"}));
    control.append("strava", "rider", "activities", vec![run()]).unwrap();
    assert_eq!(settled(&sandbox, "strava").made, 5);
}

#[test]
fn what_the_application_writes_is_an_event_too() {
    let (sandbox, receiver, _) = ready();
    let bearer = format!("Bearer {}", token(&sandbox, "strava", "rider"));
    let headers =
        [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", bearer.as_str())];
    let body = form(&[
        ("name", "Swim"),
        ("sport_type", "Swim"),
        ("start_date_local", "2026-09-29T08:00:00Z"),
        ("elapsed_time", "600"),
    ]);
    let url = format!("{}/activities", sandbox.urls("strava").api_url);
    let made = send("POST", &url, &headers, &body).unwrap().json();
    let event = receiver.one().json();
    assert_eq!((&event["aspect_type"], &event["object_id"]), (&json!("create"), &made["id"]));
    let ended = format!("{}/oauth/deauthorize", sandbox.urls("strava").api_url);
    assert_eq!(send("POST", &ended, &headers, "").unwrap().status, 200);
    assert_eq!(receiver.one().json()["updates"], json!({"authorized": "false"}));
}

#[test]
fn what_an_application_may_not_see_is_deleted_for_it() {
    let (sandbox, receiver, _) = ready();
    let query = form(&[
        ("response_type", "code"),
        ("client_id", "syncwell-sandbox"),
        ("redirect_uri", CALLBACK),
        ("scope", "activity:read"),
    ]);
    let url = format!("{}?{query}", sandbox.urls("strava").authorize_url);
    let code = returned(&post_form(&url, &[("account", "account-2"), ("decision", "allow")]));
    let code = code.into_iter().find(|(name, _)| name == "code").unwrap().1;
    let app = [("client_id", "syncwell-sandbox"), ("client_secret", "sandbox-secret")];
    let exchange = [app[0], app[1], ("grant_type", "authorization_code"), ("code", &code)];
    assert_eq!(post_form(&sandbox.urls("strava").token_url, &exchange).status, 200);
    let control = sandbox.control();
    let mut hidden = run();
    hidden["visibility"] = json!("only_me");
    control.append("strava", "account-2", "activities", vec![hidden]).unwrap();
    let ids = control.append("strava", "account-2", "activities", vec![run()]).unwrap();
    assert_eq!(receiver.one().json()["object_id"], json!(ids[0]));
    let hide = json!({"visibility": "only_me"});
    control.edit("strava", "account-2", "activities", ids[0], &hide).unwrap();
    assert_eq!(receiver.one().json()["aspect_type"], json!("delete"));
}

#[test]
fn there_are_three_attempts() {
    let (sandbox, receiver, _) = ready();
    receiver.answer(|_| says(503));
    let control = sandbox.control();
    control.append("strava", "rider", "activities", vec![run()]).unwrap();
    let deliveries = given_up(&sandbox, "strava", [1, 5].into_iter());
    receiver.take(3);
    assert_eq!((deliveries.made, deliveries.sent, deliveries.retried), (1, 3, 2));
    assert_eq!(deliveries.last.iter().map(|it| it.attempt).collect::<Vec<_>>(), [1, 2, 3]);
}
