//! A histogram that is only added to: prometheus-client's own takes a lock for each observation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::series::Typed;

const MILLISECOND: u64 = 1_000;
const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;

/// What a histogram counts, and the upper bounds of its buckets.
#[derive(Debug)]
pub(super) struct Scale {
    /// In whole units: microseconds, or things.
    bounds: &'static [u64],
    /// How many units are one in the exposition.
    per_one: f64,
}

/// Times of calls over a network: a millisecond to a minute.
pub(super) const CALLS: Scale = Scale {
    bounds: &[
        5 * MILLISECOND,
        10 * MILLISECOND,
        25 * MILLISECOND,
        50 * MILLISECOND,
        100 * MILLISECOND,
        250 * MILLISECOND,
        500 * MILLISECOND,
        SECOND,
        2_500 * MILLISECOND,
        5 * SECOND,
        10 * SECOND,
        30 * SECOND,
    ],
    per_one: 1e6,
};

/// Times within this machine: a tenth of a millisecond to ten seconds.
pub(super) const LOCAL: Scale = Scale {
    bounds: &[
        100,
        500,
        MILLISECOND,
        5 * MILLISECOND,
        10 * MILLISECOND,
        25 * MILLISECOND,
        50 * MILLISECOND,
        100 * MILLISECOND,
        250 * MILLISECOND,
        SECOND,
        5 * SECOND,
        10 * SECOND,
    ],
    per_one: 1e6,
};

/// Times of whole syncs and of what waits: ten milliseconds to hours.
pub(super) const LONG: Scale = Scale {
    bounds: &[
        10 * MILLISECOND,
        50 * MILLISECOND,
        100 * MILLISECOND,
        500 * MILLISECOND,
        SECOND,
        5 * SECOND,
        10 * SECOND,
        30 * SECOND,
        MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        60 * MINUTE,
        360 * MINUTE,
    ],
    per_one: 1e6,
};

/// Numbers of things: one to ten thousand.
pub(super) const SIZES: Scale =
    Scale { bounds: &[0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000], per_one: 1.0 };

/// See the module. Clones count together.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scale: &'static Scale,
    /// One for each bound, and one for what is greater than all.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    pub(super) fn new(scale: &'static Scale) -> Self {
        let buckets = (0..=scale.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { scale, buckets, sum: AtomicU64::new(0) }))
    }

    /// Counts a time.
    pub fn took(&self, time: Duration) {
        self.count(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a number of things.
    pub fn count(&self, units: u64) {
        let Inner { scale, buckets, sum } = &*self.0;
        let place = scale.bounds.partition_point(|bound| *bound < units);
        if let Some(bucket) = buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        sum.fetch_add(units, Ordering::Relaxed);
    }
}

impl EncodeMetric for Histogram {
    #[expect(clippy::cast_precision_loss, reason = "an exposition has floating point")]
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Inner { scale, buckets, sum } = &*self.0;
        let bounds = scale.bounds.iter().map(|bound| *bound as f64 / scale.per_one);
        let counts = buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = sum.load(Ordering::Relaxed) as f64 / scale.per_one;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl Typed for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_value_counts_in_the_bucket_of_its_bound_and_in_all_greater_ones() {
        let (histogram, mut registry) = (Histogram::new(&CALLS), Registry::default());
        registry.register("calls_seconds", "Calls", histogram.clone());
        for millis in [5, 6, 100, 90_000] {
            histogram.took(Duration::from_millis(millis));
        }
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).unwrap();
        for line in [
            "calls_seconds_bucket{le=\"0.005\"} 1",
            "calls_seconds_bucket{le=\"0.01\"} 2",
            "calls_seconds_bucket{le=\"0.1\"} 3",
            "calls_seconds_bucket{le=\"30\"} 3",
            "calls_seconds_bucket{le=\"+Inf\"} 4",
            "calls_seconds_sum 90.111",
            "calls_seconds_count 4",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
    }
}
