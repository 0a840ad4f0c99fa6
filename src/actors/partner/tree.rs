//! The actor as `GET /admin/api/actors` shows it.

use std::collections::HashMap;

use actix::prelude::*;
use chrono::{DateTime, Utc};

use super::PartnerActor;
use crate::actors::bucket_tree::BucketTree;
use crate::actors::messages::{GetDetails, GetStats, PartnerDetails};
use crate::actors::session_tree::{SessionNode, SessionState, longest};
use crate::actors::stats::{NotificationTree, PartnerTree};

impl Handler<GetStats> for PartnerActor {
    type Result = MessageResult<GetStats>;

    fn handle(&mut self, _: GetStats, _: &mut Self::Context) -> Self::Result {
        let now = self.now();
        let tree = |bucket| BucketTree::new(bucket, self.usage.of(bucket, now), now);
        let buckets = self.limiter.app_buckets().map(tree).collect();
        let (scheduled, overdue) = self.due.counts(now);
        MessageResult(PartnerTree {
            paused_since: self.paused_since(),
            sessions_live: self.live.len(),
            sessions_busy: self.queue.running(),
            sessions_waiting: self.queue.ready(),
            calls_waiting: self.waiters.len(),
            scheduled: scheduled + self.backoff.len(),
            due_now: self.queue.ready() + overdue,
            next_due: self.next_due(),
            sessions: self.sessions(now),
            syncs: self.stats.summary(),
            failed_last_hour: self.stats.failed_last_hour(now),
            newest_data_at: self.stats.newest_data_at(),
            lateness_ms: self.stats.lateness(),
            buckets,
            circuit: self.circuit.state(now),
            circuit_since: self.circuit.open_since(),
            circuit_retry_at: self.circuit.retry_at(),
            notifications: self.reception().map(|it| NotificationTree::new(self.name(), it)),
        })
    }
}

impl Handler<GetDetails> for PartnerActor {
    type Result = MessageResult<GetDetails>;

    fn handle(&mut self, _: GetDetails, _: &mut Self::Context) -> Self::Result {
        let (calls_per_poll, is_measured) = self.incidents.calls_per_poll();
        MessageResult(PartnerDetails {
            quota: self.quota(),
            calls_per_poll,
            is_measured,
            failures: self.failures.latest(),
        })
    }
}

impl PartnerActor {
    /// The sessions that work or wait.
    fn sessions(&self, now: DateTime<Utc>) -> Vec<SessionNode> {
        let waiting: HashMap<_, _> = self
            .waiters
            .values()
            .filter_map(|waiter| Some((waiter.connection?, (waiter.since, waiter.limit.as_ref()?))))
            .collect();
        let running = self.live.iter().filter(|(id, _)| self.queue.is_running(**id));
        let running = running.filter_map(|(id, live)| {
            let (cause, began) = live.work?;
            let limit = waiting.get(id);
            Some(SessionNode {
                connection_id: *id,
                user_id: None,
                state: if limit.is_some() {
                    SessionState::WaitingForLimit
                } else {
                    SessionState::Working
                },
                cause,
                since: limit.map_or(began, |(since, _)| *since),
                waiting_for: limit.map(|(_, limit)| (*limit).clone()),
            })
        });
        let queued = self.queue.waiting().map(|(id, cause, since)| SessionNode {
            connection_id: id,
            user_id: None,
            state: SessionState::Queued,
            cause,
            since: since.min(now),
            waiting_for: None,
        });
        longest(running.chain(queued).collect())
    }
}
