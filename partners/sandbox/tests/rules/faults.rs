//! Each kind of fault as a client sees it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use partner_sandbox::{Fault, FaultOn, FaultRule, Sandbox};
use serde_json::{Value, json};

use super::client::*;

/// How long to wait for a call that may hang.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Adds a fault through HTTP, as a script would.
fn put(sandbox: &Sandbox, partner: &str, rule: Value) -> Reply {
    send("POST", &format!("{}/control/{partner}/faults", sandbox.url()), &[], &rule.to_string())
        .unwrap()
}

fn getmeas(sandbox: &Sandbox, token: &str) -> Reply {
    call(sandbox, "/measure", token, &[("action", "getmeas")])
}

/// The same call where it may break.
fn broken_getmeas(sandbox: &Sandbox, token: &str) -> std::io::Result<Reply> {
    let url = format!("{}/measure?action=getmeas", sandbox.urls("withings").api_url);
    send_within(TIMEOUT, "GET", &url, &[("Authorization", &format!("Bearer {token}"))], "")
}

#[test]
fn statuses_outage_pages_and_errors_of_the_partners_own_form() {
    let sandbox = relaxed();
    let access = token(&sandbox, "withings", "account-1");
    let status = json!({"kind": "status", "status": 503, "body": "busy", "content_type": "text/x", "retry_after": 7});
    put(&sandbox, "withings", json!({"times": 1, "fault": status}));
    let reply = getmeas(&sandbox, &access);
    assert_eq!((reply.status, reply.text().as_str()), (503, "busy"));
    assert_eq!(
        (reply.header("content-type"), reply.header("retry-after")),
        (Some("text/x"), Some("7"))
    );

    put(&sandbox, "withings", json!({"times": 1, "fault": {"kind": "html"}}));
    let reply = getmeas(&sandbox, &access);
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(reply.text().starts_with("<!doctype html>"));

    put(&sandbox, "withings", json!({"times": 1, "fault": {"kind": "empty"}}));
    let reply = getmeas(&sandbox, &access);
    assert_eq!((reply.status, reply.body.len()), (200, 0));

    let envelope = json!({"status": 601, "body": {"wait_seconds": 3}});
    put(
        &sandbox,
        "withings",
        json!({"times": 1, "fault": {"kind": "partner_error", "body": envelope}}),
    );
    let reply = getmeas(&sandbox, &access);
    assert_eq!((reply.status, reply.json()), (200, envelope));
    good(&getmeas(&sandbox, &access).json());

    let token = token(&sandbox, "runkeeper", "account-1");
    let reason = json!({"reason": "Insufficient permission"});
    put(
        &sandbox,
        "runkeeper",
        json!({"times": 1, "fault": {"kind": "partner_error", "body": reason}}),
    );
    let reply = read(&sandbox, "/user", &token, "User");
    assert_eq!((reply.status, reply.json()), (403, reason));
    assert_eq!(sandbox.control().counts("withings").unwrap().faulted, 4);
}

#[test]
fn broken_transport() {
    let sandbox = relaxed();
    let access = token(&sandbox, "withings", "account-1");
    for (kind, expected) in [
        ("truncated", ErrorKind::UnexpectedEof),
        ("close", ErrorKind::UnexpectedEof),
        ("hang", ErrorKind::WouldBlock),
    ] {
        put(&sandbox, "withings", json!({"times": 1, "fault": {"kind": kind}}));
        let started = Instant::now();
        let error = broken_getmeas(&sandbox, &access).unwrap_err();
        let is_reset = error.kind() == ErrorKind::ConnectionReset && kind == "close";
        assert!(error.kind() == expected || is_reset, "{kind}: {error:?}");
        assert!(started.elapsed() >= TIMEOUT || kind != "hang", "{kind}");
    }
    put(&sandbox, "withings", json!({"times": 1, "fault": {"kind": "cut_json"}}));
    let reply = broken_getmeas(&sandbox, &access).unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert!(reply.text().starts_with("{\"status\":0,"));
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
    good(&broken_getmeas(&sandbox, &access).unwrap().json());
}

#[test]
fn a_truncated_answer_has_a_beginning() {
    use std::io::{Read, Write};
    let sandbox = relaxed();
    put(&sandbox, "withings", json!({"fault": {"kind": "truncated"}}));
    let address = sandbox.url().replace("http://", "");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /withings/measure?action=getmeas HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut received = Vec::new();
    // A reset instead of a clean end is accepted.
    drop(stream.read_to_end(&mut received));
    let text = String::from_utf8(received).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(!body.is_empty() && body.len() < length.parse::<usize>().unwrap(), "{text}");
}

#[test]
fn a_code_identifies_the_account_of_its_exchange() {
    let sandbox = sandbox();
    put(
        &sandbox,
        "withings",
        json!({"on": {"account": "account-2"}, "fault": {"kind": "partner_error", "body": {"status": 522}}}),
    );
    let [first, second] = ["account-1", "account-2"].map(|name| code(&sandbox, "withings", name));
    assert_eq!(exchange(&sandbox, &first)["status"], json!(0));
    assert_eq!(exchange(&sandbox, &second)["status"], json!(522));
}

#[test]
fn a_truncated_refresh_still_rotates_the_tokens() {
    let sandbox = sandbox();
    let old =
        sandbox.control().issue_tokens("withings", "account-1").unwrap().refresh_token.unwrap();
    put(
        &sandbox,
        "withings",
        json!({"times": 1, "on": {"path": "/v2/oauth2"}, "fault": {"kind": "cut_json"}}),
    );
    let fields = [
        ("action", "requesttoken"),
        ("grant_type", "refresh_token"),
        ("client_id", sandbox.client_id("withings")),
        ("client_secret", sandbox.client_secret("withings")),
        ("refresh_token", old.as_str()),
    ];
    assert!(
        serde_json::from_slice::<Value>(
            &post_form(&sandbox.urls("withings").token_url, &fields).body
        )
        .is_err()
    );
    assert_eq!(sandbox.control().counts("withings").unwrap().refreshes, 1);
    sandbox.control().advance(Duration::from_secs(11));
    good(&refresh(&sandbox, &old));
}

#[test]
fn latency_holds_the_answer_back_and_calls_of_one_account_overlap_visibly() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let rule = FaultRule {
        on: FaultOn { account: Some("account-1".to_owned()), ..FaultOn::default() },
        times: None,
        skip: 0,
        fault: Fault::Latency { ms: 1_500 },
    };
    let id = control.add_fault("withings", rule).unwrap();
    let (first, second) =
        (token(&sandbox, "withings", "account-1"), token(&sandbox, "withings", "account-2"));
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| getmeas(&sandbox, &first));
        scope.spawn(|| getmeas(&sandbox, &first));
        scope.spawn(|| getmeas(&sandbox, &second));
    });
    assert!(started.elapsed() >= Duration::from_millis(1_500));
    assert_eq!(control.counts("withings").unwrap().max_concurrent_per_account, 2);
    assert_eq!(control.faults("withings").unwrap()[0].hits, 2);
    control.reset_counts("withings").unwrap();
    control.remove_fault("withings", id).unwrap();
    let started = Instant::now();
    getmeas(&sandbox, &first);
    assert!(started.elapsed() < Duration::from_millis(1_500));
    assert_eq!(control.counts("withings").unwrap().max_concurrent_per_account, 1);
}

#[test]
fn faults_hit_the_matching_calls_after_the_skipped_ones() {
    let sandbox = relaxed();
    let (first, second) =
        (token(&sandbox, "withings", "account-1"), token(&sandbox, "withings", "account-2"));
    let rule = json!({
        "on": {"path": "/measure", "action": "getmeas", "account": "account-1"}, "skip": 1, "times": 1,
        "fault": {"kind": "status", "status": 500},
    });
    let id = put(&sandbox, "withings", rule).json()["id"].to_string();
    let statuses: Vec<u16> = (0..3).map(|_| getmeas(&sandbox, &first).status).collect();
    assert_eq!(getmeas(&sandbox, &second).status, 200);
    assert_eq!(statuses, [200, 500, 200]);
    let url = format!("{}/control/withings/faults", sandbox.url());
    let listed = send("GET", &url, &[], "").unwrap().json();
    let fault = &listed["faults"][0];
    assert_eq!(
        (&fault["hits"], &fault["passed"], &fault["fault"]["kind"]),
        (&json!(1), &json!(1), &json!("status"))
    );

    put(&sandbox, "withings", json!({"fault": {"kind": "status", "status": 502}}));
    assert_eq!(send("DELETE", &format!("{url}/{id}"), &[], "").unwrap().status, 204);
    assert_eq!(send("DELETE", &format!("{url}/{id}"), &[], "").unwrap().status, 404);
    assert_eq!(getmeas(&sandbox, &second).status, 502);
    assert_eq!(
        send("GET", &authorize_url(&sandbox, "withings"), &[], "").unwrap().status,
        200,
        "pages are spared"
    );
    assert_eq!(send("DELETE", &url, &[], "").unwrap().status, 204);
    assert_eq!(getmeas(&sandbox, &second).status, 200);
    assert_eq!(
        put(&sandbox, "withings", json!({"fault": {"kind": "status", "status": 99}})).status,
        400
    );
}
