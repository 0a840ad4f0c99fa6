//! How long a weight takes from the scale's service to the host app: 1,000 connected users of one
//! partner, a daemon, and a webhook endpoint that takes what comes.
//!
//! First with the partner's notifications: weights are entered one after the other, each when the
//! one before has arrived. Then with all notifications lost, where only polls find them: weights of
//! many users are entered at the same time, and none may take longer than a poll interval and the
//! time that a queue of polls takes.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

#[path = "freshness/receiver.rs"]
mod receiver;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use common::args::Common;
use common::daemon::Daemon;
use common::database::Database;
use common::report::{Report, thousands};
use common::sandbox::Sandbox;
use receiver::Receiver;
use reqwest::{Client, Method, RequestBuilder, header};
use serde_json::{Value, json};
use syncwell::clock::{Clock, SystemClock};

/// How fresh data is.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Number of connected users.
    #[arg(long)]
    users: Option<u32>,
    /// Weights entered with notifications, and without.
    #[arg(long)]
    weights: Option<u32>,
}

/// The only poll interval; a day's worth of the daemon's own would be too long to wait for.
const INTERVAL: Duration = Duration::from_secs(30);

/// What a poll may take beyond its interval: jitter, and others that are due at the same time.
const SLACK: Duration = Duration::from_secs(15);

/// The timeout of a call, so that the bench always ends.
const TIMEOUT: Duration = Duration::from_secs(30);

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.common.measure(all(&arguments))
}

async fn all(arguments: &Arguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    let header = ["what", "users", "weights", "p50 ms", "p99 ms", "worst ms"];
    let mut report = Report::new("freshness", common.quick, &header);
    let users = arguments.users.unwrap_or(common.pick(1_000, 20));
    let weights = arguments.weights.unwrap_or(common.pick(1_000, 20));
    for kind in common.databases() {
        let Some(database) = Database::new(kind).await? else {
            println!("{} is not installed: not measured", kind.title());
            continue;
        };
        let bench = Bench::start(&database, users).await?;
        let notified = bench.one_after_the_other(weights).await?;
        bench.lose_notifications().await?;
        let polled = bench.all_at_once().await?;
        bench.end().await?;
        for (title, times) in [("notified", notified), ("polled", polled)] {
            add_row(&mut report, &format!("{title}, {}", kind.title()), users, times);
        }
    }
    report.finish()
}

fn add_row(report: &mut Report, title: &str, users: u32, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| {
        let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(place).copied().unwrap_or_default().as_secs_f64() * 1_000.0
    };
    let (p50, p99, worst) = (at(50), at(99), at(100));
    let cells = [users as f64, times.len() as f64, p50, p99, worst];
    let cells = cells.map(|number| thousands(number, 0));
    let cells = [title.to_owned()].into_iter().chain(cells).collect();
    let data = json!({"what": title, "users": users, "weights": times.len(),
                      "p50_ms": p50, "p99_ms": p99, "worst_ms": worst});
    report.row(cells, data);
}

/// A partner, a daemon and a host app.
struct Bench {
    client: Client,
    sandbox: Sandbox,
    daemon: Daemon,
    key: String,
    receiver: Receiver,
    users: u32,
}

impl Bench {
    /// Starts all of them and connects the users, whose accounts are empty.
    async fn start(database: &Database, users: u32) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(0).await?;
        let withings = sandbox.withings();
        // The partner calls the public address, so it must be known before the daemon starts.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let settings = [
            ("SERVER__LISTEN", address.to_string()),
            ("SERVER__PUBLIC_URL", format!("http://{address}")),
            ("SCHEDULER__GROUPS", format!("{}s", INTERVAL.as_secs())),
            ("EVENTS__ALLOW_PRIVATE_TARGETS", "true".to_owned()),
            ("PARTNERS__WITHINGS__AUTHORIZE_URL", format!("{withings}/oauth2_user/authorize2")),
            ("PARTNERS__WITHINGS__REVOKE_URL", format!("{withings}/v2/oauth2")),
        ];
        let daemon = Daemon::start(database, &withings, &settings).await?;
        let key = database.admin_key().to_owned();
        let (client, receiver) = (partner_sdk::http_client()?, Receiver::start().await?);
        let bench = Self { client, sandbox, daemon, key, receiver, users };
        for user in 1..=users {
            bench.connect(&name(user)).await.with_context(|| format!("user {user}"))?;
        }
        let endpoint = json!({"url": bench.receiver.url(), "events": ["record.*"]});
        bench.app(Method::POST, "/v1/webhook-endpoints", &endpoint).await?;
        Ok(bench)
    }

    async fn connect(&self, user: &str) -> anyhow::Result<()> {
        let empty = json!({"empty": true});
        self.control(Method::PUT, &format!("accounts/{user}"), &empty).await?;
        let path = format!("/v1/users/{user}/connections/withings/authorize");
        let begun = self.app(Method::POST, &path, &json!({})).await?;
        let page =
            begun.get("authorize_url").and_then(Value::as_str).context("no authorize_url")?;
        let form = [("account", user), ("decision", "allow")];
        let decided = self.client.post(page).timeout(TIMEOUT).form(&form).send().await?;
        let back = decided.headers().get(header::LOCATION).context("no redirect")?.to_str()?;
        let done = self.client.get(back).timeout(TIMEOUT).send().await?;
        let went_well = done.status().is_success() || done.status().is_redirection();
        ensure!(went_well, "the callback answered {}", done.status());
        Ok(())
    }

    async fn app(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.daemon.url);
        sent(self.client.request(method, url).bearer_auth(&self.key), body).await
    }

    async fn control(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let withings = self.sandbox.withings();
        let base = withings.trim_end_matches("/withings");
        let url = format!("{base}/control/withings/{path}");
        sent(self.client.request(method, url), body).await
    }

    /// A user steps on the scale; returns when the service knew of it.
    async fn weigh(&self, user: u32, grams: u32) -> anyhow::Result<()> {
        let measure = json!({"value": grams, "type": 1, "unit": -3});
        let at = SystemClock::new().now().timestamp() - 1;
        let group = json!({"date": at, "category": 1, "attrib": 0, "measures": [measure]});
        let data = json!({"resource": "measure", "items": [group]});
        let name = name(user);
        self.receiver.expect(&name);
        self.control(Method::POST, &format!("accounts/{name}/data"), &data).await?;
        Ok(())
    }

    async fn one_after_the_other(&self, weights: u32) -> anyhow::Result<Vec<Duration>> {
        for number in 0..weights {
            // Neighbours differ, and each user's weights do.
            let user = 1 + number * 7 % self.users;
            self.weigh(user, 60_000 + number).await?;
            self.receiver.all_arrived(INTERVAL + SLACK).await?;
        }
        Ok(self.receiver.times())
    }

    async fn lose_notifications(&self) -> anyhow::Result<()> {
        self.control(Method::PUT, "notification_faults", &json!({"silent": true})).await?;
        Ok(())
    }

    async fn all_at_once(&self) -> anyhow::Result<Vec<Duration>> {
        let began = Instant::now();
        for user in 1..=self.users {
            self.weigh(user, 90_000 + user).await?;
        }
        self.receiver.all_arrived(began.elapsed() + INTERVAL + SLACK).await?;
        let times = self.receiver.times();
        let late = times.iter().filter(|time| **time > INTERVAL + SLACK).count();
        ensure!(late == 0, "{late} weights took longer than a poll interval");
        Ok(times)
    }

    async fn end(self) -> anyhow::Result<()> {
        self.daemon.end().await
    }
}

fn name(user: u32) -> String {
    format!("user-{user}")
}

/// Sends JSON and reads the answer, which must be a good one.
async fn sent(request: RequestBuilder, body: &Value) -> anyhow::Result<Value> {
    let request = request.timeout(TIMEOUT).header(header::CONTENT_TYPE, "application/json");
    let answer = request.body(body.to_string()).send().await?;
    let (status, url) = (answer.status(), answer.url().clone());
    let bytes = answer.bytes().await?;
    ensure!(status.is_success(), "{url}: {status} {}", String::from_utf8_lossy(&bytes));
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}
