//! One text that cannot be read costs at most that text, and pages that do not end cost one feed.

use partner_sandbox::Control;
use serde_json::{Value, json};

use crate::harness::{Daemon, sandbox, values};

fn add_fault(control: &Control, partner: &str, rule: Value) {
    control.add_fault(partner, serde_json::from_value(rule).unwrap()).unwrap();
}

fn hours_ago(control: &Control, hours: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(control.now() - 3_600 * hours, 0).unwrap()
}

/// Two items of each partner, with a text in the field that gets half an emoji.
fn items(control: &Control, partner: &str) -> (&'static str, &'static str, Vec<Value>) {
    let item = |hours: i64| {
        let at = hours_ago(control, hours);
        match partner {
            "strava" => json!({
                "name": "Run", "sport_type": "Run", "type": "Run", "distance": 5_000.0,
                "moving_time": 1_500, "elapsed_time": 1_600, "calories": 320.0, "utc_offset": 0.0,
                "start_date": at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            }),
            "runkeeper" => json!({
                "timestamp": at.format("%a, %-d %b %Y %H:%M:%S").to_string(), "meal": "Lunch",
                "calories": 320,
            }),
            _ => json!({
                "food_entry_name": "Soup", "meal": "Lunch", "calories": "320",
                "date_int": at.timestamp().div_euclid(86_400).to_string(),
                "carbohydrate": "30", "protein": "12", "fat": "9.5",
            }),
        }
    };
    let (resource, field) = match partner {
        "strava" => ("activities", "name"),
        "runkeeper" => ("nutrition", "meal"),
        _ => ("food_entries", "food_entry_name"),
    };
    (resource, field, vec![item(2), item(26)])
}

#[tokio::test]
async fn half_an_emoji_costs_at_most_the_text_it_is_in() {
    let sandbox = sandbox();
    let partners = ["strava", "runkeeper", "fatsecret"];
    let daemon = Daemon::start_of(&partners, &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    for partner in partners {
        app.connect(&sandbox, partner, partner).await;
        let (resource, field, items) = items(&control, partner);
        control.append(partner, partner, resource, items).unwrap();
        add_fault(&control, partner, json!({"fault": {"kind": "half_emoji", "field": field}}));
        app.sync_ok(partner, partner).await;
        let records = app.records(partner).await;
        assert_eq!(records.len(), 2, "{partner}: {records:?}");
        if partner == "fatsecret" {
            for record in &records {
                assert_eq!(record["nutrition"]["name"], "Soup\u{fffd}", "{record}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_program_writes_before_an_answer_costs_nothing() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["withings", "strava"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    for (partner, by) in [("withings", "\u{feff}"), ("strava", "Notice: \"slow\" in line 7\n")] {
        app.connect(&sandbox, partner, partner).await;
        let (resource, item) = match partner {
            "withings" => ("measure", crate::harness::weight(&control, 70_100, 60)),
            _ => ("activities", items(&control, partner).2.remove(0)),
        };
        control.append(partner, partner, resource, vec![item]).unwrap();
        add_fault(&control, partner, json!({"fault": {"kind": "preceded", "by": by}}));
        app.sync_ok(partner, partner).await;
        assert_eq!(app.records(partner).await.len(), 1, "{partner}");
    }
}

/// Syncs and expects that one feed ends with that sentence, and that the others are read.
async fn ends_in_a_circle(daemon: &Daemon, control: &Control, partner: &str) {
    let sync = daemon.app.sync("ann", partner).await;
    assert_eq!(sync["outcome"], "failed", "{sync}");
    let summary = sync["summary"].as_str().unwrap();
    assert!(summary.contains("its pages lead in a circle"), "{sync}");
    let calls = control.faults(partner).unwrap()[0].hits;
    assert!(calls <= 20, "{partner}: {calls} calls");
}

#[tokio::test]
async fn pages_in_a_circle_end_one_feed_and_the_others_are_read() {
    let sandbox = sandbox();
    let partners = ["google_health", "fitbit"];
    let daemon = Daemon::start_of(&partners, &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    for partner in partners {
        app.connect(&sandbox, "ann", partner).await;
    }
    let google = "/v4/users/me/dataTypes/weight/dataPoints";
    let pages = json!([
        {"dataPoints": [], "nextPageToken": "A"}, {"dataPoints": [], "nextPageToken": "B"},
    ]);
    let circle = json!({"on": {"path": google}, "fault": {"kind": "circle", "pages": pages}});
    add_fault(&control, "google_health", circle);
    let at = hours_ago(&control, 2).to_rfc3339();
    let time = json!({"physicalTime": at, "utcOffset": "0s"});
    let height = json!({"dataSource": {"platform": "FITBIT"},
        "bodyFat": {"sampleTime": time, "percentage": 21.5}});
    control.append("google_health", "ann", "body-fat", vec![height]).unwrap();
    ends_in_a_circle(&daemon, &control, "google_health").await;
    assert_eq!(values(&app.records("ann").await, "body_fat"), [21.5]);

    let next = |day: &str| {
        let query = format!("offset=0&limit=100&sort=asc&afterDate={day}");
        let next = format!("https://api.fitbit.com/1/user/-/activities/list.json?{query}");
        json!({"activities": [], "pagination": {"next": next}})
    };
    let list = "/1/user/-/activities/list.json";
    let pages = [next("2026-01-02"), next("2026-01-01")];
    let circle = json!({"on": {"path": list}, "fault": {"kind": "circle", "pages": pages}});
    add_fault(&control, "fitbit", circle);
    ends_in_a_circle(&daemon, &control, "fitbit").await;

    // Where the circle is gone, the feed is read from where it was.
    control.clear_faults("google_health").unwrap();
    let sample = json!({"physicalTime": at, "utcOffset": "0s"});
    let weight = json!({"dataSource": {"platform": "FITBIT"},
        "weight": {"sampleTime": sample, "weightGrams": 70_100}});
    control.append("google_health", "ann", "weight", vec![weight]).unwrap();
    app.sync_ok("ann", "google_health").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);
}
