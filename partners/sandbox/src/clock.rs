//! The sandbox's clock: runs with real time and can be moved forward, so that tokens expire without
//! waiting.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Virtual time for dates, real time for counting calls.
#[derive(Debug)]
pub(crate) struct Clock {
    born: Instant,
    start_ms: i64,
    advanced_ms: AtomicI64,
}

impl Clock {
    /// A clock that starts at `start` (Unix seconds), or at the machine's time without one.
    #[expect(clippy::disallowed_methods, reason = "this is where the sandbox's time comes from")]
    pub(crate) fn new(start: Option<i64>) -> Self {
        let machine_ms = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        };
        Self {
            born: Instant::now(),
            start_ms: start.map_or_else(machine_ms, |seconds| seconds.saturating_mul(1000)),
            advanced_ms: AtomicI64::new(0),
        }
    }

    /// Virtual Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        let flowed = i64::try_from(self.born.elapsed().as_millis()).unwrap_or(i64::MAX);
        (self.start_ms + flowed + self.advanced_ms.load(Ordering::Relaxed)).div_euclid(1000)
    }

    /// Moves virtual time forward; sliding windows are not affected.
    pub(crate) fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(0);
        self.advanced_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Real microseconds since the sandbox started.
    pub(crate) fn monotonic_us(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_moves_virtual_time_only() {
        let clock = Clock::new(Some(1_700_000_000));
        clock.advance(Duration::from_secs(3600));
        assert!((1_700_003_600..1_700_003_602).contains(&clock.now()));
        assert!(clock.monotonic_us() < 1_000_000);
    }
}
