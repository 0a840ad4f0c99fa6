//! Keeps the gauges of the metrics up to date, so that a scrape costs neither a message nor a query.

use std::time::{Duration, Instant};

use actix::prelude::*;

use super::messages::Tree;
use super::shared::Shared;
use super::stats::PartnerNode;
use super::supervisor::Supervisor;
use crate::limits::CircuitState;
use crate::store::Counted;
use crate::telemetry::metrics::PartnerMetrics;

/// How often what is in memory is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// How long counting in the database rests, as a multiple of the time it took: it takes a hundredth of
/// one connection.
const REST: u32 = 100;

/// Keeps the gauges until the task is dropped. `listeners` says how many streams are open.
pub async fn keep_gauges(
    shared: Shared,
    supervisor: Addr<Supervisor>,
    listeners: impl Fn() -> usize,
) {
    let mut count_at = Instant::now();
    loop {
        if let Ok(tree) = supervisor.send(Tree).await {
            for node in &tree.partners {
                if let Some(metrics) = shared.metrics.partner(node.partner) {
                    set_partner(metrics, node);
                }
            }
        }
        let gauges = &shared.metrics.gauges;
        let (busy, readers) = shared.store.readers_used();
        gauges.readers_busy.set(number(busy));
        gauges.readers.set(number(readers));
        gauges.listeners.set(number(listeners()));
        if count_at <= Instant::now() {
            let began = Instant::now();
            let counted = shared.store.counted().await;
            gauges.database_up.set(i64::from(counted.is_ok()));
            if let Ok(counted) = counted {
                set_counted(&shared, counted);
            }
            count_at = Instant::now() + began.elapsed() * REST;
        }
        actix_rt::time::sleep(EVERY).await;
    }
}

fn set_partner(metrics: &PartnerMetrics, node: &PartnerNode) {
    metrics.up.set(i64::from(node.state != "restarting"));
    metrics.set_restarts(node.restarts);
    let Some(actor) = &node.actor else { return };
    metrics.busy.set(number(actor.sessions_busy));
    metrics.waiting.set(number(actor.sessions_waiting));
    metrics.calls_waiting.set(number(actor.calls_waiting));
    metrics.due.set(number(actor.due_now));
    let silent = actor.notifications.as_ref().map_or(0, |it| it.silent_connections);
    metrics.silent.set(i64::try_from(silent).unwrap_or(i64::MAX));
    metrics.circuit.set_only(match actor.circuit {
        CircuitState::Closed => "closed",
        CircuitState::Open => "open",
        CircuitState::HalfOpen => "half_open",
    });
    for bucket in &actor.buckets {
        let is_closed = bucket.closed_until.is_some();
        let left = if is_closed { 0 } else { bucket.limit.saturating_sub(bucket.used) };
        metrics.set_limit(bucket.window_s, bucket.counts, bucket.limit, left);
    }
}

fn set_counted(shared: &Shared, counted: Counted) {
    let gauges = &shared.metrics.gauges;
    gauges.incidents.set_all(counted.incidents);
    gauges.webhook_messages.set(counted.webhook_messages);
    let states = ["working", "failing", "disabled"].map(str::to_owned);
    gauges.webhook_endpoints.set_all(states.into_iter().zip(counted.webhook_endpoints));
    for (name, metrics) in shared.metrics.partners() {
        let own = counted.connections.iter().filter(|(partner, _, _)| partner == name);
        metrics.connections.set_all(own.map(|(_, status, count)| (status.clone(), *count)));
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
