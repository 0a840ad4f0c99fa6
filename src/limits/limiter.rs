//! All limits of one partner: the application's and each connection's.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{CallKind, Counts, Limit, LimitScope};

use super::{Bucket, BucketState, Priority};
use crate::model::ConnectionId;

/// How many connections [`Limiter::forget_idle`] checks per call. More than one, so that its round
/// finishes faster than new connections are added.
const AT_A_TIME: usize = 2;

/// Identifies one bucket of a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey {
    /// The connection, or `None` for the application.
    pub connection: Option<ConnectionId>,
    /// The length of the window.
    pub window: Duration,
    /// Which calls it counts. There is one bucket per window length and kind of calls.
    pub counts: Counts,
}

/// The answer to a request for a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The permit is given.
    Granted,
    /// More calls must be stored ahead first: store these, then call [`Limiter::stored`].
    StoreFirst,
    /// An application limit is reached. Until `until`, no call that it counts gets a permit at this
    /// priority or a lower one.
    AppWaits {
        /// When to try again.
        until: DateTime<Utc>,
        /// Which calls the limit counts.
        counts: Counts,
        /// Whether the partner asked for it, and may have asked for days.
        is_asked: bool,
    },
    /// This connection's limit is reached until this time.
    ConnectionWaits(DateTime<Utc>),
}

/// A call that had a permit.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// The connection the call is for, if there is one yet.
    pub connection: Option<ConnectionId>,
    /// Whether it reads or writes.
    pub call: CallKind,
    /// When it got its permit.
    pub began: DateTime<Utc>,
}

/// All limits of one partner.
#[derive(Debug)]
pub struct Limiter {
    pub(super) app: Buckets,
    connection_limits: Vec<Limit>,
    pub(super) connections: BTreeMap<ConnectionId, Buckets>,
    /// The connection that [`Limiter::forget_idle`] checked last.
    looked_at: ConnectionId,
    /// The time of the first use. Every call since then is counted here.
    since: Option<DateTime<Utc>>,
    /// The wait after a "too many requests" that states no wait.
    pub(super) retry_wait: TimeDelta,
    /// Whether the limits come from the settings. A partner's feedback then cannot raise them.
    is_bounded: bool,
}

/// Shortest windows first. There is always one that counts all calls, if only to be closed.
pub(super) type Buckets = Vec<(BucketKey, Bucket)>;

impl Limiter {
    /// A limiter without calls. The limits are the manifest's, which a partner's feedback replaces,
    /// or, if `is_bounded`, those of the settings, which feedback cannot raise. `retry_wait`
    /// applies after a "too many requests" that states no wait.
    pub fn new(limits: &[Limit], is_bounded: bool, retry_wait: Duration) -> Self {
        let of = |scope| limits.iter().filter(move |limit| limit.scope == scope).copied();
        let app: Vec<Limit> = of(LimitScope::App).collect();
        Self {
            app: buckets(None, &app, is_bounded),
            connection_limits: of(LimitScope::Connection).collect(),
            connections: BTreeMap::new(),
            looked_at: ConnectionId(i64::MIN),
            since: None,
            retry_wait: TimeDelta::from_std(retry_wait).unwrap_or_default(),
            is_bounded,
        }
    }

    /// Restores stored state: the application's at the start, and a connection's that is not in
    /// memory.
    pub fn restore(&mut self, key: BucketKey, state: &BucketState, now: DateTime<Utc>) {
        let since = *self.since.get_or_insert(now);
        let buckets = match key.connection {
            None => &mut self.app,
            Some(connection) => self.of_connection(connection),
        };
        if let Some((_, bucket)) = buckets.iter_mut().find(|(candidate, _)| *candidate == key) {
            // Two windows, because windows may be shifted.
            match TimeDelta::from_std(key.window.saturating_mul(2)) {
                Ok(windows) if windows <= now - since => bucket.resume_from_snapshot(state, now),
                _ => bucket.restore(state, now),
            }
        }
    }

    /// Whether connections have limits of their own. Their state must be restored before use.
    pub fn has_connection_limits(&self) -> bool {
        !self.connection_limits.is_empty()
    }

    /// Whether this connection's buckets are in memory.
    pub fn knows(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    /// Requests a permit for a call of `connection` (`None`: no connection yet).
    pub fn request(
        &mut self,
        connection: Option<ConnectionId>,
        call: CallKind,
        priority: Priority,
        now: DateTime<Utc>,
    ) -> Decision {
        self.since.get_or_insert(now);
        if let Some(connection) = connection
            && self.has_connection_limits()
        {
            self.of_connection(connection);
        }
        for (key, bucket) in self.counting(connection, call) {
            if let Err(until) = bucket.check(priority, now) {
                let is_asked = bucket.closed_until().is_some();
                return match key.connection {
                    None => Decision::AppWaits { until, counts: key.counts, is_asked },
                    Some(_) => Decision::ConnectionWaits(until),
                };
            }
        }
        if self.counting(connection, call).any(|(_, bucket)| bucket.is_spent()) {
            return Decision::StoreFirst;
        }
        self.counting(connection, call).for_each(|(_, bucket)| bucket.take(now));
        Decision::Granted
    }

    /// Returns what must be stored before [`Limiter::request`] can continue after
    /// [`Decision::StoreFirst`] and is not being stored yet.
    pub fn to_store(
        &mut self,
        connection: Option<ConnectionId>,
        call: CallKind,
    ) -> Vec<(BucketKey, BucketState)> {
        let spent = self.counting(connection, call).filter(|(_, bucket)| bucket.must_be_written());
        spent.map(|(key, bucket)| (*key, bucket.write_ahead())).collect()
    }

    /// Call when the result of [`Limiter::to_store`] for this bucket has been stored or has failed.
    pub fn stored(&mut self, key: BucketKey, done: bool) {
        let mut concerned = self.concerned(key.connection);
        if let Some((_, bucket)) = concerned.find(|(candidate, _)| **candidate == key) {
            bucket.written(done);
        }
    }

    /// Ends the waits that the partner asked for. Returns what changed and must be stored; empty if
    /// there was no wait.
    pub fn reopen(&mut self) -> Vec<(BucketKey, BucketState)> {
        let all = self.app.iter_mut().chain(self.connections.values_mut().flatten());
        let closed = all.filter(|(_, bucket)| bucket.closed_until().is_some());
        let reopened = closed.map(|(key, bucket)| {
            bucket.reopen();
            (*key, bucket.state())
        });
        reopened.collect()
    }

    /// Whether the partner asked for a wait that is not over.
    pub fn is_closed(&mut self, now: DateTime<Utc>) -> bool {
        self.app.iter_mut().any(|(_, bucket)| bucket.is_closed(now))
    }

    /// Returns a permit.
    pub fn release(&mut self, made: Made, now: DateTime<Utc>) {
        self.counting(made.connection, made.call).for_each(|(_, bucket)| bucket.ended(now));
    }

    /// Checks the buckets of the next few connections and drops those that count nothing, except
    /// for connections that are `busy`. Called once per ended sync. Memory then holds only the
    /// connections used within about two windows, however many connections there are.
    pub fn forget_idle(&mut self, now: DateTime<Utc>, busy: impl Fn(ConnectionId) -> bool) {
        for _ in 0..AT_A_TIME {
            let after = (Bound::Excluded(self.looked_at), Bound::Unbounded);
            let Some((connection, buckets)) = self.connections.range_mut(after).next() else {
                self.looked_at = ConnectionId(i64::MIN);
                return;
            };
            self.looked_at = *connection;
            if !busy(*connection) && buckets.iter_mut().all(|(_, bucket)| bucket.is_idle(now)) {
                self.connections.remove(&self.looked_at);
            }
        }
    }

    /// The current state of the buckets that concern a connection.
    pub fn states(&mut self, connection: Option<ConnectionId>) -> Vec<(BucketKey, BucketState)> {
        // A wait of a connection that has no limits of its own is also stored with its next poll.
        let kept = self
            .concerned(connection)
            .filter(|(key, bucket)| key.connection.is_none() || bucket.is_counted());
        kept.map(|(key, bucket)| (*key, bucket.state())).collect()
    }

    /// The state of every bucket when no more permits will be requested.
    pub fn final_states(&self) -> Vec<(BucketKey, BucketState)> {
        let all = self.app.iter().chain(self.connections.values().flatten());
        all.map(|(key, bucket)| (*key, bucket.final_state())).collect()
    }

    /// The application's buckets, for the administrator.
    pub fn app_buckets(&self) -> impl Iterator<Item = &Bucket> {
        self.app.iter().map(|(_, bucket)| bucket).filter(|bucket| bucket.is_counted())
    }

    /// The buckets of the application and of a connection that count such a call.
    pub(super) fn counting(
        &mut self,
        connection: Option<ConnectionId>,
        call: CallKind,
    ) -> impl Iterator<Item = (&BucketKey, &mut Bucket)> {
        self.concerned(connection).filter(move |(key, _)| key.counts.includes(call))
    }

    fn concerned(
        &mut self,
        connection: Option<ConnectionId>,
    ) -> impl Iterator<Item = (&BucketKey, &mut Bucket)> {
        let own = connection.and_then(|connection| self.connections.get_mut(&connection));
        self.app.iter_mut().chain(own.into_iter().flatten()).map(|(key, bucket)| (&*key, bucket))
    }

    pub(super) fn of_connection(&mut self, connection: ConnectionId) -> &mut Buckets {
        let (limits, is_bounded) = (&self.connection_limits, self.is_bounded);
        let new = || buckets(Some(connection), limits, is_bounded);
        self.connections.entry(connection).or_insert_with(new)
    }
}

fn buckets(connection: Option<ConnectionId>, limits: &[Limit], is_bounded: bool) -> Buckets {
    let bucket = |limit: &Limit| {
        let key = BucketKey { connection, window: limit.per, counts: limit.counts };
        (key, Bucket::new(limit, is_bounded))
    };
    let mut buckets: Buckets = limits.iter().map(bucket).collect();
    if !limits.iter().any(|limit| limit.counts == Counts::All) {
        let (window, counts) = (Duration::from_millis(1), Counts::All);
        buckets.push((BucketKey { connection, window, counts }, Bucket::uncounted()));
    }
    buckets.sort_by_key(|(key, _)| *key);
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Limit = Limit::app(10, Duration::from_secs(60));
    const EACH: Limit = Limit::connection(3, Duration::from_secs(60));

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    /// Requests a permit, storing ahead as needed.
    fn request(limiter: &mut Limiter, connection: ConnectionId) -> Decision {
        loop {
            let (of, call) = (Some(connection), CallKind::Read);
            let decision = limiter.request(of, call, Priority::Interactive, now());
            if decision != Decision::StoreFirst {
                return decision;
            }
            for (key, _) in limiter.to_store(of, call) {
                limiter.stored(key, true);
            }
        }
    }

    #[test]
    fn a_connection_at_its_limit_does_not_stop_the_others_and_the_app_limit_stops_all() {
        let mut limiter = Limiter::new(&[APP, EACH], false, Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(request(&mut limiter, ConnectionId(1)), Decision::Granted);
        }
        let minute = now() + TimeDelta::seconds(60);
        assert_eq!(request(&mut limiter, ConnectionId(1)), Decision::ConnectionWaits(minute));
        for connection in [2, 3] {
            for _ in 0..3 {
                assert_eq!(request(&mut limiter, ConnectionId(connection)), Decision::Granted);
            }
        }
        assert_eq!(request(&mut limiter, ConnectionId(4)), Decision::Granted, "the tenth");
        let waits = Decision::AppWaits { until: minute, counts: Counts::All, is_asked: false };
        assert_eq!(request(&mut limiter, ConnectionId(4)), waits);
    }

    #[test]
    fn what_is_stored_beside_a_write_ahead_still_counts_it() {
        let mut limiter = Limiter::new(&[APP], false, Duration::from_secs(60));
        assert_eq!(
            limiter.request(None, CallKind::Read, Priority::Interactive, now()),
            Decision::StoreFirst
        );
        let ahead = limiter.to_store(None, CallKind::Read);
        assert_eq!(limiter.states(None), ahead, "the later write must not take it back");
    }

    #[test]
    fn a_new_limiter_goes_on_where_the_stored_one_ended() {
        let mut limiter = Limiter::new(&[APP, EACH], false, Duration::from_secs(60));
        for connection in [1, 1, 1, 2] {
            assert_eq!(request(&mut limiter, ConnectionId(connection)), Decision::Granted);
            let (connection, call) = (Some(connection), CallKind::Read);
            limiter.release(
                Made { connection: connection.map(ConnectionId), call, began: now() },
                now(),
            );
        }
        let mut next = Limiter::new(&[APP, EACH], false, Duration::from_secs(60));
        for (key, state) in limiter.final_states() {
            next.restore(key, &state, now());
        }
        assert!(matches!(request(&mut next, ConnectionId(1)), Decision::ConnectionWaits(_)));
        assert_eq!(next.app_buckets().next().map(|bucket| bucket.used_at(now())), Some(4));
    }

    #[test]
    fn an_idle_connection_is_dropped_and_resumes_without_another_write() {
        const LARGE: Limit = Limit::connection(80, Duration::from_secs(60));
        let mut limiter = Limiter::new(&[LARGE], false, Duration::from_secs(60));
        let at = |minute: i64| now() + TimeDelta::minutes(minute);
        let ask = |limiter: &mut Limiter, id: i64, minute: i64| {
            let (connection, call) = (Some(id), CallKind::Read);
            let decision = limiter.request(
                connection.map(ConnectionId),
                call,
                Priority::Interactive,
                at(minute),
            );
            if decision == Decision::Granted {
                limiter.release(
                    Made { connection: connection.map(ConnectionId), call, began: at(minute) },
                    at(minute),
                );
            }
            decision
        };
        let mut stored = Vec::new();
        for id in 0..10 {
            assert_eq!(ask(&mut limiter, id, 0), Decision::StoreFirst);
            for (key, state) in limiter.to_store(Some(ConnectionId(id)), CallKind::Read) {
                limiter.stored(key, true);
                stored.push((key, state));
            }
            assert_eq!(ask(&mut limiter, id, 0), Decision::Granted);
        }
        limiter.forget_idle(at(1), |_| false);
        assert!((0..10).all(|id| limiter.knows(ConnectionId(id))), "their calls still count");
        for _ in 0..10 {
            limiter.forget_idle(at(5), |id| id == ConnectionId(7));
        }
        assert_eq!((0..10).filter(|id| limiter.knows(ConnectionId(*id))).collect::<Vec<_>>(), [7]);
        let (key, state) = &stored[3];
        limiter.restore(*key, state, at(5));
        for _ in 0..10 {
            assert_eq!(ask(&mut limiter, 3, 5), Decision::Granted, "ten are stored ahead");
        }
        assert_eq!(ask(&mut limiter, 3, 5), Decision::StoreFirst);
    }

    #[test]
    fn windows_of_extreme_length_are_restored_as_well() {
        for window in [Duration::MAX, Duration::from_millis(i64::MAX as u64 / 2)] {
            let limits = [Limit::app(80, window), Limit::connection(80, window)];
            let mut limiter = Limiter::new(&limits, false, Duration::from_secs(60));
            let key = BucketKey { connection: Some(ConnectionId(1)), window, counts: Counts::All };
            let state = Bucket::new(&limits[1], false).final_state();
            limiter.restore(key, &state, now());
            limiter.restore(key, &state, now() + TimeDelta::days(365));
            assert!(limiter.knows(ConnectionId(1)));
        }
    }
}
