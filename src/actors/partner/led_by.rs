//! What led to syncs that have not begun: the notifications and requests, in their traces.

use std::collections::HashMap;

use crate::model::ConnectionId;
use crate::telemetry::traces::TraceContext;

/// How many are kept. Of more, the syncs begin traces of their own.
const MOST: usize = 10_000;

/// See the module. Kept beside the hint in the store, which is what counts.
#[derive(Debug, Default)]
pub(super) struct LedBy(HashMap<ConnectionId, TraceContext>);

impl LedBy {
    /// Notes what a sync of a connection follows from, unless that has no trace.
    pub(super) fn note(&mut self, connection: ConnectionId, trace: &TraceContext) {
        if !trace.is_none() && self.0.len() < MOST {
            self.0.insert(connection, trace.clone());
        }
    }

    /// What the sync that begins follows from.
    pub(super) fn take(&mut self, connection: ConnectionId) -> TraceContext {
        self.0.remove(&connection).unwrap_or_default()
    }
}
