//! What counts the calls of a limit.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use partner_sdk::LimitReading;

/// A counter keeps no less than this share of a window apart what it cannot tell apart.
pub(super) const SLOTS: i32 = 64;

/// Counts the calls of a limit that have ended, in whatever windows the limit has. A call counts
/// from the moment its permit is given, too, but until it ends that is the bucket's to know.
pub(super) trait WindowCounter: Debug + Send {
    /// Calls have ended: the partner counted each somewhere between its permit and now.
    fn add(&mut self, calls: u32, now: DateTime<Utc>);

    /// The ended calls that count for a permit given now.
    fn counted(&self, now: DateTime<Utc>) -> u32;

    /// Forgets what counts no more.
    fn expire(&mut self, now: DateTime<Utc>);

    /// The earliest time after now at which fewer calls may count.
    fn next_free(&self, now: DateTime<Utc>) -> DateTime<Utc>;

    /// When no ended call that counts now counts any more; `None` if none does and windows have no
    /// ends.
    fn resets_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>>;

    /// Takes the partner's figures. Returns whether something changed that must be stored.
    fn learn(&mut self, reading: &LimitReading, answer: Answer) -> bool;

    /// When the window ends that a refusal now is about; `None` if windows have no ends.
    fn end_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>>;

    /// Whether the partner's figures leave room in the present window, if it told any.
    fn has_room(&self, now: DateTime<Utc>) -> Option<bool>;

    /// What the store keeps.
    fn snapshot(&self) -> CounterSnapshot;

    /// Takes up what the store kept.
    fn restore(&mut self, snapshot: &CounterSnapshot, now: DateTime<Utc>);
}

/// The call whose answer told figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// When it got its permit.
    pub(super) began: DateTime<Utc>,
    /// When its answer was there.
    pub(super) now: DateTime<Utc>,
    /// The calls of this limit that are under way, itself with them if it is one.
    pub(super) in_flight: u32,
    /// Whether it counts against this limit.
    pub(super) is_own: bool,
}

/// What the store keeps of a counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CounterSnapshot {
    /// Ended calls: of a sliding window by the end of the slot in which they ended, of fixed windows
    /// by the beginning of the window. In Unix milliseconds.
    pub(super) ended: Vec<(i64, u32)>,
    /// Of fixed windows, by how many milliseconds they lie later than they should.
    pub(super) shift: Option<i64>,
}

impl CounterSnapshot {
    /// All calls, for a limit whose windows have become others.
    pub(super) fn calls(&self) -> u32 {
        self.ended.iter().fold(0, |sum, (_, calls)| sum.saturating_add(*calls))
    }
}
