//! Polls of a connection whose notifications work: few.

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::NotificationRules;

use super::report::Report;
use super::settle::Settlement;
use crate::model::{Connection, SyncOutcome};
use crate::scheduler::{Look, Policy, Standing, Trust, spread};

/// What a partner announces to a connection.
#[derive(Clone, Copy, Debug)]
pub struct Announced {
    /// Of which feeds it announces new data.
    pub rules: &'static NotificationRules,
    /// Whether that is every feed that is polled.
    pub all: bool,
    /// Whether the settings allow fewer polls.
    pub relaxes: bool,
}

/// Notes what a sync showed about the connection's notifications and, if they work, puts off the next
/// poll to the longest interval. `announced` is `None` where none are subscribed to; `random` is from 0
/// to 1.
pub fn relax(
    settlement: &mut Settlement,
    connection: &Connection,
    report: &Report,
    announced: Option<Announced>,
    now: DateTime<Utc>,
    (policy, jitter, random): (&Policy, f64, f64),
) {
    let Some(announced) = announced else {
        settlement.trust = None;
        return;
    };
    let worked = matches!(report.outcome(), SyncOutcome::Ok | SyncOutcome::NotGranted);
    if !report.polled || !worked {
        return;
    }
    let found = report.has_arrivals(|feed| announced.rules.announces(feed));
    let trust = connection.trust.clone().unwrap_or_else(|| Trust::new(now));
    let mut trust = trust.after(Look { now, found, notified_at: connection.notified_at });
    if trust.standing == Standing::Working && announced.all && announced.relaxes {
        let wait = TimeDelta::from_std(spread(policy.longest(), jitter, random));
        settlement.next_poll_at = Some(now + wait.unwrap_or_default());
        settlement.polled_as = policy.last_group();
    }
    // What a sync before that time did not look for is still to be looked for.
    trust.look_wide_at = report.look_wide_at.or(trust.look_wide_at.filter(|at| *at > now));
    if let Some(at) = trust.look_wide_at {
        settlement.next_poll_at = settlement.next_poll_at.map(|next| next.min(at));
    }
    settlement.trust = Some(trust);
}
