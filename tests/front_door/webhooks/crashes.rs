//! A kill at each step of a delivery loses nothing and breaks no order; what comes twice has one id.

use std::collections::HashMap;

use super::receiver::Receiver;
use super::{ALLOWED, add, added, subscribe};
use crate::harness::{Daemon, eventually, sandbox};

#[tokio::test]
async fn a_crash_at_any_step_of_a_delivery_loses_nothing_and_doubles_no_id() {
    let receiver = Receiver::start().await;
    let mut daemon = Daemon::start_of(&["withings"], &sandbox(), ALLOWED, &[]).await;
    subscribe(&daemon.app, &receiver.url, &["*"]).await;
    let mut next = 0;
    for point in ["planned", "sent", "stored"] {
        // A few changes, each alone, and many together.
        for count in [3, 40] {
            assert!(daemon.stop().await.success());
            let crash = format!("events::{point}=1*off->1*return");
            daemon.set_environment(&[("FAILPOINTS", &crash)]);
            daemon.launch().await;
            for user in ["ann", "ben"] {
                try_add(&daemon, user, next..next + count).await;
            }
            let crashed = eventually(async || {
                // It crashes at the second step, which may need another change.
                !daemon.is_running()
            });
            assert!(crashed.await, "events::{point}");
            daemon.set_environment(&[]);
            daemon.launch().await;
            for user in ["ann", "ben"] {
                // Adding again what was stored changes nothing.
                add(&daemon, user, next..next + count).await;
            }
            next += count;
            for user in ["ann", "ben"] {
                receiver.takes(user, &added(user, 0..next)).await;
            }
        }
    }
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut doubled = 0;
    for message in receiver.got() {
        for change in message.changes() {
            let cursor = change["cursor"].as_str().unwrap().to_owned();
            if let Some(before) = ids.insert(cursor, message.id()) {
                assert_eq!(before, message.id(), "{}", message.body);
                doubled += 1;
            }
        }
    }
    assert!(doubled > 0, "a crash between sending and storing sends again");
}

/// Adds what a daemon that may crash meanwhile takes.
async fn try_add(daemon: &Daemon, user: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let record = serde_json::json!({"app_id": format!("w-{number}"),
            "start": "2026-03-04T06:15:00+02:00",
            "measurement": {"type": "weight", "value": super::WEIGHT}});
        let body = serde_json::json!({"records": [record]});
        let path = format!("/v1/users/{user}/records");
        daemon.app.try_call(reqwest::Method::POST, &path, &body).await;
    }
}
