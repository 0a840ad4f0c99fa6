//! What is chosen before a connect holds from its first sync on.

use partner_sandbox::AccountChange;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, empty_account, sandbox};
use crate::two_way::{AT_ONCE, add, has, own_weight};

async fn connect_with(app: &HostApp, partner: &str, choices: &Value) {
    let url = app.authorize("ann", partner, &choices.to_string()).await;
    let back = app.decide(&url, "ann", "allow").await;
    assert_eq!(app.client.get(&back).send().await.unwrap().status(), 200);
    app.first_sync("ann", partner).await;
}

#[tokio::test]
async fn records_of_wall_time_are_dated_right_by_the_first_sync() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    let change = AccountChange {
        time_zone: Some("Asia/Tokyo".into()),
        empty: false,
        history_days: Some(30),
    };
    control.put_account("runkeeper", "ann", &change).unwrap();
    connect_with(app, "runkeeper", &json!({"time_zone": "Asia/Tokyo"})).await;
    app.sync_ok("ann", "runkeeper").await;
    let records = app.records("ann").await;
    let local: Vec<_> = records.iter().filter(|one| one["time_basis"] == "local").collect();
    assert!(local.len() > 10, "{} records of wall time", local.len());
    let start = |record: &&Value| record["start"].as_str().unwrap().to_owned();
    assert!(local.iter().map(start).all(|start| start.ends_with("+09:00")));
    let updated = app.changes().await.iter().filter(|one| one["change"] == "updated").count();
    assert_eq!(updated, 0, "nothing was placed twice");
    let lines = app.timeline("ann").await;
    let connect = lines.iter().find(|line| line["outcome"] == "connected").unwrap();
    assert!(connect["summary"].as_str().unwrap().ends_with("; with time_zone = Asia/Tokyo"));
}

#[tokio::test]
async fn what_is_added_right_after_the_connect_is_pushed_and_what_was_there_before_is_not() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, AT_ONCE).await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "runkeeper", "ann");
    let record =
        |app_id: &str, kilograms: f64, hours: i64| own_weight(&control, app_id, kilograms, hours);
    add(&daemon, &[record("w-1", 71.0, 30)]).await;
    let choices = json!({"push": {"weight": true}, "poll": {"nutrition": false}});
    let url = app.authorize("ann", "runkeeper", &choices.to_string()).await;
    add(&daemon, &[record("w-2", 72.0, 20)]).await;
    let back = app.decide(&url, "ann", "allow").await;
    assert_eq!(app.client.get(&back).send().await.unwrap().status(), 200);
    add(&daemon, &[record("w-3", 73.0, 10)]).await;
    has(&control, "runkeeper", &[73_000]).await;
    app.sync_ok("ann", "runkeeper").await;
    has(&control, "runkeeper", &[73_000]).await;
    let connection = app.connection("ann", "runkeeper").await;
    assert_eq!(
        (&connection["push"]["weight"], &connection["push"]["exercise"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&connection["poll"]["nutrition"], &connection["poll"]["weight"]),
        (&json!(false), &json!(true))
    );
    // A reconnect keeps what it does not name, and replaces what it does.
    app.connect_account("ann", "runkeeper", "ann").await;
    assert_eq!(app.connection("ann", "runkeeper").await["push"]["weight"], true);
    connect_with(app, "runkeeper", &json!({"push": {"weight": false}, "time_zone": "Europe/Rome"}))
        .await;
    let connection = app.connection("ann", "runkeeper").await;
    assert_eq!(
        (&connection["push"]["weight"], &connection["poll"]["nutrition"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(connection["time_zone"], "Europe/Rome");
}

#[tokio::test]
async fn what_the_partner_does_not_offer_is_refused_before_the_link() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let path = "/v1/users/ann/connections/withings/authorize";
    for (body, status, words) in [
        (r#"{"poll":{"nutrition":true}}"#, 422, ["poll: `nutrition`", "spo2"]),
        (r#"{"push":{"weight":true}}"#, 422, ["push: `weight`", "nothing"]),
        (r#"{"time_zone":"Europe/Atlantis"}"#, 422, ["time_zone", "Europe/Stockholm"]),
        (r#"{"push":{"weight":1}}"#, 422, ["push.weight", "true or false"]),
        (r#"{"pull":{"weight":true}}"#, 422, ["pull: ", "`poll`"]),
    ] {
        let (got, problem) = app.call(Method::POST, path, Some(body)).await;
        assert_eq!(got, status, "{body}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(words.iter().all(|word| detail.contains(word)), "{body}: {detail}");
    }
}
