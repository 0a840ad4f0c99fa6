//! Tokens with which a phone or a browser reads the stream of one user, and nothing else.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use reqwest::header::{HeaderMap, ORIGIN};
use serde_json::Value;
use syncwell::clock::{Clock, SystemClock};

use super::client::Stream;
use super::put;
use crate::harness::{Daemon, HostApp, MOVED_CLOCK, eventually, sandbox};

/// Makes a token of a user; returns a caller that has it, and when it expires.
async fn token(app: &HostApp, user: &str) -> (HostApp, DateTime<Utc>) {
    let (status, answer) = app.post(&format!("/v1/users/{user}/stream-tokens")).await;
    assert_eq!(status, 201, "{answer}");
    let key = answer["token"].as_str().unwrap().to_owned();
    (HostApp { key, ..app.clone() }, answer["expires_at"].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_token_opens_the_stream_of_its_user_and_nothing_else() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let (app, now) = (&daemon.app, SystemClock::new().now());
    let (phone, expires_at) = token(app, "ann").await;
    let lifetime = expires_at - now;
    assert!(lifetime <= TimeDelta::minutes(16) && lifetime > TimeDelta::minutes(14), "{lifetime}");
    let mut stream = Stream::open(&phone, "/v1/users/ann/stream", None).await;
    put(app, "ben", "w-1", 80.0).await;
    put(app, "ann", "w-1", 70.0).await;
    let event = stream.take(1).await.remove(0);
    assert_eq!(event.data["record"]["user_id"], "ann");
    let mut again = Stream::open(&phone, "/v1/users/ann/stream", Some(&stream.start)).await;
    assert_eq!(again.take(1).await[0].id, event.id);

    for path in ["/v1/users/ben/stream", "/v1/users/an/stream", "/v1/users/ann%20/stream"] {
        let (status, problem) = Stream::refused(&phone, path, None).await;
        assert_eq!(status, 401, "{path}");
        assert!(problem["type"].as_str().unwrap().ends_with(":bad-stream-token"), "{problem}");
    }
    for (method, path) in [
        (Method::GET, "/v1/changes"),
        (Method::GET, "/v1/changes/stream"),
        (Method::GET, "/v1/users/ann/records"),
        (Method::GET, "/v1/users/ann/syncs"),
        (Method::GET, "/v1/users/ann/connections"),
        (Method::POST, "/v1/users/ann/stream-tokens"),
        (Method::POST, "/v1/users/ann/sync"),
        (Method::GET, "/admin/api/actors"),
    ] {
        let (status, problem) = phone.call(method, path, None).await;
        assert_eq!(status, 401, "{path}: {problem}");
    }
    // Not what looks like one, and not in the address.
    let cut: String = phone.key.chars().take(60).collect();
    for key in ["sw_stream_".into(), "sw_stream_AAAA".into(), format!("{}A", phone.key), cut] {
        let forger = HostApp { key, ..app.clone() };
        let (status, problem) = Stream::refused(&forger, "/v1/users/ann/stream", None).await;
        assert_eq!(status, 401, "{problem}");
        assert!(!problem.to_string().contains(&phone.key), "{problem}");
    }
    let path = format!("/v1/users/ann/stream?token={}", phone.key);
    assert_eq!(Stream::refused(&phone, &path, None).await.0, 400);
    assert!(!daemon.log().contains(&phone.key));
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let sandbox = sandbox();
    let settings = "[streams]\ntoken_lifetime = \"3s\"\n";
    let mut daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    let (phone, _) = token(&app, "ann").await;
    let mut stream = Stream::open(&phone, "/v1/users/ann/stream", None).await;
    put(&app, "ann", "w-1", 70.0).await;
    stream.take(1).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.comment()).await;
    assert!(ended.unwrap().contains("its time is over"));
    assert!(stream.next().await.is_none() && stream.ended_well);
    let (status, problem) = Stream::refused(&phone, "/v1/users/ann/stream", None).await;
    assert_eq!(status, 401);
    assert!(problem["type"].as_str().unwrap().ends_with(":stream-token-expired"), "{problem}");

    // A token outlives a restart, and an open stream does not outlive the token's time.
    let (phone, _) = token(&app, "ann").await;
    daemon.kill();
    daemon.launch().await;
    let mut stream = Stream::open(&phone, "/v1/users/ann/stream", None).await;
    daemon.let_pass(&sandbox, Duration::from_secs(60));
    put(&app, "ann", "w-2", 71.0).await;
    assert!(stream.comment().await.contains("its time is over"), "and not the change");
}

#[tokio::test]
async fn tokens_open_no_more_than_64_streams_of_a_user_however_many_ask_at_once() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let (phone, _) = token(&daemon.app, "ann").await;
    // What the host app opens with its key does not count.
    let _host = Stream::open(&daemon.app, "/v1/users/ann/stream", None).await;
    let asked = (0..80).map(|_| {
        let url = format!("{}/v1/users/ann/stream", phone.address);
        phone.client.get(url).bearer_auth(&phone.key).send()
    });
    let answers = futures_util::future::join_all(asked).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let of = |status: u16| answers.iter().filter(|it| it.status() == status).count();
    assert_eq!((of(200), of(429)), (64, 16));
    drop(answers);
    let again = async || {
        let url = format!("{}/v1/users/ann/stream", phone.address);
        phone.client.get(url).bearer_auth(&phone.key).send().await.unwrap().status() == 200
    };
    assert!(eventually(again).await, "those that ended make room");
}

#[tokio::test]
async fn a_stream_that_a_key_opened_ends_after_an_hour() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_with(&sandbox, "", &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    let mut stream = Stream::open(&app, "/v1/changes/stream", None).await;
    daemon.let_pass(&sandbox, Duration::from_secs(59 * 60));
    put(&app, "ann", "w-1", 70.0).await;
    stream.take(1).await;
    daemon.let_pass(&sandbox, Duration::from_secs(17 * 60));
    put(&app, "ann", "w-2", 71.0).await;
    assert!(stream.comment().await.contains("its time is over"), "and not the change");
    assert!(stream.next().await.is_none() && stream.ended_well);
}

#[tokio::test]
async fn pages_of_the_listed_origins_may_read_streams_of_users() {
    let settings = "[streams]\norigins = [\"https://app.example\", \"http://localhost:3000\"]\n";
    let daemon = Daemon::start(&sandbox(), settings).await;
    let (app, (phone, _)) = (&daemon.app, token(&daemon.app, "ann").await);
    let stream = "/v1/users/ann/stream";
    let ask = async |method: Method, path: &str, origin: &str, key: &str| -> (u16, HeaderMap) {
        let request = app.client.request(method.clone(), format!("{}{path}", app.address));
        let mut request = request.header(ORIGIN, origin);
        if method == Method::OPTIONS {
            request = request
                .header("access-control-request-method", "GET")
                .header("access-control-request-headers", "authorization,last-event-id");
        } else {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.headers().clone())
    };
    let text = |headers: &HeaderMap, name: &str| {
        headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    let allowed = |headers: &HeaderMap| text(headers, "access-control-allow-origin");
    for origin in ["https://app.example", "http://localhost:3000"] {
        let (status, headers) = ask(Method::OPTIONS, stream, origin, "").await;
        assert_eq!((status, allowed(&headers).as_deref()), (204, Some(origin)));
        let (methods, sent) = ("access-control-allow-methods", "access-control-allow-headers");
        assert_eq!(text(&headers, methods).unwrap(), "GET");
        assert_eq!(text(&headers, sent).unwrap(), "authorization, last-event-id");
        assert!(text(&headers, "access-control-allow-credentials").is_none());
        let (status, headers) = ask(Method::GET, stream, origin, &phone.key).await;
        assert_eq!((status, allowed(&headers).as_deref()), (200, Some(origin)));
        assert!(text(&headers, "vary").unwrap().contains("Origin"));
        // Also what is refused can be read by the page.
        let (status, headers) = ask(Method::GET, stream, origin, "sw_stream_x").await;
        assert_eq!((status, allowed(&headers).as_deref()), (401, Some(origin)));
        for path in ["/v1/changes/stream", "/v1/users/ann/records", "/v1/users/ann/stream-tokens"] {
            let (_, headers) = ask(Method::OPTIONS, path, origin, "").await;
            assert_eq!(allowed(&headers), None, "{path}");
            let (_, headers) = ask(Method::GET, path, origin, &phone.key).await;
            assert_eq!(allowed(&headers), None, "{path}");
        }
    }
    for origin in ["https://app.example.evil", "https://evil.example", "null", "http://app.example"]
    {
        let (status, headers) = ask(Method::OPTIONS, stream, origin, "").await;
        assert_eq!((status, allowed(&headers)), (204, None), "{origin}");
        let (status, headers) = ask(Method::GET, stream, origin, &phone.key).await;
        assert_eq!((status, allowed(&headers)), (200, None), "{origin}");
    }
    let whole: Value = app.get("/openapi.json").await;
    let described = whole["paths"]["/v1/users/{user}/stream"]["get"].to_string();
    assert!(described.contains("streams.origins"), "{described}");
}
