//! A bucket as the store keeps it.

use serde::{Deserialize, Serialize};

/// What the store keeps of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketState {
    /// Ended calls: a time in Unix milliseconds, and a number.
    /// [`CounterSnapshot`](super::window_counter::CounterSnapshot) defines the time.
    pub(super) ended: Vec<(i64, u32)>,
    /// Calls stored ahead: they may have been made since and must count as made.
    pub(super) ahead: u32,
    /// The partner's "not before", in Unix milliseconds.
    pub(super) closed_until: Option<i64>,
    /// For fixed windows: how many milliseconds later they begin than expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shift: Option<i64>,
    /// How many calls the partner reports that it allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) allowed: Option<u32>,
}
