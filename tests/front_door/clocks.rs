//! Clocks that were wrong: what is due and where syncs start recover by themselves, and the timeline
//! says so.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sandbox::Sandbox;

use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox};
use crate::partners::{GOOGLE_HEALTH, Known, RUNKEEPER, STRAVA, WITHINGS};

const AT_ONCE: &str = "[scheduler]\nmin_gap = \"10ms\"\n";
const FORTY_DAYS: Duration = Duration::from_secs(40 * 86_400);

async fn daemon_of(sandbox: &Sandbox, partner: &str) -> Daemon {
    let daemon = Daemon::start_of(&[partner], sandbox, AT_ONCE, &[MOVED_CLOCK]).await;
    daemon.app.connect(sandbox, "ann", partner).await;
    daemon
}

fn append(sandbox: &Sandbox, known: &Known, hours_ago: i64) {
    let control = sandbox.control();
    let now = DateTime::<Utc>::from_timestamp(control.now(), 0).unwrap();
    let item = (known.resources[0].item)(now - TimeDelta::hours(hours_ago));
    control.append(known.name, "ann", known.resources[0].name, vec![item]).unwrap();
}

#[tokio::test]
async fn what_was_due_by_a_clock_that_was_ahead_is_due_soon() {
    for ahead in [FORTY_DAYS, Duration::from_secs(3 * 3_600)] {
        let sandbox = sandbox();
        let mut daemon = daemon_of(&sandbox, "withings").await;
        daemon.set_clock_ahead(ahead);
        // A poll is due at once by that clock, and stores when the next one is.
        let app = daemon.app.clone();
        let right = DateTime::<Utc>::from_timestamp(sandbox.control().now(), 0).unwrap();
        let far = |at: &str| at.parse::<DateTime<Utc>>().unwrap() > right + TimeDelta::hours(2);
        let is_far = eventually(async || {
            let connection = app.connection("ann", "withings").await;
            connection["next_poll_at"].as_str().is_some_and(far)
        });
        assert!(is_far.await, "{}", app.connection("ann", "withings").await);

        daemon.kill();
        daemon.set_clock_ahead(Duration::ZERO);
        daemon.launch().await;
        // When the partner's actor has loaded its schedule.
        let is_near = eventually(async || {
            let connection = app.connection("ann", "withings").await;
            !far(connection["next_poll_at"].as_str().unwrap())
        });
        assert!(is_near.await, "{}", app.connection("ann", "withings").await);
        let lines = app.timeline("ann").await;
        let said = lines.iter().find(|line| line["outcome"] == "corrected");
        assert!(said.is_some(), "{lines:?}");
        let summary = said.unwrap()["summary"].as_str().unwrap();
        assert!(summary.contains("clock was ahead"), "{summary}");
    }
}

#[tokio::test]
async fn a_cursor_does_not_go_where_the_partners_clock_has_not_been() {
    for known in [&RUNKEEPER, &WITHINGS, &GOOGLE_HEALTH, &STRAVA] {
        let sandbox = sandbox();
        let mut daemon = daemon_of(&sandbox, known.name).await;
        append(&sandbox, known, 60);
        daemon.app.sync_ok("ann", known.name).await;
        daemon.set_clock_ahead(FORTY_DAYS);
        let sync = daemon.app.sync_ok("ann", known.name).await;
        let summary = sync["summary"].as_str().unwrap();
        assert!(summary.contains("clock is 40 days ahead of the partner's"), "{summary}");
        // What comes meanwhile comes here: at once, or when the clock is right.
        append(&sandbox, known, 1);
        sandbox.control().pass(Duration::from_secs(2 * 86_400));
        daemon.app.sync_ok("ann", known.name).await;
        daemon.kill();
        daemon.set_clock_ahead(Duration::from_secs(2 * 86_400));
        daemon.launch().await;
        let sync = daemon.app.sync_ok("ann", known.name).await;
        assert!(!sync["summary"].as_str().unwrap().contains("ahead"), "{sync}");
        let records = daemon.app.records("ann").await;
        let starts = records.iter().map(|record| record["start"].as_str().unwrap());
        let days: std::collections::BTreeSet<_> =
            starts.map(|at| at.split_once('T').unwrap().0).collect();
        assert_eq!(days.len(), 2, "{}: {days:?}", known.name);
    }
}
