//! What concerns the whole partner: an outage, limits, the clock. Seen here with every sync and written
//! when it begins and ends.

use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::CallKind;

use super::PartnerActor;
use crate::actors::messages::{Availability, GetAvailability, GetWait};
use crate::incidents::{CallsPerSync, IncidentCode, NewIncident, Subject, Watch, assess};
use crate::limits::{Bucket, Priority};
use crate::model::{ConnectionId, SyncOutcome};
use crate::sync::Report;

/// How often the users are compared with the limits.
const ASSESS_EVERY: TimeDelta = TimeDelta::hours(1);

/// A wait for a limit that is longer than syncs wait out: see the patience of calls in `permits.rs`.
const LONG_WAIT: TimeDelta = TimeDelta::seconds(20);

/// What the actor knows about the incidents of its partner.
pub(super) struct Incidents {
    watch: Watch,
    calls: CallsPerSync,
    assess_at: DateTime<Utc>,
    /// Whether what is open in the store is known.
    is_loaded: bool,
}

impl Incidents {
    pub(super) fn new(feeds: usize) -> Self {
        Self {
            watch: Watch::default(),
            calls: CallsPerSync::of_feeds(feeds),
            assess_at: DateTime::UNIX_EPOCH,
            is_loaded: false,
        }
    }

    pub(super) fn restore(
        &mut self,
        open: Vec<(IncidentCode, Option<ConnectionId>, DateTime<Utc>)>,
    ) {
        for (code, connection, last_at) in open {
            self.watch.restore((code, connection), last_at);
        }
        self.is_loaded = true;
    }

    /// A call got its permit.
    pub(super) fn count_call(&mut self, priority: Priority) {
        if priority == Priority::Scheduled {
            self.calls.count_call();
        }
    }

    /// How many calls a poll makes, and whether that was measured or is a guess.
    pub(super) fn calls_per_poll(&self) -> (f64, bool) {
        (self.calls.mean(), self.calls.is_measured())
    }

    /// A scheduled sync began.
    pub(super) fn count_sync(&mut self) {
        self.calls.count_sync();
    }
}

impl PartnerActor {
    /// What the end of a sync shows about the partner.
    pub(super) fn note_incidents(
        &mut self,
        connection: ConnectionId,
        report: &Report,
        now: DateTime<Utc>,
        ctx: &mut Context<Self>,
    ) {
        if report.reached_partner() {
            let why = "a sync reached it";
            self.incident_over(IncidentCode::PartnerDown, None, why, now, ctx);
        } else if self.circuit.retry_at().is_some()
            && report.failures().any(|failure| failure.is_partners())
        {
            self.incident_seen(IncidentCode::PartnerDown, None, None, now, ctx);
        }
        let ahead = report.feeds.iter().filter_map(|feed| feed.clock_ahead).max();
        if let Some(ahead) = ahead {
            let hours = ahead.num_hours();
            let ahead = if hours > 48 {
                format!("by {} days", hours / 24)
            } else {
                format!("by {hours} h")
            };
            self.incident_seen(IncidentCode::ClockSkew, None, Some(ahead), now, ctx);
        } else if report.feeds.iter().any(|feed| feed.pages > 0) {
            let why = "both clocks agree";
            self.incident_over(IncidentCode::ClockSkew, None, why, now, ctx);
        }
        let limited = report.worst().filter(|worst| worst.outcome == SyncOutcome::Limited);
        if let Some(limited) = limited {
            let is_apps = self.limiter.room(CallKind::Read, Priority::Scheduled, now).is_err();
            let about = (!is_apps).then_some(connection);
            let detail = limited.waiting_for.as_ref().map(|waiting| waiting.limit.clone());
            self.incident_seen(IncidentCode::LimitExhausted, about, detail, now, ctx);
            if let Some(waiting) = &limited.waiting_for {
                let key = (IncidentCode::LimitExhausted, about);
                self.incidents.watch.lasts(key, waiting.until);
            }
        }
    }

    /// What shows without a sync: limits that let none start, or do so again, and too many users.
    pub(super) fn review_incidents(&mut self, now: DateTime<Utc>, ctx: &mut Context<Self>) {
        if !self.incidents.is_loaded || self.draining {
            return;
        }
        let code = IncidentCode::LimitExhausted;
        let waits = self.room_at.is_some_and(|at| at - now > LONG_WAIT);
        if waits && self.incidents.watch.goes_on((code, None), now) {
            let limit = self.limiter.reached(None, CallKind::Read, Priority::Scheduled, now);
            let detail = limit.map(|limit| format!("{}: {limit}", self.spec.manifest().title));
            self.open_incident(code, None, detail, 1, now, ctx);
        }
        for (code, connection) in self.incidents.watch.quiet(code, now) {
            if self.limiter.room(CallKind::Read, Priority::Scheduled, now).is_ok() {
                let why = "nothing waited for it for ten minutes";
                self.incident_over(code, connection, why, now, ctx);
            }
        }
        if self.incidents.assess_at <= now {
            self.incidents.assess_at = now + ASSESS_EVERY;
            self.assess_quota(ctx);
        }
    }

    /// How many calls the application may make, and in which time.
    pub(super) fn quota(&self) -> Vec<(u32, Duration)> {
        let all = self.limiter.app_buckets();
        all.map(|bucket: &Bucket| (bucket.calls(), bucket.limit().per)).collect()
    }

    fn assess_quota(&mut self, ctx: &mut Context<Self>) {
        let limits = self.quota();
        if limits.is_empty() {
            let why = "nothing limits its calls any more";
            return self.incident_over(IncidentCode::QuotaTooSmall, None, why, self.now(), ctx);
        }
        let (store, name) = (self.shared.store.clone(), self.name());
        let count = async move { store.connection_counts(name).await };
        let counted = count.into_actor(self).map(move |counted, actor, ctx| {
            let Ok(counts) = counted else { return };
            let (policy, now) = (&actor.shared.policy, actor.now());
            let users = counts.polled_at(policy.intervals());
            let calls = actor.incidents.calls.mean();
            let Some(found) = assess(&users, policy.interval(0), calls, &limits) else { return };
            let code = IncidentCode::QuotaTooSmall;
            if found.is_too_small() {
                actor.incident_seen(code, None, Some(found.in_words()), now, ctx);
            } else {
                let why = "the limits are enough for all users";
                actor.incident_over(code, None, why, now, ctx);
            }
        });
        ctx.spawn(counted);
    }

    fn incident_seen(
        &mut self,
        code: IncidentCode,
        connection: Option<ConnectionId>,
        detail: Option<String>,
        now: DateTime<Utc>,
        ctx: &mut Context<Self>,
    ) {
        if let Some(times) = self.incidents.watch.seen((code, connection), now) {
            self.open_incident(code, connection, detail, times, now, ctx);
        }
    }

    fn subject(&self, connection: Option<ConnectionId>) -> Subject {
        connection.map_or_else(|| Subject::Partner(self.name().to_owned()), Subject::Connection)
    }

    fn open_incident(
        &self,
        code: IncidentCode,
        connection: Option<ConnectionId>,
        detail: Option<String>,
        times: u32,
        now: DateTime<Utc>,
        ctx: &mut Context<Self>,
    ) {
        let (store, name) = (self.shared.store.clone(), self.name());
        let new = NewIncident { detail, times, ..NewIncident::new(code, self.subject(connection)) };
        let open = async move {
            if let Err(error) = store.open_incident(new, now).await {
                tracing::warn!(partner.name = name, code = code.name(), %error, "an incident was not stored");
            }
        };
        ctx.spawn(open.into_actor(self));
    }

    fn incident_over(
        &mut self,
        code: IncidentCode,
        connection: Option<ConnectionId>,
        why: &'static str,
        now: DateTime<Utc>,
        ctx: &mut Context<Self>,
    ) {
        let Some(times) = self.incidents.watch.over((code, connection)) else { return };
        let (store, name, subject) =
            (self.shared.store.clone(), self.name(), self.subject(connection));
        let close = async move { store.close_incident(code, subject, times, why, now).await };
        let closed = close.into_actor(self).map(move |closed, actor, _| {
            if let Err(error) = closed {
                tracing::warn!(partner.name = name, code = code.name(), %error, "the end of an incident was not stored; it is tried again");
                actor.incidents.watch.restore((code, connection), now);
            }
        });
        ctx.spawn(closed);
    }
}

impl Handler<GetAvailability> for PartnerActor {
    type Result = MessageResult<GetAvailability>;

    fn handle(&mut self, _: GetAvailability, ctx: &mut Self::Context) -> Self::Result {
        MessageResult(Availability {
            retry_at: self.circuit.retry_at(),
            waiting_for: <Self as Handler<GetWait>>::handle(self, GetWait, ctx),
        })
    }
}
