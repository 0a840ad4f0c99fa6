//! State shared by a running sync and its gate to the rate limits: how long the sync has waited for
//! permits, which limit it cannot wait for, and whether it is reading the past.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::traffic::Traffic;
use crate::model::WaitingFor;

/// Separates waiting for permits, which is nobody's fault, from time spent by the partner.
#[derive(Debug)]
pub struct ActiveTimeout {
    epoch: Instant,
    waited_ms: AtomicU64,
    /// When the current wait began, in milliseconds since the epoch plus one; 0 if there is none.
    waiting_since: AtomicU64,
    backfilling: AtomicBool,
    /// Whether something more urgent waits for the connection.
    makes_room: AtomicBool,
    waiting_for: Mutex<Option<WaitingFor>>,
    traffic: Traffic,
}

impl Default for ActiveTimeout {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            waited_ms: AtomicU64::new(0),
            waiting_since: AtomicU64::new(0),
            backfilling: AtomicBool::new(false),
            makes_room: AtomicBool::new(false),
            waiting_for: Mutex::default(),
            traffic: Traffic::default(),
        }
    }
}

impl ActiveTimeout {
    /// Whether the current page is of the past rather than of new data.
    pub fn is_backfilling(&self) -> bool {
        self.backfilling.load(Ordering::Relaxed)
    }

    /// Sets whether the next pages are of the past.
    pub fn set_backfilling(&self, backfilling: bool) {
        self.backfilling.store(backfilling, Ordering::Relaxed);
    }

    /// Asks the sync to pause its reading of the past at the end of a page.
    pub fn make_room(&self) {
        self.makes_room.store(true, Ordering::Relaxed);
    }

    /// Whether the sync was asked to pause.
    pub fn makes_room(&self) -> bool {
        self.makes_room.load(Ordering::Relaxed)
    }

    /// Notes the limit for which a call got no permit in time, and how long it waited for that.
    pub fn not_permitted(&self, waiting_for: WaitingFor, waited: Duration) {
        self.traffic.met(&waiting_for.limit, waited, true);
        *self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting_for);
    }

    /// Notes that a call got its permit, and which limit it had to wait for and how long, if it had.
    pub fn permitted(&self, waited: Option<(&str, Duration)>) {
        self.traffic.made();
        if let Some((limit, waited)) = waited {
            self.traffic.met(limit, waited, false);
        }
        *self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The limit for which the last call got no permit, if it got none.
    pub fn waiting_for(&self) -> Option<WaitingFor> {
        self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls that were made, and the limits they met.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Counts the time until `wait` is over as waiting.
    pub async fn waiting<F: Future>(&self, wait: F) -> F::Output {
        struct Waiting<'a>(&'a ActiveTimeout);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                let since = self.0.waiting_since.swap(0, Ordering::Relaxed);
                let waited = (self.0.elapsed_ms() + 1).saturating_sub(since);
                self.0.waited_ms.fetch_add(waited, Ordering::Relaxed);
            }
        }
        self.waiting_since.store(self.elapsed_ms() + 1, Ordering::Relaxed);
        let _waiting = Waiting(self);
        wait.await
    }

    /// Runs `work` for at most `limit`, not counting waits; `None` if it took longer.
    pub async fn within<F: Future>(&self, limit: Duration, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        let (began, waited_before) = (Instant::now(), self.waited());
        loop {
            let waited = self.waited().saturating_sub(waited_before);
            let left = limit.saturating_sub(began.elapsed().saturating_sub(waited));
            if left.is_zero() {
                return None;
            }
            // A wait may have moved the deadline meanwhile; then the time left is computed again.
            let nap = left.max(Duration::from_millis(5));
            if let Ok(output) = tokio::time::timeout(nap, &mut work).await {
                return Some(output);
            }
        }
    }

    fn waited(&self) -> Duration {
        let since = self.waiting_since.load(Ordering::Relaxed);
        let current = if since == 0 { 0 } else { (self.elapsed_ms() + 1).saturating_sub(since) };
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed) + current)
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(60);

    #[tokio::test]
    async fn work_that_takes_too_long_is_given_up() {
        let timeout = ActiveTimeout::default();
        assert_eq!(timeout.within(LIMIT, std::future::pending::<()>()).await, None);
        assert_eq!(timeout.within(LIMIT, async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn waiting_for_permits_does_not_count() {
        let timeout = ActiveTimeout::default();
        let work = async {
            timeout.waiting(sleep(4 * LIMIT)).await;
            7
        };
        assert_eq!(timeout.within(LIMIT, work).await, Some(7));
        let slow_after_a_wait = async {
            timeout.waiting(sleep(LIMIT)).await;
            sleep(10 * LIMIT).await;
        };
        assert_eq!(timeout.within(LIMIT, slow_after_a_wait).await, None);
    }
}
