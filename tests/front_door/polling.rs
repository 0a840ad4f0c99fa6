//! Polls: complete, exact, without duplicates.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, empty_account, eventually, sandbox, values, weight};

#[tokio::test]
async fn two_thousand_five_hundred_measurements_over_many_pages_are_complete_exact_and_unique() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "withings", "ann");
    // Each value is unique, so that a missing or duplicate one shows; exponents vary by scale.
    let groups: Vec<Value> = (0..2_500)
        .map(|number| {
            let (value, unit) = match number % 3 {
                0 => (60_000 + number, -3),
                1 => ((60_000 + number) * 10, -4),
                _ => (60_000 + number, -3),
            };
            json!({"attrib": 0, "date": control.now() - 3_600 * number, "category": 1,
                "measures": [{"value": value, "type": 1, "unit": unit}]})
        })
        .collect();
    control.append("withings", "ann", "measure", groups).unwrap();
    app.connect(&sandbox, "ann", "withings").await;
    assert!(control.counts("withings").unwrap().by_path["/measure"] >= 25, "many pages");
    let expected: Vec<f64> =
        (0..2_500).map(|number| f64::from(60_000 + number) / 1_000.0).collect();
    let records = app.records("ann").await;
    assert_eq!(values(&records, "weight"), expected);
    let ids: HashSet<_> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2_500);
    for _ in 0..3 {
        let sync = app.sync_ok("ann", "withings").await;
        assert_eq!((&sync["created"], &sync["updated"]), (&0.into(), &0.into()), "{sync}");
    }
    let changes = app.changes().await;
    assert_eq!(changes.len(), 2_500);
    assert!(changes.iter().all(|change| change["change"] == "created"));
    let first = app
        .timeline("ann")
        .await
        .into_iter()
        .find(|line| line["cause"] == "connect" && line["outcome"] == "ok");
    let summary = first.unwrap()["summary"].as_str().unwrap().to_owned();
    assert!(summary.contains("measure: 2500 new"), "{summary}");
}

#[tokio::test]
async fn a_record_says_what_it_is_when_it_was_and_where_it_comes_from() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "withings", "ann");
    let group = json!({"grpid": 5_010_203_041_i64, "attrib": 0, "date": 1_772_597_700, "category": 1,
        "measures": [{"value": 7812, "type": 1, "unit": -2}, {"value": 178, "type": 4, "unit": -2},
            {"value": 1, "type": 18, "unit": 0}, {"value": 2140, "type": 6, "unit": -2}]});
    control.append("withings", "ann", "measure", vec![group]).unwrap();
    app.connect(&sandbox, "ann", "withings").await;
    let mut records = app.records("ann").await;
    records.sort_by_key(|record| record["source"]["id"].as_str().unwrap().to_owned());
    let found: Vec<_> =
        records.iter().map(|record| (&record["source"]["id"], &record["measurement"])).collect();
    assert_eq!(
        found,
        [
            (
                &json!("5010203041:body_fat"),
                &json!({"type": "body_fat", "value": 21.4, "unit": "%"})
            ),
            (&json!("5010203041:height"), &json!({"type": "height", "value": 178, "unit": "cm"})),
            (&json!("5010203041:weight"), &json!({"type": "weight", "value": 78.12, "unit": "kg"})),
        ]
    );
    let weight = &records[2];
    assert_eq!(weight["start"], "2026-03-04T06:15:00+02:00", "the UTC offset of Helsinki");
    assert_eq!(weight["time_basis"], "exact");
    assert_eq!(weight["kind"], "measurement");
    assert_eq!(weight["user_id"], "ann");
    assert_eq!((&weight["end"], &weight["deleted"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn an_edit_a_late_measurement_and_a_removed_one_arrive() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "withings", "ann");
    let scale = json!({"attrib": 0, "date": control.now() - 7_200, "category": 1,
        "measures": [{"value": 70_000, "type": 1, "unit": -3}, {"value": 2_000, "type": 6, "unit": -2}]});
    let ids = control
        .append("withings", "ann", "measure", vec![scale, weight(&control, 71_000, 60)])
        .unwrap();
    app.connect(&sandbox, "ann", "withings").await;
    let before = app.records("ann").await;
    assert_eq!(before.len(), 3);

    let edited = json!({"measures": [{"value": 70_500, "type": 1, "unit": -3}]});
    control.edit("withings", "ann", "measure", ids[0], &edited).unwrap();
    let sync = app.sync_ok("ann", "withings").await;
    assert_eq!(
        (&sync["updated"], &sync["deleted"]),
        (&1.into(), &1.into()),
        "the weight changed, the fat is gone: {sync}"
    );
    let after = app.records("ann").await;
    assert_eq!((values(&after, "weight"), values(&after, "body_fat")), (vec![70.5, 71.0], vec![]));
    let id_of = |records: &[Value], value: f64| {
        records.iter().find(|record| record["measurement"]["value"] == value).unwrap()["id"].clone()
    };
    assert_eq!(id_of(&before, 70.0), id_of(&after, 70.5), "it is the same record");

    // Measured 200 days ago by a scale that was offline, stored now.
    control
        .append("withings", "ann", "measure", vec![weight(&control, 69_000, 200 * 24 * 60)])
        .unwrap();
    assert_eq!(app.sync_ok("ann", "withings").await["created"], 1);
    assert_eq!(values(&app.records("ann").await, "weight"), [69.0, 70.5, 71.0]);
    let changes: Vec<_> =
        app.changes().await.iter().skip(3).map(|change| change["change"].clone()).collect();
    assert_eq!(changes.len(), 3);
    assert!(
        changes.contains(&json!("updated"))
            && changes.contains(&json!("deleted"))
            && changes.contains(&json!("created"))
    );
}

#[tokio::test]
async fn a_poll_that_comes_due_while_others_are_started_does_not_wait() {
    let sandbox = sandbox();
    let environment = [("FAILPOINTS", "partner_actor::syncs_started=sleep(20)")];
    let settings = "[scheduler]\ngroups = [\"1s\"]\nmin_gap = \"100ms\"\njitter = 0.0\n";
    let daemon = Daemon::start_with(&sandbox, settings, &environment).await;
    let control = sandbox.control();
    empty_account(&sandbox, "withings", "ann");
    daemon.app.connect(&sandbox, "ann", "withings").await;
    let polls = || control.counts("withings").unwrap().by_path["/measure"];
    let before = polls();
    assert!(eventually(async || polls() >= before + 4).await, "{} polls", polls() - before);
}

#[tokio::test]
async fn one_bad_record_never_stops_its_neighbours_nor_comes_again_and_again() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "withings", "ann");
    let mut groups: Vec<Value> =
        (0..10).map(|number| weight(&control, 70_000 + number, 60 + number)).collect();
    groups.insert(
        3,
        json!({"attrib": 0, "date": control.now() - 600, "category": 1, "measures": "none"}),
    );
    groups.insert(6, weight(&control, 9_999_000, 30));
    control.append("withings", "ann", "measure", groups).unwrap();
    empty_account(&sandbox, "runkeeper", "ann");
    let items = vec![
        json!({"timestamp": "Sat, 1 Nov 2025 07:00:00", "weight": 70.7, "fat_percent": 14.7}),
        json!({"timestamp": "yesterday", "weight": 71.0}),
        json!({"timestamp": "Sun, 2 Nov 2025 07:00:00", "weight": "heavy"}),
        json!({"timestamp": "Mon, 3 Nov 2025 07:00:00", "weight": 70.9}),
    ];
    control.append("runkeeper", "ann", "weight", items).unwrap();
    app.connect(&sandbox, "ann", "withings").await;
    app.connect(&sandbox, "ann", "runkeeper").await;
    let of_withings: Vec<f64> = (0..10).map(|number| 70.0 + f64::from(number) / 1_000.0).collect();
    let weights = values(&app.records("ann").await, "weight");
    assert_eq!(weights, [of_withings, vec![70.7, 70.9]].concat());
    let refused = |partner: &'static str| async move {
        let lines = app.timeline("ann").await;
        let line = lines
            .into_iter()
            .find(|line| line["partner"] == partner && line["detail"]["feeds"].is_array());
        line.unwrap()["detail"]["feeds"][0].clone()
    };
    let withings = refused("withings").await;
    assert_eq!(withings["refused"], 2, "{withings}");
    assert!(withings["refusals"].to_string().contains("human range"), "{withings}");
    assert!(!withings.to_string().contains("9999"), "no value in the log: {withings}");
    assert_eq!(refused("runkeeper").await["refused"], 2);
    app.sync_ok("ann", "withings").await;
    assert_eq!(app.records("ann").await.len(), 13);
}

#[tokio::test]
async fn runkeeper_s_feeds_are_read_in_the_user_s_time_zone() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "runkeeper", "ann");
    let weights: Vec<Value> = (1..=28)
        .map(|day| json!({"timestamp": format!("{}, {day} Feb 2026 07:05:09", weekday(day)), "weight": 60.0 + f64::from(day) / 10.0}))
        .collect();
    control.append("runkeeper", "ann", "weight", weights).unwrap();
    let run = json!({"type": "Running", "start_time": "Wed, 4 Mar 2026 06:15:00", "utc_offset": 2, "total_distance": 5000,
        "duration": 1500.5, "total_calories": 350});
    let ride = json!({"type": "Cycling", "start_time": "Thu, 5 Mar 2026 06:15:00", "total_distance": 10128.71,
        "duration": 4364.74, "total_calories": 210.8});
    let live = json!({"type": "Running", "start_time": "Fri, 6 Mar 2026 06:15:00", "is_live": true, "duration": 10, "total_calories": 3});
    control.append("runkeeper", "ann", "fitnessActivities", vec![run, ride, live]).unwrap();
    let meal = json!({"timestamp": "Sun, 1 Mar 2026 12:30:00", "calories": 450, "carbohydrates": 60, "water": 8, "meal": "Lunch"});
    control.append("runkeeper", "ann", "nutrition", vec![meal]).unwrap();
    app.connect(&sandbox, "ann", "runkeeper").await;

    let records = app.records("ann").await;
    assert_eq!(values(&records, "weight").len(), 28, "two pages of 25");
    let find = |start: &str| {
        records
            .iter()
            .find(|record| record["start"].as_str().unwrap().starts_with(start))
            .unwrap()
            .clone()
    };
    let (run, ride, meal) = (find("2026-03-04"), find("2026-03-05"), find("2026-03-01"));
    assert_eq!(
        (&run["start"], &run["time_basis"]),
        (&json!("2026-03-04T06:15:00+02:00"), &json!("exact"))
    );
    assert_eq!(run["exercise"]["activity"], "running");
    assert_eq!(
        (&run["exercise"]["duration_s"], &run["exercise"]["distance_m"]),
        (&json!(1500.5), &json!(5000))
    );
    assert_eq!(
        (&ride["start"], &ride["time_basis"]),
        (&json!("2026-03-05T06:15:00+00:00"), &json!("local"))
    );
    assert_eq!(
        (&meal["nutrition"]["meal"], &meal["nutrition"]["energy_kcal"]),
        (&json!("lunch"), &json!(450))
    );
    assert_eq!(records.len(), 28 + 3, "the live one is not there yet");

    let (status, changed) = app
        .call(
            Method::PATCH,
            "/v1/users/ann/connections/runkeeper",
            Some(r#"{"time_zone":"Europe/Stockholm"}"#),
        )
        .await;
    assert_eq!((status.as_u16(), &changed["time_zone"]), (200, &json!("Europe/Stockholm")));
    app.sync_ok("ann", "runkeeper").await;
    let records = app.records("ann").await;
    assert_eq!(records.len(), 28 + 3, "moved, not duplicated");
    let ride_again = records.iter().find(|record| record["id"] == ride["id"]).unwrap();
    assert_eq!(ride_again["start"], "2026-03-05T06:15:00+01:00");
}

fn weekday(day: i32) -> &'static str {
    // 1 February 2026 was a Sunday.
    ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][usize::try_from((day - 1) % 7).unwrap()]
}

#[tokio::test]
async fn an_edited_and_a_late_runkeeper_item_arrive() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "runkeeper", "ann");
    let item =
        |day: &str, weight: f64| json!({"timestamp": format!("{day} 07:00:00"), "weight": weight});
    let ids = control
        .append(
            "runkeeper",
            "ann",
            "weight",
            vec![item("Sat, 4 Oct 2025", 70.1), item("Mon, 6 Oct 2025", 70.2)],
        )
        .unwrap();
    app.connect(&sandbox, "ann", "runkeeper").await;
    control.edit("runkeeper", "ann", "weight", ids[0], &json!({"weight": 70.5})).unwrap();
    control.append("runkeeper", "ann", "weight", vec![item("Mon, 1 Sep 2025", 69.0)]).unwrap();
    let sync = app.sync_ok("ann", "runkeeper").await;
    assert_eq!((&sync["created"], &sync["updated"]), (&1.into(), &1.into()), "{sync}");
    assert_eq!(values(&app.records("ann").await, "weight"), [69.0, 70.2, 70.5]);
}

#[tokio::test]
async fn what_is_switched_off_is_not_stored_and_what_is_switched_on_again_is_read_from_the_beginning()
 {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    let path = "/v1/users/ann/connections/withings";
    let (status, changed) =
        app.call(Method::PATCH, path, Some(r#"{"poll":{"weight":false}}"#)).await;
    assert_eq!((status.as_u16(), &changed["poll"]["weight"]), (200, &json!(false)));
    let group = json!({"attrib": 0, "date": control.now() - 600, "category": 1,
        "measures": [{"value": 70_000, "type": 1, "unit": -3}, {"value": 2_000, "type": 6, "unit": -2}]});
    control.append("withings", "ann", "measure", vec![group]).unwrap();
    app.sync_ok("ann", "withings").await;
    let records = app.records("ann").await;
    assert_eq!((values(&records, "weight"), values(&records, "body_fat")), (vec![], vec![20.0]));
    app.call(Method::PATCH, path, Some(r#"{"poll":{"weight":true}}"#)).await;
    app.sync_ok("ann", "withings").await;
    let records = app.records("ann").await;
    assert_eq!(
        (values(&records, "weight"), values(&records, "body_fat")),
        (vec![70.0], vec![20.0])
    );
    let (status, problem) =
        app.call(Method::PATCH, path, Some(r#"{"poll":{"weigth":true}}"#)).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("`weigth` cannot be polled"), "{problem}");
}
