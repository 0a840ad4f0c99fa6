//! What the list of records can be asked for.

use reqwest::Method;
use serde_json::{Value, json};

use super::bad;
use crate::harness::{Daemon, HostApp, empty_account, sandbox, weight};

/// A weight on each of ten days, a height on one, and a walk.
async fn own_records(app: &HostApp) {
    let measured = |app_id: &str, day: i64, kind: &str, value: f64| {
        json!({"app_id": app_id, "start": format!("2026-03-{day:02}T06:15:00Z"),
            "measurement": {"type": kind, "value": value}})
    };
    let mut records: Vec<Value> =
        (1..=10).map(|day| measured(&format!("w-{day}"), day, "weight", 70.0)).collect();
    records.push(measured("h-1", 5, "height", 170.0));
    records.push(json!({"app_id": "e-1", "start": "2026-03-06T06:15:00Z",
        "exercise": {"activity": "walking", "energy_kcal": 100}}));
    let body = json!({"records": records}).to_string();
    let (status, answer) = app.call(Method::POST, "/v1/users/ann/records", Some(&body)).await;
    assert_eq!(status, 201, "{answer}");
}

async fn ids(app: &HostApp, query: &str) -> Vec<String> {
    let list = app.all(&format!("/v1/users/ann/records?{query}"), "records").await;
    list.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_newest_come_first_when_asked_for_in_pages_of_any_size() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    own_records(app).await;
    let mut backwards = ids(app, "order=asc&limit=1000").await;
    assert_eq!(backwards.len(), 12);
    backwards.reverse();
    for limit in [1, 5, 6, 12] {
        assert_eq!(ids(app, &format!("order=desc&limit={limit}")).await, backwards, "{limit}");
    }
    let latest = app.get("/v1/users/ann/records?type=weight&order=desc&limit=1").await;
    assert_eq!(latest["records"][0]["source"]["app"], "w-10", "{latest}");
    assert_eq!(latest["records"].as_array().unwrap().len(), 1);
    assert!(latest["next_cursor"].is_string());
    let both = ids(app, "type=weight,height&order=desc&limit=3").await;
    assert_eq!(both.len(), 11, "several types");
}

#[tokio::test]
async fn records_are_filtered_by_where_they_come_from() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "withings", "ann");
    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    app.connect(&sandbox, "ann", "withings").await;
    own_records(app).await;
    for (query, count) in [
        ("partner=withings", 1),
        ("partner=runkeeper", 0),
        ("source=app", 12),
        ("source=app&type=weight", 10),
        ("type=weight,height", 12),
        ("kind=exercise&source=app", 1),
        ("", 13),
    ] {
        assert_eq!(ids(app, &format!("{query}&limit=5")).await.len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_can_match_nothing_is_refused_and_names_its_parameter() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    for (query, words) in [
        ("kind=exercise&type=weight", ["type: ", "exercise"]),
        ("kind=nutrition&type=height,weight", ["type: ", "nutrition"]),
        ("type=weight,wieght", ["type[1]: ", "`wieght`"]),
        ("type=", ["type", "body_fat"]),
        ("type=weight,", ["type[1]: ", "body_fat"]),
        ("from=2026-03-05T00:00:00Z&to=2026-03-04T00:00:00Z", ["from: ", "after to"]),
        ("partner=bogus", ["partner: ", "withings"]),
        ("partner=", ["partner: ", "withings"]),
        ("partner=withings&source=app", ["partner: ", "source=app"]),
        ("source=withings", ["app", "withings"]),
        ("order=newest", ["desc", "newest"]),
    ] {
        let path = format!("/v1/users/ann/records?{query}");
        bad(app, ("GET", &path, ""), "bad-query", &words).await;
    }
    let path = "/v1/users/ann/syncs?partner=bogus";
    bad(app, ("GET", path, ""), "bad-query", &["partner: ", "withings"]).await;
}
