//! Resident memory with many connections, and how long the daemon takes to be ready.
//!
//! Idle: nothing is due. Syncing: a third of the connections each is polled every 5, 20 and 60
//! minutes, spread evenly, with no new records. Ready: it responds and has loaded its schedule.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::TimeDelta;
use clap::Parser;
use common::args::{Common, Kind};
use common::daemon::{Daemon, with_limits};
use common::database::Database;
use common::report::{Figure, Report, thousands};
use common::sandbox::Sandbox;
use common::seed::{self, MINUTES, Plan};
use serde_json::{Value, json};
use syncwell::clock::{Clock, SystemClock};

/// Resident memory and start-up time.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Numbers of connections. Default 10,000, 100,000 and 1,000,000.
    #[arg(long, value_delimiter = ',')]
    connections: Vec<u32>,
    /// Seconds of syncing. Default 60.
    #[arg(long)]
    seconds: Option<u64>,
    /// Limits of the partner, as in the settings; must not be reached. Default: no effective limit.
    #[arg(long)]
    limits: Option<String>,
}

/// The figures of one row of the table.
#[derive(Default)]
struct Measured {
    ready: Figure,
    idle: Figure,
    idle_peak: Figure,
    syncing: Figure,
    syncing_peak: Figure,
    rate: Figure,
    late: Figure,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.common.measure(all(&arguments))
}

async fn all(arguments: &Arguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    let header = [
        "database",
        "connections",
        "ready after s",
        "idle MB",
        "peak MB at start",
        "syncing MB",
        "peak MB",
        "polls/s",
        "polls/s due",
        "late p99 ms",
    ];
    let mut report = Report::new("memory", common.quick, &header);
    let mut sizes = arguments.connections.clone();
    if sizes.is_empty() {
        sizes = common.pick(vec![10_000, 100_000, 1_000_000], vec![1_000, 10_000]);
    }
    for kind in common.databases() {
        for connections in &sizes {
            let Some(database) = Database::new(kind).await? else {
                println!("{} is not installed: not measured", kind.title());
                break;
            };
            let began = Instant::now();
            let group = |number: u32| number % 3;
            let due = |_| TimeDelta::hours(12);
            let plan =
                Plan { connections: *connections, exercises: false, group: &group, due: &due };
            seed::connections(&database, &plan)?;
            println!("{connections} connections made in {:.0} s", began.elapsed().as_secs_f64());
            let mut measured = Measured::default();
            for _ in 0..common.runs() {
                idle(&database, &mut measured).await?;
            }
            for _ in 0..common.runs() {
                syncing(arguments, &database, due_rate(*connections), &mut measured).await?;
            }
            add_row(&mut report, kind, *connections, &measured);
        }
    }
    report.finish()
}

/// Measures while nothing is due.
async fn idle(database: &Database, measured: &mut Measured) -> anyhow::Result<()> {
    let sandbox = Sandbox::start(0).await?;
    let daemon = Daemon::start(database, &sandbox.withings(), &[]).await?;
    // The actor reports no `scheduled` until it has loaded its schedule.
    while daemon.actor().await?.get("scheduled").is_none() {
        ensure!(daemon.started.elapsed() < Duration::from_secs(120), "the schedule is not read");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    measured.ready.add(daemon.started.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let memory = daemon.memory()?;
    measured.idle.add(memory.resident_mb);
    measured.idle_peak.add(memory.peak_mb);
    ensure!(sandbox.served().await?.calls == 0, "something was due");
    daemon.end().await
}

/// Measures while polls are due at the rate of the groups.
async fn syncing(
    arguments: &Arguments,
    database: &Database,
    due_rate: f64,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let seconds = arguments.seconds.unwrap_or(arguments.common.pick(60, 4));
    let limits: Vec<_> = with_limits(arguments.limits.as_ref()).into_iter().collect();
    spread(database)?;
    let sandbox = Sandbox::start(0).await?;
    let daemon = Daemon::start(database, &sandbox.withings(), &limits).await?;
    // First the backlog from before the start, until a tenth of a second of polls is left.
    let is_behind = |actor: Value| {
        actor.get("due_now").and_then(Value::as_f64).is_none_or(|due| due > due_rate / 10.0)
    };
    while is_behind(daemon.actor().await?) {
        ensure!(daemon.started.elapsed() < Duration::from_secs(300), "the backlog does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (began, before) = (Instant::now(), sandbox.served().await?.polls);
    let mut resident = Figure::default();
    while began.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        resident.add(daemon.memory()?.resident_mb);
    }
    let polls = (sandbox.served().await?.polls - before) as f64;
    let rate = polls / began.elapsed().as_secs_f64();
    let due = due_rate * began.elapsed().as_secs_f64();
    // In a short run with few connections, a handful more or less is random.
    ensure!(polls + 10.0 > 0.9 * due, "{polls:.0} polls, but {due:.0} were due");
    measured.rate.add(rate);
    measured.syncing.add(resident.median());
    measured.syncing_peak.add(daemon.memory()?.peak_mb);
    if let Some(lateness) = daemon.lateness().await? {
        measured.late.add(lateness.p99_ms);
    }
    let failed = daemon.done().await?.failed;
    ensure!(failed == 0, "{failed} syncs failed or were limited");
    daemon.end().await
}

/// Spreads the next polls of all connections over the intervals of their groups, from now.
fn spread(database: &Database) -> anyhow::Result<()> {
    let now = SystemClock::new().now().timestamp_micros();
    let mut script = database.script()?;
    script.run("BEGIN;\n")?;
    for (group, minutes) in MINUTES.iter().enumerate() {
        // Neighbours get times far apart, and no two the same time.
        let interval = i64::from(*minutes) * 60_000_000;
        script.run(&format!(
            "UPDATE connections SET next_poll_at = {now} + (id * 618033989) % {interval} WHERE activity_group = {group};\n"
        ))?;
    }
    script.run("COMMIT;\n")?;
    script.end()
}

/// Polls due per second, with a third of the connections in each group.
fn due_rate(connections: u32) -> f64 {
    let each_third = f64::from(connections) / 3.0;
    MINUTES.iter().map(|minutes| each_third / (f64::from(*minutes) * 60.0)).sum()
}

fn add_row(report: &mut Report, kind: Kind, connections: u32, measured: &Measured) {
    let due = due_rate(connections);
    let cells = vec![
        kind.title().to_owned(),
        thousands(f64::from(connections), 0),
        measured.ready.text(2),
        measured.idle.text(0),
        measured.idle_peak.text(0),
        measured.syncing.text(0),
        measured.syncing_peak.text(0),
        measured.rate.text(0),
        thousands(due, 0),
        measured.late.text(0),
    ];
    let data = json!({
        "database": kind.title(),
        "connections": connections,
        "ready_s": measured.ready.json(),
        "idle_mb": measured.idle.json(),
        "idle_peak_mb": measured.idle_peak.json(),
        "syncing_mb": measured.syncing.json(),
        "syncing_peak_mb": measured.syncing_peak.json(),
        "polls_per_second": measured.rate.json(),
        "polls_per_second_due": due,
        "lateness_p99_ms": measured.late.json(),
    });
    report.row(cells, data);
}
