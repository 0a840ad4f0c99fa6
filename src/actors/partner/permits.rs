//! Permits: which calls to the partner may be made now.

use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{CallKind, Counts, LimitScope, Permit};
use tokio::sync::oneshot;

use super::PartnerActor;
use crate::actors::messages::{Acquire, EndWait, GetWait, Granted, Limited, NotPermitted, Release};
use crate::limits::{Bucket, BucketKey, BucketState, Decision, Made, Priority};
use crate::model::{ConnectionId, WaitingFor};

/// How long a call waits for its permit in its sync. A sync that would wait longer ends, and goes on
/// when the limit allows: a session that waits keeps everything else of its connection waiting. Longer
/// than the ten seconds that partners ask for between equal calls.
const PATIENCE: TimeDelta = TimeDelta::seconds(20);

/// The same for a browser that waits for its code to be exchanged.
const PATIENCE_OF_CONNECTS: TimeDelta = TimeDelta::seconds(60);

/// A call that waits for its permit.
pub(super) struct Waiter {
    pub(super) connection: Option<ConnectionId>,
    call: CallKind,
    pub(super) since: DateTime<Utc>,
    /// The limit it waits for, if it is one.
    pub(super) limit: Option<String>,
    grant: oneshot::Sender<Result<Granted, NotPermitted>>,
}

impl Waiter {
    fn grant(self, now: DateTime<Utc>, ctx: &Context<PartnerActor>) {
        let Self { connection, call, limit, grant, .. } = self;
        let (partner, made) = (ctx.address(), Made { connection, call, began: now });
        let release = move |readings| partner.do_send(Release { made, readings });
        // The caller may have gone: then the permit is dropped, which releases it.
        drop(grant.send(Ok(Granted { permit: Permit::new(release), waited_for: limit })));
    }
}

impl PartnerActor {
    /// Grants the available permits in order of priority. Returns when there may be more.
    pub(super) fn grant_permits(&mut self, ctx: &mut Context<Self>) -> Option<DateTime<Utc>> {
        let mut next: Option<DateTime<Utc>> = None;
        let mut soonest =
            |at: DateTime<Utc>| next = next.map_or(Some(at), |next| Some(next.min(at)));
        // Which calls are counted by a limit of the application that is reached, and until when.
        let mut reached: Option<(Counts, DateTime<Utc>)> = None;
        let mut to_store = Vec::new();
        let places: Vec<_> = self.waiters.keys().copied().collect();
        for place in places {
            let now = self.shared.now();
            let Some(waiter) = self.waiters.get(&place) else { continue };
            if waiter.grant.is_closed() {
                self.waiters.remove(&place);
                continue;
            }
            let (connection, call, since) = (waiter.connection, waiter.call, waiter.since);
            let earlier = reached.filter(|(counts, _)| counts.includes(call));
            let until = match earlier {
                // Nobody after the one who waits for it gets a permit sooner.
                Some((_, until)) => until,
                None => match self.limiter.request(connection, call, place.0, now) {
                    Decision::Granted => {
                        let Some(waiter) = self.waiters.remove(&place) else { continue };
                        self.incidents.count_call(place.0);
                        self.usage.count(call, place.0, now);
                        waiter.grant(now, ctx);
                        continue;
                    }
                    Decision::StoreFirst => {
                        to_store.push((connection, call));
                        continue;
                    }
                    Decision::AppWaits { until, counts, is_asked } => {
                        // A person's try in spite of a wait concerns nobody else.
                        if !is_asked || place.0 != Priority::Interactive {
                            reached = Some((counts, until));
                        }
                        until
                    }
                    Decision::ConnectionWaits(until) => until,
                },
            };
            if until - since > self.patience(connection, place.0) {
                self.not_permitted(place, until, now);
            } else {
                soonest(until);
                self.note_limit(place, now);
            }
        }
        self.store_ahead(&to_store, ctx);
        next
    }

    /// Notes which limit a call waits for, when it begins to.
    fn note_limit(&mut self, place: (Priority, u64), now: DateTime<Utc>) {
        let Some(waiter) = self.waiters.get(&place).filter(|it| it.limit.is_none()) else { return };
        let limit = self.limiter.reached(waiter.connection, waiter.call, place.0, now);
        let limit = self.named(limit.as_deref().unwrap_or("its limits"));
        self.waiters.entry(place).and_modify(|waiter| waiter.limit = Some(limit));
    }

    /// A limit with its partner.
    fn named(&self, limit: &str) -> String {
        format!("{}: {limit}", self.spec.manifest().title)
    }

    /// How long a call may wait for its permit.
    fn patience(&self, connection: Option<ConnectionId>, priority: Priority) -> TimeDelta {
        let Some(connection) = connection else { return PATIENCE_OF_CONNECTS };
        // A change to push or a person waits for the end of this sync.
        let wanted = self.queue.wanted(connection);
        if wanted.is_some_and(|wanted| wanted <= Priority::Push && wanted < priority) {
            return TimeDelta::zero();
        }
        PATIENCE
    }

    fn waiting_for(&self, limit: &str, until: DateTime<Utc>) -> WaitingFor {
        WaitingFor { limit: self.named(limit), until }
    }

    /// Tells a call which limit it would have to wait for.
    fn not_permitted(&mut self, place: (Priority, u64), until: DateTime<Utc>, now: DateTime<Utc>) {
        let Some(waiter) = self.waiters.remove(&place) else { return };
        let limit = self.limiter.reached(waiter.connection, waiter.call, place.0, now);
        let limit = limit.unwrap_or_else(|| "its limits".to_owned());
        let wait = (until - now).to_std().unwrap_or_default();
        let waiting_for = self.waiting_for(&limit, until);
        drop(waiter.grant.send(Err(NotPermitted { waiting_for, wait })));
    }

    /// Stores the state of the limits with permits ahead for all these calls at once, then goes on.
    fn store_ahead(&mut self, calls: &[(Option<ConnectionId>, CallKind)], ctx: &mut Context<Self>) {
        // Calls that arrive meanwhile are stored together afterwards.
        if calls.is_empty() || std::mem::replace(&mut self.storing, true) {
            return;
        }
        let limiter = &mut self.limiter;
        let states: Vec<_> =
            calls.iter().flat_map(|(of, call)| limiter.to_store(*of, *call)).collect();
        let keys: Vec<BucketKey> = states.iter().map(|(key, _)| *key).collect();
        let (store, name) = (self.shared.store.clone(), self.name());
        let save = async move { store.save_buckets(name, states).await };
        let saved = save.into_actor(self).map(move |saved, actor, ctx| {
            actor.storing = false;
            keys.into_iter().for_each(|key| actor.limiter.stored(key, saved.is_ok()));
            match saved {
                Ok(()) => {
                    actor.pump(ctx);
                }
                Err(error) => {
                    // No calls are made without a record of them; the database is tried again.
                    if !error.is_outage() {
                        tracing::error!(partner.name = actor.name(), %error, "calls wait for the database");
                    }
                    ctx.run_later(Duration::from_secs(1), Self::pump);
                }
            }
        });
        ctx.spawn(saved);
    }

    /// Makes what a wait of the partner had put off due now, because the wait is over.
    pub(super) fn hasten_limited(&mut self, ctx: &mut Context<Self>) {
        let (store, name, now) = (self.shared.store.clone(), self.name(), self.now());
        let hasten = async move { store.hasten_limited(name, now).await };
        let hastened = hasten.into_actor(self).map(move |put_off, actor, ctx| match put_off {
            Ok(put_off) => {
                for connection in put_off {
                    if !actor.queue.is_running(connection) {
                        actor.backoff.remove(connection);
                        actor.due.set(connection, now);
                    }
                }
                actor.pump(ctx);
            }
            Err(error) => {
                tracing::warn!(partner.name = actor.name(), %error, "what was put off stays at its time");
            }
        });
        ctx.spawn(hastened);
    }

    /// Stores what the partner reported, so that it survives a restart.
    fn store_feedback(&mut self, connection: Option<ConnectionId>, ctx: &mut Context<Self>) {
        let states = self.limiter.states(connection);
        self.store_buckets(states, ctx);
    }

    fn store_buckets(&self, states: Vec<(BucketKey, BucketState)>, ctx: &mut Context<Self>) {
        let (store, name) = (self.shared.store.clone(), self.name());
        let save = async move {
            if let Err(error) = store.save_buckets(name, states).await {
                tracing::warn!(partner.name = name, %error, "what the partner said of its limits was not stored");
            }
        };
        ctx.spawn(save.into_actor(self));
    }
}

impl Handler<Acquire> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: Acquire, ctx: &mut Self::Context) {
        let Acquire { connection, call, priority, grant } = message;
        let now = self.now();
        let waiter = Waiter { connection, call, since: now, limit: None, grant };
        // Nearly always there is a permit and no earlier call waits for one.
        if self.waiters.is_empty()
            && self.limiter.request(connection, call, priority, now) == Decision::Granted
        {
            self.incidents.count_call(priority);
            self.usage.count(call, priority, now);
            return waiter.grant(now, ctx);
        }
        self.waiter_number += 1;
        self.waiters.insert((priority, self.waiter_number), waiter);
        self.pump(ctx);
    }
}

impl Handler<Release> for PartnerActor {
    type Result = ();

    fn handle(&mut self, Release { made, readings }: Release, ctx: &mut Self::Context) {
        let now = self.now();
        let changed = self.limiter.learn(&readings, made, now);
        self.limiter.release(made, now);
        if changed {
            let limits =
                self.limiter.app_buckets().map(Bucket::allows).collect::<Vec<_>>().join(", ");
            // What concerns one connection is reported for each of them.
            if readings.iter().any(|reading| reading.scope == LimitScope::App) {
                tracing::info!(partner.name = self.name(), limits, "partner reported its limits");
            }
            self.store_feedback(made.connection, ctx);
            self.pump(ctx);
        }
    }
}

impl Handler<Limited> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: Limited, ctx: &mut Self::Context) {
        let now = self.now();
        let Limited { connection, call, scope, wait, span } = message;
        let until = self.limiter.limited(connection, call, scope, wait, now);
        tracing::warn!(
            parent: &span,
            partner.name = self.name(),
            ?scope,
            until = %until.to_rfc3339(),
            "partner says its limit is reached"
        );
        self.store_feedback(connection, ctx);
        self.pump(ctx);
    }
}

impl Handler<EndWait> for PartnerActor {
    type Result = bool;

    fn handle(&mut self, _: EndWait, ctx: &mut Self::Context) -> bool {
        let reopened = self.limiter.reopen();
        if reopened.is_empty() {
            return false;
        }
        tracing::info!(partner.name = self.name(), "the administrator ended the partner's wait");
        self.store_buckets(reopened, ctx);
        self.was_closed = false;
        self.hasten_limited(ctx);
        self.pump(ctx);
        true
    }
}

impl Handler<GetWait> for PartnerActor {
    type Result = Option<WaitingFor>;

    fn handle(&mut self, _: GetWait, _: &mut Self::Context) -> Option<WaitingFor> {
        let now = self.now();
        let until = self.limiter.room(CallKind::Read, Priority::Scheduled, now).err()?;
        let limit = self.limiter.reached(None, CallKind::Read, Priority::Scheduled, now)?;
        Some(self.waiting_for(&limit, until))
    }
}
