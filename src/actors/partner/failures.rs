//! The last failures of syncs, those of one kind in one entry.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::actors::messages::RecentFailure;
use crate::model::{ConnectionId, SyncOutcome};
use crate::sync::Report;

/// How many kinds are kept.
const KEPT: usize = 12;

/// See the module. The latest is the first.
#[derive(Debug, Default)]
pub(super) struct Failures(VecDeque<RecentFailure>);

impl Failures {
    /// Notes what failed in a sync. A limit or a stop is no failure.
    pub(super) fn note(&mut self, connection: ConnectionId, report: &Report, now: DateTime<Utc>) {
        for failure in report.distinct_failures() {
            if matches!(failure.outcome, SyncOutcome::Limited | SyncOutcome::Interrupted) {
                continue;
            }
            let same =
                |it: &RecentFailure| it.code == failure.code && it.message == failure.message;
            let known = self.0.iter().position(same).and_then(|place| self.0.remove(place));
            let (first_at, times) = known.map_or((now, 0), |known| (known.first_at, known.times));
            self.0.push_front(RecentFailure {
                code: failure.code,
                message: failure.message.clone(),
                times: times + 1,
                first_at,
                last_at: now,
                connection,
            });
            self.0.truncate(KEPT);
        }
    }

    pub(super) fn latest(&self) -> Vec<RecentFailure> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureCode;
    use crate::sync::Failure;

    #[test]
    fn equal_failures_are_one_and_the_latest_comes_first() {
        let mut failures = Failures::default();
        let report = |message: &str, outcome| {
            let (code, message) = (FailureCode::Transient, message.into());
            let error = Some(Failure { code, message, outcome, wait: None, waiting_for: None });
            Report { error, ..Report::default() }
        };
        let mut fails = |connection, message: &str, outcome| {
            failures.note(
                ConnectionId(connection),
                &report(message, outcome),
                DateTime::UNIX_EPOCH,
            );
            failures.latest()
        };
        fails(1, "HTTP 502", SyncOutcome::Failed);
        fails(2, "a limit", SyncOutcome::Limited);
        fails(2, "HTTP 500", SyncOutcome::Failed);
        let latest = fails(3, "HTTP 502", SyncOutcome::Failed);
        let seen: Vec<_> =
            latest.iter().map(|it| (it.message.as_str(), it.times, it.connection.0)).collect();
        assert_eq!(seen, [("HTTP 502", 2, 3), ("HTTP 500", 1, 2)]);
        for number in 0..50 {
            fails(4, &format!("HTTP {number}"), SyncOutcome::Failed);
        }
        assert_eq!(failures.latest().len(), KEPT);
    }
}
