//! Feedback of partners: what their answers report about limits, and what their refusals mean.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{CallKind, Counts, LimitReading, LimitScope};

use super::limiter::{Limiter, Made};
use super::{Bucket, BucketKey};
use crate::model::ConnectionId;

/// A partner that asks for a longer wait is called again after this: it may have meant something
/// else.
const LONGEST_WAIT: TimeDelta = TimeDelta::days(2);

/// How long a wait requested by a partner is respected.
pub fn longest_wait(asked: Duration) -> TimeDelta {
    TimeDelta::from_std(asked).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

impl Limiter {
    /// Applies the limits that a partner's answer reported. Call it before the call is released.
    /// Returns whether something changed that must be stored.
    pub fn learn(&mut self, readings: &[LimitReading], made: Made, now: DateTime<Utc>) -> bool {
        let mut changed = false;
        for reading in readings {
            let buckets = match (reading.scope, made.connection) {
                (LimitScope::App, _) => Some(&mut self.app),
                (LimitScope::Connection, Some(connection)) => self.connections.get_mut(&connection),
                (LimitScope::Connection, None) => None,
            };
            let reported = buckets.into_iter().flatten().filter(|(key, bucket)| {
                bucket.is_counted() && key.window == reading.per && key.counts == reading.counts
            });
            for (key, bucket) in reported {
                changed |= bucket.learn(reading, made.began, key.counts.includes(made.call), now);
            }
        }
        changed
    }

    /// Handles a "too many requests" answer. Returns until when calls of this kind wait.
    ///
    /// A partner rarely says which of several limits is reached. The usage it reported with the
    /// refusal, which is already learned, may show it: limits that are used up are closed. Without
    /// reported usage it may be any limit that counts such calls and is not known to have capacity
    /// left. Then the shortest of these is closed; if the reached limit was a longer one, this
    /// costs one refused call per shorter window. If no known limit can be the reason, or the
    /// partner states a wait but not for which limit, all calls wait.
    pub fn limited(
        &mut self,
        connection: Option<ConnectionId>,
        call: CallKind,
        scope: LimitScope,
        wait: Option<Duration>,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let asked = now + wait.map_or(self.retry_wait, longest_wait);
        let buckets = match (scope, connection) {
            (LimitScope::App, _) => &mut self.app,
            (LimitScope::Connection, Some(connection)) => self.of_connection(connection),
            // This concerns a user who has no connection yet, and nobody else.
            (LimitScope::Connection, None) => return asked,
        };
        let of_it = |key: &BucketKey, bucket: &Bucket, has_room: Option<bool>| {
            key.counts.includes(call) && bucket.is_counted() && bucket.has_room(now) == has_room
        };
        let is_reported = buckets.iter().any(|(key, bucket)| of_it(key, bucket, Some(false)));
        let unreported = buckets.iter().filter(|(key, bucket)| of_it(key, bucket, None));
        let shortest = unreported.map(|(key, _)| key.window).min().filter(|_| wait.is_none());
        let mut latest = None;
        for (key, bucket) in buckets.iter_mut() {
            let (is_reason, has_end) = match shortest {
                _ if is_reported => (of_it(key, bucket, Some(false)), wait.is_none()),
                Some(per) => (key.window == per && of_it(key, bucket, None), true),
                None => (key.counts == Counts::All, false),
            };
            if is_reason {
                let end = bucket.end_at(now).filter(|_| has_end);
                let until = end.map_or(asked, |end| end.min(now + LONGEST_WAIT));
                bucket.close_until(until, now);
                latest = latest.max(Some(until));
            }
        }
        latest.unwrap_or(asked)
    }
}

#[cfg(test)]
mod tests {
    use CallKind::{Read, Write};
    use partner_sdk::Limit;

    use super::*;
    use crate::limits::{Decision, Priority};

    const QUARTER: Duration = Duration::from_secs(900);
    const DAY: Duration = Duration::from_secs(86_400);
    const RETRY: Duration = Duration::from_secs(60);
    const SLIDING: Limit = Limit::app(10, Duration::from_secs(60));
    /// Strava's limits.
    const FAMILIES: [Limit; 4] = [
        Limit::app(200, QUARTER).fixed(),
        Limit::app(2_000, DAY).fixed(),
        Limit::app(100, QUARTER).fixed().of_reads(),
        Limit::app(1_000, DAY).fixed().of_reads(),
    ];

    /// A time, in seconds after a fixed midnight.
    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
    }

    fn request(
        limiter: &mut Limiter,
        connection: ConnectionId,
        call: CallKind,
        seconds: i64,
    ) -> Decision {
        loop {
            let of = Some(connection);
            let mut decision = limiter.request(of, call, Priority::Interactive, at(seconds));
            if matches!(decision, Decision::AppWaits { is_asked: true, .. }) {
                // A person's call may be tried sooner than others.
                decision = limiter.request(of, call, Priority::Scheduled, at(seconds));
            }
            if let Decision::AppWaits { is_asked, .. } = &mut decision {
                *is_asked = true;
            }
            if decision != Decision::StoreFirst {
                return decision;
            }
            for (key, _) in limiter.to_store(of, call) {
                limiter.stored(key, true);
            }
        }
    }

    fn waits(seconds: i64, counts: Counts) -> Decision {
        Decision::AppWaits { until: at(seconds), counts, is_asked: true }
    }

    /// Makes a call of zero duration whose answer reports these: window length, counts, allowed,
    /// used.
    fn answered(
        limiter: &mut Limiter,
        call: CallKind,
        seconds: i64,
        reported: &[(Duration, Counts, u32, u32)],
    ) -> bool {
        assert_eq!(request(limiter, ConnectionId(1), call, seconds), Decision::Granted);
        let made = Made { connection: Some(ConnectionId(1)), call, began: at(seconds) };
        let reading = |&(per, counts, calls, used): &_| LimitReading {
            scope: LimitScope::App,
            per,
            counts,
            calls,
            used,
            resets_in: None,
        };
        let readings: Vec<_> = reported.iter().map(reading).collect();
        let changed = limiter.learn(&readings, made, at(seconds));
        limiter.release(made, at(seconds));
        changed
    }

    #[test]
    fn a_too_many_requests_closes_what_it_concerns_for_as_long_as_it_says() {
        let mut limiter = Limiter::new(&[SLIDING], false, QUARTER);
        let wait = Some(Duration::from_secs(12));
        let until =
            limiter.limited(Some(ConnectionId(1)), Read, LimitScope::Connection, wait, at(0));
        assert_eq!(until, at(12));
        assert_eq!(
            request(&mut limiter, ConnectionId(1), Read, 0),
            Decision::ConnectionWaits(until)
        );
        assert_eq!(request(&mut limiter, ConnectionId(2), Read, 0), Decision::Granted);
        let until = limiter.limited(Some(ConnectionId(1)), Write, LimitScope::App, None, at(0));
        assert_eq!(until, at(900));
        assert_eq!(request(&mut limiter, ConnectionId(2), Read, 0), waits(900, Counts::All));
    }

    #[test]
    fn an_absurd_wait_is_cut_and_does_no_harm() {
        let mut limiter = Limiter::new(&[SLIDING], false, RETRY);
        let until = limiter.limited(None, Read, LimitScope::App, Some(Duration::MAX), at(0));
        assert_eq!(until, at(0) + TimeDelta::days(2));
        let monthly = Limit::app(10, 30 * DAY).fixed();
        let mut limiter = Limiter::new(&[monthly], false, RETRY);
        let until = limiter.limited(None, Read, LimitScope::App, None, at(0));
        assert_eq!(until, at(0) + TimeDelta::days(2));
    }

    #[test]
    fn a_wait_of_a_user_without_a_connection_closes_nothing() {
        let mut limiter = Limiter::new(&[SLIDING], false, RETRY);
        limiter.limited(None, Read, LimitScope::Connection, Some(RETRY), at(0));
        assert_eq!(request(&mut limiter, ConnectionId(1), Read, 0), Decision::Granted);
    }

    #[test]
    fn a_limit_on_reads_does_not_stop_writes() {
        let mut limiter = Limiter::new(&FAMILIES, false, RETRY);
        for _ in 0..100 {
            assert_eq!(request(&mut limiter, ConnectionId(1), Read, 10), Decision::Granted);
        }
        // Five seconds after the quarter hour: by then it has begun by a slightly different clock,
        // too.
        assert_eq!(request(&mut limiter, ConnectionId(1), Read, 10), waits(905, Counts::Reads));
        for _ in 0..100 {
            assert_eq!(request(&mut limiter, ConnectionId(1), Write, 10), Decision::Granted);
        }
        assert_eq!(request(&mut limiter, ConnectionId(1), Write, 10), waits(905, Counts::All));
    }

    #[test]
    fn a_refusal_without_reported_usage_closes_the_shortest_possible_window() {
        let mut limiter = Limiter::new(&FAMILIES, false, RETRY);
        assert_eq!(limiter.limited(None, Read, LimitScope::App, None, at(1_000)), at(1_805));
        assert_eq!(request(&mut limiter, ConnectionId(1), Write, 1_000), waits(1_805, Counts::All));
        assert_eq!(request(&mut limiter, ConnectionId(1), Read, 1_805), Decision::Granted);
        // If the partner's clock is behind ours, its old window is still open.
        let mut limiter = Limiter::new(&FAMILIES, false, RETRY);
        assert_eq!(limiter.limited(None, Read, LimitScope::App, None, at(1_802)), at(1_805));
        // A sliding minute is tried before a day.
        let limits = [SLIDING, Limit::app(5_000, DAY).fixed()];
        let mut limiter = Limiter::new(&limits, false, RETRY);
        assert_eq!(limiter.limited(None, Read, LimitScope::App, None, at(1_000)), at(1_060));
        // A limit on reads cannot be the reason that a write is refused.
        let limits = [Limit::app(100, QUARTER).fixed().of_reads()];
        let mut limiter = Limiter::new(&limits, false, RETRY);
        assert_eq!(limiter.limited(None, Write, LimitScope::App, None, at(1_000)), at(1_060));
        assert_eq!(request(&mut limiter, ConnectionId(1), Read, 1_000), waits(1_060, Counts::All));
    }

    #[test]
    fn a_refusal_with_reported_usage_closes_the_limits_that_are_used_up() {
        let figures = |quarter, day| {
            [(QUARTER, Counts::Reads, 100, quarter), (DAY, Counts::Reads, 1_000, day)]
                .into_iter()
                .chain([(QUARTER, Counts::All, 200, quarter), (DAY, Counts::All, 2_000, day)])
                .collect::<Vec<_>>()
        };
        for (figures, read, write) in [
            (figures(100, 200), waits(905, Counts::Reads), Decision::Granted),
            (figures(20, 1_000), waits(86_405, Counts::Reads), Decision::Granted),
            // The end of the quarter hour is waited for first; the full day is found after that.
            (figures(101, 2_001), waits(905, Counts::Reads), waits(86_405, Counts::All)),
            // No known limit is used up. The refusal has another reason, and its end is unknown.
            (figures(20, 30), waits(460, Counts::All), waits(460, Counts::All)),
        ] {
            let mut limiter = Limiter::new(&FAMILIES, false, RETRY);
            answered(&mut limiter, Read, 400, &figures);
            limiter.limited(Some(ConnectionId(1)), Read, LimitScope::App, None, at(400));
            assert_eq!(request(&mut limiter, ConnectionId(2), Read, 400), read, "{figures:?}");
            assert_eq!(request(&mut limiter, ConnectionId(2), Write, 400), write, "{figures:?}");
        }
    }

    #[test]
    fn the_limits_a_partner_reports_apply_and_survive_a_restart() {
        let allowed =
            |limiter: &Limiter| limiter.app_buckets().map(Bucket::calls).collect::<Vec<_>>();
        let reported = [(QUARTER, Counts::All, 400, 1), (DAY, Counts::Reads, 500, 1)];
        let mut limiter = Limiter::new(&FAMILIES, false, RETRY);
        assert!(answered(&mut limiter, Read, 100, &reported));
        assert!(
            !answered(&mut limiter, Read, 101, &reported),
            "unchanged limits are not stored on every answer"
        );
        // Quarter hours before days, limits on all calls before limits on reads.
        assert_eq!(allowed(&limiter), [400, 100, 2_000, 500]);
        for (is_bounded, expected) in
            [(false, [400, 100, 2_000, 500]), (true, [200, 100, 2_000, 500])]
        {
            let mut next = Limiter::new(&FAMILIES, is_bounded, RETRY);
            for (key, state) in limiter.states(Some(ConnectionId(1))) {
                next.restore(key, &state, at(200));
            }
            assert_eq!(allowed(&next), expected);
        }
    }

    #[test]
    fn calls_of_others_count_at_once_and_after_a_restart_until_the_window_ends() {
        let mut limiter = Limiter::new(&FAMILIES, false, RETRY);
        assert_eq!(request(&mut limiter, ConnectionId(1), Write, 100), Decision::Granted);
        // The write is in flight and may be missing in the reported usage, so it counts in
        // addition.
        answered(&mut limiter, Read, 100, &[(QUARTER, Counts::All, 200, 120)]);
        let used = |limiter: &Limiter, seconds| {
            limiter.app_buckets().map(|bucket| bucket.used_at(at(seconds))).collect::<Vec<_>>()
        };
        assert_eq!(used(&limiter, 100), [121, 1, 2, 1]);
        // Reported usage below our own count changes nothing.
        answered(&mut limiter, Write, 101, &[(DAY, Counts::All, 2_000, 0)]);
        assert_eq!(used(&limiter, 101), [122, 1, 3, 1]);
        let mut next = Limiter::new(&FAMILIES, false, RETRY);
        for (key, state) in limiter.final_states() {
            next.restore(key, &state, at(300));
        }
        assert_eq!(used(&next, 300), [122, 1, 3, 1]);
        assert_eq!(used(&next, 1_000), [0, 0, 3, 1]);
    }
}
