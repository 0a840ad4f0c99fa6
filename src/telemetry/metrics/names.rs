//! The names of the metrics, what they say, and their labels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::daemon::{Store, Webhooks};
use super::partner::PartnerMetrics;
use super::series::{Labels, Series, Typed};

type Partners = BTreeMap<&'static str, Arc<PartnerMetrics>>;

/// Seconds since a moment.
#[derive(Debug)]
struct Since(Instant);

impl EncodeMetric for Since {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.encode_gauge(&self.0.elapsed().as_secs_f64())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

pub(super) fn of_daemon(to: &mut Registry, metrics: &Metrics, started: Instant) {
    let build = Gauge::<i64>::default();
    build.set(1);
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    to.register("build_info", "Which version runs; always 1", Series(vec![(version, build)]));
    to.register("uptime_seconds", "How long the daemon has been running", Since(started));
    let http = metrics.http.requests.series();
    to.register(
        "http_request_seconds",
        "Time until requests were answered, by class of status",
        Series(http),
    );
    let gauges = &metrics.gauges;
    to.register(
        "database_up",
        "Whether the last sample could be read from the database",
        gauges.database_up.clone(),
    );
    to.register(
        "database_readers_busy",
        "Connections of the pool that read now",
        gauges.readers_busy.clone(),
    );
    to.register(
        "database_readers",
        "Connections for reading that the pool has",
        gauges.readers.clone(),
    );
    to.register(
        "incidents_open",
        "Open entries of the error log, by code",
        Series(gauges.incidents.series()),
    );
    to.register("feed_listeners", "Streams of changes that are open", gauges.listeners.clone());
    to.register(
        "webhook_messages_waiting",
        "Messages to webhook endpoints that were begun and are not over",
        gauges.webhook_messages.clone(),
    );
    to.register(
        "webhook_endpoints",
        "Webhook endpoints, by state",
        Series(gauges.webhook_endpoints.series()),
    );
}

pub(super) fn of_store(to: &mut Registry, store: &Store) {
    to.register(
        "store_commit_seconds",
        "Time that transactions of the writer took, from their beginning to their commit",
        store.commit_seconds.clone(),
    );
    to.register("store_commit_units", "Writes in one transaction", store.commit_units.clone());
    to.register(
        "store_commit_records",
        "Records of partners in one transaction",
        store.commit_records.clone(),
    );
    to.register(
        "store_commits",
        "Transactions of the writer, by outcome",
        Series(store.commits.series()),
    );
    to.register(
        "store_read_seconds",
        "Time that reads took once they had a connection",
        store.read_seconds.clone(),
    );
    to.register(
        "store_reader_wait_seconds",
        "Time that reads waited for a connection",
        store.reader_wait_seconds.clone(),
    );
}

pub(super) fn of_webhooks(to: &mut Registry, webhooks: &Webhooks) {
    to.register(
        "webhook_attempt_seconds",
        "Time that attempts to deliver a webhook message took, by outcome",
        Series(webhooks.attempts.series()),
    );
    to.register(
        "webhook_delay_seconds",
        "Time from the first change in a message to its delivery",
        webhooks.delay_seconds.clone(),
    );
    to.register(
        "webhook_messages_given_up",
        "Webhook messages that are tried no more",
        webhooks.given_up.clone(),
    );
}

/// The series of all partners, each with its partner as a label.
fn each<M: Typed>(
    partners: &Partners,
    of: impl Fn(&PartnerMetrics) -> Vec<(Labels, M)>,
) -> Series<M> {
    let with_name = |(name, metrics): (&&'static str, &Arc<PartnerMetrics>)| {
        let label = ("partner", (*name).to_owned());
        let named = of(metrics).into_iter();
        named
            .map(|(labels, metric)| ([label.clone()].into_iter().chain(labels).collect(), metric))
            .collect::<Vec<_>>()
    };
    Series(partners.iter().flat_map(with_name).collect())
}

fn one<M>(metric: M) -> Vec<(Labels, M)> {
    vec![(Vec::new(), metric)]
}

pub(super) fn of_partners(to: &mut Registry, partners: &Partners) {
    to.register(
        "syncs",
        "Syncs that ended, by outcome and cause",
        each(partners, |it| {
            let of_outcome = it.syncs.iter().flat_map(|(outcome, causes)| {
                let label = ("outcome", outcome.name().to_owned());
                let causes = causes.series().into_iter();
                causes.map(move |(labels, metric)| {
                    ([label.clone()].into_iter().chain(labels).collect(), metric)
                })
            });
            of_outcome.collect()
        }),
    );
    to.register(
        "sync_seconds",
        "Time that syncs took",
        each(partners, |it| one(it.sync_seconds.clone())),
    );
    to.register(
        "sync_lateness_seconds",
        "Time from when a scheduled sync was due to its beginning",
        each(partners, |it| one(it.lateness_seconds.clone())),
    );
    to.register(
        "records_in",
        "Records that syncs read, by change",
        each(partners, |it| it.records_in.series()),
    );
    to.register(
        "records_out",
        "Records that syncs pushed, by change",
        each(partners, |it| it.records_out.series()),
    );
    to.register(
        "partner_call_seconds",
        "Time from sending a call to a partner to having its answer, by class of status",
        each(partners, |it| it.calls.series()),
    );
    to.register(
        "notification_seconds",
        "Time until calls to the address of notifications were answered",
        each(partners, |it| one(it.notification_seconds.clone())),
    );
    to.register(
        "notifications",
        "Calls to the address of notifications, by outcome",
        each(partners, |it| it.notifications.series()),
    );
    gauges_of_partners(to, partners);
}

fn gauges_of_partners(to: &mut Registry, partners: &Partners) {
    let mut gauge = |name: &str, help: &str, of: fn(&PartnerMetrics) -> &Gauge| {
        to.register(name, help, each(partners, |it| one(of(it).clone())));
    };
    gauge("partner_up", "Whether an actor serves the partner", |it| &it.up);
    gauge("sessions_busy", "Sessions with a running sync", |it| &it.busy);
    gauge("sessions_waiting", "Syncs that are ready and wait for a slot", |it| &it.waiting);
    gauge("calls_waiting", "Calls that wait for a permit of a limit", |it| &it.calls_waiting);
    gauge("connections_due", "Connections that are due and have not begun to sync", |it| &it.due);
    gauge("connections_silent", "Connections whose notifications are missing", |it| &it.silent);
    to.register(
        "partner_restarts",
        "How often the actor of the partner was restarted",
        each(partners, |it| one(it.restarts.clone())),
    );
    to.register(
        "circuit_state",
        "1 for the state in which the circuit of the partner is",
        each(partners, |it| it.circuit.series()),
    );
    to.register(
        "connections",
        "Connections of users, by status",
        each(partners, |it| it.connections.series()),
    );
    let limits = |of: fn(&super::LimitGauges) -> &Gauge| {
        each(partners, move |it| {
            let labelled = |limit: &super::LimitGauges| {
                let window = humantime::format_duration(limit.window).to_string();
                (vec![("window", window), ("counts", limit.counts.to_owned())], of(limit).clone())
            };
            it.limits.iter().map(labelled).collect()
        })
    };
    to.register(
        "limit_calls",
        "Calls that a limit allows in its window",
        limits(|limit| &limit.allowed),
    );
    to.register(
        "limit_calls_left",
        "Calls that are left of a limit now",
        limits(|limit| &limit.left),
    );
}
