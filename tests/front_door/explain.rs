//! `explain` where nothing is in the error log: what the user chose, what is normal, and where a record is.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, eventually, sandbox, weight};
use crate::two_way::{add, own_weight, switch};

async fn of_connection(app: &HostApp, partner: &str) -> Value {
    app.get(&format!("/v1/users/ann/connections/{partner}/explain")).await
}

async fn of_record(app: &HostApp, record: &Value) -> Value {
    app.get(&format!("/v1/users/ann/records/{}/explain", record["id"].as_str().unwrap())).await
}

fn codes(explanation: &Value) -> Vec<&str> {
    let causes = explanation["causes"].as_array().unwrap();
    causes.iter().map(|cause| cause["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_connection_that_works_says_when_it_was_looked_at_and_when_it_will_be() {
    let sandbox = sandbox();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\ndemote_after = \"2h\"\n";
    let mut daemon = Daemon::start_of(&["withings"], &sandbox, settings, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    for path in
        ["/v1/users/ann/connections/withings/explain", "/v1/users/ann/connections/garmin/explain"]
    {
        let (status, problem) = app.call(Method::GET, path, None).await;
        assert_eq!(status, 404, "{problem}");
    }
    app.connect(&sandbox, "ann", "withings").await;
    let found = of_connection(&app, "withings").await;
    assert_eq!(codes(&found)[0], "up_to_date", "{found:#}");
    let connection = app.connection("ann", "withings").await;
    assert_eq!(found["next"]["at"], connection["next_poll_at"], "{found:#}");
    assert!(found["next"]["why"].as_str().unwrap().contains("every 5 minutes"), "{found:#}");

    switch(&daemon, "withings", &json!({"poll": {"weight": false}})).await;
    app.first_sync("ann", "withings").await;
    let found = of_connection(&app, "withings").await;
    assert_eq!(codes(&found)[..2], ["switched_off", "up_to_date"], "{found:#}");
    let mend = found["causes"][0]["mend"].as_str().unwrap();
    assert!(mend.contains(r#"{"poll":{"weight":true}}"#), "{mend}");
    switch(&daemon, "withings", &json!({"poll": {"weight": true}})).await;

    // Nothing comes for so long that it is polled less often, beginning with the poll that is due now.
    daemon.let_pass(&sandbox, Duration::from_secs(2 * 3_600 + 60));
    let is_rare = eventually(async || {
        codes(&of_connection(&app, "withings").await).contains(&"polled_rarely")
    });
    assert!(is_rare.await, "{:#}", of_connection(&app, "withings").await);
    let found = of_connection(&app, "withings").await;
    assert!(found["next"]["why"].as_str().unwrap().contains("every 20 minutes"), "{found:#}");
}

#[tokio::test]
async fn a_record_says_where_it_came_from_and_where_it_is() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\n";
    let daemon = Daemon::start_of(&["withings", "runkeeper"], &sandbox, settings, &[]).await;
    let app = &daemon.app;
    for partner in ["withings", "runkeeper"] {
        app.connect(&sandbox, "ann", partner).await;
    }
    let early = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
    let found = of_record(app, &early).await;
    assert_eq!(codes(&found), ["push_switched_off", "origin", "not_taken"], "{found:#}");
    switch(&daemon, "runkeeper", &json!({"push": {"weight": true}})).await;
    let found = of_record(app, &early).await;
    assert_eq!(codes(&found)[0], "not_written", "{found:#}");

    // What comes from a partner is pushed to the other one, and not back.
    control.append("withings", "ann", "measure", vec![weight(&control, 79_300, 60)]).unwrap();
    control.advance(Duration::from_secs(11));
    app.sync_ok("ann", "withings").await;
    let records = app.records("ann").await;
    let measured = records.iter().find(|it| it["source"]["partner"] == "withings").unwrap();
    let pushed = eventually(async || codes(&of_record(app, measured).await).contains(&"pushed"));
    assert!(pushed.await, "{:#}", of_record(app, measured).await);
    let found = of_record(app, measured).await;
    assert_eq!(codes(&found), ["origin", "pushed", "came_from_there"].as_slice(), "{found:#}");
    let origin = found["causes"][0]["sentence"].as_str().unwrap();
    assert!(origin.starts_with("It came from Withings"), "{origin}");
    assert_eq!(found["next"]["at"], Value::Null, "{found:#}");

    // While the user is disconnected it waits for that.
    let path = "/v1/users/ann/connections/runkeeper";
    assert_eq!(app.call(Method::DELETE, path, None).await.0, 200);
    let late = add(&daemon, &[own_weight(&control, "w-2", 70.2, 2)]).await.remove(0);
    let found = of_record(app, &late).await;
    assert_eq!(codes(&found)[0], "disconnected", "{found:#}");
    assert!(found["next"]["why"].as_str().unwrap().contains("connects again"), "{found:#}");

    let (status, problem) = app.call(Method::GET, "/v1/users/ben/records/x/explain", None).await;
    assert_eq!(status, 404, "{problem}");
    let of_ann = format!("/v1/users/ben/records/{}/explain", late["id"].as_str().unwrap());
    assert_eq!(app.call(Method::GET, &of_ann, None).await.0, 404, "another user's record");
}
