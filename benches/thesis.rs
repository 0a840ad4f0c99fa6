//! The three tests of the thesis that this daemon descends from (see `benches/README.md`): 1,000
//! users of one partner, polling only, half an hour.
//!
//! A simulated minute is a second here: the polling intervals are sixty times shorter, everything
//! else is unchanged. The daemon runs in this process, so that its statements can be counted; the
//! sandbox runs in its own process. There are no new records, and each poll is one call.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

use std::time::Duration;

use chrono::TimeDelta;
use clap::Parser;
use common::args::{Common, Kind};
use common::counter::{self, Counts};
use common::database::Database;
use common::inside::Inside;
use common::report::{Figure, Report, thousands};
use common::sandbox::Sandbox;
use common::seed::{self, Plan};
use serde_json::json;

/// The thesis's three tests.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
}

const USERS: u32 = 1_000;

/// One of the tests, with the counts that the thesis reports for it.
struct Test {
    title: &'static str,
    /// The intervals of the groups, in simulated minutes.
    groups: &'static str,
    group: fn(u32) -> u32,
    /// Polls due in half an hour at these intervals.
    polls_asked: f64,
    thesis: Thesis,
}

/// One row of the thesis's table.
struct Thesis {
    sync_tasks: u32,
    sync_calls: u32,
    worker_tasks: u32,
    worker_calls: u32,
}

const TESTS: [Test; 3] = [
    Test {
        title: "all every minute",
        groups: "1s",
        group: |_| 0,
        polls_asked: 30_000.0,
        thesis: Thesis {
            sync_tasks: 20,
            sync_calls: 80_120,
            worker_tasks: 12_600,
            worker_calls: 191_369,
        },
    },
    Test {
        title: "2/3 every 5, 1/3 every minute",
        groups: "1s,5s",
        group: |number| u32::from(!number.is_multiple_of(3)),
        polls_asked: 10_000.0 + 4_000.0,
        thesis: Thesis {
            sync_tasks: 30,
            sync_calls: 34_650,
            worker_tasks: 7_720,
            worker_calls: 147_900,
        },
    },
    Test {
        title: "thirds every 5, 20, 60",
        groups: "5s,20s,60s",
        group: |number| number % 3,
        polls_asked: 2_000.0 + 500.0 + 1_000.0 / 6.0,
        thesis: Thesis {
            sync_tasks: 30,
            sync_calls: 22_590,
            worker_tasks: 4_970,
            worker_calls: 87_904,
        },
    },
];

/// The figures of one row of the table.
#[derive(Default)]
struct Measured {
    syncs: Figure,
    calls: Figure,
    statements: Figure,
    commits: Figure,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.common.measure(all(&arguments.common))
}

async fn all(common: &Common) -> anyhow::Result<()> {
    counter::begin()?;
    let header = [
        "test",
        "database",
        "polls asked for",
        "sync runs",
        "partner calls",
        "statements",
        "commits",
        "thesis: sync tasks",
        "sync DB calls",
        "worker tasks",
        "worker DB calls",
    ];
    let mut report = Report::new("thesis", common.quick, &header);
    for test in &TESTS {
        for kind in common.databases() {
            let mut measured = Measured::default();
            for _ in 0..common.runs() {
                if !run(common, kind, test, &mut measured).await? {
                    println!("{} is not installed: not measured", kind.title());
                    break;
                }
            }
            add_row(&mut report, common, kind, test, &measured);
        }
    }
    report.finish()
}

/// The simulated minutes; each takes a second.
fn minutes(common: &Common) -> u32 {
    common.pick(30, 3)
}

/// Runs one test; returns whether the database is installed.
async fn run(
    common: &Common,
    kind: Kind,
    test: &Test,
    measured: &mut Measured,
) -> anyhow::Result<bool> {
    let Some(database) = Database::new(kind).await? else { return Ok(false) };
    let intervals: Vec<i64> =
        test.groups.split(',').filter_map(|text| text.trim_end_matches('s').parse().ok()).collect();
    // Users connected at any time: their polls are spread over the interval of their group.
    let due = |number: u32| {
        let interval = intervals.get((test.group)(number) as usize).copied().unwrap_or(1);
        TimeDelta::milliseconds(i64::from(number) * 7_919 % (interval * 1_000))
    };
    let plan = Plan { connections: USERS, exercises: false, group: &test.group, due: &due };
    seed::connections(&database, &plan)?;
    let sandbox = Sandbox::start(0).await?;
    let before = Counts::now();
    // A connection may be polled again after one simulated minute, however long its poll took.
    let more =
        [("SCHEDULER__GROUPS", test.groups.to_owned()), ("SCHEDULER__MIN_GAP", "100ms".to_owned())];
    let daemon = Inside::start(&database, &sandbox.withings(), &more).await?;
    tokio::time::sleep(Duration::from_secs(1) * minutes(common)).await;
    let syncs = daemon.end().await?;
    let sent = Counts::now() - before;
    measured.syncs.add(syncs as f64);
    measured.calls.add(sandbox.served().await?.calls as f64);
    measured.statements.add(sent.statements() as f64);
    measured.commits.add(sent.commits as f64);
    Ok(true)
}

fn add_row(report: &mut Report, common: &Common, kind: Kind, test: &Test, measured: &Measured) {
    if measured.syncs.median().is_nan() {
        return;
    }
    let asked = test.polls_asked * f64::from(minutes(common)) / 30.0;
    let thesis = &test.thesis;
    let number = |number: u32| thousands(f64::from(number), 0);
    let cells = vec![
        test.title.to_owned(),
        kind.title().to_owned(),
        thousands(asked, 0),
        measured.syncs.text(0),
        measured.calls.text(0),
        measured.statements.text(0),
        measured.commits.text(0),
        number(thesis.sync_tasks),
        number(thesis.sync_calls),
        number(thesis.worker_tasks),
        number(thesis.worker_calls),
    ];
    let data = json!({
        "test": test.title,
        "database": kind.title(),
        "users": USERS,
        "simulated_minutes": minutes(common),
        "polls_asked_for": asked,
        "sync_runs": measured.syncs.json(),
        "partner_calls": measured.calls.json(),
        "statements": measured.statements.json(),
        "commits": measured.commits.json(),
        "thesis": {
            "sync_tasks": thesis.sync_tasks,
            "sync_database_calls": thesis.sync_calls,
            "worker_tasks": thesis.worker_tasks,
            "worker_database_calls": thesis.worker_calls,
        },
    });
    report.row(cells, data);
}
