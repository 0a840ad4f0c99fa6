//! Which connection syncs next. No connection syncs twice at a time, and requests are neither lost
//! nor piled up.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use crate::limits::Priority;
use crate::model::{Cause, ConnectionId};

/// The waiting and running syncs of a partner. `W` is a waiter for the end of a sync.
#[derive(Debug)]
pub struct SyncQueue<W> {
    /// The one upcoming sync of each connection, in addition to one that may be running.
    upcoming: HashMap<ConnectionId, Upcoming<W>>,
    /// The upcoming syncs that may start, by priority and age.
    ready: BTreeMap<(Priority, u64), ConnectionId>,
    /// The running syncs and their waiters.
    running: HashMap<ConnectionId, Vec<W>>,
    /// Connections on which another operation runs.
    held: HashMap<ConnectionId, usize>,
    /// When connections last ended a sync, kept for `min_gap`.
    ended: HashMap<ConnectionId, DateTime<Utc>>,
    ended_order: VecDeque<(DateTime<Utc>, ConnectionId)>,
    min_gap: TimeDelta,
    age: u64,
}

#[derive(Debug)]
struct Upcoming<W> {
    priority: Priority,
    cause: Cause,
    waiting: Vec<W>,
    place: Option<(Priority, u64)>,
    /// Since when it is due.
    since: DateTime<Utc>,
}

/// A sync to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The connection.
    pub connection: ConnectionId,
    /// Why it runs.
    pub cause: Cause,
    /// Its priority.
    pub priority: Priority,
    /// Since when it is due.
    pub since: DateTime<Utc>,
}

impl<W> SyncQueue<W> {
    /// Creates an empty queue. Two syncs of one connection are at least `min_gap` apart.
    pub fn new(min_gap: TimeDelta) -> Self {
        Self {
            upcoming: HashMap::new(),
            ready: BTreeMap::new(),
            running: HashMap::new(),
            held: HashMap::new(),
            ended: HashMap::new(),
            ended_order: VecDeque::new(),
            min_gap,
            age: 0,
        }
    }

    /// Requests a sync. Any number of requests lead to one sync. If a sync is already running, one
    /// more follows it, because the running one may have passed the requested data. Returns when to
    /// call [`SyncQueue::due`] if the sync must wait for the gap.
    pub fn request(
        &mut self,
        connection: ConnectionId,
        cause: Cause,
        priority: Priority,
        waiting: Option<W>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let upcoming = self.upcoming.entry(connection).or_insert_with(|| Upcoming {
            priority,
            cause,
            waiting: Vec::new(),
            place: None,
            since: now,
        });
        upcoming.waiting.extend(waiting);
        if matches!(upcoming.cause, Cause::Schedule | Cause::Push) {
            upcoming.cause = cause;
        }
        if priority < upcoming.priority {
            upcoming.priority = priority;
            if let Some(place) = upcoming.place.take() {
                self.ready.remove(&place);
            }
        }
        if self.running.contains_key(&connection) {
            return None;
        }
        match self.gap(connection, now) {
            Some(until) => Some(until),
            None => {
                self.line_up(connection);
                None
            }
        }
    }

    /// Call when a connection has become due, at `since`. Queues the requested sync, or else a
    /// scheduled one.
    pub fn due(&mut self, connection: ConnectionId, since: DateTime<Utc>) {
        self.upcoming.entry(connection).or_insert_with(|| Upcoming {
            priority: Priority::Scheduled,
            cause: Cause::Schedule,
            waiting: Vec::new(),
            place: None,
            since,
        });
        if !self.running.contains_key(&connection) {
            self.line_up(connection);
        }
    }

    /// Takes the next sync to start, if `may_start` accepts its priority.
    pub fn take(&mut self, mut may_start: impl FnMut(Priority) -> bool) -> Option<Start> {
        let (place, connection) = self
            .ready
            .iter()
            .map(|(place, connection)| (*place, *connection))
            .find(|(_, connection)| !self.held.contains_key(connection))?;
        if !may_start(place.0) {
            return None;
        }
        self.ready.remove(&place);
        let mut upcoming = self.upcoming.remove(&connection)?;
        self.running.insert(connection, std::mem::take(&mut upcoming.waiting));
        let Upcoming { cause, priority, since, .. } = upcoming;
        Some(Start { connection, cause, priority, since })
    }

    /// Call when a sync ended. Returns its waiters, and when to call [`SyncQueue::due`] if another
    /// sync was requested meanwhile.
    pub fn finished(
        &mut self,
        connection: ConnectionId,
        now: DateTime<Utc>,
    ) -> (Vec<W>, Option<DateTime<Utc>>) {
        let waited = self.running.remove(&connection).unwrap_or_default();
        while let Some((ended, old)) = self.ended_order.front().copied() {
            if ended + self.min_gap > now {
                break;
            }
            self.ended_order.pop_front();
            if self.ended.get(&old) == Some(&ended) {
                self.ended.remove(&old);
            }
        }
        self.ended.insert(connection, now);
        self.ended_order.push_back((now, connection));
        (waited, self.upcoming.contains_key(&connection).then(|| now + self.min_gap))
    }

    /// Drops the upcoming sync of a connection. Returns its waiters.
    pub fn forget(&mut self, connection: ConnectionId) -> Vec<W> {
        let Some(upcoming) = self.upcoming.remove(&connection) else { return Vec::new() };
        if let Some(place) = upcoming.place {
            self.ready.remove(&place);
        }
        upcoming.waiting
    }

    /// Takes the waiters of all upcoming syncs, which stay.
    pub fn take_waiters(&mut self) -> Vec<W> {
        self.upcoming.values_mut().flat_map(|upcoming| upcoming.waiting.drain(..)).collect()
    }

    /// Blocks syncs of this connection until [`SyncQueue::release`] is called as often as this.
    pub fn hold(&mut self, connection: ConnectionId) {
        *self.held.entry(connection).or_default() += 1;
    }

    /// See [`SyncQueue::hold`].
    pub fn release(&mut self, connection: ConnectionId) {
        if let Some(holds) = self.held.get_mut(&connection) {
            *holds -= 1;
            if *holds == 0 {
                self.held.remove(&connection);
            }
        }
    }

    /// Why the upcoming sync of a connection runs, if there is one.
    pub fn upcoming_cause(&self, connection: ConnectionId) -> Option<Cause> {
        self.upcoming.get(&connection).map(|upcoming| upcoming.cause)
    }

    /// The priority of the sync that waits for a connection, if one does.
    pub fn wanted(&self, connection: ConnectionId) -> Option<Priority> {
        self.upcoming.get(&connection).map(|upcoming| upcoming.priority)
    }

    /// Whether a sync of this connection is running.
    pub fn is_running(&self, connection: ConnectionId) -> bool {
        self.running.contains_key(&connection)
    }

    /// Whether another operation runs on this connection.
    pub fn is_held(&self, connection: ConnectionId) -> bool {
        self.held.contains_key(&connection)
    }

    /// How many syncs are running.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// The syncs that could start, in no order: why, and since when they are due.
    pub fn waiting(&self) -> impl Iterator<Item = (ConnectionId, Cause, DateTime<Utc>)> {
        self.ready.values().filter_map(|connection| {
            let upcoming = self.upcoming.get(connection)?;
            Some((*connection, upcoming.cause, upcoming.since))
        })
    }

    /// How many syncs could start.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    fn gap(&self, connection: ConnectionId, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = *self.ended.get(&connection)? + self.min_gap;
        (until > now).then_some(until)
    }

    fn line_up(&mut self, connection: ConnectionId) {
        if let Some(upcoming) = self.upcoming.get_mut(&connection)
            && upcoming.place.is_none()
        {
            self.age += 1;
            let place = (upcoming.priority, self.age);
            upcoming.place = Some(place);
            self.ready.insert(place, connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
    }

    fn queue() -> SyncQueue<u32> {
        SyncQueue::new(TimeDelta::seconds(1))
    }

    fn ask(queue: &mut SyncQueue<u32>, who: u32, now: i64) -> Option<DateTime<Utc>> {
        queue.request(ConnectionId(1), Cause::Request, Priority::Interactive, Some(who), at(now))
    }

    fn next(queue: &mut SyncQueue<u32>) -> Option<ConnectionId> {
        queue.take(|_| true).map(|start| start.connection)
    }

    #[test]
    fn two_hundred_requests_make_one_sync_and_those_during_it_one_more() {
        let mut queue = queue();
        for who in 0..200 {
            ask(&mut queue, who, 0);
        }
        assert_eq!((next(&mut queue), next(&mut queue)), (Some(ConnectionId(1)), None));
        for who in 200..400 {
            assert_eq!(ask(&mut queue, who, 10), None);
        }
        assert_eq!(next(&mut queue), None, "never two at a time");
        let (waited, again) = queue.finished(ConnectionId(1), at(50));
        assert_eq!((waited.len(), again), (200, Some(at(1_050))));
        queue.due(ConnectionId(1), at(0));
        assert_eq!((next(&mut queue), next(&mut queue)), (Some(ConnectionId(1)), None));
        let (waited, again) = queue.finished(ConnectionId(1), at(1_100));
        assert_eq!((waited.len(), again), (200, None));
    }

    #[test]
    fn a_request_soon_after_a_sync_waits_until_the_gap_is_over() {
        let mut queue = queue();
        ask(&mut queue, 1, 0);
        next(&mut queue);
        queue.finished(ConnectionId(1), at(100));
        assert_eq!(ask(&mut queue, 2, 400), Some(at(1_100)));
        assert_eq!(next(&mut queue), None);
        queue.due(ConnectionId(1), at(0));
        assert_eq!(next(&mut queue), Some(ConnectionId(1)));
        queue.finished(ConnectionId(1), at(1_200));
        assert_eq!(ask(&mut queue, 3, 2_300), None);
        assert_eq!(next(&mut queue), Some(ConnectionId(1)));
    }

    #[test]
    fn interactive_requests_come_before_schedules_and_each_in_the_order_of_requests() {
        let mut queue = queue();
        for connection in [7, 8, 9] {
            queue.due(ConnectionId(connection), at(0));
        }
        queue.request(ConnectionId(5), Cause::Request, Priority::Interactive, None, at(0));
        queue.request(ConnectionId(9), Cause::Request, Priority::Interactive, None, at(0));
        let order: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert_eq!(order, [5, 9, 7, 8].map(ConnectionId));
    }

    #[test]
    fn what_is_held_waits_and_does_not_stop_the_others() {
        let mut queue = queue();
        queue.due(ConnectionId(1), at(0));
        queue.due(ConnectionId(2), at(0));
        queue.hold(ConnectionId(1));
        assert_eq!((next(&mut queue), next(&mut queue)), (Some(ConnectionId(2)), None));
        queue.release(ConnectionId(1));
        assert_eq!(next(&mut queue), Some(ConnectionId(1)));
    }

    #[test]
    fn a_priority_that_may_not_start_stays() {
        let mut queue = queue();
        queue.due(ConnectionId(1), at(0));
        assert_eq!(queue.take(|priority| priority == Priority::Interactive), None);
        assert_eq!(next(&mut queue), Some(ConnectionId(1)));
    }

    #[test]
    fn waiters_that_are_taken_leave_their_syncs_behind() {
        let mut queue = queue();
        ask(&mut queue, 4, 0);
        assert_eq!((queue.take_waiters(), queue.ready()), (vec![4], 1));
        assert_eq!(next(&mut queue), Some(ConnectionId(1)));
        assert!(queue.finished(ConnectionId(1), at(50)).0.is_empty());
    }

    #[test]
    fn forgetting_returns_the_waiters() {
        let mut queue = queue();
        ask(&mut queue, 4, 0);
        assert_eq!(
            (queue.forget(ConnectionId(1)), queue.forget(ConnectionId(1))),
            (vec![4], vec![])
        );
        assert_eq!((next(&mut queue), queue.ready()), (None, 0));
    }
}
