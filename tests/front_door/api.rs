//! The contract of the HTTP API: which requests are rejected, and with which messages.

mod feed;
mod lists;
mod mistakes;
mod openapi;
mod paging;
mod reference;
mod routes;
mod syncs;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::Value;

use self::routes::{ROUTES, is_open};
use crate::harness::{Daemon, HostApp, sandbox};

fn path_of(route: &str) -> String {
    route.replace("{user}", "ann").replace("{partner}", "withings")
}

fn with_key(app: &HostApp, key: &str) -> HostApp {
    HostApp { key: key.to_owned(), ..app.clone() }
}

/// Expects a call to be rejected with a problem of this kind; returns its `detail`.
async fn refused(
    app: &HostApp,
    (method, path, body): (&str, &str, &str),
    (status, kind): (u16, &str),
) -> String {
    let request = app
        .client
        .request(method.parse().unwrap(), format!("{}{path}", app.address))
        .bearer_auth(&app.key)
        .body(body.to_owned());
    let answer = request.send().await.unwrap();
    let what = format!("{method} {path} {body}");
    assert_eq!(answer.status(), status, "{what}");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json", "{what}");
    let challenge = answer.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
    assert_eq!(challenge, (status == 401).then_some("Bearer"), "{what}");
    let problem: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["type"], format!("urn:syncwell:problem:{kind}"), "{what}: {problem}");
    assert_eq!(problem["status"], status, "{what}: {problem}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.len() > 10, "{what}: {problem}");
    detail.to_owned()
}

/// Expects a bad request whose `detail` contains these words.
async fn bad(app: &HostApp, call: (&str, &str, &str), kind: &str, words: &[&str]) {
    let detail = refused(app, call, (400, kind)).await;
    for word in words {
        assert!(detail.contains(word), "{call:?}: `{word}` is not in: {detail}");
    }
}

#[tokio::test]
async fn nothing_but_health_and_the_callback_answers_without_a_key() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let nobody = with_key(&daemon.app, "");
    for (method, route) in ROUTES.iter().filter(|(_, route)| !is_open(route)) {
        let detail = refused(&nobody, (method, &path_of(route), ""), (401, "no-key")).await;
        assert!(detail.contains("syncwell key create"), "{route}: {detail}");
    }
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        let answer = nobody.client.get(format!("{}{path}", daemon.address)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(path == "/openapi.json" || body["status"] == "ok", "{path}: {body}");
    }
    let address = format!("{}/v1/partners", daemon.address);
    let bare = nobody.client.get(&address).send().await.unwrap();
    let basic = nobody.client.get(&address).basic_auth("ann", Some(&daemon.app.key));
    let upper = nobody.client.get(&address).header(AUTHORIZATION, format!("BEARER {}", nobody.key));
    for answer in [bare, basic.send().await.unwrap(), upper.send().await.unwrap()] {
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Bearer");
    }
    let lower = format!("bearer {}", daemon.app.key);
    let answer = nobody.client.get(&address).header(AUTHORIZATION, lower).send().await.unwrap();
    assert_eq!(answer.status(), 200, "the scheme's case does not matter");
}

#[tokio::test]
async fn a_key_that_is_unknown_or_changed_is_refused_and_not_repeated() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let good = &daemon.app.key;
    let swapped = good.replace("sw_app_", "sw_admin_");
    let mut shorter = good.clone();
    let last = shorter.pop();
    let changed = format!("{shorter}{}", if last == Some('0') { 1 } else { 0 });
    let made_up = "sw_app_0123456789ab_0123456789abcdef0123456789abcdef";
    let long = "x".repeat(4_000);
    for key in ["hush", made_up, &swapped, &changed, &shorter, &long] {
        let caller = with_key(&daemon.app, key);
        let detail = refused(&caller, ("GET", "/v1/partners", ""), (401, "no-key")).await;
        assert!(!detail.contains(key), "{detail}");
        assert!(!daemon.log().contains(key));
    }
    assert_eq!(daemon.app.get("/v1/partners").await["partners"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_app_key_may_not_call_what_needs_an_admin_key() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let (app, admin) = (&daemon.app, &daemon.admin);
    for (method, path) in
        [("GET", "/admin/api/actors"), ("POST", "/v1/sync"), ("POST", "/v1/partners/withings/sync")]
    {
        let detail = refused(app, (method, path, ""), (403, "not-admin")).await;
        assert!(detail.contains("--scope admin"), "{detail}");
        let (status, answer) = admin.call(method.parse().unwrap(), path, None).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    }
    admin.get("/v1/partners").await;
}

#[tokio::test]
async fn a_partner_that_is_not_installed_is_not_found_and_those_that_are_are_named() {
    let daemon = Daemon::start(&sandbox(), "").await;
    for (method, path) in [
        ("POST", "/v1/users/ann/connections/fitbit/authorize"),
        ("GET", "/v1/users/ann/connections/fitbit"),
        ("PATCH", "/v1/users/ann/connections/fitbit"),
        ("DELETE", "/v1/users/ann/connections/fitbit"),
        ("POST", "/v1/users/ann/connections/fitbit/sync"),
        ("POST", "/v1/partners/fitbit/sync"),
        ("GET", "/oauth/fitbit/callback"),
    ] {
        let refusal = (404, "unknown-partner");
        let detail = refused(&daemon.admin, (method, path, ""), refusal).await;
        for word in ["fitbit", "withings", "runkeeper"] {
            assert!(detail.contains(word), "{path}: {detail}");
        }
    }
}

#[tokio::test]
async fn an_invalid_user_id_is_refused_and_every_valid_one_is_accepted() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let (longest, long) = ("a".repeat(256), "a".repeat(257));
    for id in [&*long, "a%00", "a%0Ab", "%7F", "%C2%85", "%FF"] {
        for path in ["connections", "records", "syncs"] {
            let path = format!("/v1/users/{id}/{path}");
            bad(app, ("GET", &path, ""), "bad-address", &["user id"]).await;
        }
        let path = format!("/v1/users/{id}/connections/withings/authorize");
        bad(app, ("POST", &path, ""), "bad-address", &["user id"]).await;
    }
    let encoded = ["a%20b", "a%2Fb", "a%5Cb", "%C3%A4", "a+b", "*", "%25", "...", "a%7Cb"];
    for id in [&*longest, "A-Z.a_z:0@9", "%40", "-", "0"].into_iter().chain(encoded) {
        let list = app.get(&format!("/v1/users/{id}/records")).await;
        assert_eq!(list["records"], serde_json::json!([]), "{id}");
    }
}

#[tokio::test]
async fn unknown_fields_and_parameters_are_refused_by_name() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let (authorize, connection) =
        ("/v1/users/ann/connections/withings/authorize", "/v1/users/ann/connections/withings");
    for (method, path, body, named) in [
        ("POST", authorize, r#"{"return_uri":"http://127.0.0.1/x"}"#, "return_uri"),
        ("PATCH", connection, r#"{"pull":{"weight":true}}"#, "pull"),
        ("PATCH", connection, r#"{"poll":{},"timezone":"UTC"}"#, "timezone"),
    ] {
        let detail = refused(app, (method, path, body), (422, "bad-values")).await;
        assert!(detail.contains(&format!("there is no field `{named}` here")), "{detail}");
    }
    for (method, path, named) in [
        ("GET", "/v1/users/ann/records?knd=exercise", "knd"),
        ("GET", "/v1/changes?limit=5&after=3", "after"),
        ("GET", "/v1/users/ann/syncs?user=ben", "user"),
        ("POST", "/v1/users/ann/sync?wiat=3s", "wiat"),
        ("POST", "/v1/users/ann/connections/withings/sync?timeout=3s", "timeout"),
    ] {
        let words = [named, "there is no parameter"];
        bad(app, (method, path, ""), "bad-query", &words).await;
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_was_expected_is_refused() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let path = "/v1/users/ann/connections/withings/authorize";
    for body in ["{", "nul", "{} {}", "return_url=x", &"[".repeat(100_000)] {
        bad(app, ("POST", path, body), "bad-body", &["the body is not JSON", "line 1"]).await;
    }
    for (body, kind) in [("[]", "a list"), ("\"x\"", "a text"), (r#"{"return_url":7}"#, "a number")]
    {
        let detail = refused(app, ("POST", path, body), (422, "bad-values")).await;
        assert!(detail.contains(&format!(", not {kind}")), "{body}: {detail}");
    }
    let large = format!("{{\"return_url\":\"{}\"}}", "x".repeat(3_000_000));
    let detail = refused(app, ("POST", path, &large), (413, "too-large")).await;
    assert!(detail.contains("2 MiB"), "{detail}");
    let request = app.client.post(format!("{}{path}", daemon.address)).bearer_auth(&app.key);
    let answer = request.body(b"{\"return_url\":\"\xff\"}".to_vec()).send().await.unwrap();
    assert_eq!(answer.status(), 400, "not UTF-8");
    for empty in ["", "{}", " {\n} ", r#"{"return_url":null}"#] {
        let (status, begun) = app.call(Method::POST, path, Some(empty)).await;
        assert_eq!(status, 201, "{empty}: {begun}");
    }
}

#[tokio::test]
async fn a_choice_the_partner_does_not_offer_is_refused_with_what_it_does() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    app.connect(&sandbox, "ann", "withings").await;
    for (body, kind, words) in [
        (r#"{"poll":{"nutrition":true}}"#, "unknown-kind", ["nutrition", "spo2"]),
        (r#"{"push":{"weight":true}}"#, "unknown-kind", ["weight", "nothing"]),
        (r#"{"time_zone":"Europe/Atlantis"}"#, "time-zone", ["Europe/Atlantis", "Stockholm"]),
        (r#"{"poll":{"weight":false,"wieght":true}}"#, "unknown-kind", ["wieght", "weight"]),
    ] {
        let call = ("PATCH", "/v1/users/ann/connections/withings", body);
        let detail = refused(app, call, (422, kind)).await;
        assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
    }
    let connection = app.connection("ann", "withings").await;
    assert_eq!(connection["poll"]["weight"], true, "a rejected request changes nothing");
    let body = Some(r#"{"poll":{"weight":false},"time_zone":"Asia/Tokyo"}"#);
    let path = "/v1/users/ann/connections/withings";
    let (status, connection) = app.call(Method::PATCH, path, body).await;
    assert_eq!(status, 200, "{connection}");
    assert_eq!(
        (&connection["poll"]["weight"], &connection["time_zone"]),
        (&false.into(), &"Asia/Tokyo".into())
    );
    assert_eq!(connection["poll"]["spo2"], true, "what the request does not name stays as it was");
}

#[tokio::test]
async fn browsers_are_sent_only_where_the_settings_allow() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let path = "/v1/users/ann/connections/withings/authorize";
    for url in ["https://evil.example.com/x", "https://127.0.0.1.example.com/", "http://10.0.0.1/"]
    {
        let body = format!(r#"{{"return_url":"{url}"}}"#);
        let words = ["return_url", "server.return_urls", "SYNCWELL__SERVER__RETURN_URLS"];
        bad(app, ("POST", path, &body), "return-url", &words).await;
    }
    for url in
        ["javascript:alert(1)", "/done", "", "file:///etc/passwd", "http://a:hush@127.0.0.1/"]
    {
        let body = format!(r#"{{"return_url":"{url}"}}"#);
        let detail = refused(app, ("POST", path, &body), (400, "return-url")).await;
        assert!(!detail.contains("hush"), "{detail}");
    }
    let (status, connections) =
        app.call(Method::GET, "/v1/users/ann/connections/withings", None).await;
    assert_eq!(status, 404, "a rejected authorize call leaves no connection: {connections}");
}

#[tokio::test]
async fn a_limit_a_cursor_or_a_filter_that_cannot_be_is_refused() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    for list in ["/v1/users/ann/records", "/v1/users/ann/syncs", "/v1/changes", "/v1/connections"] {
        for limit in ["0", "1001", "-1", "x", "", "4294967296", "1.5"] {
            bad(app, ("GET", &format!("{list}?limit={limit}"), ""), "bad-query", &[]).await;
        }
        for limit in [0, 1_001] {
            let path = format!("{list}?limit={limit}");
            bad(app, ("GET", &path, ""), "bad-query", &["limit", "1 to 1000"]).await;
        }
        for limit in [1, 1_000] {
            let page = app.get(&format!("{list}?limit={limit}")).await;
            assert!(page["next_cursor"].is_null(), "{page}");
        }
        for cursor in ["x", "x.y", "99999999999999999999", "%00", "1'--"] {
            let path = format!("{list}?cursor={cursor}");
            bad(app, ("GET", &path, ""), "bad-cursor", &["without a cursor"]).await;
        }
        bad(app, ("GET", &format!("{list}?limit=1&limit=2"), ""), "bad-query", &["limit"]).await;
    }
    for (filter, word) in [
        ("kind=weight", "measurement"),
        ("kind=", "measurement"),
        ("type=wieght", "wieght"),
        ("type=exercise", "exercise"),
        ("from=yesterday", "from: `yesterday` is not a date"),
        ("from=2026-03-04", "from: `2026-03-04` has no time"),
        ("from=2026-03-04T07:15:00+01:00", "write the + as %2B"),
        ("to=2026-02-30T00:00:00Z", "to: "),
    ] {
        let path = format!("/v1/users/ann/records?{filter}");
        bad(app, ("GET", &path, ""), "bad-query", &[word]).await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let daemon = Daemon::start(&sandbox(), "").await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v2/partners"),
        ("GET", "/v1/partners/"),
        ("GET", "/v1/users//records"),
        ("GET", "/admin/api/../../etc/passwd"),
        ("POST", "/oauth/callback"),
    ] {
        let call = (method, path, "");
        let detail = refused(&daemon.app, call, (404, "no-such-address")).await;
        assert!(detail.contains(method) && detail.contains("/openapi.json"), "{detail}");
    }
    let query = ("GET", "/v1/nothing?token=hush", "");
    let detail = refused(&daemon.app, query, (404, "no-such-address")).await;
    assert!(!detail.contains("hush"), "{detail}");
}

#[tokio::test]
async fn codes_and_states_that_do_not_match_are_never_shown() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    let url = app.authorize("ann", "withings", "{}").await;
    let back = app.decide(&url, "ann", "allow").await;
    let state = url::Url::parse(&back).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let callback = "/oauth/withings/callback";
    for query in [
        "?code=hush-code&state=hush-state".to_owned(),
        "?code=hush-code&code=hush-again&state=hush-state".to_owned(),
        format!("?code=hush-code&state={state}"),
        format!("?code=hush-code&state={state}"),
    ] {
        let address = format!("{}{callback}{query}", daemon.address);
        let answer = app.client.get(address).send().await.unwrap();
        assert!(answer.status().is_client_error() || answer.status() == 502, "{query}");
        let text = answer.text().await.unwrap();
        assert!(!text.contains("hush") && !text.contains(&state), "{text}");
    }
    let timeline = app.get("/v1/users/ann/syncs").await.to_string();
    for text in [timeline, daemon.log()] {
        assert!(!text.contains("hush") && !text.contains(&state), "{text}");
    }
}
