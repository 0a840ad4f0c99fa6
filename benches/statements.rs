//! SQL statements and commits per poll.
//!
//! The daemon runs in this process, where diesel's instrumentation reports each statement; the
//! sandbox runs in its own process. Counting starts when the daemon is warm and ends when it has
//! stopped, so that late writes count too.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::TimeDelta;
use clap::Parser;
use common::args::{Common, Kind};
use common::counter::{self, Counts};
use common::daemon::with_limits;
use common::database::Database;
use common::inside::Inside;
use common::report::{Figure, Report};
use common::sandbox::Sandbox;
use common::seed::{self, Plan};
use serde_json::json;

/// SQL statements and commits per poll.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// New records per poll.
    #[arg(long, value_delimiter = ',', default_value = "0,1,10")]
    fresh: Vec<u32>,
    /// Limits of the partner, as in the settings; must not be reached. Default: no effective limit.
    #[arg(long)]
    limits: Option<String>,
}

/// The load on the daemon.
#[derive(Clone, Copy)]
struct Pressure {
    title: &'static str,
    connections: u32,
    interval: Duration,
}

/// The figures of one row of the table.
#[derive(Default)]
struct Measured {
    rate: Figure,
    statements: Figure,
    reads: Figure,
    writes: Figure,
    commits: Figure,
    framing: Figure,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.common.measure(all(&arguments))
}

async fn all(arguments: &Arguments) -> anyhow::Result<()> {
    counter::begin()?;
    let common = &arguments.common;
    let header = [
        "database",
        "new records",
        "load",
        "polls/s",
        "statements/poll",
        "reading",
        "writing",
        "commits/poll",
        "begin, commit, savepoints/poll",
    ];
    let mut report = Report::new("statements", common.quick, &header);
    let second = Duration::from_secs(1);
    let pressures = [
        Pressure {
            title: "steady",
            connections: common.pick(1_000, 100),
            interval: common.pick(10, 2) * second,
        },
        Pressure { title: "full", connections: common.pick(20_000, 500), interval: second },
    ];
    for kind in common.databases() {
        for fresh in &arguments.fresh {
            for pressure in pressures {
                let mut measured = Measured::default();
                for _ in 0..common.runs() {
                    if !run(arguments, kind, *fresh, pressure, &mut measured).await? {
                        println!("{} is not installed: not measured", kind.title());
                        break;
                    }
                }
                add_row(&mut report, kind, *fresh, pressure, &measured);
            }
        }
    }
    report.finish()
}

/// Measures once; returns whether the database is installed.
async fn run(
    arguments: &Arguments,
    kind: Kind,
    fresh: u32,
    pressure: Pressure,
    measured: &mut Measured,
) -> anyhow::Result<bool> {
    let Some(database) = Database::new(kind).await? else { return Ok(false) };
    let millis = i64::try_from(pressure.interval.as_millis())?;
    let spread = |number: u32| TimeDelta::milliseconds(i64::from(number) * 7_919 % millis);
    let plan =
        Plan { connections: pressure.connections, exercises: false, group: &|_| 0, due: &spread };
    seed::connections(&database, &plan)?;
    let sandbox = Sandbox::start(fresh).await?;
    let mut more = vec![
        ("SCHEDULER__GROUPS", format!("{}s", pressure.interval.as_secs())),
        ("SCHEDULER__MAX_BUSY", "512".to_owned()),
    ];
    more.extend(with_limits(arguments.limits.as_ref()));
    let daemon = Inside::start(&database, &sandbox.withings(), &more).await?;

    // Polls each connection once, so that what follows is routine work.
    let (warm, began) = (Duration::from_secs(120), Instant::now());
    while sandbox.served().await?.polls < u64::from(pressure.connections) {
        ensure!(began.elapsed() < warm, "not every connection is polled once in {warm:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (before, served, began) = (Counts::now(), sandbox.served().await?, Instant::now());
    tokio::time::sleep(Duration::from_secs(arguments.common.pick(10, 2))).await;
    let rate =
        (sandbox.served().await?.polls - served.polls) as f64 / began.elapsed().as_secs_f64();
    daemon.end().await?;
    let sent = Counts::now() - before;
    let polls = (sandbox.served().await?.polls - served.polls) as f64;

    let each = |count: u64| count as f64 / polls;
    measured.rate.add(rate);
    measured.statements.add(each(sent.statements()));
    measured.reads.add(each(sent.reads));
    measured.writes.add(each(sent.writes));
    measured.commits.add(each(sent.commits));
    measured.framing.add(each(sent.framing));
    Ok(true)
}

fn add_row(report: &mut Report, kind: Kind, fresh: u32, pressure: Pressure, measured: &Measured) {
    if measured.rate.median().is_nan() {
        return;
    }
    let cells = vec![
        kind.title().to_owned(),
        fresh.to_string(),
        pressure.title.to_owned(),
        measured.rate.text(0),
        measured.statements.text(3),
        measured.reads.text(3),
        measured.writes.text(3),
        measured.commits.text(3),
        measured.framing.text(3),
    ];
    let data = json!({
        "database": kind.title(),
        "new_records": fresh,
        "load": pressure.title,
        "connections": pressure.connections,
        "polls_per_second": measured.rate.json(),
        "statements_per_poll": measured.statements.json(),
        "reading_per_poll": measured.reads.json(),
        "writing_per_poll": measured.writes.json(),
        "commits_per_poll": measured.commits.json(),
        "begin_commit_savepoints_per_poll": measured.framing.json(),
    });
    report.row(cells, data);
}
