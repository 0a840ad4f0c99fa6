//! Random histories of a user's data: edits in the host app and at partners, deletions, disconnects,
//! other accounts, faults and crashes. When all is quiet, everybody must agree.
//!
//! The store, the sync and the rate limits are the daemon's; partners and time are simulated in the
//! process. `SYNCWELL_TEST_POSTGRES` has the address of a server for those who want theirs in PostgreSQL.
//! `HISTORIES=n` runs so many, but no new ones after `HISTORIES_SECONDS`; `HISTORY=seed` runs one again
//! and tells it step by step.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]

mod agreement;
mod backend;
mod chance;
#[path = "../support/database.rs"]
mod database;
mod history;
mod partners;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::history::History;

/// How many histories are run unless `HISTORIES` says otherwise; `tests/run` asks for 10,000.
const HISTORIES: u64 = 500;

/// The first seed; each history has the next.
const FIRST_SEED: u64 = 1;

/// So many histories share a database; each has a user of its own in it.
const TOGETHER: u64 = 100;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn run(seeds: impl Iterator<Item = u64>, tells: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let backend = Backend::open().await;
        for seed in seeds {
            History::new(&backend, seed, tells).run().await;
        }
    });
}

#[test]
fn when_all_is_quiet_everybody_agrees() {
    if let Some(seed) = number("HISTORY") {
        return run(std::iter::once(seed), true);
    }
    let histories = number("HISTORIES").unwrap_or(HISTORIES);
    let longest = number("HISTORIES_SECONDS").map_or(Duration::MAX, Duration::from_secs);
    let (began, done) = (Instant::now(), AtomicU64::new(0));
    let next = AtomicU64::new(0);
    // Each waits for its writer now and then.
    let threads = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(TOGETHER, Ordering::Relaxed);
                    if first >= histories || began.elapsed() > longest {
                        return;
                    }
                    let last = (first + TOGETHER).min(histories);
                    run((first..last).map(|number| FIRST_SEED + number), false);
                    done.fetch_add(last - first, Ordering::Relaxed);
                }
            });
        }
    });
    let done = done.into_inner();
    println!("{done} of {histories} histories in {:.0} s", began.elapsed().as_secs_f64());
}
