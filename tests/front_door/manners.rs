//! What every address does the same way: methods, names of requests, tags and packing of answers.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap,
    IF_NONE_MATCH, VARY,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, eventually, sandbox};

const RECORDS: &str = "/v1/users/ann/records";

async fn ask(
    app: &HostApp,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let method: Method = method.parse().unwrap();
    let mut request = app.client.request(method, format!("{}{path}", app.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.bearer_auth(&app.key).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

async fn add_records(app: &HostApp, count: usize) {
    let record = |number: usize| {
        json!({"app_id": format!("w-{number}"), "start": "2026-03-04T06:15:00Z",
            "measurement": {"type": "weight", "value": 70}})
    };
    let records: Vec<Value> = (0..count).map(record).collect();
    let body = json!({"records": records}).to_string();
    assert_eq!(app.call(Method::POST, RECORDS, Some(&body)).await.0, 201);
}

#[tokio::test]
async fn head_is_answered_wherever_get_is_without_a_body() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.admin;
    add_records(app, 3).await;
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/openapi.json", 200),
        ("/v1/partners", 200),
        (RECORDS, 200),
        ("/v1/changes", 200),
        ("/v1/connections", 200),
        ("/v1/users/ann/records/by-app-id/w-1", 200),
        ("/v1/users/ann/records?limit=0", 400),
        ("/v1/users/ann/connections/withings", 404),
        ("/v1/nothing", 404),
        ("/v1/sync", 405),
    ] {
        let plain = [("accept-encoding", "identity")];
        let (got, headers, body) = ask(app, "HEAD", path, &plain).await;
        assert_eq!((got.as_u16(), body.len()), (status, 0), "{path}");
        let (_, of_get, body) = ask(app, "GET", path, &plain).await;
        assert_eq!(headers[CONTENT_TYPE], of_get[CONTENT_TYPE], "{path}");
        if !["/readyz", "/v1/nothing"].contains(&path) && status == 200 {
            assert_eq!(headers[CONTENT_LENGTH], body.len().to_string(), "{path}");
            assert_eq!(headers[ETAG], of_get[ETAG], "{path}");
        }
    }
    let nobody = HostApp { key: String::new(), ..app.clone() };
    assert_eq!(ask(&nobody, "HEAD", "/v1/partners", &[]).await.0, 401);
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_what_is_there() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    for (method, path, allow, words) in [
        ("PATCH", RECORDS, "GET, HEAD, OPTIONS, POST", "use GET or POST"),
        ("PUT", "/v1/partners", "GET, HEAD, OPTIONS", "use GET"),
        ("GET", "/v1/sync", "OPTIONS, POST", "use POST"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS", "use GET"),
        ("DELETE", "/openapi.json", "GET, HEAD, OPTIONS", "use GET"),
        ("POST", "/oauth/withings/callback", "GET, HEAD, OPTIONS", "use GET"),
        (
            "POST",
            "/v1/users/a%2Fb/records/x",
            "DELETE, GET, HEAD, OPTIONS, PUT",
            "use DELETE or GET or PUT",
        ),
        ("FETCH", "/v1/changes", "GET, HEAD, OPTIONS", "no FETCH /v1/changes"),
    ] {
        let (status, headers, body) = ask(app, method, path, &[]).await;
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status.as_u16(), &headers[ALLOW]), (405, &allow.parse().unwrap()), "{problem}");
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(problem["type"], "urn:syncwell:problem:no-such-method");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
        let (status, headers, body) = ask(app, "OPTIONS", path, &[]).await;
        assert_eq!((status.as_u16(), body.len()), (204, 0), "{path}");
        assert_eq!(headers[ALLOW], allow, "{path}");
        assert!(headers.get("access-control-allow-origin").is_none(), "{path}");
    }
    for method in ["OPTIONS", "PATCH", "GET"] {
        assert_eq!(ask(app, method, "/v1/nothing", &[]).await.0, 404, "{method}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request_and_a_problem_repeats_it() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let mut seen = std::collections::BTreeSet::new();
    for (method, path) in [
        ("GET", "/healthz"),
        ("GET", "/v1/partners"),
        ("HEAD", "/v1/partners"),
        ("OPTIONS", "/v1/partners"),
        ("GET", "/v1/users/%00/records"),
        ("GET", "/v1/users/ann/records?limit=x"),
        ("POST", RECORDS),
        ("GET", "/v1/nothing"),
        ("PUT", "/v1/partners"),
        ("GET", "/admin/api/actors"),
        ("GET", "/oauth/withings/callback?code=x&state=y"),
        ("GET", "/oauth/bogus/callback"),
    ] {
        let (_, headers, body) = ask(app, method, path, &[]).await;
        let id = headers["x-request-id"].to_str().unwrap().to_owned();
        assert!(id.len() > 30 && seen.insert(id.clone()), "{path}: {id}");
        if headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json")
            && method != "HEAD"
        {
            let problem: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem["request_id"], id, "{method} {path}: {problem}");
        }
        let (_, headers, _) = ask(app, method, path, &[("x-request-id", "job-7.a_B:9")]).await;
        assert_eq!(headers["x-request-id"], "job-7.a_B:9", "{path}");
    }
    let long = "x".repeat(129);
    for bad in ["", "a b", "<script>", "a\"b", "ä", &long] {
        let (_, headers, _) = ask(app, "GET", "/healthz", &[("x-request-id", bad)]).await;
        assert_ne!(headers["x-request-id"], bad.as_bytes(), "{bad}");
    }
}

#[tokio::test]
async fn what_is_logged_during_a_request_has_its_id() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let app = daemon.app.clone();
    add_records(&app, 1).await;
    assert!(daemon.stop().await.success());
    daemon.rewrite("DROP TABLE properties");
    daemon.spawn();
    let asked = eventually(async || {
        let request = app.client.put(format!("{}{RECORDS}/by-app-id/w-2", app.address));
        let body = r#"{"start":"2026-03-04T06:15:00Z","measurement":{"type":"weight","value":70}}"#;
        let request = request.bearer_auth(&app.key).header("x-request-id", "find-me-7").body(body);
        request.send().await.is_ok_and(|answer| answer.status() == 503)
    });
    assert!(asked.await, "{}", daemon.log());
    let is_logged = eventually(async || daemon.log().contains("failed while answering"));
    assert!(is_logged.await, "{}", daemon.log());
    let log = daemon.log();
    let line = log.lines().find(|line| line.contains("failed while answering")).unwrap();
    assert!(line.contains("request.id=\"find-me-7\"") && !line.contains("users/ann"), "{line}");
}

#[tokio::test]
async fn what_the_caller_has_already_is_not_sent_again() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    add_records(app, 5).await;
    for path in [
        RECORDS,
        "/v1/users/ann/records/by-app-id/w-1",
        "/v1/partners",
        "/openapi.json",
        "/v1/changes",
    ] {
        let (_, headers, _) = ask(app, "GET", path, &[]).await;
        let tag = headers[ETAG].to_str().unwrap();
        assert!(tag.starts_with("W/\""), "{tag}");
        for sent in [tag, tag.trim_start_matches("W/"), "*", &format!("\"x\", {tag}")] {
            let (status, headers, body) = ask(app, "GET", path, &[("if-none-match", sent)]).await;
            assert_eq!((status.as_u16(), body.len()), (304, 0), "{path} {sent}");
            assert_eq!(headers[ETAG], tag, "{path}");
            assert_eq!(headers["cache-control"], "no-store", "{path}");
        }
        for sent in ["\"x\"", "W/\"\"", "", "\u{e4}"] {
            let (status, _, body) = ask(app, "GET", path, &[("if-none-match", sent)]).await;
            assert_eq!(status, 200, "{path} {sent}");
            assert!(!body.is_empty());
        }
    }
    let (_, headers, _) = ask(app, "GET", RECORDS, &[]).await;
    let tag = headers[ETAG].to_str().unwrap().to_owned();
    app.call(Method::DELETE, "/v1/users/ann/records/by-app-id/w-1", None).await;
    let (status, _, _) = ask(app, "GET", RECORDS, &[(IF_NONE_MATCH.as_str(), &tag)]).await;
    assert_eq!(status, 200, "it has changed");
}

#[tokio::test]
async fn long_answers_are_packed_for_those_who_take_it() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    add_records(app, 1_000).await;
    let path = "/v1/users/ann/records?limit=1000";
    let encoding = |headers: &HeaderMap| headers.get(CONTENT_ENCODING).cloned();
    // A client of its own: the other unpacks and hides it.
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let app = &HostApp { client, ..app.clone() };
    let (_, headers, plain) = ask(app, "GET", path, &[]).await;
    assert_eq!(encoding(&headers), None, "nobody asked for it");
    for accepted in ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8, *;q=0.1"] {
        let (_, headers, packed) =
            ask(app, "GET", path, &[(ACCEPT_ENCODING.as_str(), accepted)]).await;
        assert_eq!(encoding(&headers).unwrap(), "gzip", "{accepted}");
        assert_eq!(headers[VARY], "Accept-Encoding");
        assert!(packed.len() * 5 < plain.len(), "{} of {}", packed.len(), plain.len());
        let mut unpacked = Vec::new();
        GzDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain);
    }
    println!("1000 records: {} bytes", plain.len());
    for accepted in ["identity", "gzip;q=0", "br", "*", "", "x y z"] {
        let (_, headers, body) =
            ask(app, "GET", path, &[(ACCEPT_ENCODING.as_str(), accepted)]).await;
        assert_eq!(encoding(&headers), None, "{accepted}");
        assert_eq!(body.len(), plain.len());
    }
    let gzip = [("accept-encoding", "gzip")];
    for path in
        ["/v1/users/ben/records", "/healthz", "/v1/nothing", "/oauth/withings/callback?code=x"]
    {
        assert_eq!(encoding(&ask(app, "GET", path, &gzip).await.1), None, "{path}");
    }
}
