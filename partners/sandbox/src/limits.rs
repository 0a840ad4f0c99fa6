//! Sliding windows over real time, and the refusal of equal calls.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::fixed::FixedLimit;

/// A number of calls within a number of seconds, in any window of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Calls allowed.
    pub calls: u32,
    /// Length of the window in real seconds.
    pub seconds: u32,
}

/// What a partner allows. A call over a limit is refused and still counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// For all calls of the registered application.
    pub app: Option<Limit>,
    /// For the calls made for one account.
    pub account: Option<Limit>,
    /// Withings refuses a call with the same arguments within this many seconds of the clock that
    /// can be advanced (ten, by the text of its error); `None` switches it off. RunKeeper has no
    /// such rule.
    pub same_call_seconds: Option<u32>,
    /// Limits with fixed windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<FixedLimit>,
}

impl Limits {
    /// 120 calls a minute for each application, as Withings documents; equal calls ten seconds
    /// apart.
    #[must_use]
    pub fn withings() -> Self {
        Self {
            app: Some(Limit { calls: 120, seconds: 60 }),
            account: None,
            same_call_seconds: Some(10),
            fixed: Vec::new(),
        }
    }

    /// 600 calls a minute. RunKeeper never published figures; this one only has to be finite.
    #[must_use]
    pub fn runkeeper() -> Self {
        Self {
            app: Some(Limit { calls: 600, seconds: 60 }),
            account: None,
            same_call_seconds: None,
            fixed: Vec::new(),
        }
    }

    /// No limits, for benchmarks.
    #[must_use]
    pub fn none() -> Self {
        Self { app: None, account: None, same_call_seconds: None, fixed: Vec::new() }
    }
}

/// Whose limit a call exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitedBy {
    App,
    Account,
}

/// The calls of the last seconds, and the highest number so far.
#[derive(Debug, Default)]
pub(crate) struct Window {
    times_us: VecDeque<u64>,
    counted_from_us: u64,
    pub(crate) busiest: usize,
}

impl Window {
    /// Counts a call; returns the microseconds to wait when it exceeds the limit.
    pub(crate) fn count(&mut self, now_us: u64, seconds: u32, limit: Option<Limit>) -> Option<u64> {
        let length_us = u64::from(seconds) * 1_000_000;
        while self.times_us.front().is_some_and(|first| first + length_us <= now_us) {
            self.times_us.pop_front();
        }
        self.times_us.push_back(now_us);
        let uncounted = self.times_us.partition_point(|at| *at < self.counted_from_us);
        self.busiest = self.busiest.max(self.times_us.len() - uncounted);

        let allowed = limit?.calls as usize;
        let over = self.times_us.len().checked_sub(allowed).filter(|over| *over > 0)?;
        // The next call fits once this one, and all before it, have left the window.
        let blocking = self.times_us.get(over).or(self.times_us.back()).copied().unwrap_or(now_us);
        Some((blocking + length_us).saturating_sub(now_us))
    }

    /// How many calls the window held when the last one was counted.
    pub(crate) fn len(&self) -> usize {
        self.times_us.len()
    }

    /// Restarts the record of the busiest window; the limit itself keeps its calls.
    pub(crate) fn reset_busiest(&mut self, now_us: u64) {
        self.counted_from_us = now_us;
        self.busiest = 0;
    }
}

/// The longest wait, however often the caller repeats a call.
const LONGEST_WAIT_SECONDS: i64 = 600;

/// "Same arguments in less than 10 seconds" (Withings): each repeat extends the wait.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    until: HashMap<u64, i64>,
    order: VecDeque<(i64, u64)>,
}

impl Repeats {
    /// Records a call by the digest of its arguments; returns the seconds to wait when it repeats
    /// too soon.
    pub(crate) fn note(&mut self, digest: u64, now: i64, apart_seconds: u32) -> Option<i64> {
        let apart = i64::from(apart_seconds);
        while let Some((at, old)) = self.order.front().copied().filter(|(at, _)| *at <= now) {
            self.order.pop_front();
            if self.until.get(&old).is_some_and(|until| *until <= at) {
                self.until.remove(&old);
            }
        }
        let earlier = self.until.get(&digest).copied().filter(|until| *until > now);
        let until =
            earlier.map_or(now + apart, |until| (until + apart).min(now + LONGEST_WAIT_SECONDS));
        self.until.insert(digest, until);
        self.order.push_back((until, digest));
        earlier.map(|_| until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides_counts_refusals_and_tells_the_wait() {
        let limit = Some(Limit { calls: 2, seconds: 1 });
        let mut window = Window::default();
        assert_eq!(window.count(0, 1, limit), None);
        assert_eq!(window.count(400_000, 1, limit), None);
        // The refused call counts too: the next fits at 1.4 s, when it and the second are alone.
        assert_eq!(window.count(500_000, 1, limit), Some(900_000));
        assert_eq!(window.busiest, 3);
        assert_eq!(window.count(1_500_000, 1, limit), None);
        window.reset_busiest(1_500_001);
        assert_eq!(window.count(1_600_000, 1, None), None);
        assert_eq!(window.busiest, 1);
    }

    #[test]
    fn a_repeat_extends_its_own_wait_and_time_ends_it() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.note(1, 100, 10), None);
        assert_eq!(repeats.note(2, 100, 10), None);
        assert_eq!(repeats.note(1, 101, 10), Some(19));
        assert_eq!(repeats.note(1, 111, 10), Some(19));
        assert_eq!(repeats.note(2, 110, 10), None);
        assert_eq!(repeats.note(1, 130, 10), None);
        assert!(repeats.until.len() <= 2);
    }
}
