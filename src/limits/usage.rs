//! What the calls of a limit were for, as the administrator sees it. It decides nothing.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{CallKind, Counts, WindowKind};

use super::{Bucket, Priority};

/// The time resolution: a window divided by this.
const SLOTS: i64 = 64;

/// The calls of a window, by what they were for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsedFor {
    /// People who wait, and changes to push.
    pub people: u32,
    /// Polls, notifications and subscriptions.
    pub polls: u32,
    /// The history of new connections.
    pub past: u32,
}

impl UsedFor {
    /// All of them.
    pub fn total(self) -> u32 {
        self.people.saturating_add(self.polls).saturating_add(self.past)
    }

    fn add(&mut self, other: Self) {
        self.people = self.people.saturating_add(other.people);
        self.polls = self.polls.saturating_add(other.polls);
        self.past = self.past.saturating_add(other.past);
    }

    fn one(priority: Priority) -> Self {
        let mut one = Self::default();
        match priority {
            Priority::Interactive | Priority::Push => one.people = 1,
            Priority::Notification | Priority::Scheduled | Priority::Upkeep => one.polls = 1,
            Priority::Backfill => one.past = 1,
        }
        one
    }
}

/// What the calls of a partner were for, in each of its application's windows.
#[derive(Debug, Default)]
pub struct Usage(Vec<Window>);

#[derive(Debug)]
struct Window {
    per: Duration,
    counts: Counts,
    kind: WindowKind,
    /// The calls by the number of the slot in which they began, the oldest first.
    slots: VecDeque<(i64, UsedFor)>,
}

impl Usage {
    /// Nothing, in the windows of these limits.
    pub fn new<'a>(buckets: impl Iterator<Item = &'a Bucket>) -> Self {
        let window = |bucket: &Bucket| Window {
            per: bucket.limit().per,
            counts: bucket.limit().counts,
            kind: bucket.limit().window,
            slots: VecDeque::new(),
        };
        Self(buckets.map(window).collect())
    }

    /// A call got its permit.
    pub fn count(&mut self, call: CallKind, priority: Priority, now: DateTime<Utc>) {
        for window in self.0.iter_mut().filter(|window| window.counts.includes(call)) {
            window.count(UsedFor::one(priority), now);
        }
    }

    /// What the calls were for that count in a limit's window now.
    pub fn of(&self, bucket: &Bucket, now: DateTime<Utc>) -> UsedFor {
        let limit = bucket.limit();
        let is_it = |window: &&Window| window.per == limit.per && window.counts == limit.counts;
        self.0.iter().find(is_it).map(|window| window.used(now)).unwrap_or_default()
    }
}

impl Window {
    fn slot(&self) -> i64 {
        let per = TimeDelta::from_std(self.per).ok().and_then(|per| per.num_microseconds());
        (per.unwrap_or(i64::MAX) / SLOTS).max(1)
    }

    /// The first slot that counts now.
    fn first(&self, now: DateTime<Utc>) -> i64 {
        let (now, slot) = (now.timestamp_micros().div_euclid(self.slot()), self.slot());
        match self.kind {
            WindowKind::Sliding => now - SLOTS + 1,
            WindowKind::Fixed => {
                let per = slot.saturating_mul(SLOTS);
                (now.saturating_mul(slot)).div_euclid(per).saturating_mul(SLOTS)
            }
        }
    }

    fn count(&mut self, call: UsedFor, now: DateTime<Utc>) {
        let (first, slot) = (self.first(now), now.timestamp_micros().div_euclid(self.slot()));
        while self.slots.front().is_some_and(|(number, _)| *number < first) {
            self.slots.pop_front();
        }
        match self.slots.back_mut().filter(|(number, _)| *number >= slot) {
            Some((_, used)) => used.add(call),
            None => self.slots.push_back((slot, call)),
        }
    }

    fn used(&self, now: DateTime<Utc>) -> UsedFor {
        let first = self.first(now);
        let mut all = UsedFor::default();
        self.slots
            .iter()
            .filter(|(number, _)| *number >= first)
            .for_each(|(_, used)| all.add(*used));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limiter;
    use partner_sdk::Limit;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    #[test]
    fn calls_are_counted_by_what_they_were_for_until_their_window_is_over() {
        let limits = [
            Limit::app(600, Duration::from_secs(900)).fixed().of_reads(),
            Limit::app(1_200, Duration::from_secs(900)).fixed(),
            Limit::app(50, Duration::from_secs(64)),
        ];
        let limiter = Limiter::new(&limits, false, Duration::from_secs(60));
        let mut usage = Usage::new(limiter.app_buckets());
        let of = |usage: &Usage, number: usize, now| {
            let limit = &limits[number];
            let same =
                |it: &&Bucket| it.limit().per == limit.per && it.limit().counts == limit.counts;
            let used = usage.of(limiter.app_buckets().find(same).unwrap(), at(now));
            (used.people, used.polls, used.past)
        };
        for (call, priority, second) in [
            (CallKind::Read, Priority::Interactive, 10),
            (CallKind::Write, Priority::Push, 20),
            (CallKind::Read, Priority::Scheduled, 30),
            (CallKind::Read, Priority::Notification, 880),
            (CallKind::Read, Priority::Backfill, 890),
        ] {
            usage.count(call, priority, at(second));
        }
        assert_eq!([of(&usage, 0, 899), of(&usage, 1, 899)], [(1, 2, 1), (2, 2, 1)]);
        assert_eq!(of(&usage, 2, 899), (0, 1, 1), "the last minute");
        assert_eq!([of(&usage, 0, 900), of(&usage, 2, 950)], [(0, 0, 0), (0, 0, 1)]);
        for second in 900..10_000 {
            usage.count(CallKind::Read, Priority::Scheduled, at(second));
        }
        assert_eq!(of(&usage, 2, 9_999), (0, 64, 0));
        assert!(usage.0.iter().all(|window| window.slots.len() <= 65), "memory is bounded");
    }
}
