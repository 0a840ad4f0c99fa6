//! Limits with fixed windows: from one quarter of an hour, or midnight, to the next.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A number of calls in each window. Windows begin at every multiple of the length since 1970, by
/// the clock that can be advanced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedLimit {
    /// Calls allowed.
    pub calls: u32,
    /// Length of the window in virtual seconds.
    pub seconds: u32,
    /// Whether only read calls count (`GET` and `HEAD`).
    #[serde(default)]
    pub reads: bool,
    /// Whether each account is counted separately, instead of all calls of the application
    /// together.
    #[serde(default)]
    pub per_account: bool,
}

impl FixedLimit {
    /// A limit for all calls of the application.
    #[must_use]
    pub fn app(calls: u32, seconds: u32) -> Self {
        Self { calls, seconds, reads: false, per_account: false }
    }

    /// The same limit for read calls only.
    #[must_use]
    pub fn of_reads(self) -> Self {
        Self { reads: true, ..self }
    }
}

/// The state of a limit after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowUsage {
    pub(crate) limit: FixedLimit,
    /// Calls in the current window, including this one and refused ones.
    pub(crate) used: u32,
    /// Seconds until the next window.
    pub(crate) resets_in: i64,
    /// Whether this call exceeds the limit.
    pub(crate) over: bool,
}

/// Counts of the current windows, by account, length and what is counted.
#[derive(Debug, Default)]
pub(crate) struct FixedWindows(HashMap<(Option<usize>, u32, bool), (i64, u32)>);

impl FixedWindows {
    /// Counts a call of an account, if the account is known, and returns the resulting state of
    /// each limit.
    pub(crate) fn count(
        &mut self,
        limits: &[FixedLimit],
        now: i64,
        is_read: bool,
        account: Option<usize>,
    ) -> Vec<WindowUsage> {
        let concerned = limits.iter().filter(|limit| !limit.per_account || account.is_some());
        let stand = |limit: &FixedLimit| {
            let length = i64::from(limit.seconds.max(1));
            let window = now.div_euclid(length);
            let key = (account.filter(|_| limit.per_account), limit.seconds, limit.reads);
            let (counted_in, used) = self.0.entry(key).or_insert((window, 0));
            if *counted_in != window {
                (*counted_in, *used) = (window, 0);
            }
            let counts = is_read || !limit.reads;
            *used = used.saturating_add(u32::from(counts));
            WindowUsage {
                limit: *limit,
                used: *used,
                resets_in: length - now.rem_euclid(length),
                over: counts && *used > limit.calls,
            }
        };
        concerned.map(stand).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Midnight.
    const START: i64 = 1_790_812_800;

    #[test]
    fn windows_begin_at_multiples_of_their_length() {
        let limits = [FixedLimit::app(2, 900)];
        let mut windows = FixedWindows::default();
        let mut count = |now| {
            let [standing] = windows.count(&limits, now, true, None)[..] else {
                panic!("one limit, one standing");
            };
            (standing.used, standing.resets_in, standing.over)
        };
        assert_eq!(count(START + 890), (1, 10, false));
        assert_eq!(count(START + 899), (2, 1, false));
        assert_eq!(count(START + 899), (3, 1, true));
        assert_eq!(count(START + 900), (1, 900, false));
    }

    #[test]
    fn writes_are_no_reads_and_accounts_are_apart() {
        let per_account = FixedLimit { per_account: true, ..FixedLimit::app(1, 60) };
        let limits = [FixedLimit::app(9, 60), FixedLimit::app(1, 60).of_reads(), per_account];
        let mut windows = FixedWindows::default();
        let mut used = |is_read, account| {
            let standings = windows.count(&limits, START, is_read, account);
            standings.iter().map(|standing| standing.used).collect::<Vec<_>>()
        };
        assert_eq!(used(false, Some(1)), [1, 0, 1]);
        assert_eq!(used(true, Some(2)), [2, 1, 1]);
        assert_eq!(used(true, None), [3, 2]);
    }
}
