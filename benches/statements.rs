//! SQL statements and commits a poll.
//!
//! The daemon runs in this process, where diesel tells of each statement it sends; the sandbox in
//! one of its own. Counted is from a warm daemon until it has stopped, so that what is written late
//! counts too.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::TimeDelta;
use clap::Parser;
use common::args::{Common, Kind};
use common::control::Control;
use common::daemon::{environment, syncs};
use common::database::Database;
use common::report::{Figure, Report};
use common::sandbox::Sandbox;
use common::seed::{self, Plan};
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use serde_json::json;
use syncwell::application::Application;
use syncwell::partners::catalog;
use syncwell::settings::Settings;
use tokio_util::sync::CancellationToken;

/// SQL statements and commits a poll.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// New records a poll.
    #[arg(long, value_delimiter = ',', default_value = "0,1,10")]
    fresh: Vec<u32>,
}

/// What was sent to the database, by its first word.
#[derive(Debug, Default)]
struct Sent {
    reads: AtomicU64,
    writes: AtomicU64,
    begins: AtomicU64,
    commits: AtomicU64,
    savepoints: AtomicU64,
}

static SENT: Sent = Sent {
    reads: AtomicU64::new(0),
    writes: AtomicU64::new(0),
    begins: AtomicU64::new(0),
    commits: AtomicU64::new(0),
    savepoints: AtomicU64::new(0),
};

/// Counts the statements of one connection.
struct Counter;

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let InstrumentationEvent::StartQuery { query, .. } = event else { return };
        let mut first = FirstWord(String::new());
        // It is cut off on purpose.
        write!(first, "{query}").unwrap_or_default();
        let count = match first.0.to_ascii_uppercase().as_str() {
            "SELECT" | "WITH" => &SENT.reads,
            "BEGIN" | "START" => &SENT.begins,
            "COMMIT" => &SENT.commits,
            "SAVEPOINT" | "RELEASE" | "ROLLBACK" => &SENT.savepoints,
            "PRAGMA" => return,
            _ => &SENT.writes,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes a text up to its first space.
struct FirstWord(String);

impl Write for FirstWord {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            if letter.is_whitespace() {
                return Err(fmt::Error);
            }
            self.0.push(letter);
        }
        Ok(())
    }
}

/// The counters at one moment, as numbers for arithmetic.
#[derive(Clone, Copy)]
struct Counts {
    reads: f64,
    writes: f64,
    commits: f64,
    framing: f64,
}

fn counts() -> Counts {
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
    Counts {
        reads: load(&SENT.reads),
        writes: load(&SENT.writes),
        commits: load(&SENT.commits),
        framing: load(&SENT.begins) + load(&SENT.commits) + load(&SENT.savepoints),
    }
}

/// How much is asked of the daemon.
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
    ensure!(set_default_instrumentation(|| Some(Box::new(Counter))).is_ok(), "nothing is counted");
    actix_rt::System::new().block_on(all(&Arguments::parse()))
}

async fn all(arguments: &Arguments) -> anyhow::Result<()> {
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
        Pressure { title: "steady", connections: 1_000, interval: common.pick(10, 2) * second },
        Pressure { title: "full", connections: common.pick(20_000, 2_000), interval: second },
    ];
    for kind in common.databases() {
        for fresh in &arguments.fresh {
            for pressure in pressures {
                let mut measured = Measured::default();
                for _ in 0..common.runs() {
                    if !run(common, kind, *fresh, pressure, &mut measured).await? {
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

/// Measures once; says whether the database is there.
async fn run(
    common: &Common,
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
    let more = [
        ("SCHEDULER__GROUPS", format!("{}s", pressure.interval.as_secs())),
        ("SCHEDULER__MAX_BUSY", "36".to_owned()),
    ];
    let settings = Settings::from_layers(&[], environment(&database, &sandbox.withings(), &more))?;
    let application = Application::build(&settings, &catalog()).await?;
    let address = format!("http://{}", application.address());
    let admin = Control::new(address, Some(database.admin_key().to_owned()))?;
    let stop = CancellationToken::new();
    let running = actix_rt::spawn(application.run_until(stop.clone()));

    // Each connection once, so that what follows is every day's work.
    let (warm, began) = (Duration::from_secs(120), Instant::now());
    while sandbox.served().await?.polls < u64::from(pressure.connections) {
        ensure!(began.elapsed() < warm, "not every connection is polled once in {warm:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (before, served, began) = (counts(), sandbox.served().await?, Instant::now());
    tokio::time::sleep(Duration::from_secs(common.pick(10, 1))).await;
    let rate =
        (sandbox.served().await?.polls - served.polls) as f64 / began.elapsed().as_secs_f64();
    let tree = admin.get("/admin/api/actors").await?;
    let (_, failed) = syncs(tree.pointer("/partners/0").unwrap_or(&tree))?;
    ensure!(failed == 0, "{failed} syncs failed or were limited");
    stop.cancel();
    running.await??;
    let (after, polls) = (counts(), (sandbox.served().await?.polls - served.polls) as f64);

    let each = |count: fn(&Counts) -> f64| (count(&after) - count(&before)) / polls;
    measured.rate.add(rate);
    measured.statements.add(each(|counts| counts.reads + counts.writes));
    measured.reads.add(each(|counts| counts.reads));
    measured.writes.add(each(|counts| counts.writes));
    measured.commits.add(each(|counts| counts.commits));
    measured.framing.add(each(|counts| counts.framing));
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
