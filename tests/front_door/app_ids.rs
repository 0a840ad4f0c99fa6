//! A record of the host app by its own id of it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, sandbox, values};
use crate::two_way::{PARTNERS, connected, has, own_weight, round, writes};

fn path(user: &str, app_id: &str) -> String {
    format!("/v1/users/{user}/records/by-app-id/{app_id}")
}

fn weight(kilograms: f64) -> String {
    let measurement = json!({"type": "weight", "value": kilograms});
    json!({"start": "2026-03-04T06:15:00+02:00", "measurement": measurement}).to_string()
}

async fn put(app: &HostApp, app_id: &str, body: &str) -> (StatusCode, Value) {
    app.call(Method::PUT, &path("ann", app_id), Some(body)).await
}

#[tokio::test]
async fn a_record_is_put_read_and_deleted_by_its_app_id() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let odd = "weights%2F2026%7C%C3%A5%20%25";
    let (status, problem) = app.call(Method::GET, &path("ann", odd), None).await;
    assert_eq!(status, 404);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("PUT {}", path("ann", odd))), "{detail}");
    assert_eq!(app.call(Method::DELETE, &path("ann", odd), None).await.0, 404);
    let mut id = Value::Null;
    for (kilograms, status) in [(70.0, 201), (70.0, 200), (71.0, 200), (71.0, 200)] {
        let (got, record) = put(app, odd, &weight(kilograms)).await;
        assert_eq!(got, status, "{kilograms}: {record}");
        assert_eq!(record["source"]["app"], "weights/2026|å %");
        assert_eq!(record["measurement"]["value"], kilograms);
        assert!(id.is_null() || id == record["id"], "{record}");
        id = record["id"].clone();
    }
    let found = app.get(&path("ann", odd)).await;
    assert_eq!((&found["id"], &found["partners"]), (&id, &json!([])));
    for _ in 0..2 {
        assert_eq!(app.call(Method::DELETE, &path("ann", odd), None).await.0, 204);
    }
    assert_eq!(app.get(&path("ann", odd)).await["deleted"], true);
    // A late repetition of adding it does not bring it back; putting it does.
    let again = json!({"records": [{"app_id": "weights/2026|å %", "start": "2026-03-04T06:15:00+02:00",
        "measurement": {"type": "weight", "value": 71}}]});
    let records = "/v1/users/ann/records";
    assert_eq!(app.call(Method::POST, records, Some(&again.to_string())).await.0, 409);
    let (status, back) = put(app, odd, &weight(71.0)).await;
    assert_eq!((status.as_u16(), &back["id"], &back["deleted"]), (201, &id, &json!(false)));
    assert_eq!(values(&app.records("ann").await, "weight"), [71.0]);
    let changes: Vec<_> =
        app.changes().await.iter().map(|change| change["change"].clone()).collect();
    assert_eq!(changes, ["created", "updated", "deleted", "updated"]);
    assert_eq!(app.call(Method::GET, &path("ben", odd), None).await.0, 404, "it is Ann's");
}

#[tokio::test]
async fn what_cannot_be_put_is_refused_with_the_reason() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let (_, known) = put(app, "w-1", &weight(70.0)).await;
    let other_kind =
        json!({"start": "2026-03-04T06:15:00Z", "measurement": {"type": "body_fat", "value": 20}});
    let other_id = json!({"app_id": "w-2", "start": "2026-03-04T06:15:00Z", "measurement": {"type": "weight", "value": 70}});
    for (app_id, body, status, words) in [
        ("w-1", other_kind.to_string(), 422, "another kind"),
        ("w-1", other_id.to_string(), 422, "another one than in the address"),
        ("w-1", weight(7_000.0), 422, "human range"),
        ("w%00", weight(70.0), 400, "U+0000"),
        ("%FF", weight(70.0), 400, "UTF-8"),
        (&"x".repeat(513), weight(70.0), 400, "513 bytes"),
    ] {
        let (got, problem) = put(app, app_id, &body).await;
        assert_eq!(got, status, "{app_id}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let (_, problem) = put(app, "w-1", &other_kind.to_string()).await;
    assert_eq!(problem["record_id"], known["id"]);
    assert_eq!(values(&app.records("ann").await, "weight"), [70.0]);
}

#[tokio::test]
async fn an_app_id_that_is_taken_names_its_record_and_what_changes_it() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let user = "auth0%7C7";
    let records = format!("/v1/users/{user}/records");
    let of = |app_id: &str, kilograms: f64| {
        json!({"app_id": app_id, "start": "2026-03-04T06:15:00+02:00",
            "measurement": {"type": "weight", "value": kilograms}})
    };
    let post = async |list: &[Value]| {
        let body = json!({"records": list}).to_string();
        app.call(Method::POST, &records, Some(&body)).await
    };
    let (_, added) = post(&[of("w 1", 70.0), of("w-2", 71.0)]).await;
    for is_deleted in [false, true] {
        let (status, problem) = post(&[of("w-2", 71.0), of("w-3", 72.0), of("w 1", 75.0)]).await;
        let kind = (status.as_u16(), problem["type"].as_str());
        // What is deleted second is met first.
        let index = if is_deleted { 0 } else { 2 };
        assert_eq!(kind, (409, Some("urn:syncwell:problem:app-id-taken")), "{problem}");
        assert_eq!(problem["index"], index, "{problem}");
        assert_eq!(problem["record_id"], added["records"][usize::from(is_deleted)]["id"]);
        let detail = problem["detail"].as_str().unwrap();
        let address = path(user, if is_deleted { "w-2" } else { "w%201" });
        assert!(detail.contains(&format!("PUT {address} ")), "{detail}");
        assert_eq!(detail.contains("was deleted"), is_deleted, "{detail}");
        assert_eq!(app.call(Method::DELETE, &path(user, "w-2"), None).await.0, 204);
    }
    assert_eq!(values(&app.records(user).await, "weight"), [70.0], "nothing was added");
}

#[tokio::test]
async fn what_lives_again_is_written_again_and_what_is_changed_is_changed_there() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let daemon = connected(&sandbox).await;
    let mut record = own_weight(&control, "w-1", 78.12, 30);
    record.as_object_mut().unwrap().remove("app_id");
    let mut put_weight = async |kilograms: f64, status: u16| {
        record["measurement"]["value"] = kilograms.into();
        let (got, answer) = put(&daemon.app, "w-1", &record.to_string()).await;
        assert_eq!(got, status, "{answer}");
    };
    put_weight(78.12, 201).await;
    for partner in &PARTNERS[1..] {
        has(&control, partner, &[78_120]).await;
    }
    put_weight(78.5, 200).await;
    for partner in &PARTNERS[1..] {
        has(&control, partner, &[78_500]).await;
    }
    assert_eq!(daemon.app.call(Method::DELETE, &path("ann", "w-1"), None).await.0, 204);
    // At once, while the deletion is still on its way, and once more when it has arrived.
    put_weight(79.0, 201).await;
    for partner in &PARTNERS[1..] {
        has(&control, partner, &[79_000]).await;
    }
    assert_eq!(daemon.app.call(Method::DELETE, &path("ann", "w-1"), None).await.0, 204);
    for partner in &PARTNERS[1..] {
        has(&control, partner, &[]).await;
    }
    put_weight(79.5, 201).await;
    for partner in &PARTNERS[1..] {
        has(&control, partner, &[79_500]).await;
    }
    round(&daemon, &control).await;
    let written = writes(&control);
    round(&daemon, &control).await;
    assert_eq!(writes(&control), written, "nothing is left to say");
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [79.5]);
}
