//! When a connection is polled next. Plain structs with the time passed in; no actors, no database.
//!
//! - [`DueHeap`]: which connection is due first. One heap and one timer per partner, never a scan.
//! - [`Schedule`]: the near part of the due times, read from the store in chunks as time passes.
//! - [`SyncQueue`]: which of the due or requested syncs starts first.
//! - [`Activity`]: the activity groups. Data moves a connection to the shortest interval, weeks of
//!   silence move it to longer ones.
//! - [`Backoff`]: how long to wait after failures.
//! - [`Trust`]: whether a connection's notifications work, so that few polls are enough.

mod activity;
mod backoff;
mod due;
mod queue;
mod schedule;
mod trust;

use std::time::Duration;

pub use self::activity::{Activity, Policy};
pub use self::backoff::Backoff;
pub use self::due::DueHeap;
pub use self::queue::{Start, SyncQueue};
pub use self::schedule::{Schedule, ScheduleKey};
pub use self::trust::{Look, Standing, Trust};

/// Moves `interval` at random by at most the share `jitter` in either direction. `random` is from 0
/// to 1.
pub fn spread(interval: Duration, jitter: f64, random: f64) -> Duration {
    let factor = 1.0 + jitter.clamp(0.0, 1.0) * (random.clamp(0.0, 1.0) * 2.0 - 1.0);
    interval.mul_f64(factor)
}
