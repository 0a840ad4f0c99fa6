//! Limits, counted by the sandbox: Withings' 120 calls a minute with 500 users due at once and a
//! kill in the middle of the minute; windows that lie fixed; people among hundreds of polls.

use std::time::{Duration, Instant};

use partner_sandbox::{FixedLimit, Limit, Limits};

use crate::harness::{Daemon, empty_account, eventually, sandbox};

const USERS: usize = 500;

#[tokio::test]
async fn the_limit_holds_with_500_users_due_at_once_and_across_a_kill() {
    let sandbox = sandbox();
    let control = sandbox.control();
    // Connecting them is not what is tested: it happens without limits on either side.
    let mut daemon = Daemon::start(&sandbox, "[scheduler]\ngroups = [\"1h\"]\n").await;
    for number in 0..USERS {
        let user = format!("user{number}");
        empty_account(&sandbox, "withings", &user);
        daemon.app.connect_account(&user, "withings", &user).await;
    }
    let all_polled = eventually(async || {
        let actor = daemon.actor("withings").await;
        actor["scheduled"] == USERS && actor["sessions_busy"] == 0
    });
    assert!(all_polled.await, "{}", daemon.actor("withings").await);
    assert!(daemon.stop().await.success());

    daemon.set_limits("");
    // The sandbox remembers a minute of calls, whoever made them under whatever limit.
    tokio::time::sleep(Duration::from_secs(61)).await;
    let limit = Limit { calls: 120, seconds: 60 };
    control.set_limits("withings", Limits { app: Some(limit), ..Limits::none() }).unwrap();
    control.reset_counts("withings").unwrap();
    daemon.launch().await;
    let began = Instant::now();
    let (status, accepted) = daemon.admin.post("/v1/partners/withings/sync").await;
    assert_eq!((status.as_u16(), &accepted["accepted"]), (202, &USERS.into()));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let before_kill = control.counts("withings").unwrap();
    daemon.kill();
    daemon.launch().await;
    daemon.admin.post("/v1/partners/withings/sync").await;
    let rest = Duration::from_secs(95).saturating_sub(began.elapsed());
    tokio::time::sleep(rest).await;

    let counts = control.counts("withings").unwrap();
    assert_eq!(counts.rejected, 0, "{counts:?}");
    assert!(counts.busiest_window.calls <= 120, "{counts:?}");
    assert!(before_kill.calls >= 90, "the limit is also used: {before_kill:?}");
    assert!(counts.calls >= before_kill.calls + 60, "and goes on after the kill: {counts:?}");
    let buckets = daemon.actor("withings").await["buckets"].clone();
    assert_eq!((&buckets[0]["limit"], &buckets[0]["window_s"]), (&120.into(), &60.0.into()));
}

#[tokio::test]
async fn people_are_served_while_hundreds_of_polls_wait() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let settings = "[scheduler]\ngroups = [\"1s\"]\njitter = 0.0\n";
    let mut daemon = Daemon::start(&sandbox, settings).await;
    daemon.kill();
    daemon.set_limits("limits = [{calls = 40, per = \"4s\"}]\n");
    daemon.launch().await;
    control
        .set_limits(
            "runkeeper",
            Limits { app: Some(Limit { calls: 40, seconds: 4 }), ..Limits::none() },
        )
        .unwrap();
    for number in 0..20 {
        daemon.app.connect(&sandbox, &format!("user{number}"), "runkeeper").await;
    }
    // Twenty users with three calls a second each want six times what there is.
    let waits =
        eventually(async || daemon.actor("runkeeper").await["calls_waiting"].as_u64().unwrap() > 5);
    assert!(waits.await);
    for _ in 0..5 {
        let began = Instant::now();
        daemon.app.sync_ok("user7", "runkeeper").await;
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    }
    let counts = control.counts("runkeeper").unwrap();
    assert_eq!(counts.rejected, 0, "{counts:?}");
}

#[tokio::test]
async fn fixed_windows_and_limits_of_reads_hold_across_a_kill() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let settings = "[scheduler]\ngroups = [\"1s\"]\njitter = 0.0\n";
    let mut daemon = Daemon::start(&sandbox, settings).await;
    daemon.kill();
    daemon.set_limits(
        "limits = [{calls = 20, per = \"2s\", window = \"fixed\"}, \
         {calls = 12, per = \"2s\", window = \"fixed\", counts = \"reads\"}]\n",
    );
    daemon.launch().await;
    let fixed = vec![FixedLimit::app(20, 2), FixedLimit::app(12, 2).of_reads()];
    control.set_limits("runkeeper", Limits { fixed, ..Limits::none() }).unwrap();
    for number in 0..8 {
        daemon.app.connect(&sandbox, &format!("user{number}"), "runkeeper").await;
    }
    // Eight users with three reads a second each want four times what there is.
    let calls = || control.counts("runkeeper").unwrap().calls;
    let used = eventually(async || calls() >= 60);
    assert!(used.await, "the limits are also used: {}", daemon.actor("runkeeper").await);
    daemon.kill();
    let before_kill = calls();
    daemon.launch().await;
    let goes_on = eventually(async || calls() >= before_kill + 60);
    assert!(goes_on.await, "and after the kill: {}", daemon.actor("runkeeper").await);

    let counts = control.counts("runkeeper").unwrap();
    assert_eq!(counts.rejected, 0, "{counts:?}");
    let buckets = daemon.actor("runkeeper").await["buckets"].clone();
    for (bucket, counts, limit) in [(&buckets[0], "all", 20), (&buckets[1], "reads", 12)] {
        assert_eq!((&bucket["window"], &bucket["counts"]), (&"fixed".into(), &counts.into()));
        assert_eq!((&bucket["limit"], &bucket["window_s"]), (&limit.into(), &2.0.into()));
        assert!(bucket["resets_at"].is_string() && bucket["used"].is_u64(), "{buckets}");
    }
}
