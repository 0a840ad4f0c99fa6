//! Fitbit: the subscriber's verification, subscriptions of users, lists of updates, signatures.

use partner_sandbox::{AccountChange, Sandbox, TokenAction};
use serde_json::{Value, json};

use super::receiver::{Received, Receiver, Said, says};
use super::*;

const CODE: &str = "sandbox-verification-code";

/// As the subscriber of the console must be.
fn subscriber(it: &Received) -> Said {
    match it.query("verify") {
        Some(code) if code == CODE => says(204),
        Some(_) => says(404),
        None => says(204),
    }
}

fn subscribe(sandbox: &Sandbox, method: &str, token: &str, path: &str) -> Reply {
    let url = format!("{}/1/user/-/{path}.json", sandbox.urls("fitbit").api_url);
    send(method, &url, &[("Authorization", &format!("Bearer {token}"))], "").unwrap()
}

fn ready() -> (Sandbox, Receiver, String) {
    let (sandbox, receiver) = (relaxed(), Receiver::start(subscriber));
    let token = connected(&sandbox, "fitbit", "user");
    let check = sandbox.control().set_callback("fitbit", Some(&receiver.url("/n"))).unwrap();
    assert!(check.verified, "{check:?}");
    let checks = receiver.take(2);
    assert_eq!(
        (checks[0].method.as_str(), checks[0].target.as_str()),
        ("GET", "/n?verify=sandbox-verification-code")
    );
    assert_ne!(checks[1].target, checks[0].target);
    (sandbox, receiver, token)
}

fn weight(day: u32) -> Value {
    json!({"weight": 70.5, "date": format!("2026-09-{day:02}"), "time": "07:00:00", "source": "Aria"})
}

#[test]
fn the_right_code_must_be_answered_204_and_a_wrong_one_404() {
    let sandbox = relaxed();
    let receiver = Receiver::of(204);
    let control = sandbox.control();
    let set = |code: Option<&str>| {
        let check = control.set_callback_with("fitbit", Some(&receiver.url("/n")), code).unwrap();
        receiver.take(2);
        check
    };
    let check = set(None);
    assert!(!check.verified);
    assert_eq!(check.outcomes, ["status 204", "status 204"]);
    receiver.answer(|_| says(404));
    assert!(!set(None).verified);
    receiver.answer(|it| says(if it.query("verify").as_deref() == Some(CODE) { 200 } else { 404 }));
    assert!(!set(None).verified, "200 is not 204");
    assert_eq!(control.callback("fitbit").unwrap(), None);
    receiver.answer(subscriber);
    assert!(!set(Some("another")).verified);
    assert!(set(None).verified);
    assert_eq!(control.callback("fitbit").unwrap(), Some(receiver.url("/n")));
}

#[test]
fn subscriptions_are_made_once_listed_and_removed() {
    let (sandbox, _receiver, token) = ready();
    let made = subscribe(&sandbox, "POST", &token, "body/apiSubscriptions/323");
    assert_eq!(made.status, 201, "{}", made.text());
    let owner = made.json()["ownerId"].clone();
    let shown = json!({"collectionType": "body", "ownerId": owner, "ownerType": "user",
                       "subscriberId": "1", "subscriptionId": "323"});
    assert_eq!(made.json(), shown);
    let status = |method: &str, path: &str| subscribe(&sandbox, method, &token, path).status;
    assert_eq!(status("POST", "body/apiSubscriptions/323"), 200);
    assert_eq!(status("POST", "body/apiSubscriptions/324"), 409, "the stream has an id");
    assert_eq!(status("POST", "foods/apiSubscriptions/323"), 409, "the id has a stream");
    assert_eq!(status("POST", &format!("foods/apiSubscriptions/{}", "9".repeat(51))), 400);
    assert_eq!(status("POST", "dreams/apiSubscriptions/1"), 404);
    let other = connected(&sandbox, "fitbit", "other");
    assert_eq!(subscribe(&sandbox, "POST", &other, "body/apiSubscriptions/323").status, 409);
    let list = subscribe(&sandbox, "GET", &token, "body/apiSubscriptions").json();
    assert_eq!(list, json!({"apiSubscriptions": [shown]}));
    assert_eq!(status("DELETE", "foods/apiSubscriptions/323"), 404);
    assert_eq!(status("DELETE", "body/apiSubscriptions/323"), 204);
    assert_eq!(status("DELETE", "body/apiSubscriptions/323"), 404);
    let url = format!("{}/1/user/-/body/apiSubscriptions/1.json", sandbox.urls("fitbit").api_url);
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("X-Fitbit-Subscriber-Id", "7")];
    assert_eq!(send("POST", &url, &headers, "").unwrap().status, 400, "no such subscriber");
    assert_eq!(sandbox.control().counts("fitbit").unwrap().by_path["/apiSubscriptions"], 12);
}

#[test]
fn several_updates_come_in_one_signed_list() {
    let (sandbox, receiver, token) = ready();
    let control = sandbox.control();
    subscribe(&sandbox, "POST", &token, "body/apiSubscriptions/5");
    let items = vec![weight(3), weight(4), weight(4)];
    let ids = control.append("fitbit", "user", "weight", items).unwrap();
    let received = receiver.one();
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/n"));
    let owner = subscribe(&sandbox, "GET", &token, "apiSubscriptions").json()["apiSubscriptions"]
        [0]["ownerId"]
        .clone();
    let update = |day: &str| json!({"collectionType": "body", "date": day, "ownerId": owner, "ownerType": "user", "subscriptionId": "5"});
    assert_eq!(received.json(), json!([update("2026-09-03"), update("2026-09-04")]));
    let signature = received.header("x-fitbit-signature").unwrap();
    assert_eq!(signature, sha1_base64("sandbox-secret&", &received.body));

    control.delete("fitbit", "user", "weight", ids[0]).unwrap();
    assert_eq!(receiver.one().json(), json!([update("2026-09-03")]));
    control.generate("fitbit", "user", "foods", 3, 2).unwrap();
    let url = format!("{}/1/user/-/body/log/weight.json", sandbox.urls("fitbit").api_url);
    let bearer = format!("Bearer {token}");
    let headers =
        [("Authorization", bearer.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let body = "weight=71.5&date=2026-09-09&time=08%3A00%3A00";
    assert_eq!(send("POST", &url, &headers, body).unwrap().status, 201);
    assert_eq!(receiver.one().json(), json!([update("2026-09-09")]), "not of foods");
}

#[test]
fn all_collections_the_users_day_and_the_end_of_a_consent() {
    let (sandbox, receiver, token) = ready();
    let control = sandbox.control();
    assert_eq!(subscribe(&sandbox, "POST", &token, "apiSubscriptions/9").status, 201);
    let zone = Some("Pacific/Auckland".to_owned());
    let change = AccountChange { time_zone: zone, ..AccountChange::default() };
    control.put_account("fitbit", "user", &change).unwrap();
    let activity = json!({"activityName": "Walk", "startTime": "2026-09-05T01:00:00.000+12:00", "duration": 60_000});
    control.append("fitbit", "user", "activities", vec![activity]).unwrap();
    let update = receiver.one().json()[0].clone();
    assert_eq!(
        (&update["collectionType"], &update["date"]),
        (&json!("activities"), &json!("2026-09-05"))
    );
    control.tokens("fitbit", "user", TokenAction::Revoke).unwrap();
    let update = receiver.one().json()[0].clone();
    assert_eq!(
        (&update["collectionType"], update.get("date")),
        (&json!("userRevokedAccess"), None)
    );
    assert_eq!(control.subscriptions("fitbit").unwrap(), []);
}

#[test]
fn a_subscriber_that_goes_on_failing_is_disabled() {
    let (sandbox, receiver, token) = ready();
    let control = sandbox.control();
    subscribe(&sandbox, "POST", &token, "body/apiSubscriptions/5");
    receiver.answer(|it| says(if it.query("verify").is_some() { subscriber(it).0 } else { 200 }));
    for day in 0..101 {
        control.append("fitbit", "user", "weight", vec![weight(1 + day % 28)]).unwrap();
    }
    let deliveries = eventually(&sandbox, "fitbit", |it| it.given_up == 101);
    assert_eq!((deliveries.sent, control.callback("fitbit").unwrap()), (101, None));
    receiver.take(101);
    control.append("fitbit", "user", "weight", vec![weight(1)]).unwrap();
    assert!(control.set_callback("fitbit", Some(&receiver.url("/n"))).unwrap().verified);
    assert_eq!(settled(&sandbox, "fitbit").sent, 101);
}
