//! New tokens that could not be stored yet. Their predecessors may be dead already, so they are kept
//! in memory until the database takes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::model::ConnectionId;
use crate::sync::Tokens;

/// Tokens and when they came, by connection.
type ByConnection = HashMap<ConnectionId, (Tokens, DateTime<Utc>)>;

/// See the module.
#[derive(Clone, Default)]
pub(in crate::store) struct UnsavedTokens(Arc<Mutex<ByConnection>>);

impl UnsavedTokens {
    fn all(&self) -> MutexGuard<'_, ByConnection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::store) fn keep(&self, id: ConnectionId, tokens: Tokens, came_at: DateTime<Utc>) {
        self.all().insert(id, (tokens, came_at));
    }

    pub(in crate::store) fn forget(&self, id: ConnectionId) {
        self.all().remove(&id);
    }

    pub(in crate::store) fn of(&self, id: ConnectionId) -> Option<(Tokens, DateTime<Utc>)> {
        self.all().get(&id).cloned()
    }

    pub(in crate::store) fn connections(&self) -> Vec<ConnectionId> {
        self.all().keys().copied().collect()
    }
}
