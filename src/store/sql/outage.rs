//! Whether the database is reachable: logged once when it goes away, and once when it is back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// What the readers, the writer and their callers know about an outage, shared.
#[derive(Debug)]
pub(in crate::store) struct Outage {
    /// The address, without a password.
    address: String,
    down: Mutex<Option<Down>>,
}

#[derive(Debug)]
struct Down {
    since: Instant,
    reason: String,
}

impl Outage {
    pub(in crate::store) fn new(address: String) -> Self {
        Self { address, down: Mutex::default() }
    }

    fn down(&self) -> MutexGuard<'_, Option<Down>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that there is no connection, and why.
    pub(in crate::store) fn goes_on(&self, reason: &str) {
        let mut down = self.down();
        let since = down.as_ref().map(|down| down.since);
        if since.is_none() {
            tracing::error!(
                database = self.address,
                reason,
                "the database cannot be reached; everything waits for it"
            );
        }
        let since = since.unwrap_or_else(Instant::now);
        *down = Some(Down { since, reason: reason.to_owned() });
    }

    /// Records that there is a connection.
    pub(in crate::store) fn is_over(&self) {
        if let Some(Down { since, .. }) = self.down().take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!(database = self.address, seconds, "the database is back");
        }
    }

    /// For how long there has been no connection.
    pub(in crate::store) fn lasts(&self) -> Option<Duration> {
        self.down().as_ref().map(|down| down.since.elapsed())
    }

    /// The error for callers during an outage.
    pub(in crate::store) fn error(&self) -> Option<StoreError> {
        let down = self.down();
        let reason = down.as_ref().map(|down| down.reason.clone())?;
        Some(StoreError::Unreachable { url: self.address.clone(), reason })
    }
}
