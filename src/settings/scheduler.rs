//! `[scheduler]`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration_text;

/// When connections are polled.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Scheduler {
    /// The polling intervals of the activity groups, shortest first. Default 5, 20 and 60 minutes.
    #[serde(with = "duration_text::list")]
    pub groups: Vec<Duration>,
    /// How long a connection may be without data before it moves to the next group. Default 21
    /// days.
    #[serde(with = "duration_text")]
    pub demote_after: Duration,
    /// The share of an interval by which polls are moved at random in either direction. Default
    /// 0.05.
    pub jitter: f64,
    /// The shortest time between two syncs of one connection. Default 1 second.
    #[serde(with = "duration_text")]
    pub min_gap: Duration,
    /// How many connections of one partner may sync at the same time. Default 256.
    pub max_busy: usize,
    /// The timeout of one call to a partner. Default 30 seconds.
    #[serde(with = "duration_text")]
    pub call_timeout: Duration,
    /// The timeout of reading one page, not counting waits for rate limits. Default 2 minutes.
    #[serde(with = "duration_text")]
    pub page_timeout: Duration,
    /// How long a partner may take to act on a call whose caller is gone. What was being pushed at a crash
    /// is looked for after this time. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub late_calls: Duration,
    /// After which time a kind that the daemon switched off is tried again. Default 1 day.
    #[serde(with = "duration_text")]
    pub retry_switched_off: Duration,
    /// Whether connections whose notifications work are polled at the longest interval. Default
    /// true.
    pub relax_when_notified: bool,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            groups: [5, 20, 60].map(|minutes| Duration::from_secs(minutes * 60)).to_vec(),
            demote_after: Duration::from_secs(21 * 24 * 3600),
            jitter: 0.05,
            min_gap: Duration::from_secs(1),
            max_busy: 256,
            call_timeout: Duration::from_secs(30),
            page_timeout: Duration::from_secs(120),
            late_calls: Duration::from_secs(10),
            retry_switched_off: Duration::from_secs(24 * 3600),
            relax_when_notified: true,
        }
    }
}
