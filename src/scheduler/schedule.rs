//! The near part of a partner's schedule. The store has the whole of it; here is what is due before
//! a horizon, which is moved on as time goes by, so that a million connections cost no more than
//! the few thousand that are next.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::DueHeap;
use crate::model::ConnectionId;

/// The store is read again when fewer connections than this are left before the horizon …
const REFILL_BELOW: usize = 5_000;

/// … or when the horizon is nearer than this.
const REFILL_WITHIN: TimeDelta = TimeDelta::seconds(120);

/// A place in the store's schedule: due time in microseconds, and connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScheduleKey {
    /// When the connection is due, in microseconds since 1970.
    pub at: i64,
    /// The connection.
    pub connection: ConnectionId,
}

impl ScheduleKey {
    /// Before every other.
    pub const START: Self = Self { at: i64::MIN, connection: ConnectionId::MIN };
}

/// See the module.
#[derive(Debug)]
pub struct Schedule {
    /// What is due before the horizon.
    heap: DueHeap,
    /// The horizon: up to where the store was read.
    read_to: ScheduleKey,
    /// Whether nothing is left beyond that place.
    is_whole: bool,
    /// While the store is read: what was set beyond the horizon since, in microseconds. What is
    /// being read may have been read before that was stored.
    reading: Option<HashMap<ConnectionId, i64>>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            heap: DueHeap::default(),
            read_to: ScheduleKey::START,
            is_whole: false,
            reading: None,
        }
    }
}

impl Schedule {
    /// How many connections are read from the store at once.
    pub const CHUNK: usize = 10_000;

    /// Sets or moves the due time of a connection, which the store has just so: beyond the horizon
    /// it is left to the store.
    pub fn set(&mut self, connection: ConnectionId, at: DateTime<Utc>) {
        let key = ScheduleKey { at: at.timestamp_micros(), connection };
        self.remove(connection);
        if self.is_near(key) {
            self.heap.set(connection, at);
        } else if let Some(meanwhile) = &mut self.reading {
            meanwhile.insert(connection, key.at);
        }
    }

    /// Forgets a connection.
    pub fn remove(&mut self, connection: ConnectionId) {
        self.heap.remove(connection);
        if let Some(meanwhile) = &mut self.reading {
            meanwhile.remove(&connection);
        }
    }

    /// Forgets everything: nothing is due any more.
    pub fn end(&mut self) {
        *self = Self { is_whole: true, ..Self::default() };
    }

    /// After which place the store is to be read on, if it is time. Then [`Schedule::read`] or
    /// [`Schedule::not_read`] follows.
    pub fn begin_reading(&mut self, now: DateTime<Utc>) -> Option<ScheduleKey> {
        let horizon = DateTime::from_timestamp_micros(self.read_to.at);
        let is_near = horizon.is_none_or(|horizon| horizon < now + REFILL_WITHIN);
        let is_time = self.reading.is_none() && (is_near || self.heap.len() < REFILL_BELOW);
        // A long queue is drained first.
        if self.is_whole || !is_time || self.heap.len() > 2 * Self::CHUNK {
            return None;
        }
        self.reading = Some(HashMap::new());
        Some(self.read_to)
    }

    /// Takes up what was read, in the order of places; at most [`Schedule::CHUNK`], and fewer only
    /// at the end. Connections that are `elsewhere`, in a sync or at rest, get their time when that
    /// ends. Does nothing if the schedule ended meanwhile.
    pub fn read(&mut self, keys: &[ScheduleKey], elsewhere: impl Fn(ConnectionId) -> bool) {
        let Some(meanwhile) = self.reading.take() else { return };
        self.is_whole = keys.len() < Self::CHUNK;
        self.read_to = keys.last().copied().unwrap_or(self.read_to);
        for key in keys {
            let ScheduleKey { connection, .. } = *key;
            let is_newer = self.heap.contains(connection) || meanwhile.contains_key(&connection);
            if !is_newer && !elsewhere(connection) {
                self.take(*key);
            }
        }
        for (connection, at) in meanwhile {
            let key = ScheduleKey { at, connection };
            if self.is_near(key) {
                self.take(key);
            }
        }
    }

    /// The store could not be read.
    pub fn not_read(&mut self) {
        self.reading = None;
    }

    fn is_near(&self, key: ScheduleKey) -> bool {
        self.is_whole || key <= self.read_to
    }

    fn take(&mut self, key: ScheduleKey) {
        let at = DateTime::from_timestamp_micros(key.at).unwrap_or_default();
        self.heap.set(key.connection, at);
    }

    /// Takes the connection that is due first, if one is due at `now`, with its due time.
    pub fn pop(&mut self, now: DateTime<Utc>) -> Option<(ConnectionId, DateTime<Utc>)> {
        self.heap.pop(now)
    }

    /// When the next connection is due.
    pub fn next_at(&mut self) -> Option<DateTime<Utc>> {
        self.heap.next_at()
    }

    /// How many connections are due before the horizon, and how many of those at `now`.
    pub fn counts(&self, now: DateTime<Utc>) -> (usize, usize) {
        (self.heap.len(), self.heap.due(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn key(connection: ConnectionId, second: i64) -> ScheduleKey {
        ScheduleKey { at: second * 1_000_000, connection }
    }

    fn nowhere(_: ConnectionId) -> bool {
        false
    }

    /// A chunk of connections, one each second from `from` on.
    fn chunk(from: i64) -> Vec<ScheduleKey> {
        (from..).take(Schedule::CHUNK).map(|second| key(second, second)).collect()
    }

    #[test]
    fn a_small_schedule_is_read_once_and_kept_whole() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.begin_reading(at(0)), Some(ScheduleKey::START));
        assert_eq!(schedule.begin_reading(at(0)), None, "not twice at a time");
        schedule.read(&[key(1, 10), key(2, 20)], nowhere);
        assert_eq!(schedule.begin_reading(at(1_000)), None);
        schedule.set(1, at(1_000_000));
        assert_eq!(schedule.counts(at(15)), (2, 0));
        assert_eq!(schedule.pop(at(30)), Some((2, at(20))));
    }

    #[test]
    fn a_large_schedule_is_read_on_before_its_horizon_comes_near() {
        let mut schedule = Schedule::default();
        schedule.begin_reading(at(0));
        schedule.read(&chunk(0), nowhere);
        assert_eq!(schedule.begin_reading(at(0)), None, "the horizon is far");
        while schedule.pop(at(4_999)).is_some() {}
        assert_eq!(schedule.begin_reading(at(4_999)), None, "enough is left");
        while schedule.pop(at(5_100)).is_some() {}
        assert_eq!(schedule.begin_reading(at(5_100)), Some(key(9_999, 9_999)));
        schedule.not_read();
        assert_eq!(schedule.begin_reading(at(5_100)), Some(key(9_999, 9_999)), "tried again");
    }

    #[test]
    fn what_the_store_has_is_left_to_it_beyond_the_horizon_only() {
        let mut schedule = Schedule::default();
        schedule.begin_reading(at(0));
        schedule.read(&chunk(0), nowhere);
        let before = schedule.counts(at(0)).0;
        schedule.set(5, at(20_000));
        assert_eq!(schedule.counts(at(0)).0, before - 1);
        schedule.set(5, at(50));
        assert_eq!(schedule.counts(at(0)).0, before);
    }

    #[test]
    fn what_is_stored_far_ahead_while_the_store_is_read_does_not_stay() {
        let mut schedule = Schedule::default();
        schedule.begin_reading(at(0));
        schedule.set(1, at(1_000_000));
        schedule.set(5, at(1_000_000));
        schedule.set(5, at(50));
        schedule.read(&chunk(0), nowhere);
        assert_eq!(schedule.counts(at(0)).0, Schedule::CHUNK - 1);
        assert!(!schedule.heap.contains(1) && schedule.heap.contains(5));
    }

    #[test]
    fn nothing_that_is_stored_while_the_store_is_read_is_lost_or_set_back() {
        let mut schedule = Schedule::default();
        schedule.begin_reading(at(0));
        schedule.read(&chunk(0), nowhere);
        while schedule.pop(at(6_000)).is_some() {}
        schedule.begin_reading(at(6_000)).unwrap();
        // Stored after the store was read: it is not in the chunk, or with its old time.
        schedule.set(1, at(12_000));
        schedule.set(10_500, at(15_000));
        schedule.read(&chunk(10_000), |connection| connection == 10_001);
        let mut times = Vec::new();
        while let Some((connection, due)) = schedule.pop(at(30_000)) {
            if [1, 10_001, 10_500].contains(&connection) {
                times.push((connection, due));
            }
        }
        assert_eq!(times, [(1, at(12_000)), (10_500, at(15_000))]);
    }

    #[test]
    fn what_was_being_read_when_the_schedule_ended_is_not_taken_up() {
        let mut schedule = Schedule::default();
        schedule.begin_reading(at(0)).unwrap();
        schedule.end();
        schedule.read(&chunk(0), nowhere);
        assert_eq!(schedule.counts(at(20_000)), (0, 0));
        assert_eq!(schedule.begin_reading(at(20_000)), None);
    }

    #[test]
    fn a_backlog_is_not_read_at_once() {
        let mut schedule = Schedule::default();
        for from in [0, 10_000, 20_000] {
            schedule.begin_reading(at(1_000_000)).unwrap();
            schedule.read(&chunk(from), nowhere);
        }
        assert_eq!(schedule.begin_reading(at(1_000_000)), None);
        assert_eq!(schedule.counts(at(1_000_000)), (30_000, 30_000));
    }
}
