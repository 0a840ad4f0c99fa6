//! A heap of due times: which connection is due first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use chrono::{DateTime, Utc};

use crate::model::ConnectionId;

/// The due times of a partner's connections. Moving a connection leaves a stale entry in the heap,
/// which is skipped when it reaches the top. A connection costs about 40 bytes.
#[derive(Debug, Default)]
pub struct DueHeap {
    heap: BinaryHeap<Reverse<(i64, ConnectionId)>>,
    /// The current due time of each connection, in milliseconds.
    due: HashMap<ConnectionId, i64>,
}

impl DueHeap {
    /// Sets or moves the due time of a connection.
    pub fn set(&mut self, connection: ConnectionId, at: DateTime<Utc>) {
        let at = at.timestamp_millis();
        if self.due.insert(connection, at) != Some(at) {
            self.heap.push(Reverse((at, connection)));
        }
        if self.heap.len() > 2 * self.due.len() + 64 {
            self.heap =
                self.due.iter().map(|(connection, at)| Reverse((*at, *connection))).collect();
        }
    }

    /// Removes a connection.
    pub fn remove(&mut self, connection: ConnectionId) {
        self.due.remove(&connection);
    }

    /// Removes and returns the connection that is due first, with its due time, if one is due at
    /// `now`.
    pub fn pop(&mut self, now: DateTime<Utc>) -> Option<(ConnectionId, DateTime<Utc>)> {
        self.skip_stale();
        let Reverse((at, connection)) = *self.heap.peek()?;
        if at > now.timestamp_millis() {
            return None;
        }
        self.heap.pop();
        self.due.remove(&connection);
        Some((connection, DateTime::from_timestamp_millis(at).unwrap_or(now)))
    }

    /// When the next connection is due.
    pub fn next_at(&mut self) -> Option<DateTime<Utc>> {
        self.skip_stale();
        let Reverse((at, _)) = self.heap.peek()?;
        DateTime::from_timestamp_millis(*at)
    }

    /// Whether a connection has a due time.
    pub fn contains(&self, connection: ConnectionId) -> bool {
        self.due.contains_key(&connection)
    }

    /// How many connections are due at `now`. Takes linear time.
    pub fn due(&self, now: DateTime<Utc>) -> usize {
        self.due.values().filter(|at| **at <= now.timestamp_millis()).count()
    }

    /// How many connections have a due time.
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether no connection has a due time.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    fn skip_stale(&mut self) {
        while let Some(Reverse((at, connection))) = self.heap.peek() {
            if self.due.get(connection) == Some(at) {
                return;
            }
            self.heap.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    #[test]
    fn connections_come_in_the_order_of_their_times_and_only_when_due() {
        let mut heap = DueHeap::default();
        for (connection, second) in [(1, 30), (2, 10), (3, 20)] {
            heap.set(ConnectionId(connection), at(second));
        }
        assert_eq!(heap.next_at(), Some(at(10)));
        assert_eq!(heap.pop(at(9)), None);
        let order: Vec<_> = std::iter::from_fn(|| heap.pop(at(25))).collect();
        assert_eq!(order, [(ConnectionId(2), at(10)), (ConnectionId(3), at(20))]);
        assert_eq!(
            (heap.due(at(29)), heap.due(at(30)), heap.contains(ConnectionId(2))),
            (0, 1, false)
        );
        assert_eq!((heap.len(), heap.next_at()), (1, Some(at(30))));
    }

    #[test]
    fn a_moved_connection_comes_once_at_its_new_time() {
        let mut heap = DueHeap::default();
        heap.set(ConnectionId(1), at(10));
        heap.set(ConnectionId(1), at(50));
        heap.set(ConnectionId(1), at(20));
        assert_eq!(heap.pop(at(15)), None);
        assert_eq!(heap.pop(at(60)), Some((ConnectionId(1), at(20))));
        assert_eq!(heap.pop(at(60)), None);
    }

    #[test]
    fn a_removed_connection_does_not_come() {
        let mut heap = DueHeap::default();
        heap.set(ConnectionId(1), at(10));
        heap.remove(ConnectionId(1));
        assert_eq!((heap.pop(at(60)), heap.next_at(), heap.len()), (None, None, 0));
    }

    #[test]
    fn moving_without_end_does_not_grow_the_heap_without_end() {
        let mut heap = DueHeap::default();
        for second in 0..10_000 {
            heap.set(ConnectionId(second % 10), at(second));
        }
        assert!(heap.heap.len() < 200, "{}", heap.heap.len());
        assert_eq!(heap.len(), 10);
    }
}
