//! What is left of the limits of callers, and what happens beyond them.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;
use serde_json::Value;

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, sandbox};

async fn ask(app: &HostApp, path: &str) -> Response {
    let request = app.client.get(format!("{}{path}", app.address));
    request.bearer_auth(&app.key).send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_key_that_calls_too_often_waits_and_every_answer_says_what_is_left() {
    let sandbox = sandbox();
    let limit = ("SYNCWELL__SERVER__REQUESTS_PER_MINUTE_PER_KEY", "6");
    let mut daemon = Daemon::start_with(&sandbox, "", &[limit, MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    for left in (0..6).rev() {
        // What is refused for another reason counts, too.
        let path = if left == 3 { "/v1/connections?limit=0" } else { "/v1/partners" };
        let answer = ask(&app, path).await;
        assert_eq!(answer.status(), if left == 3 { 400 } else { 200 });
        assert_eq!(header(&answer, "ratelimit-policy"), Some("\"key\";q=6;w=60"));
        let said = header(&answer, "ratelimit").unwrap();
        assert!(said.starts_with(&format!("\"key\";r={left};t=")), "{said}");
    }
    let answer = ask(&app, "/v1/partners").await;
    assert_eq!(answer.status(), 429);
    let wait: u64 = header(&answer, RETRY_AFTER.as_str()).unwrap().parse().unwrap();
    assert!((1..=11).contains(&wait), "{wait}");
    assert!(header(&answer, "ratelimit").unwrap().starts_with("\"key\";r=0;t="));
    let problem: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["type"], "urn:syncwell:problem:too-many-calls", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("6 calls in a minute"), "{problem}");

    // Other keys have their own, and what needs no key has none.
    assert_eq!(ask(&daemon.admin, "/v1/partners").await.status(), 200);
    let health = ask(&app, "/healthz").await;
    assert_eq!((health.status().as_u16(), header(&health, "ratelimit")), (200, None));

    daemon.let_pass(&sandbox, Duration::from_secs(wait));
    assert_eq!(ask(&app, "/v1/partners").await.status(), 200, "after the time it was given");
}

#[tokio::test]
async fn without_a_limit_only_unknown_keys_are_counted() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let answer = ask(&daemon.app, "/v1/partners").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "ratelimit")), (200, None));
    let guess = HostApp { key: "sw_app_0_0".to_owned(), ..daemon.app.clone() };
    for left in [19, 18] {
        let answer = ask(&guess, "/v1/partners").await;
        assert_eq!(answer.status(), 401);
        assert_eq!(header(&answer, "ratelimit-policy"), Some("\"unknown-keys\";q=20;w=60"));
        let said = header(&answer, "ratelimit").unwrap();
        assert!(said.starts_with(&format!("\"unknown-keys\";r={left};t=")), "{said}");
    }
}
