//! All limits of one partner: those of the application and those of each connection.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Limit, LimitScope};

use super::{Bucket, BucketState, Priority};

/// Which bucket of a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey {
    /// The connection, or `None` for the application.
    pub connection: Option<i64>,
    /// The length of the window; one bucket a length.
    pub window: Duration,
}

/// The answer to a request for a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Given.
    Granted,
    /// The store must count more ahead first: store these, then [`Limiter::stored`].
    StoreFirst,
    /// The application's limit is reached; nobody of this priority or below gets one before then.
    AppWaits(Option<DateTime<Utc>>),
    /// This connection's limit is reached.
    ConnectionWaits(Option<DateTime<Utc>>),
}

/// A partner that asks to wait longer is asked again all the same: it may have meant something else.
const LONGEST_WAIT: TimeDelta = TimeDelta::days(2);

/// How long a wait that a partner asked for is respected.
pub fn longest_wait(asked: Duration) -> TimeDelta {
    TimeDelta::from_std(asked).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

/// All limits of one partner.
#[derive(Debug)]
pub struct Limiter {
    app: Vec<(BucketKey, Bucket)>,
    connection_limits: Vec<Limit>,
    connections: HashMap<i64, Vec<(BucketKey, Bucket)>>,
    /// Waited after a "too many requests" that does not say.
    retry_wait: TimeDelta,
}

impl Limiter {
    /// An unused limiter. `retry_wait` is waited after a "too many requests" that does not say.
    pub fn new(limits: &[Limit], retry_wait: Duration) -> Self {
        let of = |scope| limits.iter().filter(move |limit| limit.scope == scope).copied();
        let app: Vec<Limit> = of(LimitScope::App).collect();
        Self {
            app: buckets(None, &app),
            connection_limits: of(LimitScope::Connection).collect(),
            connections: HashMap::new(),
            retry_wait: TimeDelta::from_std(retry_wait).unwrap_or_default(),
        }
    }

    /// Takes up what the store kept.
    pub fn restore(&mut self, key: BucketKey, state: &BucketState, now: DateTime<Utc>) {
        let buckets = match key.connection {
            None => &mut self.app,
            Some(connection) => self.of_connection(connection),
        };
        if let Some((_, bucket)) = buckets.iter_mut().find(|(candidate, _)| *candidate == key) {
            bucket.restore(state, now);
        }
    }

    /// Whether connections have limits of their own, whose state must be restored before use.
    pub fn has_connection_limits(&self) -> bool {
        !self.connection_limits.is_empty()
    }

    /// Whether this connection's buckets are known here.
    pub fn knows(&self, connection: i64) -> bool {
        self.connections.contains_key(&connection)
    }

    /// Asks for a permit for a call of `connection` (`None`: of no connection yet).
    pub fn request(
        &mut self,
        connection: Option<i64>,
        priority: Priority,
        now: DateTime<Utc>,
    ) -> Decision {
        for (_, bucket) in &mut self.app {
            if let Err(until) = bucket.check(priority, now) {
                return Decision::AppWaits(until);
            }
        }
        if let Some(connection) = connection {
            if self.has_connection_limits() {
                self.of_connection(connection);
            }
            for (_, bucket) in self.connections.get_mut(&connection).into_iter().flatten() {
                if let Err(until) = bucket.check(priority, now) {
                    return Decision::ConnectionWaits(until);
                }
            }
        }
        if self.concerned(connection).any(|(_, bucket)| bucket.is_spent()) {
            return Decision::StoreFirst;
        }
        self.concerned(connection).for_each(|(_, bucket)| bucket.take());
        Decision::Granted
    }

    /// What must be stored before [`Limiter::request`] can go on after [`Decision::StoreFirst`].
    pub fn to_store(&mut self, connection: Option<i64>) -> Vec<(BucketKey, BucketState)> {
        let spent = self.concerned(connection).filter(|(_, bucket)| bucket.is_spent());
        spent.map(|(key, bucket)| (*key, bucket.write_ahead())).collect()
    }

    /// What [`Limiter::to_store`] gave for this bucket is stored, or could not be.
    pub fn stored(&mut self, key: BucketKey, done: bool) {
        let mut concerned = self.concerned(key.connection);
        if let Some((_, bucket)) = concerned.find(|(candidate, _)| **candidate == key) {
            bucket.written(done);
        }
    }

    /// A permit came back.
    pub fn release(&mut self, connection: Option<i64>, now: DateTime<Utc>) {
        self.concerned(connection).for_each(|(_, bucket)| bucket.ended(now));
    }

    /// The partner said "too many requests". Returns until when nothing is asked.
    pub fn limited(
        &mut self,
        connection: Option<i64>,
        scope: LimitScope,
        wait: Option<Duration>,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let until = now + wait.map_or(self.retry_wait, longest_wait);
        let bucket = match (scope, connection) {
            (LimitScope::Connection, Some(connection)) => {
                self.of_connection(connection).first_mut()
            }
            // It concerns a user who has no connection yet, and nobody else.
            (LimitScope::Connection, None) => None,
            (LimitScope::App, _) => self.app.first_mut(),
        };
        if let Some((_, bucket)) = bucket {
            bucket.close_until(until);
        }
        until
    }

    /// Forgets the buckets of a connection that count nothing.
    pub fn forget_idle(&mut self, connection: i64, now: DateTime<Utc>) {
        if let Some(buckets) = self.connections.get_mut(&connection)
            && buckets.iter_mut().all(|(_, bucket)| bucket.is_idle(now))
        {
            self.connections.remove(&connection);
        }
    }

    /// The present state of the buckets that concern a connection.
    pub fn states(&mut self, connection: Option<i64>) -> Vec<(BucketKey, BucketState)> {
        // A wait of one connection without limits of its own stands in its next poll, too.
        let kept = self
            .concerned(connection)
            .filter(|(key, bucket)| key.connection.is_none() || bucket.is_counted());
        kept.map(|(key, bucket)| (*key, bucket.state())).collect()
    }

    /// The state of every bucket when nothing more is going to be asked.
    pub fn final_states(&self) -> Vec<(BucketKey, BucketState)> {
        let all = self.app.iter().chain(self.connections.values().flatten());
        all.map(|(key, bucket)| (*key, bucket.final_state())).collect()
    }

    /// The application's buckets, for the admin.
    pub fn app_buckets(&self) -> impl Iterator<Item = &Bucket> {
        self.app.iter().map(|(_, bucket)| bucket).filter(|bucket| bucket.is_counted())
    }

    fn concerned(
        &mut self,
        connection: Option<i64>,
    ) -> impl Iterator<Item = (&BucketKey, &mut Bucket)> {
        let own = connection.and_then(|connection| self.connections.get_mut(&connection));
        self.app.iter_mut().chain(own.into_iter().flatten()).map(|(key, bucket)| (&*key, bucket))
    }

    fn of_connection(&mut self, connection: i64) -> &mut Vec<(BucketKey, Bucket)> {
        let limits = &self.connection_limits;
        self.connections.entry(connection).or_insert_with(|| buckets(Some(connection), limits))
    }
}

fn buckets(connection: Option<i64>, limits: &[Limit]) -> Vec<(BucketKey, Bucket)> {
    let bucket = |limit: &Limit| {
        let key = BucketKey { connection, window: limit.per };
        (key, Bucket::new(limit.calls, limit.per))
    };
    if limits.is_empty() {
        let key = BucketKey { connection, window: Duration::from_millis(1) };
        return vec![(key, Bucket::uncounted())];
    }
    limits.iter().map(bucket).collect()
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
    fn request(limiter: &mut Limiter, connection: i64) -> Decision {
        loop {
            let decision = limiter.request(Some(connection), Priority::People, now());
            if decision != Decision::StoreFirst {
                return decision;
            }
            for (key, _) in limiter.to_store(Some(connection)) {
                limiter.stored(key, true);
            }
        }
    }

    #[test]
    fn a_connection_at_its_limit_does_not_stop_the_others_and_the_app_limit_stops_all() {
        let mut limiter = Limiter::new(&[APP, EACH], Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(request(&mut limiter, 1), Decision::Granted);
        }
        assert_eq!(request(&mut limiter, 1), Decision::ConnectionWaits(None));
        for connection in [2, 3] {
            for _ in 0..3 {
                assert_eq!(request(&mut limiter, connection), Decision::Granted);
            }
        }
        assert_eq!(request(&mut limiter, 4), Decision::Granted, "the tenth");
        assert_eq!(request(&mut limiter, 4), Decision::AppWaits(None));
    }

    #[test]
    fn a_too_many_requests_closes_what_it_concerns_for_as_long_as_it_says() {
        let mut limiter = Limiter::new(&[APP], Duration::from_secs(900));
        let until =
            limiter.limited(Some(1), LimitScope::Connection, Some(Duration::from_secs(12)), now());
        assert_eq!(until, now() + TimeDelta::seconds(12));
        assert_eq!(request(&mut limiter, 1), Decision::ConnectionWaits(Some(until)));
        assert_eq!(request(&mut limiter, 2), Decision::Granted);
        let until = limiter.limited(Some(1), LimitScope::App, None, now());
        assert_eq!(until, now() + TimeDelta::seconds(900));
        assert_eq!(request(&mut limiter, 2), Decision::AppWaits(Some(until)));
    }

    #[test]
    fn an_absurd_wait_is_cut_and_does_no_harm() {
        let mut limiter = Limiter::new(&[APP], Duration::from_secs(60));
        let until = limiter.limited(None, LimitScope::App, Some(Duration::MAX), now());
        assert_eq!(until, now() + TimeDelta::days(2));
    }

    #[test]
    fn a_wait_of_somebody_without_a_connection_closes_nothing() {
        let mut limiter = Limiter::new(&[APP], Duration::from_secs(60));
        limiter.limited(None, LimitScope::Connection, Some(Duration::from_secs(60)), now());
        assert_eq!(request(&mut limiter, 1), Decision::Granted);
    }

    #[test]
    fn what_is_stored_beside_a_write_ahead_still_counts_it() {
        let mut limiter = Limiter::new(&[APP], Duration::from_secs(60));
        assert_eq!(limiter.request(None, Priority::People, now()), Decision::StoreFirst);
        let ahead = limiter.to_store(None);
        assert_eq!(limiter.states(None), ahead, "the later write must not take it back");
    }

    #[test]
    fn a_new_limiter_goes_on_where_the_stored_one_ended() {
        let mut limiter = Limiter::new(&[APP, EACH], Duration::from_secs(60));
        for connection in [1, 1, 1, 2] {
            assert_eq!(request(&mut limiter, connection), Decision::Granted);
            limiter.release(Some(connection), now());
        }
        let mut next = Limiter::new(&[APP, EACH], Duration::from_secs(60));
        for (key, state) in limiter.final_states() {
            next.restore(key, &state, now());
        }
        assert!(matches!(request(&mut next, 1), Decision::ConnectionWaits(Some(_))));
        assert_eq!(next.app_buckets().next().map(|bucket| bucket.used_at(now())), Some(4));
    }
}
