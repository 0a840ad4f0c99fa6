//! The interface of counters that count the calls of a limit.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use partner_sdk::LimitReading;

/// The time resolution of a counter: one window divided by this.
pub(super) const SLOTS: i32 = 64;

/// Counts the ended calls of a limit, for either kind of window. A call also counts while its
/// permit is out; the bucket tracks those.
pub(super) trait WindowCounter: Debug + Send {
    /// Adds ended calls. The partner counted each at some moment between its permit and now.
    fn add(&mut self, calls: u32, now: DateTime<Utc>);

    /// The ended calls that count against a permit given now.
    fn counted(&self, now: DateTime<Utc>) -> u32;

    /// Drops calls that no longer count.
    fn expire(&mut self, now: DateTime<Utc>);

    /// The earliest time after now at which fewer calls may count.
    fn next_free(&self, now: DateTime<Utc>) -> DateTime<Utc>;

    /// When all ended calls that count now have expired; `None` if there are none and windows have
    /// no fixed ends.
    fn resets_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>>;

    /// Applies the usage that a partner reported. Returns whether something changed that must be
    /// stored.
    fn learn(&mut self, reading: &LimitReading, answer: Answer) -> bool;

    /// When the window ends that a refusal received now refers to; `None` if windows have no fixed
    /// ends.
    fn end_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>>;

    /// Whether the reported usage leaves capacity in the current window; `None` without a report.
    fn has_room(&self, now: DateTime<Utc>) -> Option<bool>;

    /// The state to store.
    fn snapshot(&self) -> CounterSnapshot;

    /// Restores stored state.
    fn restore(&mut self, snapshot: &CounterSnapshot, now: DateTime<Utc>);
}

/// The call whose answer reported usage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// When it got its permit.
    pub(super) began: DateTime<Utc>,
    /// When its answer arrived.
    pub(super) now: DateTime<Utc>,
    /// The calls of this limit in flight, including this one if it counts.
    pub(super) in_flight: u32,
    /// Whether it counts against this limit.
    pub(super) is_own: bool,
}

/// The stored state of a counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CounterSnapshot {
    /// Ended calls. The time is the end of the slot in which they ended (sliding windows) or the
    /// start of the window (fixed windows), in Unix milliseconds.
    pub(super) ended: Vec<(i64, u32)>,
    /// For fixed windows: how many milliseconds later they begin than expected.
    pub(super) shift: Option<i64>,
}

impl CounterSnapshot {
    /// The number of all calls, for a limit that changed its kind of window.
    pub(super) fn calls(&self) -> u32 {
        self.ended.iter().fold(0, |sum, (_, calls)| sum.saturating_add(*calls))
    }
}
