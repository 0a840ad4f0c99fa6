//! One daemon per database: a second one says who runs there and ends, and a restart never stumbles
//! over what it replaces. `STARTS` says how often; a hundred takes some minutes.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Daemon, eventually, sandbox};
use crate::process::Running;

fn times(few: u32) -> u32 {
    std::env::var("STARTS").ok().and_then(|number| number.parse().ok()).unwrap_or(few)
}

/// A second daemon on the same database, at a port of its own.
fn second(daemon: &Daemon) -> Command {
    let mut command = daemon.serve();
    command.env("SYNCWELL__SERVER__LISTEN", "127.0.0.1:0");
    command.env("SYNCWELL__SERVER__PUBLIC_URL", "http://127.0.0.1:0");
    command
}

#[tokio::test]
async fn a_second_daemon_on_a_database_says_who_runs_there_and_ends() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let began = Instant::now();
    let mut other = Running::start(&mut second(&daemon));
    assert_eq!(other.ended().await.code(), Some(1));
    let printed = other.printed();
    let holder = format!("process {} since 20", daemon.process());
    assert!(printed.contains("another syncwell runs on the database"), "{printed}");
    assert!(printed.contains(&holder), "{printed}");
    assert!(!printed.contains("partner is ready"), "{printed}");
    assert!(began.elapsed() > Duration::from_secs(4), "it waits for the end of the other");
    // Commands still work, and so does the daemon.
    let key = daemon.command(&["key", "create", "--scope", "app"]);
    assert!(key.status.success(), "{key:?}");
    assert!(daemon.command(&["check"]).status.code().is_some());
    let (status, _) = daemon.app.call(reqwest::Method::GET, "/readyz", None).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn of_two_daemons_that_start_at_once_exactly_one_serves() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    daemon.stop().await;
    for round in 0..times(2) {
        let mut both = [Running::start(&mut second(&daemon)), Running::start(&mut second(&daemon))];
        let serves = |one: &Running| one.printed().contains("syncwell is listening");
        let refuses = |one: &Running| one.printed().contains("another syncwell runs");
        let settled = eventually(async || {
            both.iter().filter(|one| serves(one)).count() == 1
                && both.iter().filter(|one| refuses(one)).count() == 1
        });
        let settled = settled.await;
        let printed = || both.iter().map(Running::printed).collect::<Vec<_>>().join("\n---\n");
        assert!(settled, "round {round}: {}", printed());
        assert!(!both.iter().any(|one| serves(one) && refuses(one)), "{}", printed());
        for one in &mut both {
            if serves(one) {
                one.signal("KILL");
            }
            one.ended().await;
        }
    }
}

#[tokio::test]
async fn a_restart_within_the_same_second_never_fails() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    daemon.app.connect(&sandbox, "ann", "withings").await;
    for round in 0..times(4) {
        let signal = if round % 2 == 0 { "TERM" } else { "KILL" };
        let old = daemon.replace(signal);
        // Until its end the old one may still answer at the same address.
        old.await_end();
        daemon.await_ready().await;
        let weight = json!({"app_id": format!("w{round}"), "start": "2026-03-04T06:15:00+02:00",
            "measurement": {"type": "weight", "value": 71}});
        let body = json!({"records": [weight]}).to_string();
        let path = "/v1/users/ann/records";
        let (status, problem) = daemon.app.call(reqwest::Method::POST, path, Some(&body)).await;
        assert_eq!(status, 201, "round {round}: {problem}");
    }
}
