//! Guessing keys.

use std::time::Duration;

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, eventually, sandbox};

/// Calls with a key; returns the status and `Retry-After`.
async fn call(app: &HostApp, key: &str) -> (u16, Option<u64>) {
    let request = app.client.get(format!("{}/v1/partners", app.address)).bearer_auth(key);
    let answer = request.send().await.unwrap();
    let wait = answer.headers().get("retry-after");
    let wait = wait.map(|wait| wait.to_str().unwrap().parse().unwrap());
    if answer.status() == 429 {
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    (answer.status().as_u16(), wait)
}

fn guess(number: usize) -> String {
    match number % 3 {
        0 => format!("sw_app_{number:012x}_0123456789abcdef0123456789abcdef"),
        1 => format!("sw_admin_{number:012x}_0123456789abcdef0123456789abcdef"),
        _ => format!("hush-{number}"),
    }
}

#[tokio::test]
async fn who_guesses_keys_is_slowed_and_seen_and_good_keys_are_not_hurt() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_with(&sandbox, "", &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    for number in 0..20 {
        assert_eq!(call(&app, &guess(number)).await, (401, None), "{number}");
        assert_eq!(call(&app, &app.key).await.0, 200);
    }
    for number in 20..50 {
        let (status, wait) = call(&app, &guess(number)).await;
        assert_eq!(status, 429, "{number}");
        assert!((1..=60).contains(&wait.unwrap()), "{wait:?}");
        assert_eq!(call(&app, &app.key).await.0, 200);
    }
    // A call without a key is no guess.
    assert_eq!(call(&app, "").await.0, 401);
    // A key that was not looked up yet is as good.
    assert_eq!(call(&app, &daemon.admin.key).await.0, 200);
    daemon.let_pass(&sandbox, Duration::from_secs(61));
    assert_eq!(call(&app, &guess(50)).await, (401, None), "the next minute");
    let lines = |log: &str| log.lines().filter(|line| line.contains("API key")).count();
    assert!(eventually(async || lines(&daemon.log()) > 0).await, "{}", daemon.log());
    let log = daemon.log();
    assert_eq!(lines(&log), 1, "one line a minute: {log}");
    let line = log.lines().find(|line| line.contains("API key")).unwrap();
    assert!(line.contains("WARN") && line.contains("50") && line.contains("127.0.0.1"), "{line}");
    for number in 0..=50 {
        let guess = guess(number);
        assert!(!log.contains(guess.rsplit('_').next().unwrap()), "{log}");
    }
}
