//! Metrics: typed handles that are counted with, and their exposition for Prometheus.
//!
//! Labels are partners, outcomes, classes of statuses, causes and codes: closed lists, never a user or
//! an address. Each series exists from the start, so that a rate is right from the first event on and
//! the number of series is known. Handles are plain values: nothing here is global.

mod daemon;
mod histogram;
mod names;
mod partner;
mod series;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use partner_sdk::Limit;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

pub use self::daemon::{DaemonGauges, HttpMetrics, StoreMetrics, WebhookMetrics};
pub use self::histogram::Histogram;
pub use self::partner::{LimitGauges, PartnerMetrics, status_class};
pub use self::series::Words;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// All metrics of a daemon.
#[derive(Debug)]
pub struct Metrics {
    partners: BTreeMap<&'static str, Arc<PartnerMetrics>>,
    /// Of webhooks.
    pub webhooks: WebhookMetrics,
    /// Of answers to callers.
    pub http: HttpMetrics,
    /// What is sampled.
    pub gauges: DaemonGauges,
    registry: Registry,
}

impl Metrics {
    /// The metrics of a daemon with these partners, each with its limits.
    pub fn new<'a>(
        partners: impl IntoIterator<Item = (&'static str, &'a [Limit])>,
        store: &StoreMetrics,
    ) -> Self {
        let of_partner = |(name, limits)| (name, Arc::new(PartnerMetrics::new(limits)));
        let mut metrics = Self {
            partners: partners.into_iter().map(of_partner).collect(),
            webhooks: WebhookMetrics::default(),
            http: HttpMetrics::new(),
            gauges: DaemonGauges::new(),
            registry: Registry::default(),
        };
        let mut registry = Registry::with_prefix("syncwell");
        names::of_daemon(&mut registry, &metrics, Instant::now());
        names::of_store(&mut registry, store.all());
        names::of_webhooks(&mut registry, metrics.webhooks.all());
        names::of_partners(&mut registry, &metrics.partners);
        metrics.registry = registry;
        metrics
    }

    /// Those of a partner.
    pub fn partner(&self, name: &str) -> Option<&Arc<PartnerMetrics>> {
        self.partners.get(name)
    }

    /// Those of all partners.
    pub fn partners(&self) -> impl Iterator<Item = (&'static str, &PartnerMetrics)> {
        self.partners.iter().map(|(name, metrics)| (*name, &**metrics))
    }

    /// The exposition.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(64 * 1024);
        // Writing to a String does not fail.
        prometheus_text::encode(&mut text, &self.registry).unwrap_or_default();
        text
    }
}
