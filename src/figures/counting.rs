//! Where everybody counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::histogram::Histogram;
use super::{Minute, Standing};
use crate::model::SyncOutcome;

/// The handle to which everybody counts. Cheap to clone and to use.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    minute: Arc<Mutex<Counted>>,
    kept: Arc<Mutex<Kept>>,
}

/// What the present minute did so far.
#[derive(Debug, Default)]
struct Counted {
    sums: Minute,
    lateness: Histogram,
}

/// What was last counted over the whole database.
#[derive(Debug, Default)]
struct Kept {
    standing: Option<Arc<Standing>>,
    /// Whether somebody looked since.
    is_asked: bool,
}

/// What a sync did.
#[derive(Clone, Copy, Debug)]
pub struct SyncFigures {
    /// How it ended.
    pub outcome: SyncOutcome,
    /// Records that were new, changed or deleted.
    pub records: u32,
    /// Changes that it pushed.
    pub pushed: u32,
    /// Calls that it made.
    pub calls: u32,
}

impl Counted {
    fn minute(&self) -> Minute {
        let millis =
            |value: Option<u64>| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        Minute {
            late_p50_ms: millis(self.lateness.percentile(50)),
            late_p95_ms: millis(self.lateness.percentile(95)),
            late_worst_ms: millis(self.lateness.worst()),
            ..self.sums
        }
    }
}

impl Figures {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.minute.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sync has ended.
    pub fn sync_ended(&self, sync: SyncFigures) {
        let mut counted = self.counted();
        let sums = &mut counted.sums;
        match sync.outcome {
            SyncOutcome::Ok | SyncOutcome::NotGranted => sums.syncs_done += 1,
            SyncOutcome::Limited => sums.syncs_limited += 1,
            // It goes on, and is counted then.
            SyncOutcome::Interrupted => {}
            SyncOutcome::Failed | SyncOutcome::NeedsReconnect | SyncOutcome::Ended => {
                sums.syncs_failed += 1
            }
        }
        sums.records += i64::from(sync.records);
        sums.pushed += i64::from(sync.pushed);
        sums.calls += i64::from(sync.calls);
    }

    /// A scheduled sync began so long after its time.
    pub fn began_late(&self, by: Duration) {
        self.counted().lateness.add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
    }

    /// Messages were sent to a webhook endpoint.
    pub fn deliveries_ended(&self, done: usize, failed: usize) {
        let mut counted = self.counted();
        counted.sums.deliveries_done += i64::try_from(done).unwrap_or_default();
        counted.sums.deliveries_failed += i64::try_from(failed).unwrap_or_default();
    }

    /// What the present minute did so far.
    pub fn so_far(&self) -> Minute {
        self.counted().minute()
    }

    /// What was counted since this was last called.
    pub(super) fn take(&self) -> Minute {
        std::mem::take(&mut *self.counted()).minute()
    }

    /// How many connections there are, as last counted; `None` just after the start.
    pub fn standing(&self) -> Option<Arc<Standing>> {
        let mut kept = self.kept();
        kept.is_asked = true;
        kept.standing.clone()
    }

    /// Keeps what was counted.
    pub fn keep_standing(&self, standing: Standing) -> Arc<Standing> {
        let standing = Arc::new(standing);
        let mut kept = self.kept();
        (kept.standing, kept.is_asked) = (Some(Arc::clone(&standing)), false);
        standing
    }

    /// Whether somebody looked at what is kept since it was counted, or nothing is kept.
    pub(super) fn is_standing_asked(&self) -> bool {
        let kept = self.kept();
        kept.is_asked || kept.standing.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sync(outcome: SyncOutcome) -> SyncFigures {
        SyncFigures { outcome, records: 3, pushed: 1, calls: 2 }
    }

    #[test]
    fn what_is_counted_is_taken_once() {
        let figures = Figures::default();
        for outcome in [
            SyncOutcome::Ok,
            SyncOutcome::NotGranted,
            SyncOutcome::Failed,
            SyncOutcome::NeedsReconnect,
            SyncOutcome::Limited,
            SyncOutcome::Interrupted,
        ] {
            figures.sync_ended(sync(outcome));
        }
        for millis in [1, 2, 9] {
            figures.began_late(Duration::from_millis(millis));
        }
        figures.deliveries_ended(4, 1);
        let expected = Minute {
            syncs_done: 2,
            syncs_failed: 2,
            syncs_limited: 1,
            records: 18,
            pushed: 6,
            calls: 12,
            deliveries_done: 4,
            deliveries_failed: 1,
            late_p50_ms: Some(2),
            late_p95_ms: Some(9),
            late_worst_ms: Some(9),
        };
        assert_eq!(figures.so_far(), expected);
        assert_eq!(figures.take(), expected);
        assert_eq!(figures.take(), Minute::default());
    }

    #[test]
    fn what_is_kept_is_counted_again_when_somebody_looked() {
        let figures = Figures::default();
        assert!(figures.is_standing_asked() && figures.standing().is_none());
        figures.keep_standing(Standing::default());
        assert!(!figures.is_standing_asked());
        assert!(figures.standing().is_some() && figures.is_standing_asked());
    }
}
