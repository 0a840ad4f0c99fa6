//! The host app's own records: added all or none, replaced, deleted, listed in the change feed.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncwell::clock::{Clock, SystemClock};

use crate::harness::{Daemon, HostApp, sandbox, values, weight as measured};

const PATH: &str = "/v1/users/ann/records";

fn weight(app_id: &str, kilograms: f64) -> Value {
    json!({
        "app_id": app_id, "kind": "measurement", "start": "2026-03-04T06:15:00+02:00",
        "measurement": {"type": "weight", "value": kilograms, "unit": "kg"},
    })
}

async fn post(app: &HostApp, records: &[Value]) -> (StatusCode, Value) {
    app.call(Method::POST, PATH, Some(&json!({"records": records}).to_string())).await
}

#[tokio::test]
async fn records_are_stored_as_they_were_sent_and_a_repetition_changes_nothing() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let run = json!({
        "app_id": "e-1", "start": "2026-03-04T07:00:00Z", "end": "2026-03-04T07:30:00Z",
        "exercise": {"activity": "running", "duration_s": 1800, "energy_kcal": 310.5, "steps": 4200},
    });
    let meal = json!({
        "app_id": "n-1", "start": "2026-03-04T12:00:00+01:00",
        "nutrition": {"meal": "lunch", "name": "Soup", "energy_kcal": 240, "sodium_mg": 610},
    });
    let records = [weight("w-1", 78.12), run, meal];
    for _ in 0..3 {
        let (status, answer) = post(app, &records).await;
        assert_eq!(status, 201, "{answer}");
        let stored = answer["records"].as_array().unwrap();
        let ids: Vec<_> = stored.iter().map(|record| &record["source"]["app"]).collect();
        assert_eq!(ids, ["w-1", "e-1", "n-1"], "in the order of the request");
        assert_eq!(
            stored[0]["measurement"],
            json!({"type": "weight", "value": 78.12, "unit": "kg"})
        );
        assert_eq!(stored[0]["start"], "2026-03-04T06:15:00+02:00");
        assert_eq!(
            (&stored[1]["exercise"]["energy_kcal"], &stored[1]["exercise"]["steps"]),
            (&json!(310.5), &json!(4200))
        );
        assert_eq!(
            (&stored[2]["nutrition"]["meal"], &stored[2]["nutrition"]["name"]),
            (&json!("lunch"), &json!("Soup"))
        );
    }
    assert_eq!(app.records("ann").await.len(), 3);
    assert_eq!(app.changes().await.len(), 3, "each is in the change feed once");
    assert!(app.records("ben").await.is_empty(), "they belong to Ann");
}

#[tokio::test]
async fn one_invalid_record_keeps_all_of_them_out_and_is_named() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let change = |change: Value| {
        let mut record = weight("w-2", 70.0);
        record.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        record
    };
    let too_many: Vec<Value> = (0..1_001).map(|number| weight(&number.to_string(), 70.0)).collect();
    for (record, status, words) in [
        (
            change(json!({"measurement": {"type": "weight", "value": 7_000}})),
            422,
            "records[1].measurement.value: weight is out of any human range",
        ),
        (change(json!({"measurement": {"type": "wieght", "value": 70}})), 422, "`weight`?"),
        (
            change(json!({"measurement": {"type": "weight", "value": 150, "unit": "lb"}})),
            422,
            "stored in kg",
        ),
        (change(json!({"start": "2126-03-04T06:15:00Z"})), 422, "in the future"),
        (change(json!({"end": "2026-03-04T03:15:00Z"})), 422, "ends before it begins"),
        (change(json!({"exercise": {"activity": "running"}})), 422, "exactly one of measurement"),
        (change(json!({"measurement": null})), 422, "records[1]: send exactly one of"),
        (change(json!({"kind": "exercise"})), 422, "kind is not"),
        (change(json!({"app_id": "w-1"})), 422, "records[1].app_id: it stands twice"),
        (change(json!({"app_id": ""})), 422, "records[1].app_id: it is empty"),
        (change(json!({"app_id": null})), 422, "records[1].app_id: send a text, not null"),
        (change(json!({"user_id": "ben"})), 422, "there is no field `user_id` here"),
        (change(json!({"start": "yesterday"})), 422, "records[1].start: `yesterday` is not a date"),
    ] {
        let (got, problem) = post(app, &[weight("w-1", 70.0), record.clone()]).await;
        assert_eq!(got, status, "{record}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{record}: {problem}");
    }
    let (status, problem) = post(app, &too_many).await;
    assert_eq!(
        (status.as_u16(), problem["detail"].as_str().unwrap().contains("1001")),
        (422, true)
    );
    let (status, _) = post(app, &[]).await;
    assert_eq!(status, 422);
    assert!(app.records("ann").await.is_empty() && app.changes().await.is_empty());
    let (status, answer) = post(app, &too_many[..1_000]).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(app.records("ann").await.len(), 1_000);
}

#[tokio::test]
async fn a_record_is_replaced_and_deleted_by_its_id_and_its_app_id_stays_its_own() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let (_, added) = post(app, &[weight("w-1", 70.0)]).await;
    let path = format!("{PATH}/{}", added["records"][0]["id"].as_str().unwrap());
    let (status, problem) = post(app, &[weight("w-1", 71.0)]).await;
    assert_eq!(status, 409, "{problem}");
    let body = json!({"start": "2026-03-04T06:15:00+02:00", "measurement": {"type": "weight", "value": 71.5}});
    let (status, replaced) = app.call(Method::PUT, &path, Some(&body.to_string())).await;
    assert_eq!(
        (status.as_u16(), &replaced["measurement"]["value"]),
        (200, &json!(71.5)),
        "{replaced}"
    );
    let (status, _) = app.call(Method::PUT, &path, Some(&body.to_string())).await;
    assert_eq!(
        (status.as_u16(), app.changes().await.len()),
        (200, 2),
        "an identical replacement is no change"
    );
    for (body, words) in [
        (
            json!({"start": "2026-03-04T06:15:00Z", "measurement": {"type": "body_fat", "value": 20}}),
            "another kind",
        ),
        (
            json!({"app_id": "w-9", "start": "2026-03-04T06:15:00Z", "measurement": {"type": "weight", "value": 70}}),
            "app_id cannot be changed",
        ),
        (
            json!({"start": "2026-03-04T06:15:00Z", "measurement": {"type": "weight", "value": 0}}),
            "human range",
        ),
    ] {
        let (status, problem) = app.call(Method::PUT, &path, Some(&body.to_string())).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let of_ben = path.replace("/ann/", "/ben/");
    for (method, wanted) in [(Method::GET, 404), (Method::DELETE, 404), (Method::PUT, 404)] {
        let (status, _) = app.call(method.clone(), &of_ben, Some(&body.to_string())).await;
        assert_eq!(status, wanted, "{method} of another user's record");
    }
    for _ in 0..2 {
        assert_eq!(app.call(Method::DELETE, &path, None).await.0, 204);
    }
    let detail = app.get(&path).await;
    assert_eq!((&detail["deleted"], &detail["partners"]), (&json!(true), &json!([])));
    let (status, problem) = app.call(Method::PUT, &path, Some(&body.to_string())).await;
    assert_eq!(
        (status.as_u16(), &problem["type"]),
        (404, &json!("urn:syncwell:problem:record-deleted"))
    );
    assert_eq!(
        post(app, &[weight("w-1", 71.5)]).await.0,
        409,
        "a late repetition does not restore it"
    );
    assert!(values(&app.records("ann").await, "weight").is_empty());
    let changes: Vec<_> =
        app.changes().await.iter().map(|change| change["change"].clone()).collect();
    assert_eq!(changes, ["created", "updated", "deleted"]);
}

#[tokio::test]
async fn ends_and_durations_that_cannot_be_true_are_refused() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let now = SystemClock::new().now();
    let after = |minutes: i64| (now + chrono::TimeDelta::minutes(minutes)).to_rfc3339();
    let run = |start: i64, end: String, seconds: i64| {
        json!({"app_id": "e-1", "start": after(start), "end": end,
            "exercise": {"activity": "running", "duration_s": seconds}})
    };
    let mut long_weight = weight("w-1", 70.0);
    long_weight["end"] = "2026-03-04T07:15:00+02:00".into();
    let mut early = weight("w-1", 70.0);
    early["start"] = after(15).into();
    for (record, place, words) in [
        (run(-60, "2099-01-01T00:00:00Z".into(), 600), "end", "more than 14 days after"),
        (run(-60, after(2 * 1_440 + 30), 600), "end", "ends in the future"),
        (run(-60, after(-90), 600), "end", "ends before it begins"),
        (run(-60, after(-50), 3_600), "exercise.duration_s", "longer than the time"),
        (run(30, after(90), 600), "start", "in the future"),
        (long_weight, "end", "a measurement is taken at one moment"),
        (early, "start", "in the future"),
    ] {
        let (status, problem) = post(app, std::slice::from_ref(&record)).await;
        let detail = problem["detail"].as_str().unwrap();
        let at = format!("records[0].{place}: ");
        assert!(status == 422 && detail.starts_with(&at), "{record}: {problem}");
        assert!(detail.contains(words), "{record}: {problem}");
    }
    let (status, problem) = post(app, &[run(-60, after(-30), 1_800)]).await;
    assert_eq!(status, 201, "{problem}");
}

#[tokio::test]
async fn what_a_partner_goes_on_having_is_not_called_in_step() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    let items = vec![measured(&control, 70_100, 60), measured(&control, 70_200, 30)];
    control.append("withings", "ann", "measure", items).unwrap();
    app.sync_ok("ann", "withings").await;
    let records = app.records("ann").await;
    let path = |index: usize| format!("{PATH}/{}", records[index]["id"].as_str().unwrap());
    let state = async |path: &str| app.get(path).await["partners"][0].clone();
    assert_eq!(state(&path(0)).await["state"], "in_step");
    assert_eq!(app.call(Method::DELETE, &path(0), None).await.0, 204);
    let mut changed = app.get(&path(1)).await;
    changed["measurement"]["value"] = json!(71.5);
    assert_eq!(app.call(Method::PUT, &path(1), Some(&changed.to_string())).await.0, 200);
    for index in [0, 1] {
        let link = state(&path(index)).await;
        assert_eq!(link["state"], "not_written", "{link}");
        assert!(
            link["reason"].as_str().unwrap().starts_with("Withings takes no changes"),
            "{link}"
        );
    }
    changed["measurement"]["value"] = records[1]["measurement"]["value"].clone();
    changed["time_basis"] = json!("exact");
    assert_eq!(app.call(Method::PUT, &path(1), Some(&changed.to_string())).await.0, 200);
    assert_eq!(state(&path(1)).await["state"], "in_step", "it is as it was");
}
