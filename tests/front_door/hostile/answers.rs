//! Answers that are nonsense, that lead elsewhere, or that ask for what nobody should give.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Hostile;
use super::fake::Answer;
use crate::harness::{eventually, values};

/// A server to which no token may go.
struct Trap {
    address: String,
    hits: Arc<AtomicUsize>,
}

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let hits = Arc::<AtomicUsize>::default();
        let seen = Arc::clone(&hits);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { address, hits }
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed_and_a_cookie_is_not_sent_back() {
    let (hostile, trap) = (Hostile::start("withings", &[], "").await, Trap::set().await);
    hostile.connect("ann").await;
    let app = &hostile.daemon.app;
    app.first_sync("ann", "withings").await;
    let cookies = Arc::<AtomicUsize>::default();
    for (status, location) in [
        (301, format!("http://{}/measure", trap.address)),
        (302, format!("//{}/measure", trap.address)),
        (303, format!("http://a@{}/", trap.address)),
        (307, "file:///etc/passwd".to_owned()),
        (308, format!("http://{}/measure", trap.address)),
        (308, "http://169.254.169.254/latest/meta-data".to_owned()),
    ] {
        let (to, seen) = (location.clone(), Arc::clone(&cookies));
        hostile.fake.answers(move |request| {
            let sent_back = request.head.to_lowercase().contains("\r\ncookie:");
            seen.fetch_add(usize::from(sent_back), Ordering::Relaxed);
            let redirect = Answer::json("").status(status).header("location", &to);
            Some(redirect.header("set-cookie", "a=b; Path=/"))
        });
        let sync = app.sync("ann", "withings").await;
        let says = format!("HTTP {status}");
        assert!(sync["summary"].as_str().unwrap().contains(&says), "{location}: {sync}");
    }
    assert_eq!(trap.hits.load(Ordering::Relaxed), 0, "it was followed");
    assert_eq!(cookies.load(Ordering::Relaxed), 0, "a cookie was sent back");
}

#[tokio::test]
async fn a_next_page_elsewhere_is_never_asked_for() {
    let (hostile, trap) = (Hostile::start("runkeeper", &[], "").await, Trap::set().await);
    let host = &trap.address;
    let api = hostile.fake.api_url.clone();
    let user_of = |url: &str| url.replace("http://", "http://x:y@");
    let links = [
        format!("http://{host}/weight"),
        format!("//{host}/weight"),
        format!("\\\\{host}/weight"),
        format!("/\\{host}/weight"),
        format!("@{host}/weight"),
        format!(":x@{host}/weight"),
        format!(".{host}/weight"),
        format!("{}@{host}/weight", user_of(&api)),
        format!("{api}@{host}/weight"),
        format!("{api}.{host}/weight"),
        format!("https://{host}/weight"),
        format!("/weight/../../../..//{host}/weight"),
        format!("/weight\r\nHost: {host}"),
        format!("javascript://{host}/weight"),
        format!("/weight#@{host}/"),
        "x".repeat(100_000),
        format!("/weight?{}", "x".repeat(100_000)),
    ];
    for (number, link) in links.iter().enumerate() {
        let page = json!({"items": [], "next": link}).to_string();
        hostile.fake.answers(move |request| {
            // What stays at the partner is asked for there.
            let first = request.line.starts_with("GET /weight?pageSize");
            first.then(|| Answer::json(page.clone()))
        });
        let user = format!("user{number}");
        hostile.connect(&user).await;
        let app = &hostile.daemon.app;
        let ended = eventually(async || !app.timeline(&user).await.is_empty());
        assert!(ended.await, "{link}");
        assert!(hostile.daemon.actor("runkeeper").await["generation"] == 1, "{link}");
    }
    assert_eq!(trap.hits.load(Ordering::Relaxed), 0, "the token went elsewhere");
}

#[tokio::test]
async fn odd_numbers_cost_one_measurement() {
    let hostile = Hostile::start("withings", &[], "").await;
    let odd = [
        "9223372036854775808",
        "-9223372036854775809",
        "1e30",
        "1e308",
        "-1e308",
        "0.1",
        "\"NaN\"",
        "\"Infinity\"",
        "null",
        "[]",
        "{}",
        "true",
        "\"\"",
        "\"0x10\"",
        "2147483648",
        "-2147483648",
        "-0",
        "\"1_000\"",
    ];
    let mut groups = Vec::new();
    for (number, odd) in odd.iter().enumerate() {
        for (field, place) in
            ["grpid", "date", "modified", "value", "unit", "type"].iter().enumerate()
        {
            let id = 1_000 + number * 10 + field;
            let good = format!(
                r#"{{"grpid":{id},"date":1772600000,"modified":1772600000,"category":1,"attrib":0,
                "measures":[{{"value":70000,"unit":-3,"type":1}}]}}"#
            );
            let (before, after) = good.split_once(&format!("\"{place}\":")).unwrap();
            let end = after.find([',', '}']).unwrap();
            let (_, after) = after.split_at(end);
            groups.push(format!(r#"{before}"{place}":{odd}{after}"#));
        }
    }
    groups.push(
        r#"{"grpid":1,"date":1772600000,"modified":1772600000,"category":1,"attrib":0,
        "measures":[{"value":81230,"unit":-3,"type":1}]}"#
            .to_owned(),
    );
    let page = format!(
        r#"{{"status":0,"body":{{"updatetime":1772600000,"measuregrps":[{}]}}}}"#,
        groups.join(",")
    );
    hostile.answers_getmeas(Answer::json(page));
    hostile.connect("ann").await;
    let app = &hostile.daemon.app;
    app.first_sync("ann", "withings").await;
    let records = app.records("ann").await;
    assert!(values(&records, "weight").contains(&81.23), "{:?}", app.timeline("ann").await);
    assert_eq!(hostile.daemon.actor("withings").await["generation"], 1);
    assert!(!hostile.daemon.log().contains("panic"), "{}", hostile.daemon.log());
}

#[tokio::test]
async fn nonsense_ends_one_feed_and_never_the_daemon() {
    let settings = "[scheduler]\ncall_timeout = \"2s\"\n";
    let hostile = Hostile::start("withings", &[], settings).await;
    hostile.connect("ann").await;
    let app = &hostile.daemon.app;
    app.first_sync("ann", "withings").await;
    let envelope = |body: &str| Answer::json(format!(r#"{{"status":0,"body":{body}}}"#));
    let many = |line: &str, count: usize| line.repeat(count).into_bytes();
    let start = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (what, answer) in [
        ("100,000 levels", envelope(&"[".repeat(100_000))),
        ("100,000 levels, closed", envelope(&("[".repeat(100_000) + &"]".repeat(100_000)))),
        ("bytes", Answer::json(vec![0xff; 10_000])),
        ("a list", Answer::json("[]")),
        ("a status that is no number", Answer::json(r#"{"status":{},"body":{}}"#)),
        ("a huge status", Answer::json(r#"{"status":99999999999999999999,"body":{}}"#)),
        ("status 999", Answer::json("{}").status(999)),
        ("status 099", Answer::json("{}").status(99)),
        ("no HTTP", Answer::raw("what?\r\n\r\n")),
        ("an old HTTP", Answer::raw("HTTP/1.0 200 OK\r\n\r\n[]")),
        ("20,000 headers", Answer::raw([start.clone(), many("a: b\r\n", 20_000)].concat())),
        ("a long header", Answer::raw([start, many("a", 4_000_000)].concat())),
        ("only interim answers", Answer::raw(many("HTTP/1.1 100 Continue\r\n\r\n", 100_000))),
        ("a body that never comes", envelope("{}").that_hangs()),
        ("gzip that is none", envelope("{}").header("content-encoding", "gzip")),
    ] {
        hostile.answers_getmeas(answer);
        let sync = app.sync("ann", "withings").await;
        assert_eq!(sync["outcome"], "failed", "{what}: {sync}");
        let actor = hostile.daemon.actor("withings").await;
        assert_eq!(
            (&actor["generation"], &actor["state"]),
            (&json!(1), &json!("running")),
            "{what}"
        );
    }
    hostile.fake.answers(|_| None);
    app.sync_ok("ann", "withings").await;
    assert!(!hostile.daemon.log().contains("panic"), "{}", hostile.daemon.log());
}

#[tokio::test]
async fn waits_without_measure_are_cut_to_two_days() {
    let time = |text: &Value| text.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    for (what, answer) in [
        ("10^18 s", Answer::json("{}").status(429).header("retry-after", "1000000000000000000")),
        ("2^63 s", Answer::json(r#"{"status":601,"body":{"wait_seconds":9223372036854775808}}"#)),
        (
            "until the year 9999",
            Answer::json("{}")
                .status(429)
                .header("date", "Mon, 02 Mar 2026 12:00:00 GMT")
                .header("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ),
    ] {
        let hostile = Hostile::start("withings", &[], "").await;
        hostile.connect("ann").await;
        let app = &hostile.daemon.app;
        app.first_sync("ann", "withings").await;
        hostile.answers_getmeas(answer);
        let sync = app.sync("ann", "withings").await;
        assert_eq!(sync["outcome"], "limited", "{what}: {sync}");
        let connection = app.connection("ann", "withings").await;
        let wait = time(&connection["next_poll_at"]) - time(&connection["last_error"]["at"]);
        assert!(wait.num_hours() <= 48, "{what}: {connection}");
        assert_eq!(hostile.daemon.actor("withings").await["generation"], 1, "{what}");
    }
}
