//! New users of a partner with tight limits, all at once: their pasts keep to their share, pushes and
//! people go first, and whatever waits says for what.
//!
//! `NEW_USERS` says how many there are; thirty take days of the partner's limits, which pass in
//! minutes.

use std::time::{Duration, Instant};

use partner_sandbox::{AccountChange, Options, Sandbox};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, MOVED_CLOCK, eventually};

/// Strava's limits: a quarter of an hour has 100 reads, of which the past may use 70.
const SHARE_OF_THE_PAST: u64 = 70;
const READS: u64 = 100;
const QUARTER: Duration = Duration::from_secs(15 * 60);

fn users() -> Vec<String> {
    let number = std::env::var("NEW_USERS").ok().and_then(|number| number.parse().ok());
    (0..number.unwrap_or(6)).map(|number| format!("user{number}")).collect()
}

/// Calls that read: everything but tokens and writes.
fn reads(sandbox: &Sandbox) -> u64 {
    let counts = sandbox.control().counts("strava").unwrap();
    let tokens = counts.by_path.iter().filter(|(path, _)| path.contains("oauth"));
    counts.calls - tokens.map(|(_, calls)| calls).sum::<u64>() - counts.writes.values().sum::<u64>()
}

async fn connection(daemon: &Daemon, user: &str) -> Value {
    daemon.app.get(&format!("/v1/users/{user}/connections/strava")).await
}

/// Whether everybody's past is read.
async fn is_complete(daemon: &Daemon, users: &[String]) -> bool {
    let mut complete = true;
    for user in users {
        complete &= connection(daemon, user).await["last_poll_at"].is_string();
    }
    complete
}

/// Waits until no sync is under way or about to begin: for longer than the least gap between two.
async fn is_quiet(daemon: &Daemon) {
    let mut quiet = 0;
    let ended = eventually(async || {
        let actor = daemon.actor("strava").await;
        let busy = actor["sessions_busy"] != 0 || actor["calls_waiting"] != 0;
        quiet = if busy { 0 } else { quiet + 1 };
        quiet > 60
    });
    assert!(ended.await, "{}", daemon.actor("strava").await);
}

#[tokio::test]
async fn new_users_with_a_past_hold_up_nobody_and_say_what_they_wait_for() {
    let users = users();
    let options = Options { accounts: 0, history_days: 0, ..Options::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let control = sandbox.control();
    // Polls of what is new would take reads as well.
    let settings = "[scheduler]\ngroups = [\"1000h\"]\n";
    let mut daemon = Daemon::start_of(&["strava"], &sandbox, settings, &[MOVED_CLOCK]).await;
    daemon.stop().await;
    daemon.set_limits("");
    daemon.launch().await;
    let app = daemon.app.clone();
    let mut past = 0;
    for user in &users {
        let history = AccountChange { time_zone: None, history_days: Some(60), empty: false };
        control.put_account("strava", user, &history).unwrap();
        past += control.items("strava", user, "activities").unwrap().len() as u64;
    }
    let connects = users.iter().map(async |user| {
        app.connect_account(user, "strava", user).await;
        let path = format!("/v1/users/{user}/connections/strava");
        let push = r#"{"push": {"exercise": true}}"#;
        assert_eq!(app.call(Method::PATCH, &path, Some(push)).await.0, 200);
    });
    futures_util::future::join_all(connects).await;
    is_quiet(&daemon).await;
    let first = reads(&sandbox);
    // Calls that the changes of the settings cut off count here and not there.
    let expected = SHARE_OF_THE_PAST / 2..=SHARE_OF_THE_PAST;
    assert!(expected.contains(&first), "{first} reads");

    // What the host app adds is written within seconds, whatever waits for reads.
    let began = Instant::now();
    let mut ids = Vec::new();
    for user in &users {
        let run = json!({"records": [{"app_id": "run-1", "start": "2026-11-01T07:00:00Z",
            "exercise": {"activity": "running", "duration_s": 1800, "energy_kcal": 300}}]});
        let path = format!("/v1/users/{user}/records");
        let (status, added) = app.call(Method::POST, &path, Some(&run.to_string())).await;
        assert_eq!(status, 201, "{added}");
        ids.push(added["records"][0]["id"].as_str().unwrap().to_owned());
    }
    for (user, id) in users.iter().zip(&ids) {
        let path = format!("/v1/users/{user}/records/{id}");
        let written =
            eventually(async || app.get(&path).await["partners"][0]["state"] == "in_step");
        assert!(written.await, "{}", app.get(&path).await);
    }
    println!("{} records written in {:?}", users.len(), began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());

    // Who asks is answered, from the share that is kept back, or with what it waits for.
    let mut limited = 0;
    for user in &users {
        let began = Instant::now();
        let sync = app.sync(user, "strava").await;
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        if sync["outcome"] == "limited" {
            limited += 1;
            let waiting_for = &sync["errors"][0]["waiting_for"];
            // With many users it may be the limit of all calls.
            let limits = ["Strava: 100 reads in 15m", "Strava: 200 calls in 15m"];
            assert!(limits.iter().any(|limit| waiting_for["limit"] == *limit), "{sync}");
            let connection = connection(&daemon, user).await;
            assert!(connection["waiting_for"]["until"].is_string(), "{connection}");
            let line = &app.timeline(user).await[0];
            assert_eq!(line["outcome"], "limited", "{line}");
            assert!(line["summary"].as_str().unwrap().contains("in 15m), until"), "{line}");
        } else {
            assert_eq!(sync["outcome"], "ok", "{sync}");
        }
    }
    assert!(limited > 0, "the past of somebody is not read yet");
    is_quiet(&daemon).await;
    let asked = reads(&sandbox);
    assert!(asked > first, "people get more than what the past may use: {asked}");
    assert!(asked <= READS, "{asked} reads");

    // The past goes on where it stopped, as fast as its share of the limits allows.
    let mut quarters = 1;
    while !is_complete(&daemon, &users).await {
        quarters += 1;
        assert!(quarters < 400, "it does not end");
        daemon.let_pass(&sandbox, QUARTER);
        is_quiet(&daemon).await;
    }
    let calls = reads(&sandbox);
    for user in &users {
        let stored = app.get(&format!("/v1/users/{user}/records?limit=1000")).await;
        let stored = stored["records"].as_array().unwrap().len();
        let there = control.items("strava", user, "activities").unwrap().len();
        println!("{user}: {there} activities, {stored} stored");
    }
    // A day has 1,000 reads, of which the past may use 700; then it waits for the next day.
    let days = past.saturating_sub(1) / 700;
    let least = past.div_ceil(SHARE_OF_THE_PAST).max(days * 96);
    println!(
        "{past} activities of the past: {calls} reads in {quarters} quarters, at least {least}"
    );
    assert_eq!(control.counts("strava").unwrap().rejected, 0);
    assert!(quarters <= 2 * least + 2, "{quarters} quarters of an hour, {least} at least");
}
