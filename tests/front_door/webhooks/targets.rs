//! Where events may not be sent.

use reqwest::Method;
use serde_json::{Value, json};

use super::receiver::{Receiver, Reply};
use super::{ALLOWED, add, path_of, subscribe};
use crate::harness::{Daemon, eventually, sandbox};

async fn test(daemon: &Daemon, endpoint: &Value) -> Value {
    let path = format!("{}/test", path_of(endpoint));
    let (status, tested) = daemon.app.call(Method::POST, &path, None).await;
    assert_eq!(status, 200, "{tested}");
    tested
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_refused_at_each_attempt() {
    let (daemon, receiver) = (Daemon::start(&sandbox(), "").await, Receiver::start().await);
    let url = receiver.url.replace("http://127.0.0.1", "https://localhost");
    let endpoint = subscribe(&daemon.app, &url, &["*"]).await;
    let tested = test(&daemon, &endpoint).await;
    let error = tested["error"].as_str().unwrap();
    assert!(error.contains("is not a public address"), "{error}");
    add(&daemon, "ann", 0..1).await;
    let failed = eventually(async || {
        let shown = daemon.app.get(&path_of(&endpoint)).await;
        shown["last_error"].as_str().is_some_and(|why| why.contains("not a public address"))
    });
    assert!(failed.await, "{}", daemon.app.get(&path_of(&endpoint)).await);
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let daemon = Daemon::start(&sandbox(), ALLOWED).await;
    let (receiver, trap) = (Receiver::start().await, Receiver::start().await);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}", trap.url);
        receiver.replies(move |_| Reply::status(status).with(&location));
        let endpoint = subscribe(&daemon.app, &receiver.url, &["*"]).await;
        let tested = test(&daemon, &endpoint).await;
        assert_eq!((&tested["status"], &tested["status_code"]), (&json!("failed"), &json!(status)));
        assert!(tested["error"].as_str().unwrap().contains("not followed"), "{tested}");
    }
    assert!(trap.got().is_empty());
}

#[tokio::test]
async fn a_test_says_how_it_ended() {
    let (daemon, receiver) = (Daemon::start(&sandbox(), ALLOWED).await, Receiver::start().await);
    let endpoint = subscribe(&daemon.app, &receiver.url, &["record.created"]).await;
    let tested = test(&daemon, &endpoint).await;
    assert_eq!((&tested["status"], &tested["error"]), (&json!("delivered"), &json!(null)));
    let message = receiver.got().remove(0);
    assert_eq!(
        (&message.body["type"], &json!(message.id())),
        (&json!("test"), &tested["message_id"])
    );
    assert!(message.is_signed_with(endpoint["secret"].as_str().unwrap()));
    receiver.replies(|_| Reply::status(500));
    assert_eq!(test(&daemon, &endpoint).await["error"], "it answered 500");
    let closed = format!("http://127.0.0.1:{}/", crate::ports::free());
    let closed = subscribe(&daemon.app, &closed, &["*"]).await;
    let error = test(&daemon, &closed).await["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("it cannot be reached: "), "{error}");
}
