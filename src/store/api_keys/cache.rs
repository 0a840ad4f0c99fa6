//! Recently looked-up API keys, so that not every request asks the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::KnownKey;

/// A revoked key still works for this long.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The cache holds at most this many keys.
const MAX_KEYS: usize = 10_000;

type KeyDigest = Vec<u8>;

/// What is known of valid keys, by key digest.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct KeyCache(Arc<Mutex<HashMap<KeyDigest, (KnownKey, Instant)>>>);

impl KeyCache {
    pub(in crate::store) fn find(&self, key: &[u8], now: Instant) -> Option<KnownKey> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, looked_up) = known.get(key)?;
        (now.duration_since(*looked_up) < TRUSTED_FOR).then_some(*key)
    }

    pub(in crate::store) fn remember(&self, digest: KeyDigest, key: KnownKey, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KEYS {
            known.retain(|_, (_, looked_up)| now.duration_since(*looked_up) < TRUSTED_FOR);
        }
        if known.len() < MAX_KEYS {
            known.insert(digest, (key, now));
        }
    }

    /// Forgets all keys: one was revoked.
    pub(in crate::store) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KeyScope;

    #[test]
    fn a_key_is_known_for_a_second_and_no_other_is() {
        let (known, now) = (KeyCache::default(), Instant::now());
        let key = KnownKey { scope: KeyScope::App, expires_at: None };
        known.remember(b"one".to_vec(), key, now);
        assert_eq!(known.find(b"one", now + TRUSTED_FOR / 2), Some(key));
        assert_eq!(known.find(b"one", now + TRUSTED_FOR), None);
        assert_eq!(known.find(b"other", now), None);
    }
}
