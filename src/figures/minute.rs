//! What one minute did.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

const MINUTE: i64 = 60;

/// What the daemon did in a minute, or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Minute {
    /// Syncs that ended well.
    pub syncs_done: i64,
    /// Syncs that failed.
    pub syncs_failed: i64,
    /// Syncs that a limit of the partner stopped; they go on when it allows.
    pub syncs_limited: i64,
    /// Records from partners that were new, changed or deleted.
    pub records: i64,
    /// Changes that were pushed to partners.
    pub pushed: i64,
    /// Calls to partners.
    pub calls: i64,
    /// Messages that webhook endpoints took.
    pub deliveries_done: i64,
    /// Attempts to deliver that failed.
    pub deliveries_failed: i64,
    /// How long after its time a poll began: the median, in milliseconds. Null if none began.
    pub late_p50_ms: Option<i64>,
    /// The same for the 95th percentile.
    pub late_p95_ms: Option<i64>,
    /// The same for the last of all.
    pub late_worst_ms: Option<i64>,
}

impl Minute {
    /// Adds what another time did. Of lateness the greater remains.
    pub fn add(&mut self, other: &Self) {
        self.syncs_done += other.syncs_done;
        self.syncs_failed += other.syncs_failed;
        self.syncs_limited += other.syncs_limited;
        self.records += other.records;
        self.pushed += other.pushed;
        self.calls += other.calls;
        self.deliveries_done += other.deliveries_done;
        self.deliveries_failed += other.deliveries_failed;
        self.late_p50_ms = self.late_p50_ms.max(other.late_p50_ms);
        self.late_p95_ms = self.late_p95_ms.max(other.late_p95_ms);
        self.late_worst_ms = self.late_worst_ms.max(other.late_worst_ms);
    }

    /// All syncs.
    pub fn syncs(&self) -> i64 {
        self.syncs_done + self.syncs_failed + self.syncs_limited
    }
}

/// The beginning of the step of `seconds` that a time is in.
pub fn beginning(at: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    let past = at.timestamp().rem_euclid(seconds.max(1));
    DateTime::from_timestamp(at.timestamp() - past, 0).unwrap_or_default()
}

/// The minutes of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Step {
    /// Its beginning.
    pub at: DateTime<Utc>,
    /// How many of its minutes were counted: fewer than it has when the daemon did not run.
    pub minutes: i64,
    /// Their sums.
    #[serde(flatten)]
    #[schema(inline)]
    pub sums: Minute,
}

impl Step {
    /// A sum as a rate.
    pub fn a_minute(&self, sum: i64) -> f64 {
        sum as f64 / self.minutes.max(1) as f64
    }
}

/// Sums minutes, in the order of their times, in steps of some minutes. A step in which nothing was
/// counted is left out.
pub fn steps(minutes: &[(DateTime<Utc>, Minute)], length: i64) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (at, minute) in minutes {
        let at = beginning(*at, length * MINUTE);
        match steps.last_mut().filter(|step| step.at == at) {
            Some(step) => {
                step.minutes += 1;
                step.sums.add(minute);
            }
            None => steps.push(Step { at, minutes: 1, sums: *minute }),
        }
    }
    steps
}

/// The beginning of the minute after that of a time.
pub(super) fn next_minute(at: DateTime<Utc>) -> DateTime<Utc> {
    beginning(at, MINUTE) + TimeDelta::minutes(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn minute(done: i64, late: Option<i64>) -> Minute {
        Minute { syncs_done: done, late_worst_ms: late, ..Minute::default() }
    }

    #[test]
    fn minutes_are_summed_in_steps_and_a_gap_stays_a_gap() {
        let minutes = [
            (at(1), minute(3, Some(5))),
            (at(2), minute(4, None)),
            (at(4), minute(5, Some(2))),
            (at(15), minute(6, None)),
        ];
        let found = steps(&minutes, 5);
        assert_eq!(
            found,
            [
                Step { at: at(0), minutes: 3, sums: minute(12, Some(5)) },
                Step { at: at(15), minutes: 1, sums: minute(6, None) },
            ]
        );
        assert!((found[0].a_minute(found[0].sums.syncs()) - 4.0).abs() < 0.001);
        assert_eq!(steps(&minutes, 1).len(), 4);
        assert_eq!(steps(&[], 5), []);
    }

    #[test]
    fn a_minute_begins_at_its_first_second_also_before_1970() {
        for seconds in [0, 1, 59] {
            assert_eq!(beginning(at(7) + TimeDelta::seconds(seconds), 60), at(7));
            assert_eq!(next_minute(at(7) + TimeDelta::seconds(seconds)), at(8));
        }
        assert_eq!(beginning(at(0) - TimeDelta::seconds(1), 60), at(-1));
        assert_eq!(beginning(at(14), 300), at(10));
    }
}
