//! One limit: a number of calls per window.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Limit, LimitReading, WindowKind};

use super::Priority;
use super::bucket_state::BucketState;
use super::closure::Closure;
use super::feedback::longest_wait;
use super::fixed::Fixed;
use super::sliding::Sliding;
use super::window_counter::{Answer, CounterSnapshot, WindowCounter};

/// Ten years.
const LONGEST_WINDOW: TimeDelta = TimeDelta::days(3650);

/// One limit and its current usage.
#[derive(Debug)]
pub struct Bucket {
    limit: Limit,
    /// Whether it counts calls. If not, it can only be closed.
    is_counted: bool,
    /// Whether the settings set the limit. The partner then cannot raise it.
    is_bounded: bool,
    /// How many calls the partner reports that it allows.
    allowed: Option<u32>,
    /// Calls that have ended.
    counter: Box<dyn WindowCounter>,
    /// Calls whose permit is not returned yet.
    in_flight: u32,
    /// Permits that may be given before the state must be stored again.
    allowance: u32,
    /// Permits whose write-ahead is in progress.
    writing: u32,
    /// The partner asked not to be called before this time.
    pub(super) closure: Option<Closure>,
}

impl Bucket {
    /// A bucket that counts nothing and exists only to be closed when a partner asks for a wait.
    pub fn uncounted() -> Self {
        Self { is_counted: false, ..Self::new(&Limit::app(u32::MAX, Duration::ZERO), true) }
    }

    /// Whether it counts calls.
    pub fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// An unused bucket for a limit. A limit of zero calls is treated as one call. If `is_bounded`,
    /// the partner cannot allow more than the limit.
    pub fn new(limit: &Limit, is_bounded: bool) -> Self {
        // A longer window is pointless, and its end would overflow the date range.
        let per = TimeDelta::from_std(limit.per).unwrap_or(LONGEST_WINDOW).min(LONGEST_WINDOW);
        let counter: Box<dyn WindowCounter> = match limit.window {
            WindowKind::Sliding => Box::new(Sliding::new(per)),
            WindowKind::Fixed => Box::new(Fixed::new(per)),
        };
        Self {
            limit: *limit,
            is_counted: true,
            is_bounded,
            allowed: None,
            counter,
            in_flight: 0,
            allowance: 0,
            writing: 0,
            closure: None,
        }
    }

    /// Restores stored state. Calls stored ahead may have been made, so they count as made at
    /// `now`.
    pub fn restore(&mut self, state: &BucketState, now: DateTime<Utc>) {
        self.counter
            .restore(&CounterSnapshot { ended: state.ended.clone(), shift: state.shift }, now);
        self.allowed = state.allowed;
        let closed_until = state.closed_until.and_then(DateTime::from_timestamp_millis);
        // Stored while the clock was ahead, a wait may lie further ahead than any wait can.
        let closed_until = closed_until.map(|until| until.min(now + longest_wait(Duration::MAX)));
        self.closure = None;
        if let Some(until) = closed_until {
            self.close_until(until, now);
        }
        self.count_ended(state.ahead, now);
        self.expire(now);
    }

    /// Restores a bucket that was dropped while it counted nothing. Its calls stored ahead were not
    /// made, and can still be made.
    pub fn resume_from_snapshot(&mut self, state: &BucketState, now: DateTime<Utc>) {
        let is_unused = self.allowance == 0 && self.writing == 0 && self.is_idle(now);
        self.restore(&BucketState { ahead: 0, ..state.clone() }, now);
        if is_unused {
            self.allowance = state.ahead;
        }
    }

    /// Checks whether a permit of this priority can be given.
    ///
    /// # Errors
    /// The earliest time at which the answer may differ.
    pub fn check(&mut self, priority: Priority, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        self.room(priority, now).map(drop)
    }

    /// How many permits of this priority can be given, more than none.
    ///
    /// # Errors
    /// The earliest time at which the answer may differ, if it is none.
    pub fn room(&mut self, priority: Priority, now: DateTime<Utc>) -> Result<u32, DateTime<Utc>> {
        self.expire(now);
        if let Some(closure) = &self.closure {
            closure.check(priority, now)?;
        }
        if !self.is_counted {
            return Ok(u32::MAX);
        }
        let share = u64::from(self.calls()) * u64::from(priority.share()) / 100;
        let room = share.max(1).saturating_sub(u64::from(self.used_at(now)));
        if room == 0 {
            return Err(self.counter.next_free(now));
        }
        Ok(u32::try_from(room).unwrap_or(u32::MAX))
    }

    /// Whether the allowance is spent, so that more must be stored before a permit is given.
    pub fn is_spent(&self) -> bool {
        self.is_counted && self.allowance == 0
    }

    /// Whether the allowance is spent and no write-ahead is in progress.
    pub fn must_be_written(&self) -> bool {
        self.is_spent() && self.writing == 0
    }

    /// Gives a permit. Call it after [`Bucket::check`], and only if not [`Bucket::is_spent`].
    pub fn take(&mut self, now: DateTime<Utc>) {
        if let Some(closure) = &mut self.closure {
            closure.begin_try(now);
        }
        self.allowance = self.allowance.saturating_sub(1);
        self.in_flight += 1;
    }

    /// Takes a permit back. It is not always known whether its call was made; it counts as made.
    pub fn ended(&mut self, now: DateTime<Utc>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.count_ended(1, now);
        if let Some(closure) = &mut self.closure {
            closure.end_try(now);
        }
    }

    /// Applies what the partner reported about this limit in the answer to a call that began at
    /// `began` and is not yet [`Bucket::ended`]. `is_own`: the call counts here. Returns whether
    /// something changed that must be stored. The reported usage is not stored: every answer brings
    /// it again.
    pub fn learn(
        &mut self,
        reading: &LimitReading,
        began: DateTime<Utc>,
        is_own: bool,
        now: DateTime<Utc>,
    ) -> bool {
        let allowed = self.allowed.replace(reading.calls);
        let answer = Answer { began, now, in_flight: self.in_flight, is_own };
        self.counter.learn(reading, answer) | (allowed != self.allowed)
    }

    /// Begins to write an eighth of the limit ahead: storing stays cheap, and a kill wastes little.
    /// Returns what to store; report the result to [`Bucket::written`].
    pub fn write_ahead(&mut self) -> BucketState {
        self.writing = (self.calls() / 8).max(1);
        self.state()
    }

    /// Call when the result of [`Bucket::write_ahead`] has been stored or has failed.
    pub fn written(&mut self, done: bool) {
        let written = std::mem::take(&mut self.writing);
        if done {
            self.allowance += written;
        }
    }

    /// The state to store at any time. Everything that may be used before the next write counts as
    /// used.
    pub fn state(&self) -> BucketState {
        self.state_with(self.in_flight.saturating_add(self.allowance).saturating_add(self.writing))
    }

    /// The state to store when no more permits will be given.
    pub fn final_state(&self) -> BucketState {
        self.state_with(self.in_flight)
    }

    fn state_with(&self, ahead: u32) -> BucketState {
        let CounterSnapshot { ended, shift } = self.counter.snapshot();
        let closed_until = self.closed_until().map(|until| until.timestamp_millis());
        BucketState { ended, ahead, closed_until, shift, allowed: self.allowed }
    }

    /// The configured limit. [`Bucket::calls`] has how many calls are allowed now.
    pub fn limit(&self) -> &Limit {
        &self.limit
    }

    /// The number of calls allowed in a window.
    pub fn calls(&self) -> u32 {
        let calls = match self.allowed {
            Some(allowed) if self.is_bounded => allowed.min(self.limit.calls),
            Some(allowed) => allowed,
            None => self.limit.calls,
        };
        calls.max(1)
    }

    /// The calls that count at `now`.
    pub fn used_at(&self, now: DateTime<Utc>) -> u32 {
        self.counter.counted(now).saturating_add(self.in_flight)
    }

    /// When all ended calls that count now have expired: the end of the window, if it is fixed.
    pub fn resets_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.counter.resets_at(now)
    }

    /// When the window ends that a refusal received now refers to, if windows have fixed ends.
    pub fn end_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.counter.end_at(now)
    }

    /// Whether the reported usage leaves capacity in the current window; `None` without a report.
    pub fn has_room(&self, now: DateTime<Utc>) -> Option<bool> {
        self.counter.has_room(now)
    }

    /// Whether nothing in the bucket is worth keeping in memory.
    pub fn is_idle(&mut self, now: DateTime<Utc>) -> bool {
        self.expire(now);
        self.used_at(now) == 0 && self.closure.is_none()
    }

    fn count_ended(&mut self, calls: u32, now: DateTime<Utc>) {
        if self.is_counted {
            self.counter.add(calls, now);
        }
    }

    pub(super) fn expire(&mut self, now: DateTime<Utc>) {
        self.counter.expire(now);
        self.closure = self.closure.filter(|closure| !closure.is_over(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn bucket(calls: u32) -> Bucket {
        Bucket::new(&Limit::app(calls, MINUTE), false)
    }

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
    }

    /// Takes a permit if one is available, storing ahead as needed. `stored` is what survives a
    /// kill.
    fn take(bucket: &mut Bucket, stored: &mut BucketState, priority: Priority, now: i64) -> bool {
        if bucket.check(priority, at(now)).is_err() {
            return false;
        }
        if bucket.is_spent() {
            *stored = bucket.write_ahead();
            bucket.written(true);
        }
        bucket.take(at(now));
        true
    }

    /// The largest number of times within any one-minute window.
    fn busiest(times: &[i64]) -> usize {
        let mut times = times.to_vec();
        times.sort_unstable();
        let within = |start: &i64| {
            times.iter().filter(|time| (*start..start + 60_000).contains(time)).count()
        };
        times.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn no_minute_holds_more_than_the_limit_wherever_the_partner_counts_the_calls() {
        // Calls last from 0 to 5 s. The partner counts even ones at the start and odd ones at the
        // end, which is the worst case.
        let (mut bucket, mut stored) = (bucket(120), BucketState::default());
        let (mut flying, mut counted) = (Vec::new(), Vec::new());
        for (number, now) in (0..600_000).step_by(50).enumerate() {
            flying.retain(|end: &i64| {
                if *end <= now {
                    bucket.ended(at(now));
                }
                *end > now
            });
            if take(&mut bucket, &mut stored, Priority::Interactive, now) {
                let end = now + i64::try_from(number * 7_919 % 5_000).unwrap();
                counted.push(if number % 2 == 0 { now } else { end });
                flying.push(end);
            }
        }
        assert!(busiest(&counted) <= 120, "{}", busiest(&counted));
        assert!(counted.len() > 1_000, "the limit must also be used: {}", counted.len());
    }

    #[test]
    fn a_kill_at_any_moment_frees_no_permits() {
        for killed_after in 0..130 {
            let (mut bucket, mut stored) = (bucket(120), BucketState::default());
            let mut counted = Vec::new();
            for call in 0..killed_after {
                if take(&mut bucket, &mut stored, Priority::Interactive, call * 100) {
                    counted.push(call * 100);
                    bucket.ended(at(call * 100));
                }
            }
            let restart = killed_after * 100 + 50;
            bucket = self::bucket(120);
            bucket.restore(&stored, at(restart));
            for now in (restart..restart + 60_000).step_by(10) {
                if take(&mut bucket, &mut stored, Priority::Interactive, now) {
                    counted.push(now);
                    bucket.ended(at(now));
                }
            }
            assert!(busiest(&counted) <= 120, "killed after {killed_after}: {}", busiest(&counted));
            assert!(counted.len() >= 80, "killed after {killed_after}: {}", counted.len());
        }
    }

    #[test]
    fn a_clean_stop_wastes_nothing() {
        let (mut bucket, mut stored) = (bucket(120), BucketState::default());
        for _ in 0..40 {
            assert!(take(&mut bucket, &mut stored, Priority::Interactive, 0));
            bucket.ended(at(0));
        }
        stored = bucket.final_state();
        let mut next = self::bucket(120);
        next.restore(&stored, at(1_000));
        assert_eq!(next.used_at(at(1_000)), 40);
    }

    #[test]
    fn shares_are_reserved_for_higher_priorities() {
        for limit in [Limit::app(100, MINUTE), Limit::app(100, MINUTE).fixed()] {
            let (mut bucket, mut stored) = (Bucket::new(&limit, false), BucketState::default());
            let mut fill = |priority| {
                (0..200).filter(|_| take(&mut bucket, &mut stored, priority, 30_000)).count()
            };
            assert_eq!(fill(Priority::Upkeep), 50, "{limit:?}");
            assert_eq!(fill(Priority::Backfill), 20, "{limit:?}");
            assert_eq!(fill(Priority::Scheduled), 15, "{limit:?}");
            assert_eq!(fill(Priority::Notification), 15, "{limit:?}");
            assert_eq!(fill(Priority::Interactive), 0, "{limit:?}");
        }
    }

    #[test]
    fn even_a_limit_of_one_call_serves_every_priority() {
        let (mut bucket, mut stored) = (bucket(1), BucketState::default());
        assert!(take(&mut bucket, &mut stored, Priority::Backfill, 0));
        bucket.ended(at(100));
        let Err(again) = bucket.check(Priority::Backfill, at(200)) else { panic!("open") };
        assert!(again > at(60_100) && again < at(62_000), "{again}");
        assert!(take(&mut bucket, &mut stored, Priority::Backfill, 62_000));
    }

    #[test]
    fn a_wait_the_partner_asks_for_is_respected_and_survives_a_restart() {
        let mut bucket = self::bucket(120);
        bucket.close_until(at(30_000), at(0));
        bucket.close_until(at(10_000), at(0));
        assert_eq!(bucket.check(Priority::Interactive, at(5_000)), Err(at(30_000)));
        let mut next = self::bucket(120);
        next.restore(&bucket.final_state(), at(6_000));
        assert_eq!(next.check(Priority::Interactive, at(6_000)), Err(at(30_000)));
        assert_eq!(next.check(Priority::Interactive, at(30_000)), Ok(()));
    }
}
