//! One limit: so many calls in any stretch of a window.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Priority;

/// Ended calls are counted together in slots of this share of the window.
const SLOTS: i32 = 64;

/// Ten years.
const LONGEST_WINDOW: TimeDelta = TimeDelta::days(3650);

/// One limit and how much of it is used.
#[derive(Debug)]
pub struct Bucket {
    calls: u32,
    per: TimeDelta,
    /// Ended calls, by the end of the slot in which they ended, oldest first.
    ended: VecDeque<(DateTime<Utc>, u32)>,
    /// Calls whose permit has not come back.
    in_flight: u32,
    /// Permits that may be given before the state must be stored again.
    allowance: u32,
    /// Permits whose being written ahead is under way.
    writing: u32,
    /// No permits until then, because the partner said so.
    closed_until: Option<DateTime<Utc>>,
}

/// What the store keeps of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketState {
    /// Ended calls by slot: end of the slot in Unix milliseconds, number.
    ended: Vec<(i64, u32)>,
    /// Calls that may have been made since and must be taken as made.
    ahead: u32,
    /// The partner's "not before", in Unix milliseconds.
    closed_until: Option<i64>,
}

impl Bucket {
    /// A bucket that counts nothing, for what a partner may ask to wait all the same.
    pub fn uncounted() -> Self {
        Self::new(u32::MAX, Duration::from_millis(1))
    }

    /// Whether it counts calls.
    pub fn is_counted(&self) -> bool {
        self.calls != u32::MAX
    }

    /// An unused bucket of `calls` in any `per`. A limit of no calls is one of one call.
    pub fn new(calls: u32, per: Duration) -> Self {
        Self {
            calls: calls.max(1),
            // A longer window than that has no use, and its end would be beyond all dates.
            per: TimeDelta::from_std(per).unwrap_or(LONGEST_WINDOW).min(LONGEST_WINDOW),
            ended: VecDeque::new(),
            in_flight: 0,
            allowance: 0,
            writing: 0,
            closed_until: None,
        }
    }

    /// Takes up what the store kept. Calls that may have been made count as made at `now`.
    pub fn restore(&mut self, state: &BucketState, now: DateTime<Utc>) {
        let at = DateTime::<Utc>::from_timestamp_millis;
        let known = state.ended.iter().filter_map(|(end, calls)| Some((at(*end)?, *calls)));
        self.ended = known.collect();
        self.closed_until = state.closed_until.and_then(at);
        self.count_ended(state.ahead, now);
        self.expire(now);
    }

    /// Whether a permit of this priority can be given; if not, when to ask again.
    ///
    /// # Errors
    /// The earliest time at which it may be different, if that depends on time alone.
    pub fn check(
        &mut self,
        priority: Priority,
        now: DateTime<Utc>,
    ) -> Result<(), Option<DateTime<Utc>>> {
        self.expire(now);
        if let Some(until) = self.closed_until {
            return Err(Some(until));
        }
        if !self.is_counted() {
            return Ok(());
        }
        let share = (self.calls.saturating_mul(priority.share()) / 100).max(1);
        if self.used() < share {
            return Ok(());
        }
        Err(self.ended.front().map(|(end, _)| *end + self.per))
    }

    /// Whether the allowance is spent, so that nothing can be given before the store knows.
    pub fn is_spent(&self) -> bool {
        self.is_counted() && self.allowance == 0
    }

    /// Gives a permit; call after [`Bucket::check`] and only if not [`Bucket::is_spent`].
    pub fn take(&mut self) {
        self.allowance = self.allowance.saturating_sub(1);
        self.in_flight += 1;
    }

    /// Takes back a permit. Whether its call was made is not always known; it counts as made.
    pub fn ended(&mut self, now: DateTime<Utc>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.count_ended(1, now);
    }

    /// Gives nothing until `until`.
    pub fn close_until(&mut self, until: DateTime<Utc>) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// Begins to write an eighth of the limit ahead, so that storing costs little and a kill wastes
    /// little. Gives what to store; tell [`Bucket::written`] how that ended.
    pub fn write_ahead(&mut self) -> BucketState {
        self.writing = (self.calls / 8).max(1);
        self.state()
    }

    /// What [`Bucket::write_ahead`] gave is stored, or could not be.
    pub fn written(&mut self, done: bool) {
        let written = std::mem::take(&mut self.writing);
        if done {
            self.allowance += written;
        }
    }

    /// What to store at any time: all that may be used before the next time counts as used.
    pub fn state(&self) -> BucketState {
        self.state_with(self.in_flight + self.allowance + self.writing)
    }

    /// What to store when nothing more is going to be given.
    pub fn final_state(&self) -> BucketState {
        self.state_with(self.in_flight)
    }

    fn state_with(&self, ahead: u32) -> BucketState {
        BucketState {
            ended: self.ended.iter().map(|(end, calls)| (end.timestamp_millis(), *calls)).collect(),
            ahead,
            closed_until: self.closed_until.map(|until| until.timestamp_millis()),
        }
    }

    /// The number of calls allowed in a window.
    pub fn limit(&self) -> u32 {
        self.calls
    }

    /// The length of the window.
    pub fn window(&self) -> TimeDelta {
        self.per
    }

    /// Calls that count, as of the last [`Bucket::check`].
    fn used(&self) -> u32 {
        self.ended.iter().map(|(_, calls)| calls).sum::<u32>() + self.in_flight
    }

    /// Calls that count at `now`.
    pub fn used_at(&self, now: DateTime<Utc>) -> u32 {
        let counting = self.ended.iter().filter(|(end, _)| now - *end < self.per);
        counting.map(|(_, calls)| calls).sum::<u32>() + self.in_flight
    }

    /// When the partner lets us call again, if it closed the bucket.
    pub fn closed_until(&self) -> Option<DateTime<Utc>> {
        self.closed_until
    }

    /// When all that counts now no longer does; `None` if nothing counts.
    pub fn resets_at(&self) -> Option<DateTime<Utc>> {
        self.ended.back().map(|(end, _)| *end + self.per)
    }

    /// Whether the bucket holds nothing worth remembering.
    pub fn is_idle(&mut self, now: DateTime<Utc>) -> bool {
        self.expire(now);
        self.used() == 0 && self.closed_until.is_none()
    }

    fn count_ended(&mut self, calls: u32, now: DateTime<Utc>) {
        if calls == 0 || !self.is_counted() {
            return;
        }
        match self.ended.back_mut() {
            Some((end, counted)) if now <= *end => *counted += calls,
            _ => self.ended.push_back((now + self.per / SLOTS, calls)),
        }
    }

    fn expire(&mut self, now: DateTime<Utc>) {
        while self.ended.front().is_some_and(|(end, _)| now - *end >= self.per) {
            self.ended.pop_front();
        }
        self.closed_until = self.closed_until.filter(|until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
    }

    /// Takes a permit if there is one, storing ahead as needed. `stored` is what a kill leaves.
    fn take(bucket: &mut Bucket, stored: &mut BucketState, priority: Priority, now: i64) -> bool {
        if bucket.check(priority, at(now)).is_err() {
            return false;
        }
        if bucket.is_spent() {
            *stored = bucket.write_ahead();
            bucket.written(true);
        }
        bucket.take();
        true
    }

    /// The greatest number of times within any window of a minute.
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
        // Calls last from 0 to 5 s; the partner counts the even ones at once and the odd ones when
        // they end, which is the worst it can do.
        let (mut bucket, mut stored) = (Bucket::new(120, MINUTE), BucketState::default());
        let (mut flying, mut counted) = (Vec::new(), Vec::new());
        for (number, now) in (0..600_000).step_by(50).enumerate() {
            flying.retain(|end: &i64| {
                if *end <= now {
                    bucket.ended(at(now));
                }
                *end > now
            });
            if take(&mut bucket, &mut stored, Priority::People, now) {
                let end = now + i64::try_from(number * 7_919 % 5_000).unwrap();
                counted.push(if number % 2 == 0 { now } else { end });
                flying.push(end);
            }
        }
        assert!(busiest(&counted) <= 120, "{}", busiest(&counted));
        assert!(counted.len() > 1_000, "the limit must also be used: {}", counted.len());
    }

    #[test]
    fn a_kill_at_any_moment_frees_nothing() {
        for killed_after in 0..130 {
            let (mut bucket, mut stored) = (Bucket::new(120, MINUTE), BucketState::default());
            let mut counted = Vec::new();
            for call in 0..killed_after {
                if take(&mut bucket, &mut stored, Priority::People, call * 100) {
                    counted.push(call * 100);
                    bucket.ended(at(call * 100));
                }
            }
            let restart = killed_after * 100 + 50;
            bucket = Bucket::new(120, MINUTE);
            bucket.restore(&stored, at(restart));
            for now in (restart..restart + 60_000).step_by(10) {
                if take(&mut bucket, &mut stored, Priority::People, now) {
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
        let (mut bucket, mut stored) = (Bucket::new(120, MINUTE), BucketState::default());
        for _ in 0..40 {
            assert!(take(&mut bucket, &mut stored, Priority::People, 0));
            bucket.ended(at(0));
        }
        stored = bucket.final_state();
        let mut next = Bucket::new(120, MINUTE);
        next.restore(&stored, at(1_000));
        assert_eq!(next.used_at(at(1_000)), 40);
    }

    #[test]
    fn shares_are_held_back_for_people() {
        let (mut bucket, mut stored) = (Bucket::new(100, MINUTE), BucketState::default());
        let mut fill =
            |priority| (0..200).filter(|_| take(&mut bucket, &mut stored, priority, 0)).count();
        assert_eq!(fill(Priority::Backfill), 70);
        assert_eq!(fill(Priority::Scheduled), 15);
        assert_eq!(fill(Priority::Notification), 15);
        assert_eq!(fill(Priority::People), 0);
    }

    #[test]
    fn even_a_limit_of_one_lets_everyone_through_in_turn() {
        let (mut bucket, mut stored) = (Bucket::new(1, MINUTE), BucketState::default());
        assert!(take(&mut bucket, &mut stored, Priority::Backfill, 0));
        bucket.ended(at(100));
        let Err(Some(again)) = bucket.check(Priority::Backfill, at(200)) else { panic!("open") };
        assert!(again > at(60_100) && again < at(62_000), "{again}");
        assert!(take(&mut bucket, &mut stored, Priority::Backfill, 62_000));
    }

    #[test]
    fn what_the_partner_asks_to_wait_is_waited_and_survives_a_restart() {
        let mut bucket = Bucket::new(120, MINUTE);
        bucket.close_until(at(30_000));
        bucket.close_until(at(10_000));
        assert_eq!(bucket.check(Priority::People, at(5_000)), Err(Some(at(30_000))));
        let mut next = Bucket::new(120, MINUTE);
        next.restore(&bucket.final_state(), at(6_000));
        assert_eq!(next.check(Priority::People, at(6_000)), Err(Some(at(30_000))));
        assert_eq!(next.check(Priority::People, at(30_000)), Ok(()));
    }
}
