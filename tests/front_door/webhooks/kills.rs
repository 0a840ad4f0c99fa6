//! Kills at random moments, while changes are made and delivered.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::json;

use super::receiver::{Receiver, Reply};
use super::{ALLOWED, added, subscribe};
use crate::harness::{Daemon, HostApp, sandbox};

const CHANGES: u32 = 80;

const KILLS: usize = 6;

/// Adds the user's weights one after the other, each until it is stored.
async fn write(app: HostApp, user: &'static str) {
    for number in 0..CHANGES {
        let record = json!({"app_id": format!("w-{number}"), "start": "2026-03-04T06:15:00+02:00",
            "measurement": {"type": "weight", "value": super::WEIGHT}});
        let (path, body) = (format!("/v1/users/{user}/records"), json!({"records": [record]}));
        while app.try_call(Method::POST, &path, &body).await.is_none_or(|it| it != 201) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn kills_at_any_moment_lose_no_event_and_keep_the_order_of_each_user() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let receiver = Receiver::start().await;
    let mut daemon = Daemon::start_of(&["withings"], &sandbox(), ALLOWED, &[]).await;
    subscribe(&daemon.app, &receiver.url, &["*"]).await;
    // Many are under way when a kill comes.
    receiver
        .replies(|_| Reply::status(204).after(Duration::from_millis(rand::random_range(0..40))));
    let users = ["ann", "ben", "cid"];
    let writers = users.map(|user| tokio::spawn(write(daemon.app.clone(), user)));
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(chance.random_range(20..600))).await;
        daemon.kill();
        daemon.launch().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for user in users {
        receiver.takes(user, &added(user, 0..CHANGES)).await;
    }
}
