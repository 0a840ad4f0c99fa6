//! What is counted of one partner.

use std::sync::atomic::Ordering;
use std::time::Duration;

use partner_sdk::{Counts, Limit, LimitScope};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::{CALLS, Histogram, LONG};
use super::series::Words;
use crate::model::{Cause, Status, SyncOutcome};

/// The classes of answers, and `none` where no answer came.
pub(super) const STATUS_CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];

/// What changes of records there are.
const CHANGES: [&str; 4] = ["created", "updated", "deleted", "refused"];

/// What may become of a call to the address of notifications.
const RECEIVED: [&str; 5] = ["taken", "handshake", "unknown_user", "refused", "late"];

/// The class of an HTTP status.
pub fn status_class(status: Option<u16>) -> &'static str {
    match status {
        Some(100..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(_) => "5xx",
        None => "none",
    }
}

/// One limit of the application.
#[derive(Debug)]
pub struct LimitGauges {
    /// The length of its window.
    pub(super) window: Duration,
    /// Which calls it counts: `all` or `reads`.
    pub(super) counts: &'static str,
    /// How many calls are allowed in a window.
    pub(super) allowed: Gauge,
    /// How many are left now.
    pub(super) left: Gauge,
}

impl LimitGauges {
    fn new(limit: &Limit) -> Self {
        let counts = match limit.counts {
            Counts::All => "all",
            Counts::Reads => "reads",
        };
        let (allowed, left) = (Gauge::default(), Gauge::default());
        Self { window: limit.per, counts, allowed, left }
    }
}

/// See the module. Counting is atomic additions.
#[derive(Debug)]
pub struct PartnerMetrics {
    /// By outcome, then by cause.
    pub(super) syncs: Vec<(SyncOutcome, Words<Counter>)>,
    pub(super) sync_seconds: Histogram,
    pub(super) lateness_seconds: Histogram,
    pub(super) records_in: Words<Counter>,
    pub(super) records_out: Words<Counter>,
    pub(super) calls: Words<Histogram>,
    pub(super) notification_seconds: Histogram,
    pub(super) notifications: Words<Counter>,
    pub(super) limits: Vec<LimitGauges>,
    /// Whether an actor serves it.
    pub up: Gauge,
    /// How often its actor was restarted.
    pub(super) restarts: Counter,
    /// Sessions with a running sync.
    pub busy: Gauge,
    /// Syncs that are ready and wait for a slot.
    pub waiting: Gauge,
    /// Calls that wait for a permit.
    pub calls_waiting: Gauge,
    /// Connections that are due and have not started.
    pub due: Gauge,
    /// Connections whose notifications are missing.
    pub silent: Gauge,
    /// The state of the circuit.
    pub circuit: Words<Gauge>,
    /// Connections by status.
    pub connections: Words<Gauge>,
}

impl Default for PartnerMetrics {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl PartnerMetrics {
    pub(super) fn new(limits: &[Limit]) -> Self {
        let causes =
            || Words::new("cause", Cause::ALL.iter().map(|it| it.name()), Counter::default);
        let of_app = limits.iter().filter(|limit| limit.scope == LimitScope::App);
        Self {
            syncs: SyncOutcome::ALL.iter().map(|outcome| (*outcome, causes())).collect(),
            sync_seconds: Histogram::new(&LONG),
            lateness_seconds: Histogram::new(&LONG),
            records_in: Words::new("change", CHANGES, Counter::default),
            records_out: Words::new("change", CHANGES, Counter::default),
            calls: Words::new("status", STATUS_CLASSES, || Histogram::new(&CALLS)),
            notification_seconds: Histogram::new(&CALLS),
            notifications: Words::new("outcome", RECEIVED, Counter::default),
            limits: of_app.map(LimitGauges::new).collect(),
            up: Gauge::default(),
            restarts: Counter::default(),
            busy: Gauge::default(),
            waiting: Gauge::default(),
            calls_waiting: Gauge::default(),
            due: Gauge::default(),
            silent: Gauge::default(),
            circuit: Words::new("state", ["closed", "open", "half_open"], Gauge::default),
            connections: Words::new(
                "status",
                Status::ALL.iter().map(|it| it.name()),
                Gauge::default,
            ),
        }
    }

    /// Counts the end of a sync.
    pub fn sync_ended(&self, outcome: SyncOutcome, cause: Cause, took: Duration) {
        let of_outcome = self.syncs.iter().find(|(known, _)| *known == outcome);
        if let Some((_, causes)) = of_outcome {
            causes.add(cause.name());
        }
        self.sync_seconds.took(took);
    }

    /// Counts how long after it was due a poll began.
    pub fn began_late(&self, by: Duration) {
        self.lateness_seconds.took(by);
    }

    /// Counts records that a sync read: new, changed, deleted and refused ones.
    pub fn read(&self, counts: [u32; 4]) {
        add_all(&self.records_in, counts);
    }

    /// Counts records that a sync pushed: new, changed, deleted and refused ones.
    pub fn pushed(&self, counts: [u32; 4]) {
        add_all(&self.records_out, counts);
    }

    /// Counts a call to the partner: its answer's status, if one came.
    pub fn called(&self, status: Option<u16>, took: Duration) {
        if let Some(histogram) = self.calls.of(status_class(status)) {
            histogram.took(took);
        }
    }

    /// Counts a call to the address of notifications, and how long its answer took.
    pub fn received(&self, outcome: &str, took: Duration) {
        self.notifications.add(outcome);
        self.notification_seconds.took(took);
    }

    /// Sets how often its actor was restarted, which only grows.
    pub fn set_restarts(&self, times: u32) {
        self.restarts.inner().store(u64::from(times), Ordering::Relaxed);
    }

    /// Sets what is allowed and left of a limit of the application.
    pub fn set_limit(&self, window_s: f64, counts: &str, allowed: u32, left: u32) {
        let is_it = |limit: &&LimitGauges| {
            limit.counts == counts && (limit.window.as_secs_f64() - window_s).abs() < 1e-3
        };
        if let Some(limit) = self.limits.iter().find(is_it) {
            limit.allowed.set(i64::from(allowed));
            limit.left.set(i64::from(left));
        }
    }
}

fn add_all(of: &Words<Counter>, counts: [u32; 4]) {
    for (change, count) in CHANGES.into_iter().zip(counts) {
        of.add_many(change, u64::from(count));
    }
}
