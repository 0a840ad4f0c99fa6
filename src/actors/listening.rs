//! What notifications mean for a sync.

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::Subscribing;

use super::shared::Shared;
use crate::installed::InstalledPartner;
use crate::model::{Cause, Connection};
use crate::sync::{Announced, Job};

/// What a partner announces so soon after a push of ours is the push.
const ECHO: TimeDelta = TimeDelta::minutes(5);

/// Why a sync runs: one that is due since a notification runs for it, also after a restart.
pub(super) fn cause_of(cause: Cause, connection: &Connection) -> Cause {
    let is_announced = match (connection.notified_at, connection.last_poll_at) {
        (Some(notified), Some(polled)) => notified > polled,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if cause == Cause::Schedule && is_announced { Cause::Notification } else { cause }
}

/// Whether what is announced and not found is looked for far back.
pub(super) fn looks_wide(cause: Cause, connection: &Connection, now: DateTime<Utc>) -> bool {
    let is_echo = connection.last_push_at.is_some_and(|at| (now - at).abs() < ECHO);
    let put_off = connection.trust.as_ref().and_then(|trust| trust.look_wide_at);
    (cause == Cause::Notification && !is_echo) || put_off.is_some_and(|at| at <= now)
}

/// What the partner announces to a connection; `None` if it was not asked to.
pub(super) fn announced(shared: &Shared, spec: &InstalledPartner, job: &Job) -> Option<Announced> {
    let reception = shared.receptions.of(spec.name()).filter(|it| it.closed.is_none())?;
    let rules = reception.rules;
    let is_asked = match rules.subscribing {
        Subscribing::PerConnection => job.connection.subscribed_at.is_some(),
        Subscribing::PerApplication => reception.application().subscribed_at.is_some(),
        // Nobody knows whether the address was entered, until something comes.
        Subscribing::InConsole => true,
    };
    let feeds = spec.manifest().feeds.iter();
    let mut polled = feeds.filter(|feed| !job.properties.wanted(feed).is_empty());
    let all = polled.all(|feed| rules.announces(feed.name));
    is_asked.then_some(Announced { rules, all, relaxes: shared.scheduler.relax_when_notified })
}
