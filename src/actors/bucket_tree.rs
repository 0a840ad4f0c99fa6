//! A rate limit as the administrator sees it.

use chrono::{DateTime, Utc};
use partner_sdk::{Counts, WindowKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits::{Bucket, Priority, UsedFor};

/// One rate limit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BucketTree {
    /// Calls allowed in a window: what the partner reported, if it did, as far as the settings
    /// allow.
    pub limit: u32,
    /// The length of the window in seconds.
    pub window_s: f64,
    /// `sliding` (any period of that length) or `fixed` (from each multiple of it, in UTC).
    pub window: &'static str,
    /// Which calls count: `all` or `reads`.
    pub counts: &'static str,
    /// Calls that count now.
    pub used: u32,
    /// Calls that may still be made now.
    pub left: u32,
    /// What those that count were for, as far as this actor made them.
    pub used_for: UsedForTree,
    /// Up to how many calls polls may fill it; the rest is kept for people who wait and for what the
    /// partner announces.
    pub polls_may_fill: u32,
    /// Up to how many calls the history of new connections may fill it.
    pub past_may_fill: u32,
    /// When none of those counts any more; for a fixed window, its end.
    pub resets_at: Option<DateTime<Utc>>,
    /// Until when the partner asked to wait.
    pub closed_until: Option<DateTime<Utc>>,
}

/// What calls were for.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct UsedForTree {
    /// People who wait, and changes to push.
    pub people: u32,
    /// Polls, notifications and subscriptions.
    pub polls: u32,
    /// The history of new connections.
    pub past: u32,
    /// Not known: calls before the actor started, and those that others made.
    pub other: u32,
}

impl UsedForTree {
    fn new(it: UsedFor, used: u32) -> Self {
        let UsedFor { people, polls, past } = it;
        Self { people, polls, past, other: used.saturating_sub(it.total()) }
    }
}

impl BucketTree {
    pub(super) fn new(bucket: &Bucket, used_for: UsedFor, now: DateTime<Utc>) -> Self {
        let (calls, used) = (bucket.calls(), bucket.used_at(now));
        let share = |priority: Priority| {
            u32::try_from(u64::from(calls) * u64::from(priority.share()) / 100).unwrap_or(u32::MAX)
        };
        Self {
            limit: calls,
            window_s: bucket.limit().per.as_secs_f64(),
            window: match bucket.limit().window {
                WindowKind::Sliding => "sliding",
                WindowKind::Fixed => "fixed",
            },
            counts: match bucket.limit().counts {
                Counts::All => "all",
                Counts::Reads => "reads",
            },
            used,
            left: calls.saturating_sub(used),
            used_for: UsedForTree::new(used_for, used),
            polls_may_fill: share(Priority::Scheduled),
            past_may_fill: share(Priority::Backfill),
            resets_at: bucket.resets_at(now),
            closed_until: bucket.closed_until().filter(|until| *until > now),
        }
    }
}
