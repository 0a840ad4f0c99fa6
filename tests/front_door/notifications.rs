//! Partners announce that something changed: it is looked at once, nothing announced is lost, and who is
//! not the partner costs nothing.

mod crashes;
mod every_partner;
mod flood;
mod relaxing;
mod subscriptions;
mod unwanted;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use hmac::{Hmac, KeyInit as _, Mac as _};
use partner_sandbox::{AccountChange, Control, Sandbox};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;
use syncwell::clock::{Clock, SystemClock};

use crate::harness::{Daemon, NOTIFIED, eventually, sandbox};
use crate::partners::MOVES;

/// Moves answers nothing after this time.
const WITHIN: Duration = Duration::from_secs(3);

/// Signs and sends as Moves does.
pub(crate) struct Sender {
    pub(crate) client: reqwest::Client,
    /// The address, as the administrator finds it.
    pub(crate) address: String,
    secret: String,
    /// How far the daemon's clock was moved.
    pub(crate) passed: Duration,
}

impl Sender {
    pub(crate) fn of(daemon: &Daemon, sandbox: &Sandbox) -> Self {
        let output = daemon.command(&["partner", "list"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let begins = format!("{}/notifications/moves/", daemon.address);
        let address = text.lines().map(str::trim).find(|line| line.starts_with(&begins));
        assert!(address.is_some(), "no address in {text}");
        let address = address.unwrap().to_owned();
        let client = partner_sdk::http_client().unwrap();
        Self {
            client,
            address,
            secret: sandbox.client_secret("moves").to_owned(),
            passed: Duration::ZERO,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        SystemClock::new().now() + TimeDelta::from_std(self.passed).unwrap()
    }

    pub(crate) fn signed(&self, body: &str) -> RequestBuilder {
        let (timestamp, nonce) = (self.now().timestamp().to_string(), "n0nce");
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.as_bytes()).unwrap();
        [body, &timestamp, nonce].iter().for_each(|part| mac.update(part.as_bytes()));
        self.client
            .post(&self.address)
            .header("x-moves-signature", STANDARD.encode(mac.finalize().into_bytes()))
            .header("x-moves-timestamp", timestamp)
            .header("x-moves-nonce", nonce)
            .body(body.to_owned())
    }

    /// Announces a change of this account's; returns the answer's status.
    pub(crate) async fn announce(&self, account: &str) -> StatusCode {
        let reason = json!([{"reason": "DataUpload"}]);
        let id: serde_json::Number = account.parse().unwrap();
        let body = json!({"userId": id, "storylineUpdates": reason}).to_string();
        self.signed(&body).send().await.unwrap().status()
    }
}

/// Adds a run to the account of a user, some minutes ago; returns its number.
pub(crate) fn run(control: &Control, user: &str, minutes_ago: i64) -> i64 {
    let at = DateTime::from_timestamp(control.now() - minutes_ago * 60, 0).unwrap();
    let item = (MOVES.resources[0].item)(at);
    control.append("moves", user, "segments", vec![item]).unwrap()[0]
}

/// Makes ann's account, without data. The times of its items are written in its time zone.
pub(crate) fn account(sandbox: &Sandbox) {
    let (time_zone, empty) = (Some("UTC".into()), true);
    let change = AccountChange { time_zone, empty, history_days: None };
    sandbox.control().put_account("moves", "ann", &change).unwrap();
}

/// A daemon with a user, and the partner's id of the user.
pub(crate) async fn with_ann(
    sandbox: &Sandbox,
    extra: &str,
    environment: &[(&str, &str)],
) -> (Daemon, Sender, String) {
    let environment = [environment, &[NOTIFIED]].concat();
    let daemon = Daemon::start_of(&["moves"], sandbox, extra, &environment).await;
    account(sandbox);
    daemon.app.connect(sandbox, "ann", "moves").await;
    let connection = daemon.app.connection("ann", "moves").await;
    let account = connection["external_user_id"].as_str().unwrap().to_owned();
    let sender = Sender::of(&daemon, sandbox);
    (daemon, sender, account)
}

pub(crate) async fn has_records(daemon: &Daemon, count: usize) -> bool {
    eventually(async || daemon.app.records("ann").await.len() == count).await
}

/// The lines of ann's timeline that notifications caused.
pub(crate) async fn announced_lines(daemon: &Daemon) -> Vec<Value> {
    let lines = daemon.app.timeline("ann").await.into_iter();
    lines.filter(|line| line["cause"] == "notification").collect()
}

/// How many of ann's syncs notifications caused.
pub(crate) async fn announced_syncs(daemon: &Daemon) -> i64 {
    let lines = announced_lines(daemon).await;
    lines.iter().map(|line| line["times"].as_i64().unwrap_or(1)).sum()
}

#[tokio::test]
async fn what_is_announced_arrives_at_once_and_the_timeline_says_why() {
    let sandbox = sandbox();
    let (daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    let before = daemon.app.connection("ann", "moves").await["notifications"].clone();
    assert_eq!((&before["state"], &before["last_at"]), (&json!("unproven"), &Value::Null));
    run(&sandbox.control(), "ann", 60);
    let began = Instant::now();
    assert_eq!(sender.announce(&account).await, 200);
    assert!(has_records(&daemon, 1).await);
    // Without it the next poll is minutes away.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let settled = eventually(async || {
        let connection = daemon.app.connection("ann", "moves").await;
        connection["notifications"]["state"] == "working"
    });
    assert!(settled.await, "{}", daemon.app.connection("ann", "moves").await);
    let after = daemon.app.connection("ann", "moves").await["notifications"].clone();
    assert!(after["last_at"].is_string() && after["since"].is_string(), "{after}");
    assert_eq!(after["reason"], Value::Null);
    let lines = announced_lines(&daemon).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["outcome"], "ok");
    let tree = daemon.actor("moves").await["notifications"].clone();
    assert_eq!((&tree["taken"], &tree["subscribing"]), (&json!(1), &json!("in_console")));
    let secret = sender.address.rsplit('/').next().unwrap();
    assert!(secret.len() >= 22, "128 bits");
    assert!(!daemon.log().contains(secret) && !daemon.log().contains(&account));
}

#[tokio::test]
async fn notifications_during_a_sync_lead_to_one_more() {
    let sandbox = sandbox();
    let (daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    let control = sandbox.control();
    let slow = json!({"fault": {"kind": "latency", "ms": 1_000}});
    control.add_fault("moves", serde_json::from_value(slow).unwrap()).unwrap();
    control.reset_counts("moves").unwrap();
    run(&control, "ann", 300);
    assert_eq!(sender.announce(&account).await, 200);
    let busy = eventually(async || daemon.actor("moves").await["sessions_busy"] == 1);
    assert!(busy.await);
    // The simulator has answered from what it had: the sync that runs may miss this one.
    run(&control, "ann", 60);
    for status in join_all((0..50).map(|_| sender.announce(&account))).await {
        assert_eq!(status, 200);
    }
    assert!(has_records(&daemon, 2).await);
    let counts = control.counts("moves").unwrap();
    assert_eq!(counts.max_concurrent_per_account, 1);
    let followed = eventually(async || announced_syncs(&daemon).await >= 2).await;
    assert!(followed, "the first one may have missed what came during it");
    // Long enough for more to start.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let syncs = announced_syncs(&daemon).await;
    assert!((2..=3).contains(&syncs), "{syncs} syncs for 51 notifications");
}

#[tokio::test]
async fn a_thousand_at_once_are_answered_in_time_and_cost_a_sync_each_connection() {
    let sandbox = sandbox();
    let (daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    let control = sandbox.control();
    control.reset_counts("moves").unwrap();
    run(&control, "ann", 60);
    // As many at a time as a partner has connections; all of them at once would measure this client.
    let answers = stream::iter(0..1_000_u64).map(async |number| {
        // Half of them are about others.
        let account = if number % 2 == 0 { account.clone() } else { (90_000 + number).to_string() };
        let began = Instant::now();
        (sender.announce(&account).await, began.elapsed())
    });
    for (status, took) in answers.buffer_unordered(100).collect::<Vec<_>>().await {
        assert_eq!(status, 200);
        assert!(took < WITHIN, "{took:?}");
    }
    assert!(has_records(&daemon, 1).await);
    let tree = daemon.actor("moves").await["notifications"].clone();
    assert_eq!((&tree["taken"], &tree["unknown_user"]), (&json!(500), &json!(500)), "{tree}");
    let calls = control.counts("moves").unwrap().calls;
    assert!(calls <= 30, "{calls} calls for a thousand notifications");
}

#[tokio::test]
async fn a_slow_database_does_not_make_the_partner_wait_and_loses_nothing() {
    let sandbox = sandbox();
    let slow = [("FAILPOINTS", "store::notified=1*sleep(5000)")];
    let (daemon, sender, account) = with_ann(&sandbox, "", &slow).await;
    run(&sandbox.control(), "ann", 60);
    let began = Instant::now();
    let status = sender.announce(&account).await;
    assert!(began.elapsed() < WITHIN, "{:?}", began.elapsed());
    assert_eq!(status, 503, "the partner sends it again");
    // It does not, and what was announced arrives all the same.
    assert!(has_records(&daemon, 1).await);
    assert_eq!(announced_lines(&daemon).await.len(), 1);
    assert_eq!(daemon.actor("moves").await["notifications"]["late"], 1);
    assert_eq!(sender.announce(&account).await, 200);
}
