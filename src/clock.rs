//! Time as a dependency: code that depends on the time uses the clock that it was given.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// A source of the current time.
pub trait Clock: Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that reads the machine's clock once and then advances evenly. A correction of the
/// machine's clock neither frees a rate limit early nor makes every poll due at once. It follows
/// the machine's clock only if that is ahead by minutes: after a suspend, or when the time was set
/// late.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    /// A time of this clock, and how long the process had run at that time.
    anchor: Mutex<(DateTime<Utc>, Duration)>,
}

/// How far ahead the machine's clock must be to be followed; longer than the windows of most
/// limits.
const JUMP: TimeDelta = TimeDelta::minutes(5);

impl SystemClock {
    /// Creates a clock set to the machine's time.
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
