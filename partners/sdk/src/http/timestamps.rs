//! The timestamps of signed calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

/// A round older than this accepts no more calls: partners reject timestamps that are too old.
const LONGEST_ROUND_S: u64 = 10;

/// Gives each signed call of one application its timestamp.
///
/// OAuth Core 1.0 §8: a timestamp must not be lower than in any earlier request. Concurrent calls
/// arrive in any order, so they form a round and share its timestamp. A higher timestamp is used
/// only when all calls of the round have ended.
pub struct Timestamps {
    clock: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    round: Mutex<Round>,
    ended: Notify,
}

#[derive(Default)]
struct Round {
    timestamp: u64,
    under_way: u32,
}

impl Timestamps {
    /// Timestamps from the time of `clock`.
    pub fn new(clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), round: Mutex::default(), ended: Notify::new() }
    }

    /// Returns the timestamp of a call that begins now and ends when the stamp is dropped.
    pub(super) async fn take(self: &Arc<Self>) -> Stamp {
        loop {
            // Registers before it checks, so that it does not miss the end of a round.
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if let Some(timestamp) = self.join() {
                return Stamp { timestamp, of: Arc::clone(self) };
            }
            ended.await;
        }
    }

    /// Joins the current round or begins one; `None` if the current one is too old.
    fn join(&self) -> Option<u64> {
        let now = u64::try_from((self.clock)().timestamp()).unwrap_or_default().max(1);
        let mut round = self.round();
        if round.under_way == 0 {
            round.timestamp = round.timestamp.max(now);
        } else if now.saturating_sub(round.timestamp) > LONGEST_ROUND_S {
            return None;
        }
        round.under_way += 1;
        Some(round.timestamp)
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Timestamps {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Timestamps")
    }
}

/// The timestamp of one call in progress.
pub(super) struct Stamp {
    timestamp: u64,
    of: Arc<Timestamps>,
}

impl Stamp {
    /// Unix seconds.
    pub(super) fn seconds(&self) -> u64 {
        self.timestamp
    }
}

impl Drop for Stamp {
    fn drop(&mut self) {
        let mut round = self.of.round();
        round.under_way = round.under_way.saturating_sub(1);
        if round.under_way == 0 {
            self.of.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use super::*;

    fn at(start: i64) -> (Arc<AtomicI64>, Arc<Timestamps>) {
        let time = Arc::new(AtomicI64::new(start));
        let shown = Arc::clone(&time);
        let clock =
            move || DateTime::from_timestamp(shown.load(Ordering::Relaxed), 0).unwrap_or_default();
        (time, Arc::new(Timestamps::new(clock)))
    }

    #[tokio::test]
    async fn timestamps_follow_the_clock_and_never_go_back() {
        let (time, timestamps) = at(1_000);
        assert_eq!(timestamps.take().await.seconds(), 1_000);
        time.store(1_005, Ordering::Relaxed);
        assert_eq!(timestamps.take().await.seconds(), 1_005);
        time.store(900, Ordering::Relaxed);
        assert_eq!(timestamps.take().await.seconds(), 1_005);
        time.store(-5, Ordering::Relaxed);
        assert_eq!(timestamps.take().await.seconds(), 1_005);
    }

    #[tokio::test]
    async fn concurrent_calls_share_one_timestamp() {
        let (time, timestamps) = at(1_000);
        let first = timestamps.take().await;
        time.store(1_003, Ordering::Relaxed);
        let second = timestamps.take().await;
        assert_eq!((first.seconds(), second.seconds()), (1_000, 1_000));
        drop(first);
        assert_eq!(timestamps.take().await.seconds(), 1_000, "the second is still under way");
        drop(second);
        assert_eq!(timestamps.take().await.seconds(), 1_003);
    }

    #[tokio::test]
    async fn a_long_round_accepts_no_more_calls_and_is_waited_for() {
        let (time, timestamps) = at(1_000);
        let slow = timestamps.take().await;
        time.store(1_011, Ordering::Relaxed);
        let late = tokio::spawn({
            let timestamps = Arc::clone(&timestamps);
            async move { timestamps.take().await.seconds() }
        });
        let waits = tokio::time::timeout(Duration::from_millis(50), timestamps.take()).await;
        assert!(waits.is_err(), "the old timestamp was given once more");
        drop(slow);
        assert_eq!(late.await.unwrap(), 1_011);
    }
}
