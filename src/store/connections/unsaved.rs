//! New tokens that could not be stored yet. Their predecessors may be dead already, so they are kept
//! in memory until the database takes them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::model::ConnectionId;
use crate::sync::Tokens;

/// Tokens and when they came, by connection.
type ByConnection = HashMap<ConnectionId, (Tokens, DateTime<Utc>)>;

/// See the module.
#[derive(Clone, Default)]
pub(in crate::store) struct UnsavedTokens {
    tokens: Arc<Mutex<ByConnection>>,
    /// Whether a task is there that tries to store them.
    is_retried: Arc<AtomicBool>,
}

impl UnsavedTokens {
    fn all(&self) -> MutexGuard<'_, ByConnection> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the caller is to try to store them from now on: nobody does yet.
    pub(in crate::store) fn begin_retries(&self) -> bool {
        !self.is_retried.swap(true, Ordering::AcqRel)
    }

    /// Whether the caller may stop: nothing is kept any more.
    pub(in crate::store) fn end_retries(&self) -> bool {
        let all = self.all();
        let is_over = all.is_empty();
        if is_over {
            // Under the lock: what is kept after this finds nobody who tries.
            self.is_retried.store(false, Ordering::Release);
        }
        is_over
    }

    /// Whether those that came at this time are still kept: neither stored nor replaced.
    pub(in crate::store) fn has(&self, id: ConnectionId, came_at: DateTime<Utc>) -> bool {
        self.all().get(&id).is_some_and(|(_, at)| *at == came_at)
    }

    pub(in crate::store) fn keep(&self, id: ConnectionId, tokens: Tokens, came_at: DateTime<Utc>) {
        self.all().insert(id, (tokens, came_at));
    }

    pub(in crate::store) fn forget(&self, id: ConnectionId) {
        self.all().remove(&id);
    }

    /// The same for those that came at this time, and for no later ones.
    pub(in crate::store) fn forget_those(&self, id: ConnectionId, came_at: DateTime<Utc>) {
        let mut all = self.all();
        if all.get(&id).is_some_and(|(_, at)| *at == came_at) {
            all.remove(&id);
        }
    }

    pub(in crate::store) fn of(&self, id: ConnectionId) -> Option<(Tokens, DateTime<Utc>)> {
        self.all().get(&id).cloned()
    }

    pub(in crate::store) fn connections(&self) -> Vec<ConnectionId> {
        self.all().keys().copied().collect()
    }
}
