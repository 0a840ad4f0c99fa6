//! Ids and texts that a database cannot keep, or that have no measure, cost one item.

use serde_json::{Value, json};

use super::Hostile;
use super::fake::{Answer, Request};
use crate::harness::{eventually, values};

/// RunKeeper's weights: one that is good, and others whose addresses cannot be kept.
fn weights() -> Value {
    let item = |uri: &str, kilograms: f64| json!({"uri": uri, "weight": kilograms, "timestamp": "Sat, 1 Nov 2025 07:00:00"});
    let long = "x".repeat(513);
    let huge = "y".repeat(1_000_000);
    json!({"items": [
        item("/weight/a\u{0}b", 60.5), item("/weight/c\nd", 61.5), item(&long, 62.5),
        item(&huge, 63.5), item("/weight/good", 64.5), {"uri": "/weight/e\u{0}f"},
    ]})
}

/// Activities whose words have what cannot be kept.
fn activities() -> Value {
    let item = |id: u32, word: &str| {
        json!({
            "uri": format!("/fitnessActivities/{id}"), "type": word, "duration": 1_800,
            "start_time": "Sat, 1 Nov 2025 07:00:00", "total_calories": 300, "total_distance": 5_000,
        })
    };
    json!({"items": [item(1, "Ru\u{0}n"), item(2, &"ä".repeat(5_000)), item(3, "Running")]})
}

fn as_first_seen(request: &Request) -> Option<Answer> {
    match &request.line {
        line if line.starts_with("GET /weight") => Some(Answer::json(weights().to_string())),
        line if line.starts_with("GET /fitnessActivities") => {
            Some(Answer::json(activities().to_string()))
        }
        _ => None,
    }
}

#[tokio::test]
async fn ids_and_texts_that_cannot_be_kept_cost_one_item() {
    let hostile = Hostile::start("runkeeper", &[], "").await;
    hostile.fake.answers(as_first_seen);
    hostile.connect("ann").await;
    let app = &hostile.daemon.app;
    let read = eventually(async || app.timeline("ann").await.len() > 1).await;
    let timeline = app.timeline("ann").await;
    assert!(read && timeline[0]["outcome"] == "ok", "{}", shortened(&timeline[0]));
    let records = app.records("ann").await;
    assert_eq!(values(&records, "weight"), [64.5]);
    let summary = timeline[0]["summary"].as_str().unwrap();
    assert!(
        summary.contains("5 refused (first refused: /weight/a\u{fffd}b:weight, its id has control"),
        "{summary}"
    );
    let whole = timeline[0].to_string();
    assert!(whole.len() < 8_000, "the line has {} bytes", whole.len());
    assert!(whole.contains("longer than 512 bytes"), "{whole}");

    let words =
        records.iter().filter_map(|record| record["exercise"]["activity_original"].as_str());
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    assert_eq!(words, ["Run", "Running", &"ä".repeat(512)]);
}

#[tokio::test]
async fn deletions_of_what_cannot_be_kept_cost_nothing() {
    let hostile = Hostile::start("runkeeper", &[], "").await;
    hostile.fake.answers(|request| {
        let item =
            json!({"uri": "/weight/1", "weight": 70, "timestamp": "Sat, 1 Nov 2025 07:00:00"});
        let page = json!({"items": [item]}).to_string();
        request.line.starts_with("GET /weight").then(|| Answer::json(page))
    });
    hostile.connect("ann").await;
    let app = &hostile.daemon.app;
    app.first_sync("ann", "runkeeper").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.0]);
    hostile.fake.answers(|request| {
        let deleted = ["/weight/2\u{0}", &"z".repeat(100_000), "/weight/1"];
        let log = json!({"weight": {"deleted": deleted}}).to_string();
        request.line.starts_with("GET /changeLog").then(|| Answer::json(log))
    });
    let sync = app.sync_ok("ann", "runkeeper").await;
    assert!(app.records("ann").await.is_empty(), "{sync}");
}

#[tokio::test]
async fn a_page_with_thousands_of_records_is_stored_whole_and_what_is_missing_from_it_is_gone() {
    let hostile = Hostile::start("withings", &[], "").await;
    let page = |groups: std::ops::Range<i64>, measures: &[(i64, i64)]| {
        let measures: Vec<Value> = measures
            .iter()
            .map(|(kind, value)| json!({"type": kind, "value": value, "unit": -3}))
            .collect();
        let groups: Vec<Value> = groups
            .map(|id| {
                json!({"grpid": id, "date": 1_700_000_000 + id * 60, "category": 1,
                "attrib": 0, "modified": 1_700_000_000, "measures": measures})
            })
            .collect();
        let body = json!({"updatetime": 1_700_000_000, "timezone": "UTC", "measuregrps": groups});
        Answer::json(json!({"status": 0, "body": body}).to_string())
    };
    let whole = page(0..2_600, &[(1, 70_000), (6, 20_000)]);
    hostile.answers_getmeas(whole);
    hostile.connect("ann").await;
    let app = &hostile.daemon.app;
    app.first_sync("ann", "withings").await;
    assert_eq!(app.records("ann").await.len(), 5_200);
    // The fat of each is no longer there: a group always comes whole.
    let half = page(0..2_600, &[(1, 70_000)]);
    hostile.answers_getmeas(half);
    let sync = app.sync("ann", "withings").await;
    let left = app.records("ann").await;
    assert_eq!(values(&left, "weight").len(), 2_600, "{sync}");
    assert_eq!(values(&left, "body_fat").len(), 0, "{sync}");
}

fn shortened(line: &Value) -> String {
    line.to_string().chars().take(1_000).collect()
}
