//! Limits that are reached, and how much is left of them.

use chrono::{DateTime, Utc};
use partner_sdk::{CallKind, Counts};

use super::limiter::Limiter;
use super::{Bucket, BucketKey, Priority};
use crate::model::ConnectionId;

impl Limiter {
    /// How many calls of the application may begin now at this priority.
    ///
    /// # Errors
    /// When to ask again, if it is none.
    pub fn room(
        &mut self,
        call: CallKind,
        priority: Priority,
        now: DateTime<Utc>,
    ) -> Result<u32, DateTime<Utc>> {
        let mut room = u32::MAX;
        for (_, bucket) in self.counting(None, call) {
            room = room.min(bucket.room(priority, now)?);
        }
        Ok(room)
    }

    /// The limit that such a call waits for, in words: `100 reads in 15m`. `None` if it waits for
    /// none.
    pub fn reached(
        &mut self,
        connection: Option<ConnectionId>,
        call: CallKind,
        priority: Priority,
        now: DateTime<Utc>,
    ) -> Option<String> {
        self.counting(connection, call).find_map(|(key, bucket)| {
            let waits = bucket.check(priority, now).is_err();
            waits.then(|| in_words(key, bucket, now))
        })
    }
}

fn in_words(key: &BucketKey, bucket: &mut Bucket, now: DateTime<Utc>) -> String {
    if bucket.is_closed(now) {
        return "a wait that the partner asked for".to_owned();
    }
    let whose = if key.connection.is_none() { "" } else { " for each user" };
    format!("{}{whose}", bucket.allows())
}

impl Bucket {
    /// How many calls it allows, in words: `100 reads in 15m`.
    pub fn allows(&self) -> String {
        let limit = self.limit();
        let what = match limit.counts {
            Counts::All => "calls",
            Counts::Reads => "reads",
        };
        format!("{} {what} in {}", self.calls(), humantime::format_duration(limit.per))
    }
}
