//! Permits: who may call the partner now.

use actix::prelude::*;
use chrono::{DateTime, Utc};
use partner_sdk::Permit;
use tokio::sync::oneshot;

use super::PartnerActor;
use crate::actors::messages::{Acquire, Limited, Release};
use crate::limits::{BucketKey, Decision};
use crate::model::ConnectionId;

/// A call that waits for its permit.
pub(super) struct Waiter {
    connection: Option<ConnectionId>,
    grant: oneshot::Sender<Permit>,
}

impl PartnerActor {
    /// Gives the permits there are, in order of priority. Returns when there may be more.
    pub(super) fn grant_permits(&mut self, ctx: &mut Context<Self>) -> Option<DateTime<Utc>> {
        let mut next: Option<DateTime<Utc>> = None;
        let mut soonest = |at: Option<DateTime<Utc>>| next = [next, at].into_iter().flatten().min();
        let places: Vec<_> = self.waiters.keys().copied().collect();
        for place in places {
            let now = self.house.now();
            let Some(waiter) = self.waiters.get(&place) else { continue };
            if waiter.grant.is_closed() {
                self.waiters.remove(&place);
                continue;
            }
            match self.limiter.request(waiter.connection, place.0, now) {
                Decision::Granted => {
                    let Some(waiter) = self.waiters.remove(&place) else { continue };
                    let (partner, connection) = (ctx.address(), waiter.connection);
                    // Whoever asked may have gone: then the permit is dropped, and so comes back.
                    drop(
                        waiter
                            .grant
                            .send(Permit::new(move || partner.do_send(Release { connection }))),
                    );
                }
                Decision::StoreFirst => {
                    let connection = waiter.connection;
                    self.store_ahead(connection, ctx);
                    break;
                }
                Decision::AppWaits(at) => {
                    soonest(at);
                    break;
                }
                Decision::ConnectionWaits(at) => soonest(at),
            }
        }
        next
    }

    /// Stores the state of the limits with permits ahead, and goes on when that is done.
    fn store_ahead(&mut self, connection: Option<ConnectionId>, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.storing, true) {
            return;
        }
        let states = self.limiter.to_store(connection);
        let keys: Vec<BucketKey> = states.iter().map(|(key, _)| *key).collect();
        let (store, name) = (self.house.store.clone(), self.name());
        let save = async move { store.save_buckets(name, states).await };
        let saved = save.into_actor(self).map(move |saved, actor, ctx| {
            actor.storing = false;
            keys.into_iter().for_each(|key| actor.limiter.stored(key, saved.is_ok()));
            match saved {
                Ok(()) => {
                    actor.pump(ctx);
                }
                Err(error) => {
                    // Without a record of them no calls are made; the database is tried again.
                    tracing::error!(partner.name = actor.name(), %error, "calls wait for the database");
                    ctx.run_later(std::time::Duration::from_secs(1), Self::pump);
                }
            }
        });
        ctx.spawn(saved);
    }

    /// Stores what the partner asked to wait, so that a restart waits as well.
    fn store_waits(&mut self, connection: Option<ConnectionId>, ctx: &mut Context<Self>) {
        let states = self.limiter.states(connection);
        let (store, name) = (self.house.store.clone(), self.name());
        let save = async move {
            if let Err(error) = store.save_buckets(name, states).await {
                tracing::warn!(partner.name = name, %error, "a wait the partner asked for was not stored");
            }
        };
        ctx.spawn(save.into_actor(self));
    }
}

impl Handler<Acquire> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: Acquire, ctx: &mut Self::Context) {
        self.waiter_number += 1;
        let place = (message.priority, self.waiter_number);
        self.waiters.insert(place, Waiter { connection: message.connection, grant: message.grant });
        self.pump(ctx);
    }
}

impl Handler<Release> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: Release, _: &mut Self::Context) {
        let now = self.now();
        self.limiter.release(message.connection, now);
    }
}

impl Handler<Limited> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: Limited, ctx: &mut Self::Context) {
        let now = self.now();
        let until = self.limiter.limited(message.connection, message.scope, message.wait, now);
        tracing::warn!(
            partner.name = self.name(),
            scope = ?message.scope,
            until = %until.to_rfc3339(),
            "partner says its limit is reached"
        );
        self.store_waits(message.connection, ctx);
        self.pump(ctx);
    }
}
