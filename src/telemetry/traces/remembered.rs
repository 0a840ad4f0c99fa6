//! What led to the latest changes of a user, until they are delivered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::TraceContext;
use crate::model::UserId;

/// How long a delivery can still be part of a trace.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// How many are kept. Of more, those that come last are not.
const MOST: usize = 10_000;

/// A user, and the partner whose sync changed something; none for the host app.
type Key = (UserId, Option<String>);

/// See the module. One connection has one sync at a time, so the user and the partner name it. Clones
/// share what they keep.
#[derive(Clone, Debug, Default)]
pub struct Remembered(Arc<Mutex<HashMap<Key, (TraceContext, Instant)>>>);

impl Remembered {
    fn kept(&self) -> MutexGuard<'_, HashMap<Key, (TraceContext, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the current context, before what it changes can be seen.
    pub fn keep_current(&self, user: &UserId, partner: Option<&str>) {
        let context = TraceContext::current();
        if context.is_none() {
            return;
        }
        let (mut kept, now) = (self.kept(), Instant::now());
        if kept.len() >= MOST {
            kept.retain(|_, (_, since)| now.saturating_duration_since(*since) < KEPT);
        }
        let key = (user.clone(), partner.map(str::to_owned));
        if kept.len() < MOST || kept.contains_key(&key) {
            kept.insert(key, (context, now));
        }
    }

    /// What led to the latest change of a user by the sync of a partner, or by the host app.
    pub fn of(&self, user: &UserId, partner: Option<&str>) -> TraceContext {
        let kept = self.kept();
        if kept.is_empty() {
            return TraceContext::default();
        }
        let found = kept.get(&(user.clone(), partner.map(str::to_owned)));
        let fresh = found.filter(|(_, since)| since.elapsed() < KEPT);
        fresh.map(|(context, _)| context.clone()).unwrap_or_default()
    }
}
