//! Bodies that no program should send, and those that never end.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{MADE_UP, RECORDS, answer, connected, raw, read};
use crate::harness::{Daemon, HostApp, sandbox};

/// A request with this key and these headers, without its body.
fn head(key: &str, headers: &str) -> String {
    let begin = format!("POST {RECORDS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n");
    format!("{begin}{headers}\r\n\r\n")
}

#[tokio::test]
async fn a_body_is_looked_at_only_when_the_key_is_good() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let stranger = HostApp { key: MADE_UP.to_owned(), ..daemon.app.clone() };
    let record = "/v1/users/ann/records/0197f0a0-0000-7000-8000-000000000000";
    for call in [
        ("POST", RECORDS, "{"),
        ("PUT", record, "{"),
        ("POST", "/v1/users/ann/connections/withings/authorize", "{"),
        ("PATCH", "/v1/users/ann/connections/withings", "{"),
    ] {
        let body = call.2.as_bytes();
        assert_eq!(answer(&stranger, (call.0, call.1, body)).await.0, 401, "{call:?}");
        assert_eq!(answer(&daemon.app, (call.0, call.1, body)).await.0, 400, "{call:?}");
    }
    for headers in
        ["Content-Length: 3000000", "Content-Length: 100000", "Transfer-Encoding: chunked"]
    {
        let began = Instant::now();
        let said = raw(&daemon, head(MADE_UP, headers).as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 401 "), "{headers}: {said}");
        assert!(began.elapsed() < Duration::from_secs(9), "{headers}: the connection stays open");
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let environment = [("SYNCWELL__SERVER__BODY_TIMEOUT", "1s")];
    let daemon = Daemon::start_with(&sandbox(), "", &environment).await;
    for (key, status) in [(daemon.app.key.as_str(), "408"), (MADE_UP, "401")] {
        for (headers, bytes) in
            [("Content-Length: 100000", " "), ("Transfer-Encoding: chunked", "1\r\n \r\n")]
        {
            let (mut stream, began) = (connected(&daemon).await, Instant::now());
            stream.write_all(head(key, headers).as_bytes()).await.unwrap();
            let (mut reading, mut writing) = stream.split();
            let mut said = String::new();
            let trickle = async {
                while writing.write_all(bytes.as_bytes()).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let answer = async {
                use tokio::io::AsyncReadExt;
                let mut all = Vec::new();
                // The end of the connection, also by a reset.
                drop(reading.read_to_end(&mut all).await);
                said = String::from_utf8_lossy(&all).into_owned();
            };
            let both = async { tokio::join!(trickle, answer) };
            let ended = tokio::time::timeout(Duration::from_secs(20), both).await;
            assert!(ended.is_ok(), "{headers} {status}: open after {:?}", began.elapsed());
            assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {said}");
            let kind = if status == "408" { "problem:slow-body" } else { "problem:no-key" };
            assert!(said.contains(kind), "{headers}: {said}");
        }
    }
    // One that takes its time within the bound is read.
    let mut stream = connected(&daemon).await;
    stream
        .write_all(head(&daemon.app.key, "Content-Length: 3\r\nConnection: close").as_bytes())
        .await
        .unwrap();
    for byte in ["{", "}", " "] {
        stream.write_all(byte.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = read(&mut stream).await;
    assert!(said.contains("records"), "{said}");
}

#[tokio::test]
async fn odd_bodies_are_refused_in_words_and_store_nothing() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let weight = |value: &str, more: &str| {
        format!(
            r#"{{"records":[{{"app_id":"w","start":"2026-03-04T06:15:00+02:00"{more},
            "measurement":{{"type":"weight","value":{value},"unit":"kg"}}}}]}}"#
        )
    };
    let mut cases: Vec<(Vec<u8>, u16)> = Vec::new();
    for value in ["1e400", "-1e400", "7_0", "NaN", "Infinity", "0x46", "70.", "+70"] {
        cases.push((weight(value, "").into(), 400));
    }
    for value in [
        "-70",
        "1e27",
        "1e30",
        "1e-30",
        "\"71.3\"",
        "\"1e9\"",
        "\"7_0\"",
        "\"\"",
        "\"seventy\"",
        "[70]",
        "{}",
        "null",
        "true",
    ] {
        cases.push((weight(value, "").into(), 422));
    }
    cases.push((weight(&"9".repeat(1_000_000), "").into(), 400));
    for more in [
        r#","end":"+10000-01-01T00:00:00Z""#,
        r#","end":"+262142-01-01T00:00:00Z""#,
        r#","end":"2026-03-04T06:15:00+24:00""#,
        r#","end":"2026-02-30T06:15:00Z""#,
        r#","start":"2026-03-04T06:15:00+02:00""#,
        r#","app_id":"x""#,
        r#","kind":"weight""#,
        r#","kinds":"measurement""#,
    ] {
        cases.push((weight("70", more).into(), 422));
    }
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    cases.push((deep("[", "]").into(), 400));
    cases.push((deep(r#"{"records":"#, "}").into(), 400));
    cases.push((format!("\u{feff}{}", weight("70", "")).into(), 400));
    cases.push((weight("70", "").replace("\"w\"", "\"\\ud83d\"").into(), 400));
    let mut latin = weight("70", "").into_bytes();
    latin.splice(23..24, *b"\xff");
    cases.push((latin, 400));
    cases.push((format!(r#"{{"records":[{}]}}"#, ["{}"; 2_000].join(",")).into(), 422));
    cases.push((format!(r#"{{"records":[{}]}}"#, ["0"; 50_000].join(",")).into(), 400));
    for (body, status) in &cases {
        let begin = String::from_utf8_lossy(body.get(..body.len().min(220)).unwrap()).into_owned();
        let (seen, detail) = answer(app, ("POST", RECORDS, body)).await;
        assert_eq!(seen, *status, "{detail}: {begin}");
        assert!((10..4_000).contains(&detail.len()), "{detail}: {begin}");
    }
    let (_, detail) = answer(
        app,
        ("POST", RECORDS, weight("70", r#","end":"+10000-01-01T00:00:00Z""#).as_bytes()),
    )
    .await;
    assert!(detail.contains("9999"), "{detail}");
    assert_eq!(app.get(RECORDS).await["records"], json!([]));
    assert!(!daemon.log().contains("the store failed"), "{}", daemon.log());
}

#[tokio::test]
async fn two_lengths_of_one_body_are_refused() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let key = &daemon.app.key;
    let smuggled = "0\r\n\r\nGET /v1/partners HTTP/1.1\r\nHost: x\r\n\r\n";
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: -1",
        "Content-Length: 5, 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
    ] {
        let said = raw(&daemon, format!("{}{smuggled}", head(key, headers)).as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 400 "), "{headers}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{headers}: {said}");
    }
}
