//! Whether the database takes writes and gives what is read, as the last attempts showed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// A write that succeeded this recently proves that writes succeed.
const PROOF_LASTS: Duration = Duration::from_secs(10);

/// The least time between two writes that are made only to see whether they succeed.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);

/// How long a read that failed counts. Others may succeed meanwhile: damage is often in one place.
const FAILED_READ_LASTS: Duration = Duration::from_secs(60);

/// What readers, the writer and their callers know, shared.
#[derive(Debug, Default)]
pub(in crate::store) struct Health(Mutex<Attempts>);

#[derive(Debug, Default)]
struct Attempts {
    written_at: Option<Instant>,
    /// Since when writes fail, and why.
    failing: Option<(Instant, String)>,
    probed_at: Option<Instant>,
    probe_is_out: bool,
    read_failed_at: Option<Instant>,
}

impl Health {
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a write that the database took.
    pub(in crate::store) fn wrote(&self) {
        let mut attempts = self.attempts();
        attempts.written_at = Some(Instant::now());
        if let Some((since, _)) = attempts.failing.take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!(seconds, "the database takes writes again");
        }
    }

    /// Records why the database did not take a write; logged once, when it begins.
    pub(in crate::store) fn did_not_write(&self, reason: &str) {
        let mut attempts = self.attempts();
        let since = attempts.failing.as_ref().map(|(since, _)| *since);
        if since.is_none() {
            tracing::error!(reason, "the database takes no writes; nothing new is stored");
        }
        attempts.failing = Some((since.unwrap_or_else(Instant::now), reason.to_owned()));
    }

    /// Records the result of a read.
    pub(in crate::store) fn read<T>(&self, result: &Result<T, StoreError>) {
        if matches!(result, Err(StoreError::Storage(_))) {
            self.attempts().read_failed_at = Some(Instant::now());
        }
    }

    /// The error for callers whose write could not be begun.
    pub(in crate::store) fn error(&self) -> Option<StoreError> {
        let attempts = self.attempts();
        attempts.failing.as_ref().map(|(_, reason)| StoreError::Storage(reason.clone()))
    }

    /// Whether a write should be made to see whether it succeeds; if so, [`Health::probed`] must
    /// follow.
    pub(in crate::store) fn begin_probe(&self) -> bool {
        let mut attempts = self.attempts();
        let within = |at: Option<Instant>, span| at.is_some_and(|at| at.elapsed() < span);
        let is_proved = attempts.failing.is_none() && within(attempts.written_at, PROOF_LASTS);
        if is_proved || attempts.probe_is_out || within(attempts.probed_at, BETWEEN_PROBES) {
            return false;
        }
        attempts.probe_is_out = true;
        attempts.probed_at = Some(Instant::now());
        true
    }

    /// Ends what [`Health::begin_probe`] began.
    pub(in crate::store) fn probed(&self) {
        self.attempts().probe_is_out = false;
    }

    /// Whether writes succeed. One that has been waiting for long counts as failed.
    pub(in crate::store) fn writes(&self) -> bool {
        let attempts = self.attempts();
        let waits = attempts.probe_is_out
            && attempts.probed_at.is_none_or(|at| at.elapsed() >= BETWEEN_PROBES);
        attempts.failing.is_none() && !waits
    }

    /// Whether no read has failed lately.
    pub(in crate::store) fn reads(&self) -> bool {
        self.attempts().read_failed_at.is_none_or(|at| at.elapsed() >= FAILED_READ_LASTS)
    }
}
