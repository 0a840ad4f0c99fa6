//! How long the administrator's pages take with 100 thousand connections and 10 million records.
//!
//! Pages are asked for one after the other, as a person does, over loopback: from the request to the last
//! byte. One user has a hundred thousand records, the others a hundred each.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::TimeDelta;
use clap::Parser;
use common::args::{Common, Kind};
use common::daemon::Daemon;
use common::database::Database;
use common::report::{Figure, Report};
use common::sandbox::Sandbox;
use common::seed::{self, Plan};
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::json;

/// The time that each page takes.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Number of connections, each of its own user.
    #[arg(long)]
    connections: Option<u32>,
    /// Records per user.
    #[arg(long)]
    records: Option<u32>,
}

/// How much there is.
#[derive(Clone, Copy)]
struct Size {
    connections: u32,
    records: u32,
    /// Records of `user-1`.
    most: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.common.measure(all(&arguments))
}

async fn all(arguments: &Arguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    let mut report = Report::new(
        "pages",
        common.quick,
        &["database", "page", "first ms", "median ms", "worst ms", "kB"],
    );
    let size = Size {
        connections: arguments.connections.unwrap_or(common.pick(100_000, 500)),
        records: arguments.records.unwrap_or(100),
        most: common.pick(100_000, 1_000),
    };
    report.note("connections", json!(size.connections));
    report.note("records_per_user", json!(size.records));
    for kind in common.databases() {
        let Some(database) = Database::new(kind).await? else {
            println!("{} is not installed: not measured", kind.title());
            continue;
        };
        fill(&database, size).await?;
        let sandbox = Sandbox::start(20).await?;
        let settings = settings();
        let daemon = Daemon::start(&database, &sandbox.withings(), &settings).await?;
        let browser = Browser::sign_in(&daemon, database.admin_key()).await?;
        for page in PAGES {
            measure(common, kind, page, &browser, &mut report).await?;
        }
        daemon.end().await?;
    }
    report.finish()
}

/// The pages; `user-7` has few records and `user-1` many.
const PAGES: [&str; 14] = [
    "/admin",
    "/admin?range=24h",
    "/admin/actors",
    "/admin/partners/withings",
    "/admin/users?q=user-7&all=1",
    "/admin/users?q=nobody",
    "/admin/users/user-7",
    "/admin/users/user-1",
    "/admin/users/user-1?range=all",
    "/admin/errors",
    "/admin/webhooks",
    "/admin/keys",
    "/admin/settings",
    "/docs",
];

/// Nothing is polled but the one connection, and nobody is subscribed.
fn settings() -> [(&'static str, String); 2] {
    [
        ("SCHEDULER__GROUPS", "1day".to_owned()),
        ("PARTNERS__WITHINGS__NOTIFICATIONS", "false".to_owned()),
    ]
}

/// Connections as if they had been polled; the records of one that was polled indeed, again and again.
async fn fill(database: &Database, size: Size) -> anyhow::Result<()> {
    let plan = Plan {
        connections: size.connections,
        exercises: false,
        group: &|number| number % 3,
        due: &|number| if number == 1 { TimeDelta::zero() } else { TimeDelta::hours(20) },
    };
    seed::connections(database, &plan)?;
    let sandbox = Sandbox::start(20).await?;
    let settings = settings();
    let daemon = Daemon::start(database, &sandbox.withings(), &settings).await?;
    let began = Instant::now();
    while daemon.done().await?.done < 1 {
        ensure!(began.elapsed() < Duration::from_secs(60), "there are no records to read");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    daemon.end().await?;
    let columns = "kind, measurement_type, source_partner, start_offset, end_at, end_offset, time_basis, content, updated_at, deleted, deleted_by";
    // An hour apart, so that a hundred thousand records are eleven years.
    let copy = |name: &str, numbers: &str, from: u64, each: u32| {
        format!(
            "WITH RECURSIVE of_user(u) AS ({numbers}), n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {each} / 20) \
             INSERT INTO records (id, user_id, source_id, start_at, {columns}) \
             SELECT 'c{name}-' || (u * 20000000 + x * 20 + r.place), 'user-' || u, \
             '{name}' || (u * 20000000 + x * 20 + r.place), r.start_at - (x * 20 + r.place) * 3600000000, {columns} \
             FROM of_user CROSS JOIN n CROSS JOIN \
             (SELECT row_number() OVER (ORDER BY id) AS place, records.* FROM records WHERE user_id = 'user-1' AND id NOT LIKE 'c%') AS r \
             WHERE u >= {from} AND r.place <= 20;\n"
        )
    };
    let mut script = database.script()?;
    script.run(&copy("a", "SELECT 1", 1, size.most))?;
    for first in (2..=size.connections).step_by(10_000) {
        let last = size.connections.min(first + 9_999);
        let users = format!("SELECT {first} UNION ALL SELECT u + 1 FROM of_user WHERE u < {last}");
        script.run(&copy("b", &users, u64::from(first), size.records))?;
    }
    script.run(
        "INSERT INTO sync_items (connection_id, record_id, external_id, state, content_digest, agreed_digest, echoed, attempts) \
         SELECT 1, records.id, records.source_id, i.state, i.content_digest, i.agreed_digest, i.echoed, 0 \
         FROM records CROSS JOIN (SELECT * FROM sync_items WHERE connection_id = 1 LIMIT 1) AS i \
         WHERE records.user_id = 'user-1' AND records.id LIKE 'c%';\n",
    )?;
    script.end()?;
    let stored = database.number("SELECT count(*) AS number FROM records")?;
    let wanted = u64::from(size.connections - 1) * u64::from(size.records) + u64::from(size.most);
    ensure!(stored >= wanted, "{stored} records are stored instead of {wanted}");
    println!("{stored} records of {} connections", size.connections);
    Ok(())
}

/// Somebody who is signed in.
struct Browser {
    client: reqwest::Client,
    address: String,
    cookie: String,
}

impl Browser {
    async fn sign_in(daemon: &Daemon, key: &str) -> anyhow::Result<Self> {
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let address = daemon.url.clone();
        let form = [("key", key), ("next", "/admin")];
        let sent = client.post(format!("{address}/admin/sign-in")).form(&form).send().await?;
        let cookie = sent.headers().get(SET_COOKIE).context("not signed in")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(Self { client, address, cookie })
    }

    /// Fetches a page: how long it took, in milliseconds, and its length.
    async fn fetch(&self, page: &str) -> anyhow::Result<(f64, usize)> {
        let began = Instant::now();
        let request = self.client.get(format!("{}{page}", self.address));
        let answer = request.header(COOKIE, &self.cookie).send().await?;
        let status = answer.status();
        let length = answer.bytes().await?.len();
        ensure!(status == 200, "{page} is answered with {status}");
        Ok((began.elapsed().as_secs_f64() * 1e3, length))
    }
}

async fn measure(
    common: &Common,
    kind: Kind,
    page: &str,
    browser: &Browser,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (first, length) = browser.fetch(page).await?;
    let (mut times, mut worst) = (Figure::default(), first);
    for _ in 0..common.pick(30, 3) {
        let (time, _) = browser.fetch(page).await?;
        times.add(time);
        worst = worst.max(time);
    }
    let median = times.median();
    report.row(
        vec![
            kind.title().to_owned(),
            format!("`{page}`"),
            format!("{first:.1}"),
            format!("{median:.1}"),
            format!("{worst:.1}"),
            format!("{:.0}", length as f64 / 1e3),
        ],
        json!({"database": kind.title(), "page": page, "first_ms": first, "median_ms": median, "worst_ms": worst, "bytes": length}),
    );
    Ok(())
}
