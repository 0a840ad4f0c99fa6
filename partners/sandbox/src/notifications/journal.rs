//! What became of notifications.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::client::Outcome;

/// How many attempts are kept in detail.
const KEPT: usize = 200;

/// One attempt to deliver a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The account's name.
    pub account: String,
    /// The callback address.
    pub url: String,
    /// The body as it was sent.
    pub body: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Whether the partner takes the answer for a receipt.
    pub accepted: bool,
    /// Milliseconds until the answer, or until it was not waited for any longer.
    pub ms: u64,
    /// Virtual Unix seconds.
    pub at: i64,
}

/// Counts since the start or the last reset. Floods are not among them: they report themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// Notifications there was a reason for.
    pub made: u64,
    /// Attempts to deliver one.
    pub sent: u64,
    /// Attempts by what came back: `2xx` and so on, `timeout`, `unreachable`.
    pub by_status: BTreeMap<String, u64>,
    /// The slowest answer.
    pub slowest_ms: u64,
    /// Attempts that were not answered within the partner's time limit.
    pub over_limit: u64,
    /// Lost by a fault.
    pub dropped: u64,
    /// Sent twice by a fault.
    pub doubled: u64,
    /// Attempts after the first one.
    pub retried: u64,
    /// Not accepted by the last attempt.
    pub given_up: u64,
    /// Lost because too many were waiting.
    pub overflowed: u64,
    /// Waiting now, held back and delayed ones included.
    pub waiting: u64,
    /// Being delivered now.
    pub under_way: u64,
    /// The last attempts, oldest first.
    pub last: Vec<Delivery>,
}

/// The counts of one partner, and its last attempts.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(super) counts: Deliveries,
    last: VecDeque<Delivery>,
}

impl Journal {
    pub(super) fn heard(&mut self, heard: &Outcome, took: Duration, delivery: Delivery) {
        self.counts.sent += 1;
        self.counts.retried += u64::from(delivery.attempt > 1);
        let class = match heard {
            Outcome::Answer { status, .. } => format!("{}xx", status / 100),
            Outcome::TimedOut => "timeout".to_owned(),
            Outcome::Failed(_) => "unreachable".to_owned(),
        };
        *self.counts.by_status.entry(class).or_default() += 1;
        self.counts.over_limit += u64::from(*heard == Outcome::TimedOut);
        if heard.status().is_some() {
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.counts.slowest_ms = self.counts.slowest_ms.max(ms);
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(delivery);
    }

    pub(super) fn report(&self) -> Deliveries {
        Deliveries { last: self.last.iter().cloned().collect(), ..self.counts.clone() }
    }
}
