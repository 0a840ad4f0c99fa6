//! A metric with labels whose series all exist from the start: their number says nothing of the users.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// The labels of one series.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A metric of one type.
pub(super) trait Typed: EncodeMetric {
    const TYPE: MetricType;
}

impl Typed for Counter {
    const TYPE: MetricType = MetricType::Counter;
}

impl Typed for Gauge {
    const TYPE: MetricType = MetricType::Gauge;
}

/// All series of a metric.
#[derive(Debug)]
pub(super) struct Series<M>(pub(super) Vec<(Labels, M)>);

impl<M: Typed> EncodeMetric for Series<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.iter().try_for_each(|(labels, metric)| metric.encode(encoder.encode_family(labels)?))
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }

    /// Without partners there is nothing to describe.
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One metric for each word of a closed list.
#[derive(Debug)]
pub struct Words<M> {
    label: &'static str,
    metrics: Vec<(&'static str, M)>,
}

impl<M: Clone> Words<M> {
    pub(super) fn new(
        label: &'static str,
        words: impl IntoIterator<Item = &'static str>,
        metric: impl Fn() -> M,
    ) -> Self {
        Self { label, metrics: words.into_iter().map(|word| (word, metric())).collect() }
    }

    /// The metric of a word; nothing is counted of words that are not in the list.
    pub fn of(&self, word: &str) -> Option<&M> {
        self.metrics.iter().find(|(known, _)| *known == word).map(|(_, metric)| metric)
    }

    pub(super) fn series(&self) -> Vec<(Labels, M)> {
        let one = |(word, metric): &(&'static str, M)| {
            (vec![(self.label, (*word).to_owned())], metric.clone())
        };
        self.metrics.iter().map(one).collect()
    }
}

impl Words<Counter> {
    /// Counts one more.
    pub fn add(&self, word: &str) {
        self.add_many(word, 1);
    }

    /// Counts several.
    pub fn add_many(&self, word: &str, count: u64) {
        if let Some(counter) = self.of(word) {
            counter.inc_by(count);
        }
    }
}

impl Words<Gauge> {
    /// Sets the number of each word; those that are not named are 0.
    pub fn set_all(&self, numbers: impl IntoIterator<Item = (String, i64)>) {
        let mut left: Vec<_> = self.metrics.iter().collect();
        for (word, number) in numbers {
            let place = left.iter().position(|(known, _)| *known == word);
            if let Some(place) = place {
                left.swap_remove(place).1.set(number);
            }
        }
        for (_, metric) in left {
            metric.set(0);
        }
    }

    /// Sets this word to 1 and all others to 0.
    pub fn set_only(&self, word: &str) {
        self.set_all([(word.to_owned(), 1)]);
    }
}
