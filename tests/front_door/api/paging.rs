//! Lists return each entry once and in order, for any page size.

use std::collections::BTreeSet;

use partner_sandbox::{Control, Sandbox};
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, empty_account, sandbox, weight};

/// Two values at each of 30 times, so that some pages end between records with the same start.
fn pairs(control: &Control) -> Vec<Value> {
    let pair = |minutes: i64| {
        json!({
            "attrib": 0, "date": control.now() - 60 * minutes, "category": 1, "deviceid": "scale-1",
            "measures": [{"value": 70_000 + minutes, "type": 1, "unit": -3}, {"value": 60, "type": 11, "unit": 0}],
        })
    };
    (1..=30).map(pair).collect()
}

async fn sixty_records(sandbox: &Sandbox, app: &HostApp, user: &str) {
    empty_account(sandbox, "withings", user);
    let control = sandbox.control();
    control.append("withings", user, "measure", pairs(&control)).unwrap();
    app.connect(sandbox, user, "withings").await;
    assert_eq!(app.records(user).await.len(), 60);
}

/// Reads all pages; each except the last must be full.
async fn walk(app: &HostApp, path: &str, what: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("{path}limit={limit}{cursor}")).await;
        let entries = page[what].as_array().unwrap();
        all.extend(entries.iter().cloned());
        assert!(all.len() <= 500, "the pages of {path} do not end");
        match &page["next_cursor"] {
            Value::Null => {
                assert!(!entries.is_empty() && entries.len() <= limit);
                return all;
            }
            next => {
                assert_eq!(entries.len(), limit, "only the last page is not full");
                cursor = format!("&cursor={}", next.as_str().unwrap());
            }
        }
    }
}

#[tokio::test]
async fn pages_of_records_give_each_once_oldest_first() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    sixty_records(&sandbox, app, "ann").await;
    sixty_records(&sandbox, app, "ben").await;
    let whole = app.records("ann").await;
    for limit in [1, 6, 7, 59, 60, 61] {
        let walked = walk(app, "/v1/users/ann/records?", "records", limit).await;
        assert_eq!(walked, whole, "in pages of {limit}");
    }
    let start = |record: &Value| record["start"].as_str().unwrap().to_owned();
    let at = |record: &Value| chrono::DateTime::parse_from_rfc3339(&start(record)).unwrap();
    assert!(whole.iter().map(at).is_sorted(), "oldest first");
    let ids: BTreeSet<_> = whole.iter().map(|record| record["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 60);
    assert!(whole.iter().all(|record| record["user_id"] == "ann"));
    let weights = walk(app, "/v1/users/ann/records?type=weight&", "records", 7).await;
    assert_eq!(weights.len(), 30);
}

#[tokio::test]
async fn filters_return_only_what_matches() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    sixty_records(&sandbox, app, "ann").await;
    control.generate("withings", "ann", "workouts", 4, 3).unwrap();
    app.sync_ok("ann", "withings").await;
    let whole = app.records("ann").await;
    let times: BTreeSet<_> = whole
        .iter()
        .filter(|record| record["measurement"]["type"] == "weight")
        .map(|record| record["start"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>())
        .map(Result::unwrap)
        .collect();
    let times: Vec<_> = times.into_iter().collect();
    let text = |place: usize| times[place].to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let east = chrono::FixedOffset::east_opt(2 * 3_600).unwrap();
    let elsewhere = times[10].with_timezone(&east).to_rfc3339().replace('+', "%2B");
    for (filter, count) in [
        ("kind=measurement".to_owned(), 60),
        ("kind=exercise".to_owned(), 4),
        ("kind=nutrition".to_owned(), 0),
        ("type=weight".to_owned(), 30),
        ("type=heart_rate".to_owned(), 30),
        ("type=height".to_owned(), 0),
        (format!("type=weight&from={}", text(10)), 20),
        (format!("type=weight&from={elsewhere}"), 20),
        (format!("type=weight&to={}", text(10)), 10),
        (format!("kind=measurement&from={}&to={}", text(10), text(13)), 6),
        (format!("from={}&to={}", text(13), text(13)), 0),
        ("from=2200-01-01T00:00:00Z".to_owned(), 0),
    ] {
        let page = app.get(&format!("/v1/users/ann/records?limit=1000&{filter}")).await;
        assert_eq!(page["records"].as_array().unwrap().len(), count, "{filter}");
    }
}

#[tokio::test]
async fn the_change_feed_misses_nothing_and_continues_after_the_last_change_read() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    sixty_records(&sandbox, app, "ann").await;
    sixty_records(&sandbox, app, "ben").await;
    let whole = app.changes().await;
    assert_eq!(whole.len(), 120);
    for limit in [7, 40] {
        assert_eq!(
            walk(app, "/v1/changes?only=records&", "changes", limit).await,
            whole,
            "pages of {limit}"
        );
    }
    let place = |change: &Value| change["cursor"].as_str().unwrap().to_owned();
    let places: BTreeSet<_> = whole.iter().map(place).collect();
    assert_eq!(places.len(), 120, "each once");
    assert!(whole.iter().all(|change| change["change"] == "created"));

    let last = place(whole.last().unwrap());
    let after = app.get(&format!("/v1/changes?cursor={last}")).await;
    assert_eq!(after, json!({"changes": [], "next_cursor": null}));
    let id = control.append("withings", "ben", "measure", vec![weight(&control, 81_500, 45)]);
    app.sync_ok("ben", "withings").await;
    let after = app.get(&format!("/v1/changes?cursor={last}")).await;
    let changes = after["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{after}");
    assert_eq!(changes[0]["record"]["measurement"]["value"], 81.5);
    assert_eq!(changes[0]["record"]["user_id"], "ben");

    let patch = json!({"measures": [{"value": 81_700, "type": 1, "unit": -3}]});
    control.edit("withings", "ben", "measure", id.unwrap()[0], &patch).unwrap();
    app.sync_ok("ben", "withings").await;
    let edited = app.get(&format!("/v1/changes?cursor={}", place(&changes[0]))).await;
    let edited = edited["changes"].as_array().unwrap();
    assert_eq!(edited.len(), 1);
    assert_eq!(edited[0]["change"], "updated");
    assert_eq!(edited[0]["record"]["id"], changes[0]["record"]["id"]);
    assert_eq!(edited[0]["record"]["measurement"]["value"], 81.7);
}

#[tokio::test]
async fn pages_of_the_timeline_give_each_line_once_newest_first() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    for _ in 0..6 {
        for partner in ["withings", "runkeeper"] {
            let url = app.authorize("ann", partner, "{}").await;
            let back = app.decide(&url, "ann", "deny").await;
            assert_eq!(app.client.get(&back).send().await.unwrap().status(), 200);
        }
    }
    let whole = app.timeline("ann").await;
    assert_eq!(whole.len(), 12);
    let ended = |line: &Value| {
        line["finished_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    };
    assert!(whole.iter().rev().map(ended).is_sorted(), "newest first");
    for limit in [1, 4, 5, 12] {
        let walked = walk(app, "/v1/users/ann/syncs?", "syncs", limit).await;
        assert_eq!(walked, whole, "pages of {limit}");
    }
    let of_one = walk(app, "/v1/users/ann/syncs?partner=runkeeper&", "syncs", 4).await;
    assert_eq!(of_one.len(), 6);
    assert!(of_one.iter().all(|line| line["partner"] == "runkeeper" && line["times"] == 1));
    assert_eq!(app.timeline("ben").await, Vec::<Value>::new());
}
