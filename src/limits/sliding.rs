//! A sliding window: every interval of its length is held to the limit.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::LimitReading;

use super::window_counter::{Answer, CounterSnapshot, SLOTS, WindowCounter};

/// A call counts for one whole window after it ended. Calls are grouped into slots and count as if
/// each had ended at the end of its slot.
#[derive(Debug)]
pub(super) struct Sliding {
    per: TimeDelta,
    /// Ended calls, by the end of the slot in which they ended, oldest first.
    ended: VecDeque<(DateTime<Utc>, u32)>,
}

impl Sliding {
    pub(super) fn new(per: TimeDelta) -> Self {
        Self { per, ended: VecDeque::new() }
    }
}

impl WindowCounter for Sliding {
    fn add(&mut self, calls: u32, now: DateTime<Utc>) {
        match self.ended.back_mut() {
            _ if calls == 0 => {}
            Some((end, counted)) if now <= *end => *counted = counted.saturating_add(calls),
            _ => self.ended.push_back((now + self.per / SLOTS, calls)),
        }
    }

    fn counted(&self, now: DateTime<Utc>) -> u32 {
        let counting = self.ended.iter().filter(|(end, _)| now - *end < self.per);
        counting.fold(0, |sum, (_, calls)| sum.saturating_add(*calls))
    }

    fn expire(&mut self, now: DateTime<Utc>) {
        while self.ended.front().is_some_and(|(end, _)| now - *end >= self.per) {
            self.ended.pop_front();
        }
    }

    fn next_free(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        // If all counted calls are in flight, they end now at the earliest.
        self.ended.front().map_or(now, |(end, _)| *end) + self.per
    }

    fn resets_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.ended.back().map(|(end, _)| *end + self.per).filter(|at| *at > now)
    }

    /// If the reported usage is higher than everything of ours that may have been counted, the
    /// difference is calls of others. Their times within the window are unknown, so they count as
    /// ended now.
    fn learn(&mut self, reading: &LimitReading, answer: Answer) -> bool {
        let ours = self.counted(answer.now).saturating_add(answer.in_flight);
        self.add(reading.used.saturating_sub(ours), answer.now);
        false
    }

    fn end_at(&self, _: DateTime<Utc>) -> Option<DateTime<Utc>> {
        None
    }

    fn has_room(&self, _: DateTime<Utc>) -> Option<bool> {
        None
    }

    fn snapshot(&self) -> CounterSnapshot {
        let ended = self.ended.iter().map(|(end, calls)| (end.timestamp_millis(), *calls));
        CounterSnapshot { ended: ended.collect(), shift: None }
    }

    fn restore(&mut self, snapshot: &CounterSnapshot, now: DateTime<Utc>) {
        self.ended.clear();
        if snapshot.shift.is_some() {
            return self.add(snapshot.calls(), now);
        }
        let at = DateTime::<Utc>::from_timestamp_millis;
        // Stored while the clock was ahead, calls must not count for as long as it was.
        let ended =
            snapshot.ended.iter().filter_map(|(end, calls)| Some((at(*end)?.min(now), *calls)));
        self.ended.extend(ended);
    }
}
