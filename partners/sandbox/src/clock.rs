//! The sandbox's clock: runs with real time and can be moved forward, so that tokens expire without
//! waiting.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Virtual time for dates, real time for counting calls.
#[derive(Debug)]
pub(crate) struct Clock {
    born: Instant,
    start_ms: i64,
    advanced_ms: AtomicI64,
    /// What passed for sliding windows as well, without being waited for.
    passed_us: AtomicU64,
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
            passed_us: AtomicU64::new(0),
        }
    }

    /// Virtual Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        let flowed = i64::try_from(self.born.elapsed().as_millis()).unwrap_or(i64::MAX);
        (self.start_ms + flowed + self.advanced_ms.load(Ordering::Relaxed)).div_euclid(1000)
    }

    /// Real time since the sandbox started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.born.elapsed()
    }

    /// Moves virtual time forward; sliding windows are not affected.
    pub(crate) fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(0);
        self.advanced_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Lets time pass: virtual time moves forward, and sliding windows notice.
    pub(crate) fn pass(&self, by: Duration) {
        let by_us = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.passed_us.fetch_add(by_us, Ordering::Relaxed);
        self.advance(by);
    }

    /// Real microseconds since the sandbox started, and those that were let pass.
    pub(crate) fn monotonic_us(&self) -> u64 {
        let real = u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX);
        real.saturating_add(self.passed_us.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_moves_virtual_time_only() {
        let clock = Clock::new(Some(1_700_000_000));
        clock.advance(Duration::from_secs(3600));
        let (now, counted_us) = (clock.now(), clock.monotonic_us());
        let real = i64::try_from(clock.born.elapsed().as_secs()).unwrap();
        assert!((1_700_003_600..=1_700_003_600 + real).contains(&now), "{now}");
        assert!(counted_us <= clock.monotonic_us() && counted_us < 3_600_000_000, "{counted_us}");
    }

    #[test]
    fn what_passes_moves_sliding_windows_too() {
        let clock = Clock::new(Some(1_700_000_000));
        clock.pass(Duration::from_secs(3_600));
        assert!(clock.now() >= 1_700_003_600);
        assert!(clock.monotonic_us() >= 3_600_000_000);
    }
}
