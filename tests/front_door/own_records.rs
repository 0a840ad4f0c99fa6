//! The host app's own records: added all or none, replaced, deleted, listed in the change feed.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, sandbox, values};

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
            "records[1]: weight is out of any human range",
        ),
        (change(json!({"measurement": {"type": "wieght", "value": 70}})), 422, "`weight`?"),
        (
            change(json!({"measurement": {"type": "weight", "value": 150, "unit": "lb"}})),
            422,
            "stored in kg",
        ),
        (change(json!({"start": "2126-03-04T06:15:00Z"})), 422, "in the future"),
        (change(json!({"end": "2026-03-04T03:15:00Z"})), 422, "ends before it begins"),
        (change(json!({"exercise": {"activity": "running"}})), 422, "one of measurement"),
        (change(json!({"kind": "exercise"})), 422, "kind is not"),
        (change(json!({"app_id": "w-1"})), 422, "twice in this request"),
        (change(json!({"app_id": ""})), 422, "app_id is empty"),
        (change(json!({"app_id": null})), 422, "app_id is missing"),
        (change(json!({"user_id": "ben"})), 400, "user_id"),
        (change(json!({"start": "yesterday"})), 400, "in the body"),
    ] {
        let (got, problem) = post(app, &[weight("w-1", 70.0), record.clone()]).await;
        assert_eq!(got, status, "{record}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{record}: {problem}");
    }
    let (status, problem) = post(app, &too_many).await;
    assert_eq!(
        (status.as_u16(), problem["detail"].as_str().unwrap().contains("1001")),
        (400, true)
    );
    let (status, _) = post(app, &[]).await;
    assert_eq!(status, 400);
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
    assert_eq!(app.call(Method::PUT, &path, Some(&body.to_string())).await.0, 404);
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
