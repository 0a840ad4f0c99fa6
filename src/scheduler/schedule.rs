//! The near part of a partner's schedule. The store has all of it; memory has only what is due
//! before a horizon, which advances with time. A million connections then cost no more memory than
//! the few thousand that are due next.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::DueHeap;
use crate::model::ConnectionId;

/// The store is read again when fewer connections than this are left before the horizon …
const REFILL_BELOW: usize = 5_000;

/// … or when the horizon is nearer than this.
const REFILL_WITHIN: TimeDelta = TimeDelta::seconds(120);

/// A position in the store's schedule: due time in microseconds, then connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScheduleKey {
    /// When the connection is due, in microseconds since 1970.
    pub at: i64,
    /// The connection.
    pub connection: ConnectionId,
}

impl ScheduleKey {
    /// Sorts before every other key.
    pub const START: Self = Self { at: i64::MIN, connection: ConnectionId(i64::MIN) };
}

/// See the module documentation.
#[derive(Debug)]
pub struct Schedule {
    /// What is due before the horizon.
    heap: DueHeap,
    /// The horizon: the position up to which the store was read.
    read_to: ScheduleKey,
    /// Whether the store has nothing beyond that position.
    is_whole: bool,
    /// While the store is being read: due times set beyond the horizon meanwhile, in microseconds.
    /// The read may have happened before these were stored.
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

    /// Sets or moves the due time of a connection. The store must have the same time: beyond the
    /// horizon it is kept only there.
    pub fn set(&mut self, connection: ConnectionId, at: DateTime<Utc>) {
        let key = ScheduleKey { at: at.timestamp_micros(), connection };
        self.remove(connection);
        if self.is_near(key) {
            self.heap.set(connection, at);
        } else if let Some(meanwhile) = &mut self.reading {
            meanwhile.insert(connection, key.at);
        }
    }

    /// Removes a connection.
    pub fn remove(&mut self, connection: ConnectionId) {
        self.heap.remove(connection);
        if let Some(meanwhile) = &mut self.reading {
            meanwhile.remove(&connection);
        }
    }

    /// Removes everything: nothing is due any more.
    pub fn end(&mut self) {
        *self = Self { is_whole: true, ..Self::default() };
    }

    /// If it is time to read more from the store, returns the position after which to read. Then
    /// call [`Schedule::read`] or [`Schedule::not_read`].
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

    /// Adds what was read, in the order of keys: at most [`Schedule::CHUNK`] keys, and fewer only
    /// at the end of the schedule. Connections that are `elsewhere`, in a sync or in backoff, get
    /// their time when that ends. Does nothing if the schedule ended meanwhile.
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

    /// Call if the store could not be read.
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

    /// Removes and returns the connection that is due first, with its due time, if one is due at
    /// `now`.
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

    /// A chunk of connections, one due each second from `from` on.
    fn chunk(from: i64) -> Vec<ScheduleKey> {
        (from..).take(Schedule::CHUNK).map(|second| key(ConnectionId(second), second)).collect()
    }

    #[test]
    fn a_small_schedule_is_read_once_and_kept_whole() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.begin_reading(at(0)), Some(ScheduleKey::START));
        assert_eq!(schedule.begin_reading(at(0)), None, "not twice at a time");
        schedule.read(&[key(ConnectionId(1), 10), key(ConnectionId(2), 20)], nowhere);
        assert_eq!(schedule.begin_reading(at(1_000)), None);
        schedule.set(ConnectionId(1), at(1_000_000));
        assert_eq!(schedule.counts(at(15)), (2, 0));
        assert_eq!(schedule.pop(at(30)), Some((ConnectionId(2), at(20))));
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
        assert_eq!(schedule.begin_reading(at(5_100)), Some(key(ConnectionId(9_999), 9_999)));
        schedule.not_read();
        assert_eq!(
            schedule.begin_reading(at(5_100)),
            Some(key(ConnectionId(9_999), 9_999)),
            "tried again"
        );
    }

    #[test]
    fn due_times_are_left_to_the_store_only_beyond_the_horizon() {
        let mut schedule = Schedule::default();
        schedule.begin_reading(at(0));
        schedule.read(&chunk(0), nowhere);
        let before = schedule.counts(at(0)).0;
        schedule.set(ConnectionId(5), at(20_000));
        assert_eq!(schedule.counts(at(0)).0, before - 1);
        schedule.set(ConnectionId(5), at(50));
        assert_eq!(schedule.counts(at(0)).0, before);
    }

    #[test]
    fn what_is_stored_far_ahead_while_the_store_is_read_does_not_stay() {
        let mut schedule = Schedule::default();
        schedule.begin_reading(at(0));
        schedule.set(ConnectionId(1), at(1_000_000));
        schedule.set(ConnectionId(5), at(1_000_000));
        schedule.set(ConnectionId(5), at(50));
        schedule.read(&chunk(0), nowhere);
        assert_eq!(schedule.counts(at(0)).0, Schedule::CHUNK - 1);
        assert!(
            !schedule.heap.contains(ConnectionId(1)) && schedule.heap.contains(ConnectionId(5))
        );
    }

    #[test]
    fn nothing_that_is_stored_while_the_store_is_read_is_lost_or_set_back() {
        let mut schedule = Schedule::default();
        schedule.begin_reading(at(0));
        schedule.read(&chunk(0), nowhere);
        while schedule.pop(at(6_000)).is_some() {}
        schedule.begin_reading(at(6_000)).unwrap();
        // Stored after the read: missing in the chunk, or there with its old time.
        schedule.set(ConnectionId(1), at(12_000));
        schedule.set(ConnectionId(10_500), at(15_000));
        schedule.read(&chunk(10_000), |connection| connection == ConnectionId(10_001));
        let mut times = Vec::new();
        while let Some((connection, due)) = schedule.pop(at(30_000)) {
            if [1, 10_001, 10_500].contains(&connection.0) {
                times.push((connection, due));
            }
        }
        assert_eq!(times, [(ConnectionId(1), at(12_000)), (ConnectionId(10_500), at(15_000))]);
    }

    #[test]
    fn a_read_that_finishes_after_the_schedule_ended_is_ignored() {
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
