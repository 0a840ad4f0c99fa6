//! Fixed windows: quarter hours, days.
//!
//! The partner counts a call at some moment between its permit and its end, by its own clock, which
//! differs from ours by no more than a guard. The call may therefore count in every window that
//! this interval touches when widened by the guard on both sides, and it is counted in all of them.
//! A call in flight at a boundary counts before and after it; so does one that begins or ends
//! within the guard of a boundary. A permit is given if every window in which the call may count
//! has capacity. If the old window is full, calls wait until the guard after its end has passed;
//! otherwise they do not wait.
//!
//! # Usage that the partner reports
//!
//! The reported usage includes the calls that the partner had counted when it answered. It may have
//! counted more of ours since: for calls in flight now it is unknown whether the report includes
//! them. They are assumed not to be included, so `used = report + calls in flight`, without the
//! call that brought the report. The excess over our own count is kept as `beyond`: calls of
//! others, or calls of ours that are counted twice until more is known. Each answer improves it:
//!
//! - Within a window, usage only grows. A report lower than the previous one is older, from a call
//!   that was in flight when the higher report came. The higher report therefore included that
//!   call, which was counted twice, and `beyond` decreases by one.
//! - A lower report from a call that began after the higher report came cannot be older. The
//!   partner has begun a new window, and the report is used as it is.
//! - Calls that ended while the answer was in transit, counted or not: the one counted last brings
//!   a report that includes the others, and no older report replaces it.
//! - A report from a call that may have been counted in either of two windows says nothing about
//!   either.
//!
//! A lower report never reduces our own count: our count includes the calls in flight, and for
//! calls in two windows the right one cannot be known.
//!
//! The window end that a partner reports is used if it differs from ours by more than the guard:
//! its clock or ours is wrong, or its windows begin elsewhere. All counted calls are then counted
//! in the reported window.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::LimitReading;

use super::window_counter::{Answer, CounterSnapshot, SLOTS, WindowCounter};

/// The largest assumed difference between the partner's clock and ours. Synchronised clocks agree
/// within a second; the rest is for clocks that are set now and then. It costs little of a window.
const LONGEST_GUARD: TimeDelta = TimeDelta::seconds(5);

/// Partners report times in whole seconds, with unknown rounding.
const ROUNDING: i64 = 1_000;

/// Counts calls by window. Times are Unix milliseconds.
#[derive(Debug)]
pub(super) struct Fixed {
    per: i64,
    guard: i64,
    /// Windows begin at multiples of their length plus this.
    shift: i64,
    /// Until then, reported window ends are ignored, so that a partner whose reports keep changing
    /// does not keep its limit closed forever.
    shifted_until: Option<i64>,
    /// Ended calls that may count in a window, by its number.
    ended: BTreeMap<i64, u32>,
    reported: Option<ReportedUsage>,
}

/// The usage that the partner reported for a window.
#[derive(Debug)]
struct ReportedUsage {
    window: i64,
    /// When it was reported.
    at: i64,
    used: u32,
    /// Calls in addition to our own.
    beyond: u32,
    has_room: bool,
}

impl Fixed {
    pub(super) fn new(per: TimeDelta) -> Self {
        let guard = (per / SLOTS).min(LONGEST_GUARD);
        Self {
            per: per.num_milliseconds().max(1),
            guard: guard.num_milliseconds().max(1),
            shift: 0,
            shifted_until: None,
            ended: BTreeMap::new(),
            reported: None,
        }
    }

    fn window_at(&self, at: i64) -> i64 {
        at.saturating_sub(self.shift).div_euclid(self.per)
    }

    fn begin_of(&self, window: i64) -> i64 {
        window.saturating_mul(self.per).saturating_add(self.shift)
    }

    /// The first and the last window in which the partner may count a call made now.
    fn present(&self, now: i64) -> (i64, i64) {
        (self.window_at(now - self.guard), self.window_at(now + self.guard))
    }

    fn beyond(&self, window: i64) -> u32 {
        let reported = self.reported.as_ref().filter(|reported| reported.window == window);
        reported.map_or(0, |reported| reported.beyond)
    }

    fn count(&mut self, calls: u32, window: i64) {
        let counted = self.ended.entry(window).or_default();
        *counted = counted.saturating_add(calls);
    }

    /// When the first current window is over by the partner's clock, too.
    fn first_is_over(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let now_ms = now.timestamp_millis();
        let over = self.begin_of(self.present(now_ms).0 + 1).saturating_add(self.guard);
        now + TimeDelta::milliseconds(over.saturating_sub(now_ms))
    }

    /// Applies a reported window end. Returns whether that moved the windows.
    fn follow(&mut self, resets_in: Option<Duration>, began: i64, now: i64) -> bool {
        let left = resets_in.and_then(|left| i64::try_from(left.as_millis()).ok());
        // A window cannot last longer than its length: the value must mean something else.
        let Some(left) = left.filter(|left| *left <= self.per + ROUNDING) else { return false };
        if self.shifted_until.is_some_and(|until| now < until) {
            return false;
        }
        let (earliest, latest) = (began + left - ROUNDING, now + left + ROUNDING);
        let (middle, vague) = (i64::midpoint(earliest, latest), (latest - earliest) / 2 + 1);
        let after = (middle - self.shift).rem_euclid(self.per);
        let off = after.min(self.per - after);
        if vague > self.guard || off + vague <= self.guard {
            return false;
        }
        let (first, last) = self.present(now);
        let counted = [first, last].map(|window| self.counted_in(window)).into_iter().max();
        (self.shift, self.shifted_until) = (middle.rem_euclid(self.per), Some(middle));
        self.ended.clear();
        self.reported = None;
        let (first, last) = self.present(now);
        (first..=last).for_each(|window| self.count(counted.unwrap_or(0), window));
        true
    }

    fn counted_in(&self, window: i64) -> u32 {
        self.ended.get(&window).copied().unwrap_or(0).saturating_add(self.beyond(window))
    }
}

impl WindowCounter for Fixed {
    /// Only the windows at the end of a call matter: permits given from now on count in these.
    fn add(&mut self, calls: u32, now: DateTime<Utc>) {
        let (first, last) = self.present(now.timestamp_millis());
        if calls > 0 {
            (first..=last).for_each(|window| self.count(calls, window));
        }
    }

    fn counted(&self, now: DateTime<Utc>) -> u32 {
        let (first, last) = self.present(now.timestamp_millis());
        (first..=last).map(|window| self.counted_in(window)).max().unwrap_or(0)
    }

    fn expire(&mut self, now: DateTime<Utc>) {
        let (first, _) = self.present(now.timestamp_millis());
        self.ended.retain(|window, _| *window >= first);
        self.reported.take_if(|reported| reported.window < first);
    }

    fn next_free(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.first_is_over(now)
    }

    fn resets_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let end = self.begin_of(self.window_at(now.timestamp_millis()) + 1);
        DateTime::from_timestamp_millis(end)
    }

    fn learn(&mut self, reading: &LimitReading, answer: Answer) -> bool {
        let (began, now) = (answer.began.timestamp_millis(), answer.now.timestamp_millis());
        let shifted = self.follow(reading.resets_in, began, now);
        let window = self.window_at(began - self.guard);
        if window != self.window_at(now + self.guard) {
            return shifted;
        }
        let own = u32::from(answer.is_own);
        let counted = self.ended.get(&window).copied().unwrap_or(0);
        match self.reported.as_mut().filter(|reported| reported.window == window) {
            Some(reported) if reading.used < reported.used && began < reported.at => {
                reported.beyond = reported.beyond.saturating_sub(own);
            }
            _ => {
                self.reported = Some(ReportedUsage {
                    window,
                    at: now,
                    used: reading.used,
                    beyond: reading.used.saturating_sub(counted.saturating_add(own)),
                    has_room: reading.used < reading.calls,
                });
            }
        }
        shifted
    }

    fn end_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        Some(self.first_is_over(now))
    }

    fn has_room(&self, now: DateTime<Utc>) -> Option<bool> {
        let (first, last) = self.present(now.timestamp_millis());
        let reported =
            self.reported.as_ref().filter(|reported| (first..=last).contains(&reported.window));
        reported.map(|reported| reported.has_room)
    }

    fn snapshot(&self) -> CounterSnapshot {
        let reported = self.reported.as_ref().map(|reported| reported.window);
        let windows: BTreeSet<i64> = self.ended.keys().copied().chain(reported).collect();
        let kept = |window: i64| (self.begin_of(window), self.counted_in(window));
        CounterSnapshot { ended: windows.into_iter().map(kept).collect(), shift: Some(self.shift) }
    }

    fn restore(&mut self, snapshot: &CounterSnapshot, now: DateTime<Utc>) {
        self.ended.clear();
        let Some(shift) = snapshot.shift else { return self.add(snapshot.calls(), now) };
        self.shift = shift.rem_euclid(self.per);
        for (begin, calls) in &snapshot.ended {
            // Stored while the clock was ahead, calls must not count for as long as it was.
            let now = now.timestamp_millis();
            let begin = if *begin > now { now.saturating_sub(self.per / 2) } else { *begin };
            // The middle of the window: rounding cannot move it into another one.
            let window = self.window_at(begin.saturating_add(self.per / 2));
            self.count(*calls, window);
        }
    }
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Counts, LimitScope};

    use super::*;

    /// A quarter hour, with a guard of five seconds.
    fn quarter() -> Fixed {
        Fixed::new(TimeDelta::minutes(15))
    }

    /// A time, in seconds after a fixed midnight.
    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
    }

    fn reported(used: u32, resets_in: Option<u64>) -> LimitReading {
        LimitReading {
            scope: LimitScope::App,
            per: Duration::from_secs(900),
            counts: Counts::All,
            calls: 100,
            used,
            resets_in: resets_in.map(Duration::from_secs),
        }
    }

    fn learn(windows: &mut Fixed, reading: LimitReading, began: i64, now: i64) -> bool {
        let answer = Answer { began: at(began), now: at(now), in_flight: 1, is_own: true };
        windows.learn(&reading, answer)
    }

    #[test]
    fn a_call_near_a_boundary_counts_on_both_sides_of_it() {
        for (ended, before, after) in [(894, 1, 0), (896, 1, 1), (904, 1, 1), (906, 0, 1)] {
            let mut windows = quarter();
            windows.add(1, at(ended));
            let counted = [at(850), at(950)].map(|now| windows.counted(now));
            assert_eq!(counted, [before, after], "{ended}");
        }
        let mut windows = quarter();
        windows.add(100, at(500));
        assert_eq!(windows.counted(at(904)), 100, "the old window may still run");
        assert_eq!(windows.next_free(at(600)), at(905));
        assert_eq!(windows.counted(at(905)), 0);
        assert_eq!(windows.resets_at(at(600)), Some(at(900)));
    }

    #[test]
    fn a_stale_report_is_distinguished_from_a_new_window() {
        let mut windows = quarter();
        learn(&mut windows, reported(50, None), 100, 101);
        windows.add(1, at(101));
        assert_eq!(windows.counted(at(101)), 50);
        // This call began before that answer came: its report is older, and the other report
        // includes it.
        learn(&mut windows, reported(30, None), 99, 102);
        windows.add(1, at(102));
        assert_eq!(windows.counted(at(102)), 50);
        // This call began later: the partner has a new window, and only our own calls surely count.
        learn(&mut windows, reported(1, None), 103, 104);
        windows.add(1, at(104));
        assert_eq!(windows.counted(at(104)), 3);
    }

    #[test]
    fn a_report_that_may_belong_to_either_of_two_windows_is_ignored() {
        for (began, now) in [(899, 910), (890, 897), (901, 910)] {
            let mut windows = quarter();
            learn(&mut windows, reported(99, None), began, now);
            assert_eq!(windows.counted(at(now)), 0, "{began} to {now}");
        }
    }

    #[test]
    fn reported_window_ends_move_the_windows_at_most_once_per_window() {
        let mut windows = quarter();
        windows.add(7, at(100));
        assert!(
            !learn(&mut windows, reported(8, Some(799)), 100, 101),
            "the difference is within rounding"
        );
        assert!(
            !learn(&mut windows, reported(8, Some(1_700_000_000)), 100, 101),
            "longer than the window"
        );
        assert!(!learn(&mut windows, reported(8, Some(300)), 100, 120), "too imprecise");
        assert!(learn(&mut windows, reported(30, Some(300)), 100, 101));
        assert_eq!(windows.resets_at(at(101)), Some(at(400) + TimeDelta::milliseconds(500)));
        assert_eq!(windows.counted(at(101)), 29, "with the call itself these are the 30");
        assert!(!learn(&mut windows, reported(31, Some(500)), 110, 111));
        let mut next = quarter();
        next.restore(&windows.snapshot(), at(120));
        assert_eq!(next.resets_at(at(120)), windows.resets_at(at(120)));
        assert_eq!(next.counted(at(406)), 0);
    }

    #[test]
    fn a_limit_that_changes_its_kind_of_window_keeps_its_calls() {
        let mut windows = quarter();
        windows.add(7, at(100));
        let mut sliding = super::super::sliding::Sliding::new(TimeDelta::minutes(15));
        sliding.restore(&windows.snapshot(), at(200));
        assert_eq!((sliding.counted(at(300)), sliding.counted(at(1_200))), (7, 0));
        let mut windows = quarter();
        windows.restore(&sliding.snapshot(), at(200));
        assert_eq!((windows.counted(at(300)), windows.counted(at(1_000))), (7, 0));
    }
}
