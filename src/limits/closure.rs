//! A wait that a partner asked for.
//!
//! Everybody respects it for a quarter of an hour. Then people get a try now and then: an answer that
//! asks for days may have been meant for one user, or may have been a mistake. A try that is not
//! refused ends the wait for all.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Bucket, Priority};

/// The time from one try to the next.
const TRY_EVERY: TimeDelta = TimeDelta::minutes(15);

/// After a try has ended, the refusal has come by this time, if there is one.
const REFUSED_BY: TimeDelta = TimeDelta::seconds(5);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closure {
    until: DateTime<Utc>,
    /// When a person's call is tried nevertheless.
    try_at: DateTime<Utc>,
    /// Whether such a call is under way.
    is_tried: bool,
    /// When it ends because such a call was not refused.
    reopens_at: Option<DateTime<Utc>>,
}

impl Closure {
    pub(super) fn new(until: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { until, try_at: now + TRY_EVERY, is_tried: false, reopens_at: None }
    }

    pub(super) fn until(self) -> DateTime<Utc> {
        self.until
    }

    pub(super) fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.until <= now || self.reopens_at.is_some_and(|at| at <= now)
    }

    /// Whether a call of this priority may be made in spite of it.
    ///
    /// # Errors
    /// The earliest time at which the answer may differ.
    pub(super) fn check(
        &self,
        priority: Priority,
        now: DateTime<Utc>,
    ) -> Result<(), DateTime<Utc>> {
        let next = self.reopens_at.map_or(self.until, |at| at.min(self.until));
        if priority != Priority::Interactive || self.is_tried {
            return Err(next);
        }
        if self.try_at <= now { Ok(()) } else { Err(self.try_at.min(next)) }
    }

    pub(super) fn begin_try(&mut self, now: DateTime<Utc>) {
        (self.is_tried, self.try_at) = (true, now + TRY_EVERY);
    }

    pub(super) fn end_try(&mut self, now: DateTime<Utc>) {
        if std::mem::take(&mut self.is_tried) {
            self.reopens_at = Some(now + REFUSED_BY);
        }
    }

    /// The partner asked once more.
    pub(super) fn extend(&mut self, until: DateTime<Utc>) {
        self.until = self.until.max(until);
        self.reopens_at = None;
    }
}

impl Bucket {
    /// Gives no permits until `until`, but a person's now and then.
    pub fn close_until(&mut self, until: DateTime<Utc>, now: DateTime<Utc>) {
        self.closure.get_or_insert(Closure::new(until, now)).extend(until);
    }

    /// Whether the partner asked for a wait that is not over.
    pub fn is_closed(&mut self, now: DateTime<Utc>) -> bool {
        self.expire(now);
        self.closure.is_some()
    }

    /// Ends a wait that the partner asked for.
    pub fn reopen(&mut self) {
        self.closure = None;
    }

    /// Until when the partner closed the bucket, if it did.
    pub fn closed_until(&self) -> Option<DateTime<Utc>> {
        self.closure.map(Closure::until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    #[test]
    fn people_get_a_try_every_quarter_of_an_hour_and_others_wait() {
        let (person, poll) = (Priority::Interactive, Priority::Scheduled);
        let mut closure = Closure::new(at(600), at(0));
        assert_eq!(closure.check(poll, at(20)), Err(at(600)));
        assert_eq!(closure.check(person, at(14)), Err(at(15)));
        assert_eq!(closure.check(person, at(15)), Ok(()));
        closure.begin_try(at(15));
        assert_eq!(closure.check(person, at(40)), Err(at(600)), "one at a time");
        closure.end_try(at(16));
        closure.extend(at(700));
        assert!(!closure.is_over(at(20)), "it was refused");
        assert_eq!(closure.check(person, at(20)), Err(at(30)));
        closure.begin_try(at(30));
        closure.end_try(at(30));
        assert!(!closure.is_over(at(30)) && closure.is_over(at(31)), "it was not refused");
        assert!(Closure::new(at(5), at(0)).is_over(at(5)));
    }
}
