//! What is old is deleted by itself, and whoever reads the feed misses nothing.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, eventually, sandbox};

const DAY: Duration = Duration::from_secs(86_400);

async fn put(app: &HostApp, app_id: &str, kilograms: u32) {
    let body = json!({"start": "2026-03-04T06:15:00Z",
        "measurement": {"type": "weight", "value": kilograms}});
    let path = format!("/v1/users/ann/records/by-app-id/{app_id}");
    let (status, answer) = app.call(Method::PUT, &path, Some(&body.to_string())).await;
    assert!(status.is_success(), "{answer}");
}

fn words(changes: &[Value]) -> Vec<String> {
    let words = |change: &Value| {
        let (kind, of) = (change["change"].as_str().unwrap(), &change["record"]["source"]["app"]);
        format!("{} {kind}", of.as_str().unwrap_or("connection"))
    };
    changes.iter().map(words).collect()
}

#[tokio::test]
async fn old_changes_and_entries_of_the_timeline_go_and_the_feed_stays_whole() {
    let sandbox = sandbox();
    let settings = "[scheduler]\ngroups = [\"365d\"]\ndemote_after = \"9000d\"\n\
        [retention]\nsyncs = \"20d\"\nchanges = \"30d\"\n";
    let mut daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    app.connect(&sandbox, "ann", "withings").await;
    for (app_id, kilograms) in [("a", 70), ("b", 71), ("a", 72), ("c", 73), ("a", 74)] {
        put(&app, app_id, kilograms).await;
    }
    app.call(Method::DELETE, "/v1/users/ann/records/by-app-id/c", None).await;
    let whole = app.all("/v1/changes", "changes").await;
    assert_eq!(whole.len(), 7);
    assert!(app.timeline("ann").await.len() >= 2);

    daemon.let_pass(&sandbox, 25 * DAY);
    put(&app, "b", 75).await;
    let emptied = eventually(async || app.timeline("ann").await.is_empty()).await;
    assert!(emptied, "{:?}", app.timeline("ann").await);
    assert_eq!(app.all("/v1/changes", "changes").await.len(), 8, "not that old yet");

    daemon.let_pass(&sandbox, 10 * DAY);
    let expected = ["connection connected", "b created", "a updated", "c deleted", "b updated"];
    let compacted = eventually(async || app.all("/v1/changes", "changes").await.len() == 5).await;
    let left = app.all("/v1/changes", "changes").await;
    assert!(compacted, "{left:?}");
    assert_eq!(words(&left), expected);
    // Every place that was ever given is still one, and what comes after it is whole.
    for (number, change) in whole.iter().enumerate() {
        let path = format!("/v1/changes?cursor={}", change["cursor"].as_str().unwrap());
        let after = app.all(&path, "changes").await;
        let rest: Vec<&Value> = whole[number + 1..].iter().map(|it| &it["cursor"]).collect();
        let is_later = |it: &&Value| rest.contains(&&it["cursor"]) || it == &left.last().unwrap();
        let expected: Vec<&Value> = left.iter().filter(is_later).collect();
        assert_eq!(after.iter().collect::<Vec<_>>(), expected, "{number}");
    }
    // Much later, and after a restart, what was superseded meanwhile goes as well.
    daemon.kill();
    daemon.launch().await;
    daemon.let_pass(&sandbox, 40 * DAY);
    let compacted = eventually(async || app.all("/v1/changes", "changes").await.len() == 4).await;
    let left = app.all("/v1/changes", "changes").await;
    assert!(compacted, "{left:?}");
    assert_eq!(words(&left)[1..], ["a updated", "c deleted", "b updated"]);
    assert_eq!(app.records("ann").await.len(), 2, "records are not meant");
}

#[tokio::test]
async fn never_keeps_everything() {
    let sandbox = sandbox();
    let settings = "[scheduler]\ngroups = [\"365d\"]\ndemote_after = \"9000d\"\n\
        [retention]\nsyncs = \"1d\"\nchanges = \"never\"\n";
    let mut daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    app.connect(&sandbox, "ann", "withings").await;
    put(&app, "a", 70).await;
    put(&app, "a", 71).await;
    daemon.let_pass(&sandbox, 200 * DAY);
    // The timeline is swept first, so the feed's turn comes at once after this.
    assert!(eventually(async || app.timeline("ann").await.is_empty()).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(app.all("/v1/changes", "changes").await.len(), 3);
}
