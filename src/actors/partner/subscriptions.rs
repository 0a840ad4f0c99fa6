//! Subscriptions: checked after a connect and once a day, a few at a time.

use std::sync::Arc;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use partner_sdk::Subscribing;

use super::PartnerActor;
use crate::actors::gate::ActorGate;
use crate::actors::messages::CheckSubscription;
use crate::actors::subscribing;
use crate::limits::Priority;
use crate::model::ConnectionId;
use crate::store::{APPLICATION, StoreError};
use crate::sync::ActiveTimeout;

/// How many are checked at a time.
const AT_ONCE: usize = 16;

/// When a connection is looked at again that is syncing.
const BUSY_AGAIN: TimeDelta = TimeDelta::seconds(20);

/// How long after there was none to check it looks again.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(60);

/// As soon as this many connections lack their notifications, the log has a line.
const WORTH_A_LINE: u64 = 3;

/// When subscriptions are checked.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// When it looks next; `None` before the first time.
    next_at: Option<DateTime<Utc>>,
    is_checking: bool,
    /// Whether all were reviewed since the start.
    is_reviewed: bool,
}

impl PartnerActor {
    /// Checks the subscriptions that are due.
    pub(super) fn check_subscriptions(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        let is_time = self.checks.next_at.is_none_or(|at| at <= now || at > now + LOOK_AGAIN * 2);
        let Some(reception) = self.reception().cloned() else { return };
        if !is_time || self.checks.is_checking || self.draining || self.spec.ended.is_some() {
            return;
        }
        self.checks.is_checking = true;
        let (store, name) = (self.shared.store.clone(), self.name());
        let subscribing = reception.rules.subscribing;
        let is_reviewed = std::mem::replace(&mut self.checks.is_reviewed, true);
        let due = async move {
            if !is_reviewed {
                let adds = subscribing == Subscribing::PerConnection && reception.closed.is_none();
                store.review_subscriptions(name, reception.digest(), adds, now).await?;
            }
            let unheard = store.unheard(name, 1_000).await?.len();
            reception.counts.unheard.set(u64::try_from(unheard).unwrap_or(u64::MAX));
            let due = store.subscriptions_due(name, now, AT_ONCE as i64).await?;
            let is_new = subscribing == Subscribing::PerApplication
                && reception.closed.is_none()
                && store.subscription(name, APPLICATION).await?.is_none();
            Ok::<_, StoreError>((due, is_new))
        };
        let before = self.reception().map_or(0, |it| it.counts.unheard.get());
        let due = due.into_actor(self).map(move |due, actor, ctx| {
            match due {
                Ok((mut due, is_new)) => {
                    due.extend(is_new.then_some(APPLICATION));
                    actor.log_silence(before);
                    actor.check_these(due, ctx);
                }
                Err(error) => {
                    if !error.is_outage() {
                        tracing::error!(partner.name = actor.name(), %error, "subscriptions could not be looked up");
                    }
                    actor.checks.is_reviewed = is_reviewed;
                    actor.checked(false);
                }
            }
        });
        ctx.spawn(due);
    }

    fn log_silence(&self, before: u64) {
        let unheard = self.reception().map_or(0, |it| it.counts.unheard.get());
        if unheard >= WORTH_A_LINE && before < WORTH_A_LINE {
            tracing::warn!(
                partner.name = self.name(),
                connections = unheard,
                "notifications are missing that should have come; these connections are polled as often as without"
            );
        }
    }

    fn check_these(&mut self, due: Vec<ConnectionId>, ctx: &mut Context<Self>) {
        if due.is_empty() {
            return self.checked(false);
        }
        let is_full = due.len() >= AT_ONCE;
        // A first sync may take hours, and is followed by a check anyway.
        let (busy, due): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|id| self.queue.is_running(*id));
        if !busy.is_empty() {
            let (store, name, at) =
                (self.shared.store.clone(), self.name(), self.now() + BUSY_AGAIN);
            let put_off = async move {
                if let Err(error) = store.put_off_subscriptions(name, busy, at).await {
                    tracing::warn!(partner.name = name, %error, "checks of subscriptions were not put off");
                }
            };
            ctx.spawn(put_off.into_actor(self));
        }
        let checks: Vec<_> = due.into_iter().map(|id| self.check(id, ctx)).collect();
        let checked = join_all(checks).into_actor(self).map(move |ids, actor, ctx| {
            for id in ids.into_iter().flatten() {
                actor.queue.release(id);
                actor.release_session(id);
            }
            actor.checked(is_full);
            actor.pump(ctx);
        });
        ctx.spawn(checked);
    }

    fn checked(&mut self, more: bool) {
        self.checks.is_checking = false;
        let now = self.now();
        self.checks.next_at = Some(if more { now } else { now + LOOK_AGAIN });
    }

    /// Checks one; the future returns its connection, whose syncs wait until then.
    fn check(
        &mut self,
        id: ConnectionId,
        ctx: &Context<Self>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Option<ConnectionId>>>> {
        if id == APPLICATION {
            let session = self.application_session(ctx);
            let (shared, spec) = (self.shared.clone(), Arc::clone(&self.spec));
            let check =
                async move { subscribing::check_application(&shared, &spec, session).await };
            let task = self.work.tasks.spawn_local(check);
            return Box::pin(async move {
                task.await.unwrap_or_default();
                None
            });
        }
        self.queue.hold(id);
        let live = self.session(id, ctx);
        let (session, cancel) = (live.session.clone(), live.cancel.clone());
        let name = self.name();
        Box::pin(async move {
            match session.send(CheckSubscription { cancel }).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::error!(partner.name = name, connection.id = id.0, %error, "a subscription could not be checked");
                }
            }
            Some(id)
        })
    }

    /// Checks the subscription of a connection that has just synced for the first time.
    pub(super) fn check_subscription_of(&mut self, id: ConnectionId, ctx: &mut Context<Self>) {
        let Some(reception) = self.reception() else { return };
        let is_asked = reception.rules.subscribing == Subscribing::PerConnection;
        if !is_asked || reception.closed.is_some() || self.draining {
            return;
        }
        let check = self.check(id, ctx).into_actor(self).map(move |_, actor, ctx| {
            actor.queue.release(id);
            actor.release_session(id);
            actor.pump(ctx);
        });
        ctx.spawn(check);
    }

    /// A session for calls of the application itself.
    fn application_session(&self, ctx: &Context<Self>) -> partner_sdk::Session {
        let gate = ActorGate {
            partner: ctx.address(),
            connection: None,
            priority: Priority::Scheduled,
            timeout: Arc::new(ActiveTimeout::default()),
            cancel: self.work.cancel.clone(),
            metrics: Arc::clone(&self.metrics),
            call: Default::default(),
        };
        let timeout = self.shared.scheduler.call_timeout;
        self.spec.session(self.client.clone(), Arc::new(gate), timeout)
    }
}
