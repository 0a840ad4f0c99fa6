//! What syncs bring and how they go.

use serde_json::{Value, json};

use super::receiver::Receiver;
use super::{ALLOWED, subscribe};
use crate::harness::{Daemon, empty_account, eventually, sandbox, stored_before, weight};

#[tokio::test]
async fn a_first_sync_of_ten_thousand_records_comes_in_some_twenty_messages() {
    const RECORDS: usize = 10_000;
    let (sandbox, receiver) = (sandbox(), Receiver::start().await);
    let daemon = Daemon::start_of(&["withings"], &sandbox, ALLOWED, &[]).await;
    let control = sandbox.control();
    empty_account(&sandbox, "withings", "ann");
    let group =
        |number: i64| stored_before(weight(&control, 60_000 + number, number), &control, 3600);
    let groups = (0..RECORDS as i64).map(group).collect();
    control.append("withings", "ann", "measure", groups).unwrap();
    subscribe(&daemon.app, &receiver.url, &["record.*", "connection.*"]).await;
    daemon.app.connect_account("ann", "withings", "ann").await;
    let records = |receiver: &Receiver| -> Vec<Value> {
        let changes = receiver.taken().into_iter().flat_map(|message| message.changes());
        changes.filter(|change| change["record"].is_object()).collect()
    };
    let came = eventually(async || records(&receiver).len() >= RECORDS).await;
    assert!(came, "{} came", records(&receiver).len());
    let messages = receiver.taken();
    println!("{RECORDS} records came in {} messages", messages.len());
    assert!(messages.len() <= 80, "{}", messages.len());
    assert!(messages.iter().all(|message| message.changes().len() <= 500));
    let sent: Vec<Value> = records(&receiver).iter().map(|it| it["record"]["id"].clone()).collect();
    let feed = daemon.app.changes().await;
    let in_feed: Vec<Value> = feed.iter().map(|it| it["record"]["id"].clone()).collect();
    assert_eq!(sent, in_feed, "in the order of the feed, each once");
    let first = &records(&receiver)[0];
    assert_eq!((&first["cause"], &first["partner"]), (&json!("connect"), &json!("withings")));
    let connected = &messages[0].changes()[0];
    assert_eq!(connected["type"], "connection.connected");
    assert_eq!(connected["connection"]["partner"], "withings");
}

#[tokio::test]
async fn syncs_that_fail_for_a_while_and_recover_are_reported_once() {
    let (sandbox, receiver) = (sandbox(), Receiver::start().await);
    let settings = format!("[scheduler]\nmin_gap = \"10ms\"\n{ALLOWED}");
    let daemon = Daemon::start_of(&["runkeeper"], &sandbox, &settings, &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "runkeeper").await;
    subscribe(app, &receiver.url, &["sync.*", "connection.disconnected"]).await;
    let broken = json!({"fault": {"kind": "status", "status": 500}});
    control.add_fault("runkeeper", serde_json::from_value(broken).unwrap()).unwrap();
    let failing = eventually(async || {
        app.sync("ann", "runkeeper").await;
        app.connection("ann", "runkeeper").await["failing_since"].is_string()
    });
    assert!(failing.await, "{:?}", app.timeline("ann").await);
    app.sync("ann", "runkeeper").await;
    control.clear_faults("runkeeper").unwrap();
    let works = eventually(async || {
        app.sync("ann", "runkeeper").await;
        app.connection("ann", "runkeeper").await["failing_since"].is_null()
    });
    assert!(works.await, "{:?}", app.timeline("ann").await);
    let path = "/v1/users/ann/connections/runkeeper";
    assert_eq!(app.call(reqwest::Method::DELETE, path, None).await.0, 200);
    receiver.gets(3).await;
    let got = receiver.got();
    let types: Vec<&str> = got.iter().map(|it| it.body["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["sync.failing", "sync.recovered", "connection.disconnected"]);
    assert_eq!(got[0].body["data"]["connection"]["partner"], "runkeeper");
    assert_eq!(got[2].body["data"]["cause"], "disconnect");
}
