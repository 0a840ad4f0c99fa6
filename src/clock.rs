//! Time, passed in: whatever decides by time asks the clock it was given.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// The present time.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock, read once; from then on it advances evenly, so that a correction of the
/// machine's clock neither frees a rate limit early nor makes every poll due at once. Only when the
/// machine's clock is ahead by minutes, after a suspend or when the time was set late, is it
/// followed.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    /// What the clock shows and how long the process ran then.
    anchor: Mutex<(DateTime<Utc>, Duration)>,
}

/// How far ahead the machine's clock must be to be followed; more than the windows of most limits.
const JUMP: TimeDelta = TimeDelta::minutes(5);

impl SystemClock {
    /// A clock set by the machine's.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    pub fn new() -> Self {
        Self { started: Instant::now(), anchor: Mutex::new((Utc::now(), Duration::ZERO)) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> DateTime<Utc> {
        let elapsed = self.started.elapsed();
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let since = TimeDelta::from_std(elapsed.saturating_sub(anchor.1)).unwrap_or_default();
        let even = anchor.0 + since;
        let machine = Utc::now();
        if machine - even < JUMP {
            return even;
        }
        *anchor = (machine, elapsed);
        machine
    }
}
