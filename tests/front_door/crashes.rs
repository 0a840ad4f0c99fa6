//! Kills at critical moments: acknowledged data stays, nothing is duplicated, work resumes without
//! intervention.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Daemon, empty_account, eventually, sandbox, stored_before, values, weight};

#[tokio::test]
async fn a_kill_in_the_middle_of_a_first_sync_loses_and_duplicates_nothing() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let control = sandbox.control();
    empty_account(&sandbox, "withings", "ann");
    let groups = (0..1_500_i32)
        .map(|number| weight(&control, i64::from(60_000 + number), i64::from(number) * 60))
        .map(|group| stored_before(group, &control, 3_600))
        .collect();
    control.append("withings", "ann", "measure", groups).unwrap();
    let slow = json!({"on": {"path": "/measure"}, "fault": {"kind": "latency", "ms": 60}});
    control.add_fault("withings", serde_json::from_value(slow).unwrap()).unwrap();
    daemon.app.connect_account("ann", "withings", "ann").await;
    for stored in [200, 700, 1_100] {
        let reached = eventually(async || daemon.app.changes().await.len() >= stored);
        assert!(reached.await, "the first sync continues without intervention");
        let before = daemon.app.records("ann").await;
        daemon.kill();
        // Withings rejects an identical call within ten seconds (of the simulated clock).
        control.advance(Duration::from_secs(11));
        daemon.launch().await;
        let after = daemon.app.records("ann").await;
        assert!(after.len() >= before.len(), "what was shown is still there");
    }
    daemon.app.first_sync("ann", "withings").await;
    let expected: Vec<f64> =
        (0..1_500).map(|number| f64::from(60_000 + number) / 1_000.0).collect();
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), expected);
    assert_eq!(daemon.app.changes().await.len(), 1_500);
}

#[tokio::test]
async fn an_orderly_stop_succeeds_and_the_next_start_continues() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let control = sandbox.control();
    daemon.app.connect(&sandbox, "ann", "withings").await;
    assert!(daemon.stop().await.success());
    assert!(!daemon.log().contains("panic"), "{}", daemon.log());
    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    daemon.launch().await;
    daemon.app.sync_ok("ann", "withings").await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [70.1]);
}

#[tokio::test]
async fn an_orderly_stop_does_not_wait_for_a_hanging_partner() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    daemon.app.connect(&sandbox, "ann", "withings").await;
    let hang = json!({"fault": {"kind": "hang"}});
    sandbox.control().add_fault("withings", serde_json::from_value(hang).unwrap()).unwrap();
    daemon.app.post("/v1/users/ann/sync").await;
    let busy = eventually(async || daemon.actor("withings").await["sessions_busy"] == 1);
    assert!(busy.await);
    let began = std::time::Instant::now();
    assert!(daemon.stop().await.success());
    // The call itself may take thirty.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
