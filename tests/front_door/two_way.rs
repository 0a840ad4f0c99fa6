//! Two-way data: created, edited and deleted once everywhere; after that nothing more is sent.

use std::time::Duration;

use partner_sandbox::{Control, Sandbox};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, eventually, sandbox, values, weight};

pub(crate) const PARTNERS: [&str; 3] = ["withings", "runkeeper", "google_health"];

/// Lets syncs follow each other immediately.
pub(crate) const AT_ONCE: &str = "[scheduler]\nmin_gap = \"10ms\"\n";

/// A daemon whose user has connected all three partners and switched on pushing weight.
pub(crate) async fn connected(sandbox: &Sandbox) -> Daemon {
    let daemon = Daemon::start_of(&PARTNERS, sandbox, AT_ONCE, &[]).await;
    for partner in PARTNERS {
        daemon.app.connect(sandbox, "ann", partner).await;
    }
    for partner in ["runkeeper", "google_health"] {
        switch(&daemon, partner, &json!({"push": {"weight": true}})).await;
    }
    daemon
}

pub(crate) async fn switch(daemon: &Daemon, partner: &str, choices: &Value) -> Value {
    let path = format!("/v1/users/ann/connections/{partner}");
    let body = choices.to_string();
    let (status, answer) = daemon.app.call(Method::PATCH, &path, Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A weight of the host app.
pub(crate) fn own_weight(control: &Control, app_id: &str, kilograms: f64, hours_ago: i64) -> Value {
    let at = chrono::DateTime::from_timestamp(control.now() - hours_ago * 3_600, 0).unwrap();
    json!({
        "app_id": app_id, "kind": "measurement", "start": at.to_rfc3339(),
        "measurement": {"type": "weight", "value": kilograms, "unit": "kg"},
    })
}

pub(crate) async fn add(daemon: &Daemon, records: &[Value]) -> Vec<Value> {
    let body = json!({"records": records}).to_string();
    let (status, answer) =
        daemon.app.call(Method::POST, "/v1/users/ann/records", Some(&body)).await;
    assert_eq!(status, 201, "{answer}");
    answer["records"].as_array().unwrap().clone()
}

pub(crate) async fn replace(daemon: &Daemon, record: &Value, kilograms: f64) {
    let path = format!("/v1/users/ann/records/{}", record["id"].as_str().unwrap());
    let body = json!({
        "start": record["start"],
        "measurement": {"type": "weight", "value": kilograms},
    });
    let (status, answer) = daemon.app.call(Method::PUT, &path, Some(&body.to_string())).await;
    assert_eq!(status, 200, "{answer}");
}

pub(crate) async fn delete(daemon: &Daemon, record: &Value) {
    let path = format!("/v1/users/ann/records/{}", record["id"].as_str().unwrap());
    let (status, answer) = daemon.app.call(Method::DELETE, &path, None).await;
    assert_eq!(status, 204, "{answer}");
}

/// The weights at RunKeeper or Google Health, in grams, in ascending order.
pub(crate) fn grams(control: &Control, partner: &str) -> Vec<i64> {
    let (resource, grams): (_, fn(&Value) -> Option<i64>) = match partner {
        "runkeeper" | "fitbit" => {
            ("weight", |item| Some((item["weight"].as_f64()? * 1_000.0).round() as i64))
        }
        _ => ("weight", |item| item["weight"]["weightGrams"].as_f64().map(|grams| grams as i64)),
    };
    let items = control.items(partner, "ann", resource).unwrap();
    let mut found: Vec<i64> = items.iter().filter_map(grams).collect();
    found.sort_unstable();
    found
}

pub(crate) async fn has(control: &Control, partner: &str, expected: &[i64]) {
    let there = eventually(async || grams(control, partner) == expected).await;
    assert!(there, "{partner} has {:?}, not {expected:?}", grams(control, partner));
}

/// Waits until both partners that accept weights have exactly these.
pub(crate) async fn have(control: &Control, expected: &[i64]) {
    for partner in ["runkeeper", "google_health"] {
        has(control, partner, expected).await;
    }
}

/// Polls all three; Withings rejects an identical call within ten seconds of its clock.
pub(crate) async fn round(daemon: &Daemon, control: &Control) {
    control.advance(Duration::from_secs(11));
    for partner in PARTNERS {
        daemon.app.sync_ok("ann", partner).await;
    }
}

/// How many writes each partner counted.
pub(crate) fn writes(control: &Control) -> Value {
    let of = |partner| {
        let counts = control.counts(partner).unwrap();
        json!(counts.writes)
    };
    json!({"runkeeper": of("runkeeper"), "google_health": of("google_health")})
}

#[tokio::test]
async fn a_weight_is_everywhere_once_follows_every_edit_and_is_then_left_alone() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let daemon = connected(&sandbox).await;

    let entered = add(&daemon, &[own_weight(&control, "w-1", 78.12, 30)]).await.remove(0);
    have(&control, &[78_120]).await;
    let measured = vec![weight(&control, 79_300, 60)];
    let id = control.append("withings", "ann", "measure", measured).unwrap()[0];
    control.advance(Duration::from_secs(11));
    daemon.app.sync_ok("ann", "withings").await;
    have(&control, &[78_120, 79_300]).await;
    round(&daemon, &control).await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [78.12, 79.3]);

    replace(&daemon, &entered, 78.5).await;
    have(&control, &[78_500, 79_300]).await;
    control
        .edit(
            "withings",
            "ann",
            "measure",
            id,
            &json!({"measures": [{"value": 79_400, "type": 1, "unit": -3}]}),
        )
        .unwrap();
    control.advance(Duration::from_secs(11));
    daemon.app.sync_ok("ann", "withings").await;
    have(&control, &[78_500, 79_400]).await;

    let before = (writes(&control), daemon.app.changes().await.len());
    for _ in 0..100 {
        round(&daemon, &control).await;
    }
    assert_eq!((writes(&control), daemon.app.changes().await.len()), before);
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [78.5, 79.4]);

    delete(&daemon, &entered).await;
    have(&control, &[79_400]).await;
    round(&daemon, &control).await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [79.4]);
}

#[tokio::test]
async fn what_changes_while_a_user_is_disconnected_travels_with_the_same_account_only() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let daemon = connected(&sandbox).await;
    let kept = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
    let dropped = add(&daemon, &[own_weight(&control, "w-2", 70.2, 39)]).await.remove(0);
    have(&control, &[70_100, 70_200]).await;

    let path = "/v1/users/ann/connections/runkeeper";
    let (status, ended) = daemon.app.call(Method::DELETE, path, None).await;
    assert_eq!((status.as_u16(), &ended["revoked"]), (200, &json!(true)), "{ended}");
    add(&daemon, &[own_weight(&control, "w-3", 70.3, 38)]).await;
    replace(&daemon, &kept, 71.1).await;
    delete(&daemon, &dropped).await;
    has(&control, "google_health", &[70_300, 71_100]).await;
    assert_eq!(grams(&control, "runkeeper"), [70_100, 70_200], "the user is disconnected there");

    daemon.app.connect_account("ann", "runkeeper", "ann").await;
    has(&control, "runkeeper", &[70_300, 71_100]).await;
    round(&daemon, &control).await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [70.3, 71.1]);

    // Another account gets none of it, only what is added from now on.
    daemon.app.call(Method::DELETE, path, None).await;
    crate::harness::empty_account(&sandbox, "runkeeper", "another");
    daemon.app.connect_account("ann", "runkeeper", "another").await;
    add(&daemon, &[own_weight(&control, "w-4", 70.4, 37)]).await;
    let of_another = eventually(async || {
        let items = control.items("runkeeper", "another", "weight").unwrap();
        items.len() == 1 && items[0]["weight"] == 70.4
    });
    assert!(of_another.await);

    // Back at the first account, its items are recognized.
    daemon.app.connect_account("ann", "runkeeper", "ann").await;
    daemon.app.sync_ok("ann", "runkeeper").await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [70.3, 70.4, 71.1]);
    assert_eq!(grams(&control, "runkeeper"), [70_300, 71_100]);
}

#[tokio::test]
async fn of_two_edits_the_later_stays_and_the_other_is_in_the_timeline() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let daemon = connected(&sandbox).await;
    let record = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
    have(&control, &[70_100]).await;
    round(&daemon, &control).await;
    let away = json!({"fault": {"kind": "status", "status": 503}});
    for partner in ["runkeeper", "google_health"] {
        control.add_fault(partner, serde_json::from_value(away.clone()).unwrap()).unwrap();
    }
    replace(&daemon, &record, 72.0).await;
    let item = control.items("runkeeper", "ann", "weight").unwrap().remove(0);
    let uri = item["uri"].as_str().unwrap().rsplit('/').next().unwrap();
    let edit = json!({"weight": 71.0});
    control.edit("runkeeper", "ann", "weight", uri.parse().unwrap(), &edit).unwrap();
    for partner in ["runkeeper", "google_health"] {
        control.clear_faults(partner).unwrap();
    }
    // RunKeeper has no modification times: the host's change since the last poll counts as later.
    daemon.app.sync("ann", "runkeeper").await;
    has(&control, "runkeeper", &[72_000]).await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [72.0]);
    let timeline = daemon.app.timeline("ann").await;
    let conflict = timeline.iter().find_map(|line| {
        let feeds = line["detail"]["feeds"].as_array()?;
        feeds.iter().find_map(|feed| feed["conflicts"].get(0).cloned())
    });
    let conflict = conflict.unwrap_or_else(|| panic!("no conflict in {timeline:?}"));
    assert_eq!(
        (&conflict["won"], &conflict["lost"]["measurement"]["value"]),
        (&json!("here"), &json!(71))
    );
}

#[tokio::test]
async fn a_change_the_partner_refuses_keeps_its_reason_and_waits_for_the_next_change() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let daemon = connected(&sandbox).await;
    let refusal = json!({
        "on": {"path": "/weight"},
        "fault": {"kind": "status", "status": 400, "body": "", "content_type": "text/plain"},
    });
    control.add_fault("runkeeper", serde_json::from_value(refusal).unwrap()).unwrap();
    let record = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
    let id = record["id"].as_str().unwrap().to_owned();
    let link = async || {
        let detail = daemon.app.get(&format!("/v1/users/ann/records/{id}")).await;
        let links = detail["partners"].as_array().unwrap().clone();
        links.into_iter().find(|link| link["partner"] == "runkeeper").unwrap()
    };
    assert!(eventually(async || link().await["state"] == "refused").await, "{}", link().await);
    assert!(link().await["reason"].is_string(), "{}", link().await);
    control.clear_faults("runkeeper").unwrap();
    let before = writes(&control);
    daemon.app.sync_ok("ann", "runkeeper").await;
    assert_eq!(writes(&control)["runkeeper"], before["runkeeper"], "it is not sent again");
    replace(&daemon, &record, 70.2).await;
    has(&control, "runkeeper", &[70_200]).await;
    assert!(eventually(async || link().await["state"] == "in_step").await, "{}", link().await);
}

#[tokio::test]
async fn a_kill_at_any_step_of_a_push_leaves_one_of_each() {
    for (point, times) in [
        ("sync::page_read", 1),
        ("sync::page_saved", 1),
        ("sync::push_begun", 1),
        ("sync::push_answered", 1),
        ("sync::push_kept", 1),
        ("sync::looked_up", 1),
        ("sync::push_answered", 3),
    ] {
        let sandbox = sandbox();
        let control = sandbox.control();
        let mut daemon = connected(&sandbox).await;
        let changed = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
        let dropped = add(&daemon, &[own_weight(&control, "w-2", 70.2, 39)]).await.remove(0);
        have(&control, &[70_100, 70_200]).await;
        daemon.stop().await;
        // A lookup happens only after a crash that left a push with an unknown outcome.
        let first = if point == "sync::looked_up" { "sync::push_answered" } else { point };
        for crash in 0..times {
            daemon.set_environment(&[("FAILPOINTS", &format!("{first}=1*return"))]);
            // Pending pushes are sent immediately and may crash the daemon before it is ready.
            if crash > 0 {
                daemon.spawn();
            } else {
                daemon.launch().await;
                daemon
                    .app
                    .try_call(
                        Method::POST,
                        "/v1/users/ann/records",
                        &json!({
                            "records": [own_weight(&control, "w-3", 70.3, 38)]
                        }),
                    )
                    .await;
                daemon
                    .app
                    .try_call(
                        Method::DELETE,
                        &format!("/v1/users/ann/records/{}", dropped["id"].as_str().unwrap()),
                        &Value::Null,
                    )
                    .await;
                daemon.app.try_call(Method::PUT, &format!("/v1/users/ann/records/{}", changed["id"].as_str().unwrap()), &json!({
                    "start": changed["start"], "measurement": {"type": "weight", "value": 71.1},
                })).await;
                daemon.app.try_call(Method::POST, "/v1/users/ann/sync", &Value::Null).await;
            }
            assert!(daemon.has_ended().await, "{point}: it did not crash");
        }
        if point == "sync::looked_up" {
            daemon.set_environment(&[("FAILPOINTS", "sync::looked_up=1*return")]);
            daemon.spawn();
            assert!(daemon.has_ended().await, "{point}: it did not crash");
        }
        daemon.set_environment(&[]);
        daemon.launch().await;
        let acknowledged: Vec<i64> = values(&daemon.app.records("ann").await, "weight")
            .iter()
            .map(|kilograms| (kilograms * 1_000.0).round() as i64)
            .collect();
        for partner in ["runkeeper", "google_health"] {
            let there = eventually(async || {
                drop(daemon.app.sync("ann", partner).await);
                grams(&control, partner) == acknowledged
            });
            assert!(
                there.await,
                "{point}: {partner} has {:?} and the host {acknowledged:?}",
                grams(&control, partner)
            );
        }
        round(&daemon, &control).await;
        let after: Vec<f64> = values(&daemon.app.records("ann").await, "weight");
        assert_eq!(after.len(), acknowledged.len(), "{point}: {after:?}");
    }
}
