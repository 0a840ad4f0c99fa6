//! Limits, counted by the sandbox: Withings' 120 calls a minute with 500 users due at once and a
//! kill in the middle of the minute; windows that lie fixed; people among hundreds of polls.

use std::ops::Range;
use std::time::Duration;

use futures_util::StreamExt;
use partner_sandbox::{FixedLimit, Limit, Limits, Sandbox};
use reqwest::Method;
use serde_json::json;

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, empty_account, eventually, sandbox};

const USERS: usize = 500;

async fn connect_all(sandbox: &Sandbox, daemon: &Daemon, users: Range<usize>, at_once: usize) {
    let connects = users.map(async |number| {
        let user = format!("user{number}");
        empty_account(sandbox, "withings", &user);
        daemon.app.connect_account(&user, "withings", &user).await;
    });
    futures_util::stream::iter(connects).buffer_unordered(at_once).collect::<Vec<()>>().await;
}

/// Waits until every sync waits for a permit, or for the room to begin; gives the calls that were made
/// until then.
async fn used_up(daemon: &Daemon, partner: &str, calls: impl Fn() -> u64) -> u64 {
    let (mut before, mut rounds) = (None, 0);
    let all_wait = eventually(async || {
        let actor = daemon.actor(partner).await;
        let is_wanted = actor["calls_waiting"] != 0 || actor["sessions_waiting"] != 0;
        let waits = actor["calls_waiting"] == actor["sessions_busy"];
        let now = Some((calls(), actor["calls_waiting"].clone()));
        let is_same = std::mem::replace(&mut before, now.clone()) == now;
        rounds = if is_same && waits { rounds + 1 } else { 0 };
        // More than once: permits that are being written ahead are waited for, too. What waits for a
        // later time is due within two seconds, or not before the limit has room.
        rounds >= if is_wanted { 1 } else { 100 }
    });
    assert!(all_wait.await, "{}", daemon.actor(partner).await);
    calls()
}

#[tokio::test]
async fn the_limit_holds_with_500_users_due_at_once_and_across_a_kill() {
    let sandbox = sandbox();
    let control = sandbox.control();
    // Connecting them is not what is tested: it happens without limits on either side.
    let settings = "[scheduler]\ngroups = [\"1h\"]\n";
    let mut daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    connect_all(&sandbox, &daemon, 0..USERS, 8).await;
    let all_polled = eventually(async || {
        let actor = daemon.actor("withings").await;
        actor["scheduled"] == USERS && actor["sessions_busy"] == 0
    });
    assert!(all_polled.await, "{}", daemon.actor("withings").await);
    assert!(daemon.stop().await.success());

    daemon.set_limits("");
    // The sandbox remembers a minute of calls, whoever made them under whatever limit.
    daemon.let_pass(&sandbox, Duration::from_secs(61));
    let limit = Limit { calls: 120, seconds: 60 };
    control.set_limits("withings", Limits { app: Some(limit), ..Limits::none() }).unwrap();
    control.reset_counts("withings").unwrap();
    daemon.launch().await;
    let (status, accepted) = daemon.admin.post("/v1/partners/withings/sync").await;
    assert_eq!((status.as_u16(), &accepted["accepted"]), (202, &USERS.into()));
    let calls = || control.counts("withings").unwrap().calls;
    assert!(eventually(async || calls() >= 40).await, "{} calls", calls());
    daemon.kill();
    daemon.launch().await;
    daemon.admin.post("/v1/partners/withings/sync").await;
    // Not necessarily all: what may have been called when it was killed counts as called.
    used_up(&daemon, "withings", calls).await;

    daemon.let_pass(&sandbox, Duration::from_secs(20));
    // Looks far back end at 70 % of the limit. While they wait for more, new polls may wait, too; when
    // they give up, polls go on to their 85 %.
    let first_minute = used_up(&daemon, "withings", calls).await;
    assert!(first_minute <= 102, "a third of a minute frees nothing: {first_minute} calls");
    daemon.let_pass(&sandbox, Duration::from_secs(41));
    assert!(eventually(async || calls() >= first_minute + 60).await, "{} calls", calls());
    let second_minute = used_up(&daemon, "withings", calls).await;
    daemon.let_pass(&sandbox, Duration::from_secs(63));
    used_up(&daemon, "withings", calls).await;
    // Polls leave a share to interactive calls, which use the limit in full: the last of them wait.
    let connects = (USERS..USERS + 40).map(async |number| {
        let user = format!("user{number}");
        empty_account(&sandbox, "withings", &user);
        let url = daemon.app.authorize(&user, "withings", "{}").await;
        let back = daemon.app.decide(&url, &user, "allow").await;
        // A code that would wait too long is given up.
        daemon.app.client.get(&back).send().await.unwrap();
    });
    let connects = futures_util::future::join_all(connects);
    let in_full = async {
        let used = eventually(async || calls() >= second_minute + 115).await;
        assert!(used, "{second_minute}, {}: {}", calls(), daemon.actor("withings").await);
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    tokio::join!(connects, in_full);

    let counts = control.counts("withings").unwrap();
    assert_eq!(counts.rejected, 0, "{counts:?}");
    assert!(counts.busiest_window.calls <= 120, "{counts:?}");
    let buckets = daemon.actor("withings").await["buckets"].clone();
    assert_eq!((&buckets[0]["limit"], &buckets[0]["window_s"]), (&120.into(), &60.0.into()));
}

#[tokio::test]
async fn people_are_served_while_hundreds_of_polls_wait() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let settings = "[scheduler]\ngroups = [\"1s\"]\njitter = 0.0\n";
    let mut daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    for number in 0..20 {
        daemon.app.connect(&sandbox, &format!("user{number}"), "runkeeper").await;
    }
    daemon.kill();
    daemon.set_limits("limits = [{calls = 40, per = \"1m\"}]\n");
    daemon.let_pass(&sandbox, Duration::from_secs(61));
    let limit = Limit { calls: 40, seconds: 60 };
    control.set_limits("runkeeper", Limits { app: Some(limit), ..Limits::none() }).unwrap();
    control.reset_counts("runkeeper").unwrap();
    daemon.launch().await;
    // Twenty users with three calls a second each want more than a window has.
    let calls = || control.counts("runkeeper").unwrap().calls;
    let mut windows = 0;
    for _ in 0..5 {
        let before = used_up(&daemon, "runkeeper", calls).await;
        loop {
            let sync = daemon.app.sync("user7", "runkeeper").await;
            if sync["outcome"] == "ok" {
                break;
            }
            // Answered at once, with what it waits for.
            assert_eq!(sync["outcome"], "limited", "{sync}");
            assert_eq!(sync["errors"][0]["waiting_for"]["limit"], "RunKeeper: 40 calls in 1m");
            windows += 1;
            // One each, and now and then a second for a poll of the same user under way. After the
            // polls that wait there would be two each, and more.
            assert!(windows <= 8, "served before the polls that wait: {windows}");
            daemon.let_pass(&sandbox, Duration::from_secs(61));
            assert!(eventually(async || calls() > before).await, "{}", daemon.log());
        }
    }
    let counts = control.counts("runkeeper").unwrap();
    assert_eq!(counts.rejected, 0, "{counts:?}");
}

#[tokio::test]
async fn fixed_windows_and_limits_of_reads_hold_across_a_kill() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let settings = "[scheduler]\ngroups = [\"1s\"]\njitter = 0.0\n";
    let mut daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    for number in 0..8 {
        daemon.app.connect(&sandbox, &format!("user{number}"), "runkeeper").await;
    }
    daemon.kill();
    daemon.set_limits(
        "limits = [{calls = 20, per = \"1m\", window = \"fixed\"}, \
         {calls = 12, per = \"1m\", window = \"fixed\", counts = \"reads\"}]\n",
    );
    daemon.let_pass(&sandbox, Duration::from_secs(61));
    let fixed = vec![FixedLimit::app(20, 60), FixedLimit::app(12, 60).of_reads()];
    control.set_limits("runkeeper", Limits { fixed, ..Limits::none() }).unwrap();
    control.reset_counts("runkeeper").unwrap();
    daemon.launch().await;
    // Eight users with three reads a second each want more than a window has.
    let calls = || control.counts("runkeeper").unwrap().calls;
    for window in 0..6 {
        let before = used_up(&daemon, "runkeeper", calls).await;
        daemon.let_pass(&sandbox, Duration::from_secs(61));
        let mut least = 8;
        if window == 3 {
            // What may have been called when it was killed counts as called.
            least = 0;
            assert!(eventually(async || calls() >= before + 3).await, "{}", daemon.log());
            daemon.kill();
            daemon.launch().await;
        }
        let goes_on = eventually(async || calls() >= before + least).await;
        assert!(goes_on, "the limits are also used: {}", daemon.actor("runkeeper").await);
    }

    let counts = control.counts("runkeeper").unwrap();
    assert_eq!(counts.rejected, 0, "{counts:?}");
    let buckets = daemon.actor("runkeeper").await["buckets"].clone();
    for (bucket, counts, limit) in [(&buckets[0], "all", 20), (&buckets[1], "reads", 12)] {
        assert_eq!((&bucket["window"], &bucket["counts"]), (&"fixed".into(), &counts.into()));
        assert_eq!((&bucket["limit"], &bucket["window_s"]), (&limit.into(), &60.0.into()));
        assert!(bucket["resets_at"].is_string() && bucket["used"].is_u64(), "{buckets}");
    }
}

/// One answer asks for a wait of days, and closes the partner for everybody.
#[tokio::test]
async fn a_wait_of_days_lets_people_try_now_and_then_and_can_be_ended() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\n";
    let mut daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    let (app, admin) = (daemon.app.clone(), daemon.admin.clone());
    for user in ["ann", "bea"] {
        app.connect(&sandbox, user, "withings").await;
    }
    let too_many = |times: u64| {
        let fault =
            json!({"kind": "status", "status": 429, "body": "", "retry_after": 4_000_000_000_u32});
        let rule = json!({"on": {"path": "/measure"}, "times": times, "fault": fault});
        control.add_fault("withings", serde_json::from_value(rule).unwrap()).unwrap();
    };
    too_many(1);
    assert_eq!(app.sync("ann", "withings").await["outcome"], "limited");

    // Nobody waits for the answer: neither a person nor a browser.
    let begun = std::time::Instant::now();
    assert_eq!(app.sync("bea", "withings").await["outcome"], "limited");
    let url = app.authorize("cleo", "withings", "{}").await;
    empty_account(&sandbox, "withings", "cleo");
    let back = app.decide(&url, "cleo", "allow").await;
    let page = app.client.get(&back).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("did not answer"), "{page}");
    let why = app.timeline("cleo").await[0]["summary"].to_string();
    assert!(why.contains("asked us to make no calls; the next try is in 15 min"), "{why}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    // A try now and then: refused, it closes again; not refused, it opens for all.
    too_many(1);
    for (outcome, minutes) in [("limited", 16), ("limited", 10), ("ok", 6), ("ok", 1)] {
        control.reset_counts("withings").unwrap();
        daemon.let_pass(&sandbox, Duration::from_secs(60 * minutes));
        let sync = app.sync("bea", "withings").await;
        assert_eq!(sync["outcome"], outcome, "after {minutes} more minutes: {sync}");
        if outcome == "ok" {
            is_polled_by_itself(&app, "ann").await;
        }
    }

    // A restart does not forget a wait, and the administrator can end it.
    too_many(1);
    assert_eq!(app.sync("ann", "withings").await["outcome"], "limited");
    daemon.kill();
    daemon.launch().await;
    assert_eq!(app.sync("bea", "withings").await["outcome"], "limited");
    let lift = "/v1/partners/withings/wait";
    assert_eq!(app.call(Method::DELETE, lift, None).await.0, 403);
    assert_eq!(admin.call(Method::DELETE, lift, None).await.0, 204);
    is_polled_by_itself(&app, "ann").await;
    control.advance(Duration::from_secs(11));
    app.sync_ok("bea", "withings").await;
    daemon.kill();
    daemon.launch().await;
    control.advance(Duration::from_secs(11));
    app.sync_ok("bea", "withings").await;
}

/// What a wait had put off comes as soon as the wait is over.
async fn is_polled_by_itself(app: &HostApp, user: &str) {
    let path = format!("/v1/users/{user}/connections/withings");
    let polled = eventually(async || app.get(&path).await["last_error"].is_null()).await;
    assert!(polled, "{}", app.get(&path).await);
}
