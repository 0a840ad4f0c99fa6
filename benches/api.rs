//! Requests per second and response times of the hot API calls.
//!
//! First at the maximum rate over 32 keep-alive connections, then at a fixed rate, as independent
//! users cause it: 2,500 per second, or four fifths of the maximum if that is less. At the fixed
//! rate, times count from when a request was due, so that a stall counts for every request that
//! waited in it. The load generator shares the machine with the daemon.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::TimeDelta;
use clap::Parser;
use common::args::{Common, Kind};
use common::daemon::Daemon;
use common::database::Database;
use common::http1::{self, Pace, Request, Requests};
use common::report::{Figure, Report};
use common::sandbox::Sandbox;
use common::seed::{self, Plan};
use serde_json::{Value, json};

/// Requests per second and response time percentiles of the hot calls.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Number of users.
    #[arg(long)]
    users: Option<u32>,
    /// Records per user.
    #[arg(long)]
    records: Option<u32>,
    /// Connections of the load generator.
    #[arg(long, default_value_t = 32)]
    concurrency: u64,
    /// Requests per second at the fixed rate.
    #[arg(long, default_value_t = 2_500.0)]
    rate: f64,
}

/// How many users and records there are.
#[derive(Clone, Copy)]
struct Size {
    users: u32,
    records: u32,
}

/// A call that is measured.
struct Call {
    title: &'static str,
    requests: Requests,
    /// The list in the response and the length it must have.
    expect: (&'static str, usize),
}

/// The figures of one row of the table.
#[derive(Default)]
struct Measured {
    most: Figure,
    most_p50: Figure,
    most_p99: Figure,
    rate: Figure,
    p50: Figure,
    p99: Figure,
    p999: Figure,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.common.measure(all(&arguments))
}

async fn all(arguments: &Arguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    let header = [
        "database",
        "call",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "fixed rate/s",
        "p50 ms there",
        "p99 ms",
        "p99.9 ms",
    ];
    let mut report = Report::new("api", common.quick, &header);
    let size = Size {
        users: arguments.users.unwrap_or(common.pick(1_000, 50)),
        records: arguments.records.unwrap_or(common.pick(500, 100)),
    };
    report.note("users", json!(size.users));
    report.note("records_per_user", json!(size.records));
    for kind in common.databases() {
        let Some(database) = Database::new(kind).await? else {
            println!("{} is not installed: not measured", kind.title());
            continue;
        };
        let daemon = fill(&database, size).await?;
        let cursors = cursors(&plan(arguments, &daemon, &database)).await?;
        for call in calls(size, cursors) {
            let mut measured = Measured::default();
            for _ in 0..common.runs() {
                run(arguments, &daemon, &database, &call, &mut measured).await?;
            }
            add_row(&mut report, kind, &call, &measured);
        }
        daemon.end().await?;
    }
    report.finish()
}

/// Creates users whose records are read by polls; returns the daemon that polled, now idle.
async fn fill(database: &Database, size: Size) -> anyhow::Result<Daemon> {
    let plan = Plan {
        connections: size.users,
        exercises: false,
        group: &|_| 0,
        due: &|_| TimeDelta::zero(),
    };
    seed::connections(database, &plan)?;
    let sandbox = Sandbox::start(size.records).await?;
    let settings = [("SCHEDULER__GROUPS", "1day".to_owned())];
    let daemon = Daemon::start(database, &sandbox.withings(), &settings).await?;
    let began = Instant::now();
    while daemon.done().await?.done < u64::from(size.users) {
        ensure!(began.elapsed() < Duration::from_secs(600), "there are no records to read");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let stored = database.number("SELECT count(*) AS number FROM records")?;
    let wanted = u64::from(size.users) * u64::from(size.records);
    ensure!(stored == wanted, "{stored} records are stored instead of {wanted}");
    Ok(daemon)
}

/// How requests are sent as fast as they are answered.
fn plan(arguments: &Arguments, daemon: &Daemon, database: &Database) -> http1::Plan {
    let common = &arguments.common;
    http1::Plan {
        address: daemon.url.trim_start_matches("http://").to_owned(),
        key: database.admin_key().to_owned(),
        connections: arguments.concurrency,
        pace: Pace::Closed,
        warm_up: Duration::from_millis(common.pick(1_000, 100)),
        window: Duration::from_millis(common.pick(5_000, 400)),
    }
}

/// Places all over the change feed, each with a page after it.
async fn cursors(plan: &http1::Plan) -> anyhow::Result<Rc<[String]>> {
    let (mut cursors, mut path) = (Vec::new(), "/v1/changes?limit=1000".to_owned());
    loop {
        let request = Request { method: "GET", path, body: String::new() };
        let page = http1::once(plan, &request).await?;
        let next = page.get("next_cursor").and_then(Value::as_str);
        let Some(next) = next else { break };
        path = format!("/v1/changes?limit=1000&cursor={next}");
        cursors.push(next.to_owned());
    }
    // The last page may be short.
    cursors.pop();
    ensure!(!cursors.is_empty(), "the feed has fewer than two thousand changes");
    Ok(cursors.into())
}

/// The calls to measure.
fn calls(size: Size, cursors: Rc<[String]>) -> Vec<Call> {
    let Size { users, .. } = size;
    // Consecutive requests use different users.
    let user = move |number: u64| 1 + number * 7_919 % u64::from(users);
    let get = |path: String| Request { method: "GET", path, body: String::new() };
    vec![
        Call {
            title: "GET records (50)",
            requests: Rc::new(move |number| {
                get(format!("/v1/users/user-{}/records?limit=50", user(number)))
            }),
            expect: ("records", 50),
        },
        Call {
            title: "GET connections",
            requests: Rc::new(move |number| {
                get(format!("/v1/users/user-{}/connections", user(number)))
            }),
            expect: ("connections", 1),
        },
        Call {
            title: "GET changes (50)",
            requests: Rc::new(move |number| {
                let place = number * 7_919 % cursors.len() as u64;
                get(format!("/v1/changes?limit=50&cursor={}", cursors[place as usize]))
            }),
            expect: ("changes", 50),
        },
        Call {
            title: "POST records (1)",
            requests: Rc::new(move |number| post(user(number), number, 1)),
            expect: ("records", 1),
        },
        Call {
            title: "POST records (10)",
            requests: Rc::new(move |number| post(user(number), number, 10)),
            expect: ("records", 10),
        },
    ]
}

/// Posts weights with ids that no other run has used.
fn post(user: u64, number: u64, count: u64) -> Request {
    let records: Vec<Value> = (0..count)
        .map(|place| {
            let (minute, second) = (number / 60 % 60, number % 60);
            json!({
                "app_id": format!("{}-{place}", uuid::Uuid::new_v4()),
                "start": format!("2026-05-{:02}T08:{minute:02}:{second:02}+02:00", 1 + place),
                "measurement": {"type": "weight", "value": 70.25, "unit": "kg"},
            })
        })
        .collect();
    Request {
        method: "POST",
        path: format!("/v1/users/user-{user}/records"),
        body: json!({"records": records}).to_string(),
    }
}

/// Measures one call once.
async fn run(
    arguments: &Arguments,
    daemon: &Daemon,
    database: &Database,
    call: &Call,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let closed = plan(arguments, daemon, database);
    let answer = http1::once(&closed, &(call.requests)(1)).await?;
    let (list, length) = call.expect;
    let found = answer.get(list).and_then(Value::as_array).map(Vec::len);
    ensure!(found == Some(length), "{}: {found:?} {list} instead of {length}", call.title);

    let most = http1::measure(&closed, &call.requests).await?;
    let rate = arguments.rate.min(most.rate * 0.8);
    // More connections than can be busy: a stall must delay responses, not requests.
    let open = http1::Plan { pace: Pace::Open(rate), connections: 256, ..closed };
    let fixed = http1::measure(&open, &call.requests).await?;
    measured.most.add(most.rate);
    measured.most_p50.add(most.percentile(50.0));
    measured.most_p99.add(most.percentile(99.0));
    measured.rate.add(fixed.rate);
    measured.p50.add(fixed.percentile(50.0));
    measured.p99.add(fixed.percentile(99.0));
    measured.p999.add(fixed.percentile(99.9));
    Ok(())
}

fn add_row(report: &mut Report, kind: Kind, call: &Call, measured: &Measured) {
    let cells = vec![
        kind.title().to_owned(),
        call.title.to_owned(),
        measured.most.text(0),
        measured.most_p50.text(1),
        measured.most_p99.text(1),
        measured.rate.text(0),
        measured.p50.text(1),
        measured.p99.text(1),
        measured.p999.text(1),
    ];
    let data = json!({
        "database": kind.title(),
        "call": call.title,
        "requests_per_second": measured.most.json(),
        "p50_ms": measured.most_p50.json(),
        "p99_ms": measured.most_p99.json(),
        "fixed_rate_per_second": measured.rate.json(),
        "fixed_rate_p50_ms": measured.p50.json(),
        "fixed_rate_p99_ms": measured.p99.json(),
        "fixed_rate_p999_ms": measured.p999.json(),
    });
    report.row(cells, data);
}
