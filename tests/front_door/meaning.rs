//! What partners' words and shapes mean: sports, exercises without energy, answers that say nothing.

use partner_sandbox::Control;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, eventually, sandbox};

fn activity(control: &Control, sport: &str, hours_ago: i64) -> Value {
    let at = chrono::DateTime::from_timestamp(control.now() - 3_600 * hours_ago, 0).unwrap();
    json!({
        "name": "Club night", "sport_type": sport, "type": "Workout", "distance": 0.0,
        "moving_time": 1_500, "elapsed_time": 1_600, "utc_offset": 0.0,
        "start_date": at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

fn swim(app_id: &str, hour: u32) -> String {
    let exercise = json!({"activity": "swimming", "duration_s": 1_800});
    let start = format!("2026-03-04T{hour:02}:00:00Z");
    json!({"records": [{"app_id": app_id, "start": start, "exercise": exercise}]}).to_string()
}

#[tokio::test]
async fn new_sports_are_read_and_written_and_need_no_energy() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["strava"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "strava").await;
    let sports = ["Dance", "Basketball", "Volleyball", "Padel", "Cricket"];
    let items = sports.iter().zip(1..).map(|(sport, hour)| activity(&control, sport, 3 * hour));
    control.append("strava", "ann", "activities", items.collect()).unwrap();
    app.sync_ok("ann", "strava").await;
    let records = app.records("ann").await;
    let of = |word: &str| {
        let is_it = |it: &&Value| it["exercise"]["activity_original"] == word;
        records.iter().find(is_it).unwrap()["exercise"].clone()
    };
    for (sport, expected) in
        sports.into_iter().zip(["dancing", "basketball", "volleyball", "other", "other"])
    {
        let exercise = of(sport);
        assert_eq!(exercise["activity"], expected, "{sport}");
        assert!(exercise["energy_kcal"].is_null(), "{exercise}");
    }

    let path = "/v1/users/ann/connections/strava";
    let choices = Some(r#"{"push":{"exercise":true}}"#);
    assert_eq!(app.call(Method::PATCH, path, choices).await.0, 200);
    let dancing = json!({"activity": "dancing", "duration_s": 1_800, "energy_kcal": 210});
    let record = json!({"app_id": "d", "start": "2026-03-04T06:00:00Z", "exercise": dancing});
    let body = json!({"records": [record]}).to_string();
    let (status, answer) = app.call(Method::POST, "/v1/users/ann/records", Some(&body)).await;
    assert_eq!(status, 201, "{answer}");
    let written = eventually(async || {
        let items = control.items("strava", "ann", "activities").unwrap();
        items.len() == 6 && items.iter().filter(|it| it["sport_type"] == "Dance").count() == 2
    });
    assert!(written.await);
}

#[tokio::test]
async fn exercises_without_energy_are_refused_where_the_setting_says_so() {
    let sandbox = sandbox();
    let settings = "[records]\nexercise_energy = \"required\"\n";
    let daemon = Daemon::start_of(&["strava"], &sandbox, settings, &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "strava").await;
    control.append("strava", "ann", "activities", vec![activity(&control, "Swim", 3)]).unwrap();
    let sync = app.sync_ok("ann", "strava").await;
    assert!(sync["summary"].as_str().unwrap().contains("records.exercise_energy"), "{sync}");
    assert!(app.records("ann").await.is_empty());
    let (status, answer) =
        app.call(Method::POST, "/v1/users/ann/records", Some(&swim("s", 6))).await;
    assert_eq!(status, 422);
    assert!(answer["detail"].as_str().unwrap().contains("records.exercise_energy"), "{answer}");

    let daemon = Daemon::start_of(&["strava"], &sandbox, "", &[]).await;
    let (status, answer) =
        daemon.app.call(Method::POST, "/v1/users/ann/records", Some(&swim("s", 6))).await;
    assert_eq!(status, 201, "{answer}");
    assert!(answer["records"][0]["exercise"]["energy_kcal"].is_null(), "{answer}");
}

#[tokio::test]
async fn shapes_that_stand_for_nothing_are_nothing() {
    let sandbox = sandbox();
    let partners = ["fitbit", "google_health", "runkeeper"];
    let daemon = Daemon::start_of(&partners, &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    for (partner, path, body) in [
        ("fitbit", "/1/user/-/activities/list.json", json!({"activities": []})),
        ("fitbit", "/1/user/-/foods/log", json!({"foods": null})),
        ("fitbit", "/1/user/-/body/log/weight", json!({"weight": null})),
        ("google_health", "/v4/users/me/dataTypes/weight", json!({"dataPoints": null})),
        ("runkeeper", "/weight", json!({"size": 0, "items": null})),
        ("runkeeper", "/nutrition", json!({"size": 0, "items": {}})),
    ] {
        let fault = json!({"kind": "circle", "pages": [body]});
        let rule = json!({"on": {"path": path}, "fault": fault});
        control.add_fault(partner, serde_json::from_value(rule).unwrap()).unwrap();
    }
    for partner in partners {
        app.connect(&sandbox, "ann", partner).await;
        app.sync_ok("ann", partner).await;
    }
}

#[tokio::test]
async fn an_end_that_contradicts_its_exercise_costs_only_the_end() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["strava"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "strava").await;
    let ride = |hours: i64, moving: i64, elapsed: i64| {
        let mut ride = activity(&control, "Ride", hours);
        ride["moving_time"] = moving.into();
        ride["elapsed_time"] = elapsed.into();
        ride
    };
    let items = vec![ride(6, 1_500, 1_600), ride(4, 3_600, 60), ride(2, 1_500, 20 * 86_400)];
    control.append("strava", "ann", "activities", items).unwrap();
    let sync = app.sync("ann", "strava").await;
    assert_eq!((&sync["created"], &sync["refused"]), (&json!(2), &json!(1)), "{sync}");
    assert!(sync["summary"].as_str().unwrap().contains("more than 14 days after"), "{sync}");
    let records = app.records("ann").await;
    assert!(records[0]["end"].is_string() && records[1]["end"].is_null(), "{records:?}");
    assert_eq!(records[1]["exercise"]["duration_s"], 3_600);
}
