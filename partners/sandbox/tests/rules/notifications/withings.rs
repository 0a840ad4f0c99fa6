//! Withings: subscriptions of each user, the probe, unsigned forms, attempts over hours.

use partner_sandbox::{Hits, NotificationFaults, Sandbox, TokenAction};
use serde_json::{Value, json};

use super::receiver::{Receiver, says};
use super::*;

fn notify(sandbox: &Sandbox, token: &str, pairs: &[(&str, &str)]) -> Value {
    call(sandbox, "/notify", token, pairs).json()
}

fn subscribe(sandbox: &Sandbox, token: &str, url: &str, service: &str) -> Value {
    let pairs = [("action", "subscribe"), ("callbackurl", url), ("appli", service)];
    notify(sandbox, token, &pairs)
}

/// An account that is subscribed to all that the sandbox has, the probes taken away.
fn ready() -> (Sandbox, Receiver, String) {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    let token = connected(&sandbox, "withings", "user");
    for service in ["1", "2", "4", "16", "46"] {
        let answer = subscribe(&sandbox, &token, &receiver.url("/n/abc"), service);
        assert_eq!(answer, json!({"status": 0, "body": {}}));
        let probe = receiver.one();
        assert_eq!((probe.method.as_str(), probe.target.as_str()), ("HEAD", "/n/abc"));
    }
    (sandbox, receiver, token)
}

fn group(date: i64, measures: &[(i64, i64)]) -> Value {
    let measures =
        measures.iter().map(|(kind, value)| json!({"value": value, "type": kind, "unit": -3}));
    json!({"date": date, "category": 1, "attrib": 0, "measures": measures.collect::<Vec<_>>()})
}

/// The fields of a form, without the user.
fn fields(received: &receiver::Received) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(&received.body);
    pairs
        .filter(|(name, _)| name != "userid")
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn only_an_address_that_answers_the_probe_is_subscribed() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(404));
    let token = connected(&sandbox, "withings", "user");
    let url = receiver.url("/n");
    assert_eq!(subscribe(&sandbox, &token, &url, "1")["status"], json!(343));
    receiver.one();
    assert_eq!(subscribe(&sandbox, &token, "http://127.0.0.1:9/n", "1")["status"], json!(343));
    assert_eq!(subscribe(&sandbox, &token, "nonsense", "1")["status"], json!(293));
    assert_eq!(subscribe(&sandbox, &token, &url, "99")["status"], json!(503));
    assert_eq!(subscribe(&sandbox, "made-up", &url, "1")["status"], json!(401));
    let long = "x".repeat(256);
    let answer = notify(
        &sandbox,
        &token,
        &[("action", "subscribe"), ("callbackurl", &url), ("appli", "1"), ("comment", &long)],
    );
    assert_eq!(answer["status"], json!(304));
    assert_eq!(notify(&sandbox, &token, &[("action", "dance")])["status"], json!(2554));
    assert_eq!(sandbox.control().subscriptions("withings").unwrap(), []);
    receiver.answer(|_| says(302));
    assert_eq!(subscribe(&sandbox, &token, &url, "1")["status"], json!(0));
    assert_eq!(sandbox.control().subscriptions("withings").unwrap()[0].topics, ["1"]);
}

#[test]
fn a_scope_that_was_not_granted_is_not_notified_of() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    let url = authorize_url(&sandbox, "withings").replace("%2Cuser.activity", "");
    let given = returned(&post_form(&url, &[("account", "account-1"), ("decision", "allow")]));
    let code = &given.iter().find(|(name, _)| name == "code").unwrap().1;
    let pair = exchange(&sandbox, code);
    let token = good(&pair)["access_token"].as_str().unwrap();
    assert_eq!(subscribe(&sandbox, token, &receiver.url("/"), "16")["status"], json!(277));
    assert_eq!(subscribe(&sandbox, token, &receiver.url("/"), "1")["status"], json!(0));
}

#[test]
fn subscriptions_are_listed_shown_changed_and_ended() {
    let (sandbox, receiver, token) = ready();
    let (old, new) = (receiver.url("/n/abc"), receiver.url("/n/new"));
    let all = notify(&sandbox, &token, &[("action", "list")]);
    assert_eq!(good(&all)["profiles"].as_array().unwrap().len(), 5);
    let one = notify(&sandbox, &token, &[("action", "list"), ("appli", "4")]);
    let shown = json!({"appli": 4, "callbackurl": old, "comment": "", "expires": 2_147_483_647});
    assert_eq!(good(&one)["profiles"], json!([shown]));
    let at = |action, url| [("action", action), ("callbackurl", url), ("appli", "4")];
    assert_eq!(good(&notify(&sandbox, &token, &at("get", &old))), &shown);
    assert_eq!(notify(&sandbox, &token, &at("get", &new))["status"], json!(286));

    let mut update = at("update", old.as_str()).to_vec();
    update.push(("new_callbackurl", &new));
    receiver.answer(|_| says(500));
    assert_eq!(notify(&sandbox, &token, &update)["status"], json!(343));
    receiver.answer(|_| says(200));
    assert_eq!(notify(&sandbox, &token, &update)["status"], json!(0));
    assert_eq!(receiver.take(2)[1].target, "/n/new");
    assert_eq!(notify(&sandbox, &token, &at("get", &old))["status"], json!(286));
    assert_eq!(notify(&sandbox, &token, &at("revoke", &new)), json!({"status": 0, "body": {}}));
    assert_eq!(notify(&sandbox, &token, &at("revoke", &new))["status"], json!(286));
}

#[test]
fn each_kind_of_data_has_its_service_and_its_window() {
    let (sandbox, receiver, _) = ready();
    let control = sandbox.control();
    let items =
        vec![group(START - 500, &[(1, 70_000)]), group(START - 100, &[(1, 70_100), (6, 20_000)])];
    let ids = control.append("withings", "user", "measure", items).unwrap();
    let received = receiver.one();
    let user = control.accounts("withings").unwrap();
    let user = user.iter().find(|it| it.account == "user").unwrap().user_id;
    assert_eq!(received.form("userid"), Some(user.to_string()));
    assert_eq!(received.header("content-type"), Some("application/x-www-form-urlencoded"));
    let window = |service, from: i64, to: i64| {
        pairs(&[("appli", service), ("startdate", &from.to_string()), ("enddate", &to.to_string())])
    };
    assert_eq!(fields(&received), window("1", START - 500, START - 99));
    for (service, kind) in [("4", 10), ("2", 71)] {
        control.append("withings", "user", "measure", vec![group(START, &[(kind, 1)])]).unwrap();
        assert_eq!(fields(&receiver.one()), window(service, START, START + 1));
    }
    let moved = json!({"date": START - 900});
    control.edit("withings", "user", "measure", ids[0], &moved).unwrap();
    assert_eq!(fields(&receiver.one()), window("1", START - 900, START - 499), "both times");
    control.delete("withings", "user", "measure", ids[1]).unwrap();
    assert_eq!(fields(&receiver.one()), window("1", START - 100, START - 99));
    let workout =
        json!({"category": 1, "startdate": START, "enddate": START + 60, "date": "2026-10-01"});
    control.append("withings", "user", "workouts", vec![workout]).unwrap();
    assert_eq!(fields(&receiver.one()), pairs(&[("appli", "16"), ("date", "2026-10-01")]));
}

#[test]
fn a_user_who_unlinks_is_notified_of_once() {
    let (sandbox, receiver, _) = ready();
    let control = sandbox.control();
    let sent = control.notify("withings", "user", "user", Some("delete")).unwrap();
    assert_eq!(sent, 1);
    assert_eq!(fields(&receiver.one()), pairs(&[("appli", "46"), ("action", "delete")]));
    control.tokens("withings", "user", TokenAction::Revoke).unwrap();
    assert_eq!(fields(&receiver.one()), pairs(&[("appli", "46"), ("action", "unlink")]));
    assert_eq!(control.subscriptions("withings").unwrap(), []);
    token(&sandbox, "withings", "user");
    control.append("withings", "user", "measure", vec![group(START, &[(1, 1)])]).unwrap();
    assert_eq!(settled(&sandbox, "withings").made, 2);
}

#[test]
fn there_are_ten_attempts_over_five_hours() {
    let (sandbox, receiver, _) = ready();
    receiver.answer(|_| says(500));
    let control = sandbox.control();
    control.append("withings", "user", "measure", vec![group(START, &[(1, 1)])]).unwrap();
    let waits = [0, 10, 0, 60, 0, 3_600, 0, 14_400, 0];
    let deliveries = given_up(&sandbox, "withings", waits.into_iter());
    assert_eq!((deliveries.sent, deliveries.retried), (10, 9));
    let lasted = deliveries.last[9].at - deliveries.last[0].at;
    assert!((18_070..18_200).contains(&lasted), "{lasted} s");
    receiver.take(10);
    receiver.answer(|_| says(302));
    control.append("withings", "user", "measure", vec![group(START, &[(1, 1)])]).unwrap();
    receiver.one();
    assert_eq!(settled(&sandbox, "withings").given_up, 1, "anything below 400 is a receipt");
}

#[test]
fn subscriptions_count_as_calls_and_what_is_forged_goes_elsewhere() {
    let receiver = Receiver::of(200);
    let sandbox = sandbox();
    let token = connected(&sandbox, "withings", "user");
    let url = receiver.url("/n/secret");
    assert_eq!(subscribe(&sandbox, &token, &url, "1")["status"], json!(0));
    assert_eq!(
        subscribe(&sandbox, &token, &url, "1")["status"],
        json!(601),
        "the same within 10 s"
    );
    let counts = sandbox.control().counts("withings").unwrap();
    assert_eq!((counts.by_path["/notify"], counts.dedupe_hits), (2, 1));
    let call = || call(&sandbox, "/notify", &token, &[("action", "list")]);
    let limited = (0..130).any(|_| call().json()["error"] == json!("Too Many Requests"));
    assert!(limited, "120 a minute");
    receiver.one();
    let faults = NotificationFaults { bad_signature: Hits::next(1), ..Default::default() };
    let control = sandbox.control();
    control.set_notification_faults("withings", faults).unwrap();
    control.append("withings", "user", "measure", vec![group(START, &[(1, 1)])]).unwrap();
    assert_eq!(receiver.one().target, "/n/sezzzz");
}
