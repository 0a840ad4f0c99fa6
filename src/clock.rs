//! Time, passed in: whatever decides by time asks the clock it was given.

use std::fmt::Debug;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// The present time.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock, read once; from then on it advances evenly, so that a correction of the
/// machine's clock neither frees a rate limit early nor makes every poll due at once.
#[derive(Debug)]
pub struct SystemClock {
    started_at: DateTime<Utc>,
    started: Instant,
}

impl SystemClock {
    /// A clock set by the machine's.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    pub fn new() -> Self {
        Self { started_at: Utc::now(), started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        self.started_at + TimeDelta::from_std(self.started.elapsed()).unwrap_or_default()
    }
}
