//! Metrics as Prometheus reads them, with a parser that is not ours, and what is built on them.

mod exposition;

use std::time::Duration;

use partner_sandbox::Sandbox;
use reqwest::Method;

use self::exposition::{Exposition, Expression, expressions, fetch};
use crate::harness::{Daemon, MOVED_CLOCK, NOTIFIED, eventually, sandbox, weight};
use crate::webhooks::receiver::Receiver;
use crate::webhooks::{ALLOWED, subscribe};

const PARTNERS: [&str; 2] = ["withings", "runkeeper"];

/// Rows of people who connected long ago, as many as that.
fn people(count: u32) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         INSERT INTO connections (user_id, partner, status, activity_group, silent_since, failures, created_at) \
         SELECT 'person-' || i, 'withings', \
         CASE WHEN i % 3 = 0 THEN 'needs_reconnect' ELSE 'connected' END, 0, 0, 0, 0 FROM n"
    )
}

/// Waits until the partner announces what a user does there.
pub(crate) async fn is_announced(daemon: &Daemon, sandbox: &Sandbox, user: &str) {
    let subscribed = eventually(async || {
        let connection = daemon.app.connection(user, "withings").await;
        // Of each of its five categories.
        let subscriptions = sandbox.control().subscriptions("withings").unwrap().len();
        connection["notifications"]["state"] != "not_subscribed" && subscriptions >= 5
    });
    assert!(subscribed.await, "{user}: {}", daemon.log());
}

/// A weight at the partner, which it announces, and its way to the receiver of webhooks.
async fn weigh(daemon: &Daemon, sandbox: &Sandbox, receiver: &Receiver, user: &str, grams: i64) {
    let control = sandbox.control();
    let before = receiver.taken().len();
    is_announced(daemon, sandbox, user).await;
    control.append("withings", user, "measure", vec![weight(&control, grams, grams)]).unwrap();
    let came = eventually(async || receiver.taken().len() > before).await;
    assert!(came, "nothing came of {user}'s weight: {}", daemon.log());
}

async fn becomes(daemon: &Daemon, what: &str, holds: impl Fn(&Exposition) -> bool) -> Exposition {
    let mut now = fetch(&daemon.admin).await;
    let came = eventually(async || {
        now = fetch(&daemon.admin).await;
        holds(&now)
    });
    assert!(came.await, "{what}: {:?}", now.of(what));
    now
}

#[tokio::test]
async fn ten_users_and_ten_thousand_have_the_same_series_and_what_happens_is_counted() {
    let (sandbox, receiver) = (sandbox(), Receiver::start().await);
    let environment = [NOTIFIED, MOVED_CLOCK];
    let mut daemon = Daemon::start_of(&PARTNERS, &sandbox, ALLOWED, &environment).await;
    let unused = fetch(&daemon.admin).await;
    subscribe(&daemon.app, &receiver.url, &["record.*"]).await;
    let users: Vec<String> = (0..10).map(|number| format!("user-{number}")).collect();
    for user in &users {
        daemon.app.connect(&sandbox, user, "withings").await;
    }
    weigh(&daemon, &sandbox, &receiver, &users[0], 71_300).await;
    daemon.let_pass(&sandbox, Duration::from_secs(3600));
    // Some may be due because the partner had announced something.
    let is_late = |now: &Exposition| now.sum("syncwell_sync_lateness_seconds_count", &[]) >= 5.0;
    becomes(&daemon, "syncwell_sync_lateness_seconds_count", is_late).await;
    let of = [("partner", "withings"), ("status", "connected")];
    let few = becomes(&daemon, "syncwell_connections", |now| {
        now.value("syncwell_connections", &of) == 10.0
    })
    .await;
    assert_eq!(unused.series(), few.series(), "each series is there from the start");
    assert!(few.series().len() > 300, "{}", few.series().len());

    daemon.stop().await;
    daemon.rewrite(&people(10_000));
    daemon.launch().await;
    weigh(&daemon, &sandbox, &receiver, &users[1], 72_300).await;
    let many = becomes(&daemon, "syncwell_connections", |now| {
        now.value("syncwell_connections", &of) > 6_000.0
    })
    .await;
    assert_eq!(few.series(), many.series(), "the number of series says nothing of the users");
    assert_eq!(
        many.value(
            "syncwell_connections",
            &[("partner", "withings"), ("status", "needs_reconnect")]
        ),
        3333.0
    );

    let text = few.text();
    for secret in users.iter().map(String::as_str).chain(["hidden-key", "127.0.0.1"]) {
        assert!(!text.contains(secret), "{secret} is in the metrics");
    }
    let withings = ("partner", "withings");
    for (name, labels, at_least) in [
        ("syncwell_syncs_total", &[withings, ("outcome", "ok"), ("cause", "connect")][..], 10.0),
        ("syncwell_syncs_total", &[withings, ("outcome", "ok"), ("cause", "notification")], 1.0),
        ("syncwell_syncs_total", &[withings, ("outcome", "ok"), ("cause", "schedule")], 1.0),
        ("syncwell_sync_seconds_count", &[withings], 12.0),
        ("syncwell_records_in_total", &[withings, ("change", "created")], 1.0),
        ("syncwell_partner_call_seconds_count", &[withings, ("status", "2xx")], 12.0),
        ("syncwell_notifications_total", &[withings, ("outcome", "taken")], 1.0),
        ("syncwell_notification_seconds_count", &[withings], 1.0),
        ("syncwell_webhook_attempt_seconds_count", &[("outcome", "delivered")], 1.0),
        ("syncwell_webhook_delay_seconds_count", &[], 1.0),
        ("syncwell_store_commits_total", &[("outcome", "committed")], 20.0),
        ("syncwell_store_commit_records_sum", &[], 1.0),
        ("syncwell_store_read_seconds_count", &[], 10.0),
        ("syncwell_http_request_seconds_count", &[("status", "2xx")], 20.0),
        ("syncwell_limit_calls", &[withings, ("window", "1s"), ("counts", "all")], 1_000_000.0),
        ("syncwell_limit_calls_left", &[withings, ("window", "1s")], 1.0),
        ("syncwell_circuit_state", &[withings, ("state", "closed")], 1.0),
        ("syncwell_partner_up", &[withings], 1.0),
        ("syncwell_database_up", &[], 1.0),
        ("syncwell_database_readers", &[], 4.0),
        ("syncwell_webhook_endpoints", &[("state", "working")], 1.0),
        ("syncwell_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
        ("syncwell_uptime_seconds", &[], 0.1),
    ] {
        let value = few.value(name, labels);
        assert!(value >= at_least, "{name} {labels:?} is {value}");
    }
    assert_eq!(few.sum("syncwell_syncs_total", &[("partner", "runkeeper")]), 0.0);
    assert_eq!(few.sum("syncwell_circuit_state", &[withings]), 1.0, "one state at a time");
}

#[tokio::test]
async fn metrics_need_an_admins_key_unless_the_settings_open_them() {
    let mut daemon = Daemon::start(&sandbox(), "").await;
    let address = format!("{}/metrics", daemon.address);
    let client = daemon.app.client.clone();
    let without_key = async || client.get(&address).send().await.unwrap();
    assert_eq!(without_key().await.status(), 401);
    assert_eq!(daemon.app.call(Method::GET, "/metrics", None).await.0, 403);
    assert_eq!(daemon.admin.call(Method::GET, "/metrics?x=1", None).await.0, 400);
    daemon.stop().await;
    daemon.set_environment(&[("SYNCWELL__METRICS__OPEN", "true")]);
    daemon.launch().await;
    let answer = without_key().await;
    assert_eq!(answer.status(), 200);
    let form = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(form, "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.text().await.unwrap().contains("\nsyncwell_uptime_seconds "));
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_name_only_what_there_is() {
    let daemon = Daemon::start_of(&PARTNERS, &sandbox(), "", &[]).await;
    let now = fetch(&daemon.admin).await;
    for (file, least) in [("grafana-dashboard.json", 30), ("prometheus-alerts.yml", 12)] {
        let expressions = expressions(file).await;
        assert!(expressions.len() >= least, "{file} has {}", expressions.len());
        for Expression { expression, selectors } in expressions {
            assert!(!selectors.is_empty(), "{file}: {expression}");
            // What Prometheus itself says of a scrape.
            for selector in selectors.iter().filter(|selector| selector.name != "up") {
                let missing = selector.missing(&now);
                assert!(missing.is_empty(), "{file}: {expression} needs {missing:?}");
            }
        }
    }
}
