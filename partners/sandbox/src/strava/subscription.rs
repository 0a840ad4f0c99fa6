//! The application's one subscription to events: `/push_subscriptions`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::fault;
use crate::call::{Answer, Call};
use crate::notifications::{Outcome, Probe, Request, Subscription, is_web};
use crate::partner::{App, Desk};

/// The longest callback address.
const LONGEST: usize = 255;

/// How long the address may take to repeat the challenge.
const CHALLENGE: Duration = Duration::from_secs(2);

pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>, id: Option<&str>) -> Answer {
    for (field, registered) in
        [("client_id", &desk.app.client_id), ("client_secret", &desk.app.client_secret)]
    {
        if call.params.get(field) != Some(registered) {
            return fault(401, "Authorization Error", "Application", field, "invalid");
        }
    }
    match (call.method, id) {
        ("POST", None) => subscribe(desk, call),
        ("GET", None) => {
            let list: Vec<Value> =
                desk.state.notices.of_application.iter().map(|it| shown(desk.app, it)).collect();
            Answer::json(200, &list)
        }
        ("DELETE", Some(id)) => {
            let list = &mut desk.state.notices.of_application;
            match list.iter().position(|subscription| subscription.id == id) {
                Some(place) => {
                    list.remove(place);
                    Answer::bare(204)
                }
                None => fault(404, "Record Not Found", "PushSubscription", "id", "not found"),
            }
        }
        _ => super::not_found(),
    }
}

fn refused(field: &str, code: &str) -> Answer {
    fault(400, "Bad Request", "PushSubscription", field, code)
}

fn exists() -> Answer {
    refused("", "already exists")
}

fn subscribe(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if !desk.state.notices.of_application.is_empty() {
        return exists();
    }
    let given = |name| call.params.get(name).filter(|text| !text.is_empty());
    let Some(callback) = given("callback_url") else {
        return refused("callback_url", "missing");
    };
    if callback.len() > LONGEST || !is_web(callback) {
        return refused("callback_url", "invalid");
    }
    let Some(verify_token) = given("verify_token") else {
        return refused("verify_token", "missing");
    };
    let challenge = desk.state.notices.rng.hex(32);
    let Ok(mut url) = Url::parse(callback) else { return refused("callback_url", "invalid") };
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", &challenge)
        .append_pair("hub.verify_token", verify_token);
    let request = Request {
        method: "GET",
        url: url.into(),
        headers: Vec::new(),
        body: String::new(),
        time_limit: CHALLENGE,
    };
    let callback = callback.to_owned();
    let then = move |desk: &mut Desk<'_>, heard: &[Outcome]| {
        let Some(Outcome::Answer { status: 200, body }) = heard.first() else {
            return refused("callback url", "GET to callback URL does not return 200");
        };
        let repeated = serde_json::from_slice::<Value>(body).unwrap_or_default();
        if repeated.get("hub.challenge").and_then(Value::as_str) != Some(challenge.as_str()) {
            return refused("callback url", "not verifiable");
        }
        // Another call may have been quicker.
        if !desk.state.notices.of_application.is_empty() {
            return exists();
        }
        let id = desk.state.notices.rng.range(100_000, 900_000);
        desk.state.notices.of_application.push(Subscription {
            id: id.to_string(),
            account: None,
            topics: Vec::new(),
            callback: Some(callback),
            secret: None,
            created_at: desk.now,
            further: Value::Null,
        });
        Answer::json(201, &json!({"id": id}))
    };
    desk.probe = Some(Probe { requests: vec![request], then: Box::new(then) });
    Answer::bare(201)
}

fn shown(app: &App, subscription: &Subscription) -> Value {
    let created = DateTime::<Utc>::from_timestamp(subscription.created_at, 0).unwrap_or_default();
    let created = created.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "id": subscription.id.parse::<i64>().ok(), "resource_state": 2,
        // A number at the real service, whose client ids are numbers.
        "application_id": app.client_id.parse::<i64>().unwrap_or(1),
        "callback_url": subscription.callback, "created_at": created, "updated_at": created,
    })
}
