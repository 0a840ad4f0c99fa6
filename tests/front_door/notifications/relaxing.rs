//! Polls become few while notifications work, and come back by themselves.

use std::time::Duration;

use chrono::{DateTime, Utc};
use partner_sandbox::Sandbox;
use serde_json::Value;

use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox};
use crate::notifications::{Sender, has_records, run, with_ann};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

struct Life {
    sandbox: Sandbox,
    daemon: Daemon,
    sender: Sender,
    account: String,
}

impl Life {
    async fn begin(extra: &str) -> Self {
        let sandbox = sandbox();
        let (daemon, sender, account) = with_ann(&sandbox, extra, &[MOVED_CLOCK]).await;
        Self { sandbox, daemon, sender, account }
    }

    async fn connection(&self) -> Value {
        self.daemon.app.connection("ann", "moves").await
    }

    /// The minutes from the last poll to the next.
    async fn interval(&self) -> f64 {
        let connection = self.connection().await;
        let time = |key: &str| connection[key].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        (time("next_poll_at") - time("last_poll_at")).as_seconds_f64() / 60.0
    }

    /// Lets time pass, and what is due happen.
    async fn pass(&mut self, by: Duration) {
        let quiet = eventually(async || self.daemon.actor("moves").await["sessions_busy"] == 0);
        assert!(quiet.await);
        self.daemon.let_pass(&self.sandbox, by);
        self.sender.passed += by;
        let polled = eventually(async || {
            let tree = self.daemon.actor("moves").await;
            tree["sessions_busy"] == 0 && tree["due_now"] == 0
        });
        assert!(polled.await);
    }

    async fn state_is(&self, state: &str) -> bool {
        eventually(async || self.connection().await["notifications"]["state"] == state).await
    }
}

#[tokio::test]
async fn polls_become_few_while_notifications_work_and_return_when_they_do_not() {
    let mut life = Life::begin("").await;
    let control = life.sandbox.control();
    assert!(life.interval().await < 6.0, "nothing is proven yet");
    run(&control, "ann", 60);
    assert_eq!(life.sender.announce(&life.account).await, 200);
    assert!(has_records(&life.daemon, 1).await && life.state_is("working").await);
    let relaxed = life.interval().await;
    assert!((56.0..64.0).contains(&relaxed), "{relaxed} minutes");
    // The partner falls silent: polls find what nothing announced.
    for known in 2..=4 {
        run(&control, "ann", 30);
        life.pass(HOUR + 10 * MINUTE).await;
        assert!(has_records(&life.daemon, known).await, "within a poll interval");
        life.pass(HOUR + 10 * MINUTE).await;
    }
    assert!(life.state_is("silent").await, "{}", life.connection().await);
    let reason = life.connection().await["notifications"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("3 times that no notification had announced"), "{reason}");
    assert!(life.interval().await < 6.0, "as often as without");
    life.pass(2 * MINUTE).await;
    let counted = eventually(async || {
        life.daemon.actor("moves").await["notifications"]["silent_connections"] == 1
    });
    assert!(counted.await);
    // One that works restores it.
    run(&control, "ann", 5);
    assert_eq!(life.sender.announce(&life.account).await, 200);
    assert!(has_records(&life.daemon, 5).await && life.state_is("working").await);
    assert!(life.interval().await > 50.0);
}

#[tokio::test]
async fn the_settings_keep_polls_as_they_are() {
    let life = Life::begin("[scheduler]\nrelax_when_notified = false\n").await;
    run(&life.sandbox.control(), "ann", 60);
    assert_eq!(life.sender.announce(&life.account).await, 200);
    assert!(has_records(&life.daemon, 1).await && life.state_is("working").await);
    assert!(life.interval().await < 6.0);
}

#[tokio::test]
async fn an_announced_deletion_of_something_old_is_looked_for() {
    let mut life = Life::begin("").await;
    let control = life.sandbox.control();
    let days = |days: i64| days * 24 * 60;
    // Beyond what an ordinary poll reads.
    // The first one stays: Moves tells no days before the first with data.
    let numbers = [80, 70, 60].map(|ago| run(&control, "ann", days(ago)));
    life.daemon.app.sync_ok("ann", "moves").await;
    assert!(has_records(&life.daemon, 3).await);
    life.pass(2 * HOUR).await;
    control.delete("moves", "ann", "segments", numbers[1]).unwrap();
    assert_eq!(life.sender.announce(&life.account).await, 200);
    assert!(has_records(&life.daemon, 2).await, "{:?}", life.daemon.app.timeline("ann").await);
    // A second one within the hour is looked for when the hour is over.
    control.delete("moves", "ann", "segments", numbers[2]).unwrap();
    life.pass(MINUTE).await;
    control.reset_counts("moves").unwrap();
    assert_eq!(life.sender.announce(&life.account).await, 200);
    let looked = eventually(async || control.counts("moves").unwrap().calls > 0);
    assert!(looked.await);
    assert_eq!(life.daemon.app.records("ann").await.len(), 2);
    life.pass(HOUR).await;
    assert!(has_records(&life.daemon, 1).await, "{:?}", life.daemon.app.timeline("ann").await);
}
