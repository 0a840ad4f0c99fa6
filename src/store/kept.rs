//! What is counted over many rows, kept for a while: pages ask for it every two seconds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counting may take this share of the time: what took a tenth of a second is kept for five.
const SHARE: u32 = 50;

/// Counts by what they are about. A million rows are counted seldom, and a few with every question.
#[derive(Debug)]
pub(in crate::store) struct Kept<K, V>(Arc<Mutex<HashMap<K, Value<V>>>>);

#[derive(Debug)]
struct Value<V> {
    value: V,
    until: Instant,
}

impl<K, V> Clone for Kept<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    /// What was counted lately.
    pub(in crate::store) fn find(&self, key: &K, now: Instant) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|value| now < value.until).map(|value| value.value.clone())
    }

    /// Keeps what took this long to count.
    pub(in crate::store) fn keep(&self, key: K, value: V, took: Duration, now: Instant) {
        let until = now + took.saturating_mul(SHARE);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(key, Value { value, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_long_to_count_is_kept_longer() {
        let (kept, now) = (Kept::default(), Instant::now());
        let second = Duration::from_secs(1);
        kept.keep("few", 1, Duration::from_millis(1), now);
        kept.keep("many", 2, second / 10, now);
        assert_eq!((kept.find(&"few", now), kept.find(&"many", now)), (Some(1), Some(2)));
        assert_eq!(
            (kept.find(&"few", now + second), kept.find(&"many", now + second)),
            (None, Some(2))
        );
        assert_eq!(kept.find(&"many", now + 6 * second), None);
    }
}
