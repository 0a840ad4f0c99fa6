//! Syncs: which one starts when, and what follows from its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::CallKind;

use super::PartnerActor;
use crate::actors::messages::{
    NextSync, PushWaits, RunSync, SyncEnded, SyncMany, SyncOne, SyncResult,
};
use crate::figures::SyncFigures;
use crate::limits::Priority;
use crate::model::{Cause, ConnectionId, SyncOutcome};
use crate::scheduler::{DueHeap, Start};
use crate::store::StoreError;
use crate::sync::{ActiveTimeout, Job, Report};
use crate::telemetry::traces::TraceContext;

/// How many overdue connections are queued at a time; the others wait in the order of their times.
const MAX_READY: usize = 2_000;

/// How long scheduled syncs gather …
const GATHER: TimeDelta = TimeDelta::milliseconds(3);

/// … and how many must be ready to be loaded while others are being loaded.
const FULL_LOAD: usize = 64;

/// How many calls a sync is expected to make. If all began at once, each would list what is new and
/// none would have calls left to read it.
const CALLS_OF_A_SYNC: u32 = 8;

impl PartnerActor {
    /// Starts as many syncs as may run at the same time. An eighth of the slots is reserved for
    /// interactive syncs, so that a partner that hangs on every call does not make users wait.
    pub(super) fn start_syncs(&mut self, now: DateTime<Utc>, ctx: &mut Context<Self>) {
        if self.draining {
            return;
        }
        while let Some((connection, at)) = self.backoff.pop(now) {
            self.queue.due(connection, at);
        }
        while self.queue.ready() < MAX_READY
            && let Some((connection, at)) = self.due.pop(now)
        {
            self.queue.due(connection, at);
        }
        if self.paused_since().is_some() {
            (self.gathers_until, self.room_at) = (None, None);
            return;
        }
        let mut starts = Vec::new();
        self.take_starts(Priority::Push, usize::MAX, &mut starts, now);
        let room = self.room(now);
        if room > 0 && self.has_gathered(now) {
            self.take_starts(Priority::Backfill, room, &mut starts, now);
        }
        if !starts.is_empty() {
            self.load_and_run(starts, ctx);
        }
    }

    /// How many scheduled syncs the limits leave room for. Others wait here, in the order of their
    /// times, and occupy no session.
    fn room(&mut self, now: DateTime<Utc>) -> usize {
        self.room_at = None;
        if self.queue.ready() == 0 {
            return 0;
        }
        match self.limiter.room(CallKind::Read, Priority::Scheduled, now) {
            Ok(room) => {
                let at_once = usize::try_from(room / CALLS_OF_A_SYNC).unwrap_or(usize::MAX);
                at_once.max(1).saturating_sub(self.queue.running())
            }
            Err(until) => {
                self.gathers_until = None;
                self.room_at = Some(until);
                0
            }
        }
    }

    /// Whether scheduled syncs start now. They gather for a moment, and while others are being
    /// loaded, so that many are loaded at once.
    fn has_gathered(&mut self, now: DateTime<Utc>) -> bool {
        if self.queue.ready() == 0 || self.queue.running() >= self.places_for_all() {
            self.gathers_until = None;
            return false;
        }
        let until = *self.gathers_until.get_or_insert(now + GATHER);
        let places = self.places_for_all().saturating_sub(self.queue.running());
        let is_worth_it = self.loading.is_empty() || places.min(self.queue.ready()) >= FULL_LOAD;
        let has_gathered = until <= now && is_worth_it;
        if has_gathered {
            self.gathers_until = None;
        }
        has_gathered
    }

    fn places_for_all(&self) -> usize {
        let places = self.shared.scheduler.max_busy.max(1);
        places - places / 8
    }

    /// Takes the next syncs of priority `least` or above for which there is a slot.
    fn take_starts(
        &mut self,
        least: Priority,
        most: usize,
        starts: &mut Vec<Start>,
        now: DateTime<Utc>,
    ) {
        let before = starts.len();
        let places = self.shared.scheduler.max_busy.max(1);
        let for_all = self.places_for_all();
        while starts.len() - before < most {
            let running = self.queue.running();
            let circuit = &mut self.circuit;
            let start = self.queue.take(|priority| match priority {
                Priority::Interactive | Priority::Push => running < places,
                Priority::Notification => running < for_all,
                Priority::Scheduled | Priority::Backfill | Priority::Upkeep => {
                    priority <= least && running < for_all && circuit.allows(now)
                }
            });
            match start {
                Some(start) => starts.push(start),
                None => return,
            }
        }
    }

    /// Sets a due time that is not stored.
    pub(super) fn back_off(&mut self, connection: ConnectionId, until: DateTime<Utc>) {
        self.due.remove(connection);
        self.backoff.set(connection, until);
    }

    /// Loads what the syncs start from, all at once, and hands each to its session.
    fn load_and_run(&mut self, starts: Vec<Start>, ctx: &mut Context<Self>) {
        let ids: Vec<ConnectionId> = starts.iter().map(|start| start.connection).collect();
        let new_to_limits: Vec<ConnectionId> = if self.limiter.has_connection_limits() {
            ids.iter().copied().filter(|id| !self.limiter.knows(*id)).collect()
        } else {
            Vec::new()
        };
        self.loading.extend(ids.iter().copied());
        let (store, name) = (self.shared.store.clone(), self.name());
        let load = async move {
            let buckets = if new_to_limits.is_empty() {
                Vec::new()
            } else {
                store.load_buckets(name, new_to_limits).await?
            };
            Ok::<_, StoreError>((store.load_jobs(ids).await?, buckets))
        };
        let loaded = load.into_actor(self).map(move |loaded, actor, ctx| {
            let now = actor.now();
            match loaded {
                Ok((jobs, buckets)) => {
                    for (key, state) in buckets.into_iter().filter(|(key, _)| key.connection.is_some()) {
                        actor.limiter.restore(key, &state, now);
                    }
                    let mut jobs: HashMap<ConnectionId, Job> =
                        jobs.into_iter().map(|job| (job.connection.id, job)).collect();
                    for start in starts {
                        let is_fresh = actor.loading.remove(&start.connection);
                        match jobs.remove(&start.connection) {
                            Some(_) if !is_fresh => {
                                actor.circuit.undecided();
                                actor.ask_again(start, now, now);
                            }
                            Some(job) => actor.run(start, job, ctx),
                            None => actor.nothing_to_run(start.connection),
                        }
                    }
                }
                Err(error) => {
                    if !error.is_outage() {
                        tracing::error!(partner.name = actor.name(), %error, "syncs wait for the database");
                    }
                    actor.circuit.undecided();
                    for start in starts {
                        actor.loading.remove(&start.connection);
                        actor.ask_again(start, now + TimeDelta::seconds(5), now);
                    }
                }
            }
            actor.pump(ctx);
        });
        ctx.spawn(loaded);
    }

    /// Puts back a sync that could not start; its callers go on waiting.
    fn ask_again(&mut self, start: Start, at: DateTime<Utc>, now: DateTime<Utc>) {
        let Start { connection, cause, priority, .. } = start;
        let (waiting, _) = self.queue.finished(connection, now);
        self.queue.request(connection, cause, priority, None, now);
        for reply in waiting {
            self.queue.request(connection, cause, priority, Some(reply), now);
        }
        self.back_off(connection, at);
    }

    fn run(&mut self, start: Start, job: Job, ctx: &Context<Self>) {
        if start.cause == Cause::Schedule {
            self.incidents.count_sync();
            let late = self.now() - self.startable_since(start.since);
            let late = late.to_std().unwrap_or_default();
            self.stats.started_late(late);
            self.shared.figures.began_late(late);
            self.metrics.began_late(late);
        }
        let trace = self.led_by.take(start.connection);
        let (timeout, now) = (Arc::new(ActiveTimeout::default()), self.now());
        self.session(start.connection, ctx);
        let Some(live) = self.live.get_mut(&start.connection) else { return };
        live.timeout = Arc::clone(&timeout);
        live.work = Some((start.cause, now));
        live.session.do_send(RunSync {
            job: Box::new(job),
            cause: start.cause,
            priority: start.priority,
            cancel: live.cancel.clone(),
            timeout,
            trace,
        });
    }

    /// Reports to the callers that the connection is not connected any more.
    fn nothing_to_run(&mut self, connection: ConnectionId) {
        self.led_by.take(connection);
        let now = self.now();
        let (waiting, again) = self.queue.finished(connection, now);
        waiting.into_iter().for_each(|reply| drop(reply.send(SyncResult::NotConnected)));
        if let Some(again) = again {
            self.back_off(connection, again);
        }
        self.circuit.undecided();
        self.release_session(connection);
    }

    /// Counts the end of a sync in the metrics.
    fn count(&self, report: &Report, cause: Cause, took: Duration) {
        self.metrics.sync_ended(report.outcome(), cause, took);
        self.metrics.read(report.totals());
        if let Some(push) = &report.push {
            self.metrics.pushed([push.created, push.updated, push.deleted, push.refused]);
        }
    }

    pub(super) fn ask_for_sync(&mut self, mut message: SyncOne, cause: Cause, priority: Priority) {
        let now = self.now();
        self.led_by.note(message.connection, &message.trace);
        if let Some(since) = self.paused_since()
            && let Some(reply) = message.reply.take()
        {
            // The sync waits for its turn; its caller need not.
            drop(reply.send(SyncResult::Paused(since)));
        }
        let gap = self.queue.request(message.connection, cause, priority, message.reply, now);
        let is_running = self.queue.is_running(message.connection);
        if cause == Cause::Push && is_running && self.paused_since().is_none() {
            // A first sync may take long; what a person changed does not wait for it.
            self.live.get(&message.connection).inspect(|live| live.timeout.make_room());
        }
        match gap {
            Some(until) => self.back_off(message.connection, until),
            // It is queued now; its regular time would only make it run twice.
            None => {
                self.due.remove(message.connection);
                self.backoff.remove(message.connection);
            }
        }
    }
}

impl Handler<SyncOne> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: SyncOne, ctx: &mut Self::Context) {
        fail::fail_point!(&format!("partner_actor::sync_now::{}", self.name()));
        self.ask_for_sync(message, Cause::Request, Priority::Interactive);
        self.pump(ctx);
    }
}

impl Handler<PushWaits> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: PushWaits, ctx: &mut Self::Context) {
        let PushWaits { connection, trace } = message;
        let asked = SyncOne { connection, reply: None, trace };
        self.ask_for_sync(asked, Cause::Push, Priority::Push);
        self.pump(ctx);
    }
}

impl Handler<SyncMany> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: SyncMany, ctx: &mut Self::Context) {
        for connection in message.connections {
            self.ask_for_sync(
                SyncOne { connection, reply: None, trace: TraceContext::default() },
                Cause::Request,
                Priority::Scheduled,
            );
        }
        self.pump(ctx);
    }
}

impl Handler<SyncEnded> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: SyncEnded, ctx: &mut Self::Context) {
        let SyncEnded { connection, report, next, duration, cause, span } = message;
        let now = self.now();
        self.quiet.note(connection, cause, &report, now);
        let outcome = report.outcome();
        self.stats.add(outcome, duration);
        self.stats.count(&report, now);
        let [created, updated, deleted, _] = report.totals();
        self.shared.figures.sync_ended(SyncFigures {
            outcome,
            records: created + updated + deleted,
            pushed: report.pushed(),
            calls: report.calls.reads + report.calls.writes + report.calls.tokens,
        });
        self.count(&report, cause, duration);
        if report.reached_partner() {
            self.circuit.succeeded();
        } else if report.failures().any(|failure| failure.is_partners()) {
            self.circuit.failed(now, rand::random());
        } else {
            self.circuit.undecided();
        }
        self.failures.note(connection, &report, now);
        self.note_incidents(connection, &report, now, ctx);
        if outcome == SyncOutcome::Ended {
            tracing::warn!(
                parent: &span,
                partner.name = self.name(),
                "partner has ended its service; polling stops"
            );
            self.due.end();
            self.backoff = DueHeap::default();
        } else {
            match next {
                NextSync::Stored(Some(at)) => self.due.set(connection, at),
                NextSync::Stored(None) => {}
                NextSync::Unstored(at) => self.back_off(connection, at),
            }
        }
        let (waiting, again) = self.queue.finished(connection, now);
        for reply in waiting {
            // The caller may have gone.
            drop(reply.send(SyncResult::Done(Box::new(report.clone()))));
        }
        if let Some(again) = again {
            self.back_off(connection, self.quiet.not_before(connection, again, &self.queue));
        }
        self.release_session(connection);
        if cause == Cause::Connect {
            self.check_subscription_of(connection, ctx);
        }
        if duration > Duration::from_secs(600) {
            tracing::info!(
                parent: &span,
                partner.name = self.name(),
                connection.id = connection.0,
                ?duration,
                "a long sync ended"
            );
        }
        self.pump(ctx);
    }
}
