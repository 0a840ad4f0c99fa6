//! What a partner actor knows of its schedule: read from the store at the start, and on as time passes.

use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};

use super::PartnerActor;
use crate::limits::longest_wait;
use crate::scheduler::{Backoff, Schedule, ScheduleKey};
use crate::store::Furthest;

impl PartnerActor {
    pub(super) fn next_due(&mut self) -> Option<DateTime<Utc>> {
        self.due.next_at().into_iter().chain(self.backoff.next_at()).min()
    }

    /// Reads more of the schedule when its horizon comes near.
    pub(super) fn read_schedule(&mut self, ctx: &mut Context<Self>) {
        let Some(after) = self.due.begin_reading(self.now()) else { return };
        let (store, name) = (self.shared.store.clone(), self.name());
        let read = async move { store.schedule_after(name, after, Schedule::CHUNK).await };
        let read = read.into_actor(self).map(|read, actor, ctx| match read {
            Ok(keys) => {
                actor.add_to_schedule(&keys);
                actor.pump(ctx);
            }
            Err(error) => {
                tracing::error!(partner.name = actor.name(), %error, "the schedule could not be read on");
                actor.due.not_read();
                ctx.run_later(Duration::from_secs(1), Self::pump);
            }
        });
        ctx.spawn(read);
    }

    pub(super) fn add_to_schedule(&mut self, keys: &[ScheduleKey]) {
        let (queue, backoff) = (&self.queue, &self.backoff);
        self.due.read(keys, |id| queue.is_running(id) || backoff.contains(id));
    }

    /// How far ahead a connection's times can lie.
    fn furthest(&self) -> Furthest {
        let interval = self.shared.policy.longest().mul_f64(1.0 + self.shared.scheduler.jitter);
        let usual = interval.max(Backoff::CONNECTION.longest()) + Duration::from_secs(60);
        let usual = TimeDelta::from_std(usual).unwrap_or(TimeDelta::MAX);
        Furthest { usual, limited: usual.max(longest_wait(Duration::MAX)) }
    }

    /// Loads the schedule and the limits; nothing else is handled until then.
    pub(super) fn load(&mut self, ctx: &mut Context<Self>) {
        let (store, name, before) = (self.shared.store.clone(), self.name(), self.before.take());
        let is_ended = self.spec.ended.is_some();
        let (furthest, now) = (self.furthest(), self.now());
        let load = async move {
            if let Some(before) = before {
                before.tasks.close();
                before.tasks.wait().await;
            }
            if is_ended {
                store.end_partner(name, now).await?;
            }
            let corrected = store.correct_times_far_ahead(name, furthest, now).await?;
            if corrected > 0 {
                tracing::warn!(
                    partner.name = name,
                    corrected,
                    "connections were due later than the settings allow: was the clock ahead?"
                );
            }
            let buckets = store.load_buckets(name, Vec::new()).await?;
            let schedule = store.schedule_after(name, ScheduleKey::START, Schedule::CHUNK).await?;
            let incidents = store.watched_incidents(name).await?;
            let paused = store.paused_since(name).await?;
            Ok::<_, crate::store::StoreError>((buckets, schedule, incidents, paused))
        };
        let loaded = load.into_actor(self).map(|loaded, actor, ctx| match loaded {
            Ok((buckets, schedule, incidents, paused)) => {
                let now = actor.now();
                actor.restore_pause(paused);
                actor.incidents.restore(incidents);
                for (key, state) in buckets {
                    actor.limiter.restore(key, &state, now);
                }
                actor.due.begin_reading(now);
                actor.add_to_schedule(&schedule);
                tracing::info!(
                    partner.name = actor.name(),
                    partner.generation = actor.generation,
                    scheduled = schedule.len(),
                    "partner is ready"
                );
                actor.pump(ctx);
            }
            Err(error) => {
                actor.failure = Some(format!("its schedule could not be loaded: {error}"));
                ctx.stop();
            }
        });
        ctx.wait(loaded);
    }
}
