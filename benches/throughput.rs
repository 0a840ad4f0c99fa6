//! Polls per second: the daemon compared with the raw HTTP client.
//!
//! Sandbox, daemon and raw client are separate processes on one machine. The daemon always has more
//! polls due than it can start. The raw client makes the same requests with the same concurrency,
//! right before and right after. The ratio is the daemon's rate divided by the raw client's.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::TimeDelta;
use clap::Parser;
use common::args::{Common, Kind};
use common::daemon::{Daemon, Done};
use common::database::Database;
use common::machine;
use common::raw::{self, Load};
use common::report::{Figure, Report};
use common::sandbox::{Sandbox, Served};
use common::seed::{self, Plan};
use serde_json::json;

/// Polls per second, compared with the raw HTTP client.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Number of connections; enough that some are always due.
    #[arg(long)]
    connections: Option<u32>,
    /// Concurrent polls, of the daemon and of the raw client.
    #[arg(long, default_value_t = 448)]
    concurrency: u32,
    /// New records per poll.
    #[arg(long, value_delimiter = ',', default_value = "0,1,10")]
    fresh: Vec<u32>,
    /// Poll exercises too: two requests per poll instead of one.
    #[arg(long)]
    exercises: bool,
}

/// The figures of one row of the table.
#[derive(Default)]
struct Measured {
    daemon: Figure,
    settled: Figure,
    raw: Figure,
    raw_one_thread: Figure,
    raw_all_cores: Figure,
    ratio: Figure,
    daemon_cpu: Figure,
    raw_cpu: Figure,
    sandbox_cpu: Figure,
}

fn main() -> anyhow::Result<()> {
    if raw::become_it()? {
        return Ok(());
    }
    let arguments = Arguments::parse();
    arguments.common.measure(all(&arguments))
}

async fn all(arguments: &Arguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    let mut report = Report::new(
        "throughput",
        common.quick,
        &[
            "database",
            "new records",
            "polls/s",
            "settled/s",
            "raw polls/s",
            "ratio",
            "CPU µs/poll: daemon",
            "raw",
            "sandbox",
        ],
    );
    for kind in common.databases() {
        for fresh in &arguments.fresh {
            let mut measured = Measured::default();
            for number in 1..=common.runs() {
                if !run(arguments, kind, *fresh, &mut measured).await? {
                    println!("{} is not installed: not measured", kind.title());
                    break;
                }
                println!(
                    "{}, {fresh} new, run {number}: ratio {:.2}, load {:.1}",
                    kind.title(),
                    measured.ratio.median(),
                    machine::load().unwrap_or_default()
                );
            }
            add_row(&mut report, arguments, kind, *fresh, &measured);
        }
    }
    report.finish()
}

/// Measures once; returns whether the database is installed.
async fn run(
    arguments: &Arguments,
    kind: Kind,
    fresh: u32,
    measured: &mut Measured,
) -> anyhow::Result<bool> {
    let common = &arguments.common;
    let Some(database) = Database::new(kind).await? else { return Ok(false) };
    let people = arguments.connections.unwrap_or(common.pick(20_000, 2_000));
    let plan = Plan {
        connections: people,
        exercises: arguments.exercises,
        group: &|_| 0,
        due: &|_| TimeDelta::zero(),
    };
    seed::connections(&database, &plan)?;
    let sandbox = Sandbox::start(fresh).await?;
    let load = |all_cores| Load {
        url: sandbox.withings(),
        concurrency: arguments.concurrency,
        people,
        exercises: arguments.exercises,
        all_cores,
        warm_up: Duration::from_millis(common.pick(1_000, 300)),
        window: Duration::from_millis(common.pick(4_000, 700)),
    };
    let before = [raw::measure(&load(false)).await?, raw::measure(&load(true)).await?];
    let rate = with_daemon(arguments, &database, &sandbox, (people, fresh), measured).await?;
    let after = [raw::measure(&load(false)).await?, raw::measure(&load(true)).await?];

    // The faster of the two variants is the reference.
    let mean = |index: usize| {
        let (before, after) = (before.get(index)?, after.get(index)?);
        let polls = f64::midpoint(before.polls, after.polls);
        Some((polls, f64::midpoint(before.cpu_us, after.cpu_us)))
    };
    let (one, all) = (mean(0).unwrap_or_default(), mean(1).unwrap_or_default());
    let best = if one.0 > all.0 { one } else { all };
    measured.raw_one_thread.add(one.0);
    measured.raw_all_cores.add(all.0);
    measured.raw.add(best.0);
    measured.raw_cpu.add(best.1);
    measured.ratio.add(rate / best.0);
    Ok(true)
}

/// Runs the daemon for a while; returns its polls per second.
async fn with_daemon(
    arguments: &Arguments,
    database: &Database,
    sandbox: &Sandbox,
    (people, fresh): (u32, u32),
    measured: &mut Measured,
) -> anyhow::Result<f64> {
    let common = &arguments.common;
    let at_start = sandbox.served().await?;
    // An eighth of the slots is reserved for interactive syncs; polls get the raw client's number.
    let places = (arguments.concurrency * 8).div_ceil(7);
    let settings = [
        ("SCHEDULER__GROUPS", "1s".to_owned()),
        ("SCHEDULER__JITTER", "0".to_owned()),
        ("SCHEDULER__MAX_BUSY", places.to_string()),
    ];
    let daemon = Daemon::start(database, &sandbox.withings(), &settings).await?;
    warm_up(sandbox, at_start, people, common).await?;

    let (done, served, began) = (daemon.done().await?, sandbox.served().await?, Instant::now());
    tokio::time::sleep(Duration::from_millis(common.pick(10_000, 1_000))).await;
    let (done_now, served_now) = (daemon.done().await?, sandbox.served().await?);
    let seconds = began.elapsed().as_secs_f64();
    ensure!(done_now.failed == 0, "{} syncs failed or were limited", done_now.failed);
    daemon.end().await?;
    check_records(
        database,
        (sandbox.served().await?.polls - at_start.polls) * u64::from(fresh),
        u64::from(arguments.concurrency * fresh),
    )?;

    let polls = (served_now.polls - served.polls) as f64;
    let cpu = |before: Duration, after: Duration| (after - before).as_secs_f64() * 1e6 / polls;
    let (Done { done: settled, cpu: cpu_before, .. }, cpu_after) = (done, done_now.cpu);
    measured.daemon.add(polls / seconds);
    measured.settled.add((done_now.done - settled) as f64 / seconds);
    measured.daemon_cpu.add(cpu(cpu_before, cpu_after));
    measured.sandbox_cpu.add(cpu(served.cpu, served_now.cpu));
    Ok(polls / seconds)
}

/// Waits until each connection was polled once, so that what follows is routine work.
async fn warm_up(
    sandbox: &Sandbox,
    at_start: Served,
    people: u32,
    common: &Common,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let (least, most) = (Duration::from_secs(common.pick(3, 1)), Duration::from_secs(90));
    // A quick run has no time to poll all of them; its figures mean little anyway.
    let polls = common.pick(u64::from(people), 1);
    while began.elapsed() < least || sandbox.served().await?.polls - at_start.polls < polls {
        ensure!(began.elapsed() < most, "not every connection is polled once in {most:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Checks that the records the sandbox returned are stored: a poll that stored nothing must not
/// count. When it stops, the daemon drops what it is reading: at most `given_up` records.
fn check_records(database: &Database, given: u64, given_up: u64) -> anyhow::Result<()> {
    let stored = database.number("SELECT count(*) AS number FROM records")?;
    let changes = database.number("SELECT count(*) AS number FROM changes")?;
    ensure!(
        stored <= given && given <= stored + given_up,
        "of {given} records {stored} are stored"
    );
    ensure!(stored == changes, "{stored} records were stored and {changes} changes noted");
    Ok(())
}

fn add_row(
    report: &mut Report,
    arguments: &Arguments,
    kind: Kind,
    fresh: u32,
    measured: &Measured,
) {
    if measured.ratio.median().is_nan() {
        return;
    }
    let cells = vec![
        kind.title().to_owned(),
        fresh.to_string(),
        measured.daemon.text(0),
        measured.settled.text(0),
        measured.raw.text(0),
        measured.ratio.text(2),
        measured.daemon_cpu.text(0),
        measured.raw_cpu.text(0),
        measured.sandbox_cpu.text(0),
    ];
    let data = json!({
        "database": kind.title(),
        "new_records": fresh,
        "requests_per_poll": if arguments.exercises { 2 } else { 1 },
        "concurrency": arguments.concurrency,
        "polls_per_second": measured.daemon.json(),
        "settled_per_second": measured.settled.json(),
        "raw_polls_per_second": measured.raw.json(),
        "raw_one_thread": measured.raw_one_thread.json(),
        "raw_all_cores": measured.raw_all_cores.json(),
        "ratio": measured.ratio.json(),
        "daemon_cpu_us_per_poll": measured.daemon_cpu.json(),
        "raw_cpu_us_per_poll": measured.raw_cpu.json(),
        "sandbox_cpu_us_per_poll": measured.sandbox_cpu.json(),
    });
    report.row(cells, data);
}
