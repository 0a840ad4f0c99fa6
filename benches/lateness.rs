//! How late polls start, with 100,000 connections of which a third each is polled every 5, 20 and
//! 60 minutes.
//!
//! First a day of simulated time with the daemon's own schedule, queue and limits, which take the
//! time as an argument. The partner takes 100 ms to respond and allows a third more calls per
//! minute than are needed. Then the daemon itself for some minutes at its natural rate.

#[expect(dead_code, reason = "each bench uses a part")]
mod common;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use common::args::Common;
use common::daemon::{Daemon, Lateness};
use common::database::Database;
use common::report::{Report, thousands};
use common::sandbox::Sandbox;
use common::seed::{self, MINUTES, Plan};
use partner_sdk::{CallKind, Limit};
use serde_json::json;
use syncwell::limits::{Decision, Limiter, Made, Priority};
use syncwell::scheduler::{DueHeap, SyncQueue, spread};

/// How late polls start.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Number of connections.
    #[arg(long)]
    connections: Option<u32>,
    /// Seconds to run the daemon itself. Default 180.
    #[arg(long)]
    seconds: Option<u64>,
}

/// Response times of the partner in milliseconds, uniformly distributed.
const ANSWERS_MS: std::ops::Range<u64> = 40..160;

/// Slots for scheduled syncs: those of `max_busy = 32` not reserved for interactive syncs.
const PLACES: usize = 28;

const JITTER: f64 = 0.05;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.common.measure(all(&arguments))
}

async fn all(arguments: &Arguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    let header = ["what", "connections", "polls", "polls/s", "p50 ms", "p99 ms", "worst ms"];
    let mut report = Report::new("lateness", common.quick, &header);
    let connections = arguments.connections.unwrap_or(common.pick(100_000, 5_000));
    let hours = common.pick(24, 1);
    for (title, all_at_once) in
        [("simulated", false), ("simulated, all due at its beginning", true)]
    {
        let mut day = Day::new(connections, all_at_once);
        day.live_through(hours)?;
        let title = format!("{hours} h {title}");
        let seconds = f64::from(hours) * 3_600.0;
        add_row(&mut report, &title, connections, seconds, &day.lateness());
    }
    for kind in common.databases() {
        let Some(database) = Database::new(kind).await? else {
            println!("{} is not installed: not measured", kind.title());
            continue;
        };
        let seconds = arguments.seconds.unwrap_or(common.pick(180, 4));
        let head = common.pick(30, 15);
        match real(&database, connections, head, seconds).await? {
            Some(lateness) => {
                let title = format!("{seconds} s of the daemon on {}", kind.title());
                add_row(&mut report, &title, connections, seconds as f64, &lateness);
            }
            None => println!("{}: this daemon does not report how late polls start", kind.title()),
        }
    }
    report.finish()
}

/// Runs the daemon at its natural rate. Nothing is due during the first `head` seconds, in which
/// the database is filled and the daemon starts.
async fn real(
    database: &Database,
    connections: u32,
    head: u64,
    seconds: u64,
) -> anyhow::Result<Option<Measured>> {
    let began = Instant::now();
    let (head, seconds) = (Duration::from_secs(head), Duration::from_secs(seconds));
    let first = TimeDelta::from_std(head)?;
    let due = |number: u32| first + TimeDelta::milliseconds(place(number));
    let plan = Plan { connections, exercises: false, group: &|number| number % 3, due: &due };
    seed::connections(database, &plan)?;
    let sandbox = Sandbox::start(0).await?;
    let daemon = Daemon::start(database, &sandbox.withings(), &[]).await?;
    ensure!(began.elapsed() < head, "polls came due before the daemon was ready");
    tokio::time::sleep((head + seconds).saturating_sub(began.elapsed())).await;
    let (done, lateness) = (daemon.done().await?, daemon.lateness().await?);
    ensure!(done.failed == 0, "{} syncs failed or were limited", done.failed);
    daemon.end().await?;
    Ok(lateness.map(|lateness| Measured { polls: done.done, lateness }))
}

/// A number of polls and how late they started.
struct Measured {
    polls: u64,
    lateness: Lateness,
}

/// The offset of a connection's first poll in its interval, in milliseconds; neighbours lie apart.
fn place(number: u32) -> i64 {
    i64::from(number) * 618_037 % i64::try_from(interval(number).as_millis()).unwrap_or(1)
}

fn interval(number: u32) -> Duration {
    let minutes = MINUTES.get(number as usize % 3).copied().unwrap_or(5);
    Duration::from_secs(60) * minutes
}

/// A call in progress; ordered by its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    ends: DateTime<Utc>,
    connection: i64,
    began: DateTime<Utc>,
}

/// A simulated period of one partner's actor.
struct Day {
    due: DueHeap,
    /// When each connection is due, indexed by its number.
    due_at: Vec<DateTime<Utc>>,
    queue: SyncQueue<()>,
    limiter: Limiter,
    /// Syncs that have started and wait for a permit.
    waiting: VecDeque<i64>,
    /// Calls in progress, by their end.
    calls: BinaryHeap<Reverse<UnderWay>>,
    now: DateTime<Utc>,
    chance: u64,
    late_ms: Vec<u32>,
}

impl Day {
    fn new(connections: u32, all_at_once: bool) -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let mut due = DueHeap::default();
        let mut due_at = vec![now];
        for number in 1..=connections {
            let after = if all_at_once { 0 } else { place(number) };
            let at = now + TimeDelta::milliseconds(after);
            due_at.push(at);
            due.set(i64::from(number), at);
        }
        // A third more than needed; scheduled polls may use 85 % of it.
        let minutes: f64 = MINUTES.iter().map(|minutes| 1.0 / f64::from(*minutes)).sum();
        let calls = (f64::from(connections) * minutes / 3.0 * 4.0 / 3.0).ceil();
        let limit = Limit::app(calls as u32, Duration::from_secs(60));
        Self {
            due,
            due_at,
            queue: SyncQueue::new(TimeDelta::seconds(1)),
            limiter: Limiter::new(&[limit], true, Duration::from_secs(60)),
            waiting: VecDeque::new(),
            calls: BinaryHeap::new(),
            now,
            chance: 1,
            late_ms: Vec::new(),
        }
    }

    /// Steps from one event to the next.
    fn live_through(&mut self, hours: u32) -> anyhow::Result<()> {
        let (end, began) = (self.now + TimeDelta::hours(i64::from(hours)), Instant::now());
        while self.now < end {
            ensure!(began.elapsed() < Duration::from_secs(600), "the day takes too long");
            let permits_at = self.act();
            let ends_at = self.calls.peek().map(|Reverse(call)| call.ends);
            let due_at = self.due.next_at();
            let next = [permits_at, ends_at, due_at].into_iter().flatten().min().unwrap_or(end);
            self.now = next.max(self.now + TimeDelta::milliseconds(1));
        }
        Ok(())
    }

    /// What the actor does when its timer fires; returns when more permits may be available.
    fn act(&mut self) -> Option<DateTime<Utc>> {
        let now = self.now;
        while let Some(Reverse(call)) = self.calls.peek().copied()
            && call.ends <= now
        {
            self.calls.pop();
            self.end(call.connection, call.began);
        }
        while let Some((connection, due_at)) = self.due.pop(now) {
            self.queue.due(connection, due_at);
        }
        while self.queue.running() < PLACES
            && let Some(start) = self.queue.take(|_| true)
        {
            self.waiting.push_back(start.connection);
        }
        while let Some(connection) = self.waiting.front().copied() {
            let (of, call) = (Some(connection), CallKind::Write);
            match self.limiter.request(of, call, Priority::Scheduled, now) {
                Decision::Granted => {
                    self.waiting.pop_front();
                    self.begin(connection);
                }
                Decision::StoreFirst => {
                    for (key, _) in self.limiter.to_store(of, call) {
                        self.limiter.stored(key, true);
                    }
                }
                Decision::AppWaits { until, .. } | Decision::ConnectionWaits(until) => {
                    return Some(until);
                }
            }
        }
        None
    }

    fn begin(&mut self, connection: i64) {
        let due = self.due_at.get(connection as usize).copied().unwrap_or(self.now);
        self.late_ms.push(u32::try_from((self.now - due).num_milliseconds()).unwrap_or_default());
        let span = (ANSWERS_MS.end - ANSWERS_MS.start) as f64;
        let takes = ANSWERS_MS.start as f64 + self.random() * span;
        let ends = self.now + TimeDelta::milliseconds(takes as i64);
        self.calls.push(Reverse(UnderWay { ends, connection, began: self.now }));
    }

    fn end(&mut self, connection: i64, began: DateTime<Utc>) {
        let made = Made { connection: Some(connection), call: CallKind::Write, began };
        self.limiter.release(made, self.now);
        let random = self.random();
        let wait = spread(interval(connection as u32), JITTER, random);
        let at = self.now + TimeDelta::from_std(wait).unwrap_or_default();
        self.due.set(connection, at);
        if let Some(due) = self.due_at.get_mut(connection as usize) {
            *due = at;
        }
        self.queue.finished(connection, self.now);
    }

    /// A random number from 0 to 1; the sequence is the same in each run.
    fn random(&mut self) -> f64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.chance >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn lateness(mut self) -> Measured {
        self.late_ms.sort_unstable();
        let count = self.late_ms.len();
        let percentile = |percent: usize| {
            let index = (count * percent).div_ceil(100).saturating_sub(1);
            self.late_ms.get(index).copied().map_or(f64::NAN, f64::from)
        };
        let (p50_ms, p99_ms, worst_ms) = (percentile(50), percentile(99), percentile(100));
        Measured { polls: count as u64, lateness: Lateness { p50_ms, p99_ms, worst_ms } }
    }
}

fn add_row(report: &mut Report, title: &str, connections: u32, seconds: f64, measured: &Measured) {
    let Measured { polls, lateness } = measured;
    let rate = *polls as f64 / seconds;
    let cells = vec![
        title.to_owned(),
        thousands(f64::from(connections), 0),
        thousands(*polls as f64, 0),
        thousands(rate, 0),
        thousands(lateness.p50_ms, 0),
        thousands(lateness.p99_ms, 0),
        thousands(lateness.worst_ms, 0),
    ];
    let data = json!({
        "what": title,
        "connections": connections,
        "polls": polls,
        "polls_per_second": rate,
        "p50_ms": lateness.p50_ms,
        "p99_ms": lateness.p99_ms,
        "worst_ms": lateness.worst_ms,
    });
    report.row(cells, data);
}
