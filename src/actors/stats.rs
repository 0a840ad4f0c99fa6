//! The content of `GET /admin/api/actors`.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use partner_sdk::Subscribing;
use serde::Serialize;
use utoipa::ToSchema;

use super::bucket_tree::BucketTree;
use super::last_hour::LastHour;
use super::session_tree::SessionNode;
use super::subscribing::closed_reason;
use crate::limits::CircuitState;
use crate::model::SyncOutcome;
use crate::reception::Reception;
use crate::sync::Report;

/// How many of the latest durations the percentiles cover.
const LATEST: usize = 4_096;

/// The whole tree.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActorTree {
    /// Its root.
    pub supervisor: SupervisorTree,
    /// The partner actors.
    pub partners: Vec<PartnerNode>,
}

/// The supervisor.
#[derive(Debug, Serialize, ToSchema)]
pub struct SupervisorTree {
    /// Seconds since it started.
    pub uptime_s: i64,
    /// How often it restarted a partner actor.
    pub restarts: u32,
}

/// One partner actor as the supervisor sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartnerNode {
    /// The partner.
    pub partner: &'static str,
    /// `running`, `paused`, `restarting`, or `busy` (alive, but did not answer in time).
    pub state: &'static str,
    /// 1 for the first actor; increases by one with each restart.
    pub generation: u32,
    /// How often it was restarted.
    pub restarts: u32,
    /// When the current actor started.
    pub started_at: DateTime<Utc>,
    /// When the next one starts, while there is none.
    pub restart_at: Option<DateTime<Utc>>,
    /// Why the last one stopped.
    pub last_failure: Option<ActorFailure>,
    /// What the actor reports about itself.
    #[serde(flatten)]
    #[schema(inline)]
    pub actor: Option<PartnerTree>,
}

/// The end of an actor.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActorFailure {
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// One partner actor as it reports itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartnerTree {
    /// Since when the administrator lets no syncs start, if so.
    pub paused_since: Option<DateTime<Utc>>,
    /// Live sessions.
    pub sessions_live: usize,
    /// Sessions with a running sync.
    pub sessions_busy: usize,
    /// Syncs that are ready and wait for a slot.
    pub sessions_waiting: usize,
    /// Calls that wait for a permit.
    pub calls_waiting: usize,
    /// Connections whose next poll or push is near enough to be in memory.
    pub scheduled: usize,
    /// Connections that are due and have not started.
    pub due_now: usize,
    /// When the next one is due.
    pub next_due: Option<DateTime<Utc>>,
    /// The sessions that work or wait, those that have for the longest first; at most 50.
    pub sessions: Vec<SessionNode>,
    /// The syncs of this generation.
    pub syncs: SyncSummary,
    /// How many syncs failed within the last hour, as far as this generation runs.
    pub failed_last_hour: u64,
    /// When data last came from the partner or was pushed there, in this generation.
    pub newest_data_at: Option<DateTime<Utc>>,
    /// How long after their time the latest scheduled syncs started.
    pub lateness_ms: Lateness,
    /// The application's rate limits.
    pub buckets: Vec<BucketTree>,
    /// Whether the partner as a whole seems to work.
    #[schema(value_type = String, example = "closed")]
    pub circuit: CircuitState,
    /// Since when it does not, if so.
    pub circuit_since: Option<DateTime<Utc>>,
    /// When it is tried again, if it does not.
    pub circuit_retry_at: Option<DateTime<Utc>>,
    /// Its notifications, if it sends any.
    pub notifications: Option<NotificationTree>,
}

/// A partner's notifications since the start.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotificationTree {
    /// How the partner learns the address: `per_connection`, `per_application`, or `in_console` (by
    /// hand: `syncwell partner list` prints it).
    pub subscribing: &'static str,
    /// Why none are taken or asked for, if so.
    pub closed: Option<String>,
    /// Notifications that were stored.
    pub taken: u64,
    /// When the last of them came.
    pub last_at: Option<DateTime<Utc>>,
    /// Parts of handshakes.
    pub handshakes: u64,
    /// Notifications about nobody who is connected.
    pub unknown_user: u64,
    /// Calls that were not the partner's, or not of its form.
    pub refused: u64,
    /// Notifications that could not be stored in the partner's time.
    pub late: u64,
    /// Connections whose notifications are missing although they should have come.
    pub silent_connections: u64,
    /// Since when the subscription of the application as a whole is in place.
    pub subscribed_at: Option<DateTime<Utc>>,
    /// When that was last checked.
    pub checked_at: Option<DateTime<Utc>>,
    /// Why it is not in place.
    pub error: Option<String>,
}

impl NotificationTree {
    pub(super) fn new(partner: &str, reception: &Reception) -> Self {
        let (counts, application) = (&reception.counts, reception.application());
        Self {
            subscribing: match reception.rules.subscribing {
                Subscribing::PerConnection => "per_connection",
                Subscribing::PerApplication => "per_application",
                Subscribing::InConsole => "in_console",
            },
            closed: reception.closed.as_ref().map(|closed| closed_reason(closed, partner)),
            taken: counts.taken.get(),
            last_at: counts.last_taken(),
            handshakes: counts.handshakes.get(),
            unknown_user: counts.unknown_user.get(),
            refused: counts.refused.get(),
            late: counts.late.get(),
            silent_connections: counts.unheard.get(),
            subscribed_at: application.subscribed_at,
            checked_at: application.checked_at,
            error: application.error,
        }
    }
}

/// The syncs of a partner actor.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncSummary {
    /// Syncs that succeeded.
    pub done: u64,
    /// Syncs that failed.
    pub failed: u64,
    /// Syncs that a limit stopped.
    pub limited: u64,
    /// The median duration of the latest syncs, in milliseconds.
    pub duration_p50_ms: Option<u64>,
    /// The 95th percentile of the latest syncs' durations, in milliseconds.
    pub duration_p95_ms: Option<u64>,
    /// The longest of the latest syncs, in milliseconds.
    pub duration_max_ms: Option<u64>,
}

/// How late scheduled syncs started, in milliseconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lateness {
    /// The median of the latest syncs.
    pub p50: Option<u64>,
    /// The 99th percentile of the latest syncs.
    pub p99: Option<u64>,
    /// The worst of this generation.
    pub worst: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct SyncStats {
    done: u64,
    failed: u64,
    limited: u64,
    durations: Latest,
    lateness: Latest,
    worst_lateness: Option<Duration>,
    lately: Lately,
    failures: LastHour,
    newest_data_at: Option<DateTime<Utc>>,
}

/// What the syncs of a time did, for a line in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lately {
    pub(super) syncs: u64,
    pub(super) failed: u64,
    pub(super) limited: u64,
    /// Records that are new, changed, deleted and refused.
    pub(super) records: [u64; 4],
    pub(super) pushed: u64,
}

/// The latest durations of one kind.
#[derive(Debug, Default)]
struct Latest(VecDeque<Duration>);

impl Latest {
    fn add(&mut self, duration: Duration) {
        if self.0.len() == LATEST {
            self.0.pop_front();
        }
        self.0.push_back(duration);
    }

    /// The durations in milliseconds at these percentiles.
    fn percentiles<const N: usize>(&self, percents: [usize; N]) -> [Option<u64>; N] {
        let mut sorted: Vec<Duration> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        percents.map(|percent| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().map(millis)
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl SyncStats {
    pub(super) fn add(&mut self, outcome: SyncOutcome, duration: Duration) {
        match outcome {
            SyncOutcome::Ok | SyncOutcome::NotGranted => self.done += 1,
            SyncOutcome::Limited => self.limited += 1,
            SyncOutcome::Interrupted => return,
            SyncOutcome::Failed | SyncOutcome::NeedsReconnect | SyncOutcome::Ended => {
                self.failed += 1
            }
        }
        self.durations.add(duration);
    }

    /// Counts what a sync did.
    pub(super) fn count(&mut self, report: &Report, now: DateTime<Utc>) {
        if report.had_data() {
            self.newest_data_at = Some(now);
        }
        let lately = &mut self.lately;
        lately.syncs += 1;
        lately.pushed += u64::from(report.pushed());
        match report.outcome() {
            SyncOutcome::Ok | SyncOutcome::Interrupted => {}
            SyncOutcome::Limited => lately.limited += 1,
            _ => {
                lately.failed += 1;
                self.failures.count(now);
            }
        }
        for (sum, count) in lately.records.iter_mut().zip(report.totals()) {
            *sum += u64::from(count);
        }
    }

    /// How many syncs failed within the last hour.
    pub(super) fn failed_last_hour(&self, now: DateTime<Utc>) -> u64 {
        self.failures.sum(now)
    }

    /// When data last came or was pushed.
    pub(super) fn newest_data_at(&self) -> Option<DateTime<Utc>> {
        self.newest_data_at
    }

    /// What was counted since the last call.
    pub(super) fn take_lately(&mut self) -> Lately {
        std::mem::take(&mut self.lately)
    }

    /// Records how long after its time a scheduled sync started.
    pub(super) fn started_late(&mut self, by: Duration) {
        self.lateness.add(by);
        self.worst_lateness = self.worst_lateness.max(Some(by));
    }

    pub(super) fn lateness(&self) -> Lateness {
        let [p50, p99] = self.lateness.percentiles([50, 99]);
        Lateness { p50, p99, worst: self.worst_lateness.map(millis) }
    }

    pub(super) fn summary(&self) -> SyncSummary {
        let [duration_p50_ms, duration_p95_ms, duration_max_ms] =
            self.durations.percentiles([50, 95, 100]);
        SyncSummary {
            done: self.done,
            failed: self.failed,
            limited: self.limited,
            duration_p50_ms,
            duration_p95_ms,
            duration_max_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureCode;
    use crate::sync::Failure;

    #[test]
    fn what_syncs_did_is_counted_until_it_is_reported() {
        let mut stats = SyncStats::default();
        let failure = Failure {
            code: FailureCode::Transient,
            message: "down".into(),
            outcome: SyncOutcome::Failed,
            wait: None,
            waiting_for: None,
        };
        let now = DateTime::UNIX_EPOCH;
        stats.count(&Report::default(), now);
        stats.count(&Report { error: Some(failure), ..Report::default() }, now);
        assert_eq!((stats.failed_last_hour(now), stats.newest_data_at()), (1, None));
        let expected = Lately { syncs: 2, failed: 1, ..Lately::default() };
        assert_eq!(stats.take_lately(), expected);
        assert_eq!(stats.take_lately(), Lately::default());
    }
}
