//! What is counted of the daemon as a whole: the store, webhooks, streams, HTTP.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::{CALLS, Histogram, LOCAL, LONG, SIZES};
use super::partner::{STATUS_CLASSES, status_class};
use super::series::Words;
use crate::incidents::IncidentCode;

/// What is counted of the database. The store has it from its start; clones count together.
#[derive(Clone, Debug)]
pub struct StoreMetrics(Arc<Store>);

#[derive(Debug)]
pub(super) struct Store {
    pub(super) commit_seconds: Histogram,
    pub(super) commit_units: Histogram,
    pub(super) commit_records: Histogram,
    pub(super) commits: Words<Counter>,
    pub(super) read_seconds: Histogram,
    pub(super) reader_wait_seconds: Histogram,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self(Arc::new(Store {
            commit_seconds: Histogram::new(&LOCAL),
            commit_units: Histogram::new(&SIZES),
            commit_records: Histogram::new(&SIZES),
            commits: Words::new("outcome", ["committed", "failed"], Counter::default),
            read_seconds: Histogram::new(&LOCAL),
            reader_wait_seconds: Histogram::new(&LOCAL),
        }))
    }
}

impl StoreMetrics {
    pub(super) fn all(&self) -> &Store {
        &self.0
    }

    /// Counts a transaction of the writer: how many units and records it had, and how long it took.
    pub fn committed(&self, units: usize, records: usize, took: Duration) {
        self.0.commits.add("committed");
        self.0.commit_units.count(u64::try_from(units).unwrap_or(u64::MAX));
        self.0.commit_records.count(u64::try_from(records).unwrap_or(u64::MAX));
        self.0.commit_seconds.took(took);
    }

    /// Counts a transaction that could not be made.
    pub fn not_committed(&self) {
        self.0.commits.add("failed");
    }

    /// Counts a read: how long it waited for a connection, and how long it took then.
    pub fn read(&self, waited: Duration, took: Duration) {
        self.0.reader_wait_seconds.took(waited);
        self.0.read_seconds.took(took);
    }
}

/// How an attempt to deliver a webhook message may end.
const DELIVERIES: [&str; 6] =
    ["delivered", "redirected", "refused", "failed", "timed_out", "not_reached"];

/// What is counted of webhooks. Clones count together.
#[derive(Clone, Debug)]
pub struct WebhookMetrics(Arc<Webhooks>);

#[derive(Debug)]
pub(super) struct Webhooks {
    pub(super) attempts: Words<Histogram>,
    pub(super) delay_seconds: Histogram,
    pub(super) given_up: Counter,
}

impl Default for WebhookMetrics {
    fn default() -> Self {
        Self(Arc::new(Webhooks {
            attempts: Words::new("outcome", DELIVERIES, || Histogram::new(&CALLS)),
            delay_seconds: Histogram::new(&LONG),
            given_up: Counter::default(),
        }))
    }
}

impl WebhookMetrics {
    pub(super) fn all(&self) -> &Webhooks {
        &self.0
    }

    /// Counts an attempt: its answer's status, if one came, and otherwise whether it took too long.
    pub fn attempted(&self, status: Option<u16>, timed_out: bool, took: Duration) {
        let outcome = match status {
            Some(200..=299) => "delivered",
            Some(300..=399) => "redirected",
            Some(400..=499) => "refused",
            Some(_) => "failed",
            None if timed_out => "timed_out",
            None => "not_reached",
        };
        if let Some(histogram) = self.0.attempts.of(outcome) {
            histogram.took(took);
        }
    }

    /// Counts how long after its first change a message was delivered.
    pub fn delivered(&self, delay: Duration) {
        self.0.delay_seconds.took(delay);
    }

    /// Counts a message that is tried no more.
    pub fn gave_up(&self) {
        self.0.given_up.inc();
    }
}

/// What is counted of answers to callers.
#[derive(Debug)]
pub struct HttpMetrics {
    pub(super) requests: Words<Histogram>,
}

impl HttpMetrics {
    pub(super) fn new() -> Self {
        Self { requests: Words::new("status", STATUS_CLASSES, || Histogram::new(&CALLS)) }
    }

    /// Counts an answer.
    pub fn answered(&self, status: u16, took: Duration) {
        if let Some(histogram) = self.requests.of(status_class(Some(status))) {
            histogram.took(took);
        }
    }
}

/// What is sampled in the background.
#[derive(Debug)]
pub struct DaemonGauges {
    /// Whether the last sample could be read from the database.
    pub database_up: Gauge,
    /// Connections of the pool that read now.
    pub readers_busy: Gauge,
    /// Connections of the pool.
    pub readers: Gauge,
    /// Open incidents by code.
    pub incidents: Words<Gauge>,
    /// Who listens to the change feed.
    pub listeners: Gauge,
    /// Messages to webhook endpoints that were begun and are not over.
    pub webhook_messages: Gauge,
    /// Webhook endpoints by state.
    pub webhook_endpoints: Words<Gauge>,
}

impl DaemonGauges {
    pub(super) fn new() -> Self {
        let codes = IncidentCode::ALL.iter().map(|code| code.name());
        Self {
            database_up: Gauge::default(),
            readers_busy: Gauge::default(),
            readers: Gauge::default(),
            incidents: Words::new("code", codes, Gauge::default),
            listeners: Gauge::default(),
            webhook_messages: Gauge::default(),
            webhook_endpoints: Words::new(
                "state",
                ["working", "failing", "disabled"],
                Gauge::default,
            ),
        }
    }
}
