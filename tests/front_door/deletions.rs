//! Deletions are believed with care: what a partner shows again lives again, and a sweeping loss is
//! believed only when it is seen twice.

use std::time::Duration;

use partner_sandbox::{Control, Fault, FaultOn, FaultRule, Sandbox};
use serde_json::{Value, json};

use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox};
use crate::partners::{FITBIT, GOOGLE_HEALTH};
use crate::two_way::{AT_ONCE, delete, grams, switch};

/// A partner that tells no deletions, and the path of its list of weights.
const LISTS: [(&str, &str); 2] = [
    ("google_health", "/v4/users/me/dataTypes/weight/dataPoints"),
    ("fitbit", "/1/user/-/body/log/weight"),
];

/// A daemon whose user has weights at a partner, which are pushed to RunKeeper; and their numbers there.
async fn with_weights(sandbox: &Sandbox, partner: &str, weights: i64) -> (Daemon, Vec<i64>) {
    let daemon = Daemon::start_of(&[partner, "runkeeper"], sandbox, AT_ONCE, &[MOVED_CLOCK]).await;
    daemon.app.connect(sandbox, "ann", partner).await;
    daemon.app.connect(sandbox, "ann", "runkeeper").await;
    switch(&daemon, "runkeeper", &json!({"push": {"weight": true}})).await;
    let control = sandbox.control();
    let items = (0..weights).map(|number| item(&control, partner, number)).collect();
    let numbers = control.append(partner, "ann", "weight", items).unwrap();
    daemon.app.sync_ok("ann", partner).await;
    assert_eq!(daemon.app.records("ann").await.len(), usize::try_from(weights).unwrap());
    let written =
        eventually(async || i64::try_from(grams(&control, "runkeeper").len()).unwrap() == weights);
    assert!(written.await, "{:?}", grams(&control, "runkeeper"));
    (daemon, numbers)
}

/// A weight as a partner has it, `number` days ago.
fn item(control: &Control, partner: &str, number: i64) -> Value {
    let at = control.now() - 3_600 - number * 86_400;
    let known = if partner == "fitbit" { &FITBIT } else { &GOOGLE_HEALTH };
    (known.resources[0].item)(chrono::DateTime::from_timestamp(at, 0).unwrap())
}

/// The partner answers the next list with nothing.
fn list_nothing_once(control: &Control, partner: &str, path: &str) {
    let body = match partner {
        "google_health" => "{}",
        _ => r#"{"weight":[]}"#,
    };
    let fault = Fault::Status {
        status: 200,
        body: body.to_owned(),
        content_type: Some("application/json".to_owned()),
        retry_after: None,
    };
    let on = FaultOn { path: Some(path.to_owned()), ..FaultOn::default() };
    control.add_fault(partner, FaultRule { on, times: Some(1), skip: 0, fault }).unwrap();
}

#[tokio::test]
async fn one_empty_answer_deletes_nothing_here_or_at_another_partner() {
    for (partner, path) in LISTS {
        let sandbox = sandbox();
        let control = sandbox.control();
        let (daemon, _) = with_weights(&sandbox, partner, 6).await;
        let written = grams(&control, "runkeeper");

        list_nothing_once(&control, partner, path);
        let sync = daemon.app.sync_ok("ann", partner).await;
        assert_eq!(sync["deleted"], 0, "{partner}: {sync}");
        let summary = sync["summary"].as_str().unwrap();
        // Google Health is asked for each, and has them.
        let is_doubted = summary.contains("6 missing at once: kept until a second look");
        assert_eq!(is_doubted, partner == "fitbit", "{summary}");
        assert_eq!(daemon.app.records("ann").await.len(), 6, "{partner}");

        let sync = daemon.app.sync_ok("ann", partner).await;
        assert!(!sync["summary"].as_str().unwrap().contains("missing"), "{partner}: {sync}");
        daemon.app.sync_ok("ann", "runkeeper").await;
        assert_eq!(daemon.app.records("ann").await.len(), 6, "{partner}");
        assert_eq!(grams(&control, "runkeeper"), written, "{partner}");
        assert_eq!(daemon.app.changes().await.len(), 6, "{partner}: nothing was ever deleted");
    }
}

#[tokio::test]
async fn a_sweeping_deletion_is_believed_when_it_is_seen_twice_a_minute_apart() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let (mut daemon, numbers) = with_weights(&sandbox, "fitbit", 6).await;
    for number in &numbers[..5] {
        control.delete("fitbit", "ann", "weight", *number).unwrap();
    }
    for _ in 0..2 {
        daemon.app.sync_ok("ann", "fitbit").await;
        assert_eq!(daemon.app.records("ann").await.len(), 6, "not believed within a minute");
    }
    daemon.let_pass(&sandbox, Duration::from_secs(70));
    let sync = daemon.app.sync_ok("ann", "fitbit").await;
    assert_eq!(sync["deleted"], 5, "{sync}");
    assert_eq!(daemon.app.records("ann").await.len(), 1);
    assert!(eventually(async || grams(&control, "runkeeper").len() == 1).await);
}

#[tokio::test]
async fn a_partner_that_can_be_asked_for_one_item_is_asked_and_then_believed() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let (daemon, numbers) = with_weights(&sandbox, "google_health", 40).await;
    for number in &numbers[..25] {
        control.delete("google_health", "ann", "weight", *number).unwrap();
    }
    control.reset_counts("google_health").unwrap();
    let sync = daemon.app.sync_ok("ann", "google_health").await;
    assert_eq!(sync["deleted"], 25, "{sync}");
    let counts = control.counts("google_health").unwrap();
    let asked = counts.by_path["/v4/users/me/dataTypes/weight/dataPoints/{id}"];
    assert_eq!(asked, 25, "{counts:?}");
    assert_eq!(daemon.app.records("ann").await.len(), 15);
    assert!(eventually(async || grams(&control, "runkeeper").len() == 15).await);

    // A web page says nothing about an item, whatever its status.
    let list = "/v4/users/me/dataTypes/weight/dataPoints";
    let answers =
        [("/", 404, "text/html", "<html>Not Found</html>"), ("", 200, "application/json", "{}")];
    for (rest, status, content_type, body) in answers {
        let (path, content_type) = (format!("{list}{rest}"), Some(content_type.to_owned()));
        let fault = Fault::Status { status, body: body.into(), content_type, retry_after: None };
        let on = FaultOn { path: Some(path), ..FaultOn::default() };
        control.add_fault("google_health", FaultRule { on, times: None, skip: 0, fault }).unwrap();
    }
    let sync = daemon.app.sync("ann", "google_health").await;
    assert_eq!((&sync["outcome"], &sync["deleted"]), (&"failed".into(), &0.into()), "{sync}");
    assert_eq!(daemon.app.records("ann").await.len(), 15);
}

#[tokio::test]
async fn one_deletion_goes_through_at_once() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let (daemon, numbers) = with_weights(&sandbox, "google_health", 2).await;
    control.delete("google_health", "ann", "weight", numbers[0]).unwrap();
    let sync = daemon.app.sync_ok("ann", "google_health").await;
    assert_eq!(sync["deleted"], 1, "{sync}");
    assert!(eventually(async || grams(&control, "runkeeper").len() == 1).await);
}

#[tokio::test]
async fn what_a_partner_shows_again_lives_again_and_goes_out_again() {
    for (partner, path) in LISTS {
        let sandbox = sandbox();
        let control = sandbox.control();
        let (daemon, _) = with_weights(&sandbox, partner, 2).await;
        let ids = |records: &[Value]| -> Vec<String> {
            records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
        };
        let before = ids(&daemon.app.records("ann").await);

        // Two are few: that they are gone is believed at once.
        list_nothing_once(&control, partner, path);
        daemon.app.sync_ok("ann", partner).await;
        assert_eq!(daemon.app.records("ann").await.len(), 0, "{partner}");
        assert!(eventually(async || grams(&control, "runkeeper").is_empty()).await, "{partner}");

        daemon.app.sync_ok("ann", partner).await;
        assert_eq!(ids(&daemon.app.records("ann").await), before, "{partner}: under their old ids");
        let changes = daemon.app.changes().await;
        let last: Vec<&Value> = changes.iter().rev().take(2).collect();
        for change in last {
            assert_eq!(change["change"], "updated", "{partner}: {change}");
            assert_eq!(change["record"]["deleted"], false, "{partner}: {change}");
        }
        assert!(eventually(async || grams(&control, "runkeeper").len() == 2).await, "{partner}");
        let quiet = daemon.app.sync_ok("ann", partner).await;
        assert_eq!((&quiet["updated"], &quiet["deleted"]), (&0.into(), &0.into()), "{quiet}");
    }
}

#[tokio::test]
async fn what_the_host_app_deleted_stays_deleted_though_the_partner_loses_and_shows_it() {
    let (partner, path) = LISTS[0];
    let sandbox = sandbox();
    let control = sandbox.control();
    let (daemon, _) = with_weights(&sandbox, partner, 1).await;
    delete(&daemon, &daemon.app.records("ann").await[0]).await;
    daemon.app.sync_ok("ann", partner).await;
    list_nothing_once(&control, partner, path);
    daemon.app.sync_ok("ann", partner).await;
    daemon.app.sync_ok("ann", partner).await;
    assert_eq!(daemon.app.records("ann").await, Vec::<Value>::new());
}
