//! Control of notifications over HTTP, and what happens without any.

use serde_json::{Value, json};

use super::receiver::Receiver;
use super::*;

#[test]
fn addresses_faults_and_figures_go_over_http() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    connected(&sandbox, "moves", "mover");
    let url = receiver.url("/n");
    let set = control_call(&sandbox, "PUT", "/moves/callback", json!({"url": url}));
    assert_eq!(set.json(), json!({"verified": true, "outcomes": []}));
    let shown = control_call(&sandbox, "GET", "/moves/callback", Value::Null);
    assert_eq!(shown.json(), json!({"url": url}));
    let nothing = control_call(
        &sandbox,
        "POST",
        "/moves/notify",
        json!({"account": "mover", "resource": "segments"}),
    );
    assert_eq!((nothing.status, nothing.json()), (202, json!({"sent": 0})), "it has no data");
    let data = json!({"resource": "segments", "items": [segment(1)]});
    control_call(&sandbox, "POST", "/moves/accounts/mover/data", data);
    let sent = control_call(
        &sandbox,
        "POST",
        "/moves/notify",
        json!({"account": "mover", "resource": "segments"}),
    );
    assert_eq!(sent.json(), json!({"sent": 1}));
    receiver.take(2);
    settled(&sandbox, "moves");
    let figures = control_call(&sandbox, "GET", "/moves/notifications", Value::Null).json();
    assert_eq!((&figures["made"], &figures["by_status"]), (&json!(2), &json!({"2xx": 2})));
    assert_eq!(figures["last"][1]["account"], json!("mover"));
    assert_eq!(
        control_call(&sandbox, "POST", "/moves/notifications/reset", Value::Null).status,
        204
    );
    let figures = control_call(&sandbox, "GET", "/moves/notifications", Value::Null).json();
    assert_eq!(figures["sent"], json!(0));

    let faults = json!({"drop": {"next": 3}, "silent": true});
    let set = control_call(&sandbox, "PUT", "/moves/notification_faults", faults).json();
    assert_eq!((&set["drop"]["next"], &set["delay_ms"]), (&json!(3), &json!(0)));
    let misspelt = json!({"dorp": {"next": 3}});
    assert_eq!(control_call(&sandbox, "PUT", "/moves/notification_faults", misspelt).status, 400);
    let flood = json!({"count": 50, "concurrency": 8});
    let report = control_call(&sandbox, "POST", "/moves/flood", flood).json();
    assert_eq!((&report["count"], &report["by_status"]), (&json!(50), &json!({"200": 50})));
    assert_eq!(
        control_call(&sandbox, "PUT", "/strava/notification_signing", json!(false)).status,
        204
    );
    let listed = control_call(&sandbox, "GET", "", Value::Null).json();
    let paths: Vec<_> =
        listed["operations"].as_array().unwrap().iter().map(|it| &it["path"]).collect();
    assert!(paths.contains(&&json!("/control/{partner}/flood")), "{paths:?}");
}

#[test]
fn mistakes_are_answered_with_what_mends_them() {
    let sandbox = relaxed();
    let refused = |method: &str, path: &str, body: Value, word: &str| {
        let reply = control_call(&sandbox, method, path, body);
        assert_eq!(reply.status, 400, "{}", reply.text());
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word), "{detail}");
    };
    let here = json!({"url": "http://127.0.0.1:9/"});
    refused("PUT", "/strava/callback", here.clone(), "subscribes with a call");
    refused("PUT", "/runkeeper/callback", here, "sends no notifications");
    refused("PUT", "/moves/callback", json!({"url": "mailto:me"}), "web address");
    refused("POST", "/moves/flood", json!({"count": 5}), "no account that is subscribed");
    refused("POST", "/moves/flood", json!({"count": 5_000_000}), "at most");
    let nobody = json!({"account": "nobody", "resource": "segments"});
    assert_eq!(control_call(&sandbox, "POST", "/moves/notify", nobody).status, 404);
}

#[test]
fn other_machines_are_not_called() {
    let sandbox = relaxed();
    connected(&sandbox, "moves", "mover");
    let control = sandbox.control();
    control.set_callback("moves", Some("http://192.0.2.1/n")).unwrap();
    control.append("moves", "mover", "segments", vec![segment(1)]).unwrap();
    let deliveries = eventually(&sandbox, "moves", |it| it.given_up == 1);
    assert_eq!(deliveries.by_status, [("unreachable".to_owned(), 1)].into());
    let fitbit = control.set_callback("fitbit", Some("http://192.0.2.1/n")).unwrap();
    assert!(!fitbit.verified && fitbit.outcomes[0].contains("this machine only"), "{fitbit:?}");
}

#[test]
fn without_subscriptions_nothing_is_kept_or_sent() {
    let sandbox = relaxed();
    for partner in ["withings", "google_health", "fitbit", "strava", "moves"] {
        token(&sandbox, partner, "account-1");
        let resource = sandbox.control().accounts(partner).unwrap()[0].items.keys().next().cloned();
        sandbox.control().generate(partner, "account-1", &resource.unwrap(), 5, 3).unwrap();
        assert_eq!(sandbox.control().deliveries(partner).unwrap(), Deliveries::default());
    }
}

#[test]
fn another_history_is_one_upload_and_a_new_account_none() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    connected(&sandbox, "moves", "mover");
    let control = sandbox.control();
    control.set_callback("moves", Some(&receiver.url("/"))).unwrap();
    let history = AccountChange { history_days: Some(20), ..AccountChange::default() };
    control.put_account("moves", "mover", &history).unwrap();
    let update = receiver.one().json()["storylineUpdates"][0].clone();
    assert!(update["startTime"].as_str().unwrap() < "20260915", "{update}");
    control.put_account("moves", "new", &history).unwrap();
    token(&sandbox, "moves", "new");
    control.items("moves", "new", "segments").unwrap();
    let empty = AccountChange { empty: true, ..AccountChange::default() };
    control.put_account("moves", "mover", &empty).unwrap();
    receiver.one();
    assert_eq!(settled(&sandbox, "moves").made, 2);
}

#[test]
fn a_stopped_sandbox_says_so() {
    let mut sandbox = relaxed();
    sandbox.stop();
    let stopped = sandbox.control().set_callback("moves", Some("http://127.0.0.1:9/"));
    assert!(stopped.unwrap_err().to_string().contains("has stopped"));
}

#[test]
fn data_that_grows_by_itself_is_notified_of() {
    let receiver = Receiver::of(200);
    let growth = Some(std::time::Duration::from_millis(10));
    let options = partner_sandbox::Options { growth, accounts: 1, unlimited: true, ..options() };
    let sandbox = Sandbox::start(options).unwrap();
    token(&sandbox, "moves", "account-1");
    sandbox.control().set_callback("moves", Some(&receiver.url("/"))).unwrap();
    eventually(&sandbox, "moves", |it| it.by_status.get("2xx").is_some_and(|sent| *sent >= 3));
}
