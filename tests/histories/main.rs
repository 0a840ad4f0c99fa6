//! Random histories of a user's data: edits in the host app and at partners, deletions, disconnects,
//! other accounts, faults and crashes. When all is quiet, everybody must agree.
//!
//! The store, the sync and the rate limits are the daemon's; partners and time are simulated in the
//! process. `SYNCWELL_TEST_POSTGRES` has the address of a server for runs in PostgreSQL.
//! The seeds change every day and are printed. `HISTORIES=n` runs n histories; `HISTORY=seed` runs one
//! again and prints its steps.

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
use std::time::Instant;

use syncwell::clock::{Clock, SystemClock};

use crate::backend::Backend;
use crate::history::History;

/// How many histories are run unless `HISTORIES` says otherwise; `tests/run --long` asks for 10,000,
/// and 500 on a server.
const HISTORIES: u64 = 500;
const HISTORIES_ON_A_SERVER: u64 = 60;

/// More than the histories of one day, so that no two days share a seed.
const SEEDS_A_DAY: u64 = 1_000_000;

/// How many histories share a database; each has its own user in it.
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
    let usual = if database::server().is_some() { HISTORIES_ON_A_SERVER } else { HISTORIES };
    let histories = number("HISTORIES").unwrap_or(usual);
    let day = SystemClock::new().now().timestamp().unsigned_abs() / 86_400;
    let seeds = day * SEEDS_A_DAY..day * SEEDS_A_DAY + histories;
    println!("{histories} histories, HISTORY={} to {}", seeds.start, seeds.end - 1);
    let (began, next) = (Instant::now(), AtomicU64::new(seeds.start));
    // Each waits for its writer now and then.
    let threads = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    let together = TOGETHER.min(histories.div_ceil(threads as u64));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(together, Ordering::Relaxed);
                    if first >= seeds.end {
                        return;
                    }
                    run(first..(first + together).min(seeds.end), false);
                }
            });
        }
    });
    println!("{histories} histories in {:.0} s", began.elapsed().as_secs_f64());
}
