//! When keys were last used: known at once, stored at most once a minute for each key, and by a task of
//! its own, so that no request waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::store::Store;
use crate::store::sql::schema::api_keys;
use crate::store::sql::time::{from_micros, to_micros};

/// The time between two writes for a key.
const STORED_EVERY: TimeDelta = TimeDelta::minutes(1);

#[derive(Clone, Copy, Debug)]
struct Use {
    at: DateTime<Utc>,
    stored_at: DateTime<Utc>,
}

/// The last use of each key since the start, by its id.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct KeyUses(Arc<Mutex<HashMap<String, Use>>>);

impl KeyUses {
    pub(in crate::store) fn of(&self, id: &str) -> Option<DateTime<Utc>> {
        let uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.get(id).map(|used| used.at)
    }

    /// Notes a use. Returns whether it is to be stored.
    fn note(&self, id: &str, now: DateTime<Utc>) -> bool {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(used) = uses.get_mut(id) else {
            uses.insert(id.to_owned(), Use { at: now, stored_at: now });
            return true;
        };
        used.at = now;
        // A clock that was set back puts off nothing.
        let is_due = !(TimeDelta::zero()..STORED_EVERY).contains(&(now - used.stored_at));
        if is_due {
            used.stored_at = now;
        }
        is_due
    }
}

impl Store {
    /// Notes that a valid key was used. Never waits; must be called in a runtime.
    pub fn key_used(&self, id: &str, now: DateTime<Utc>) {
        // As it is stored.
        let now = from_micros(to_micros(now));
        if !self.key_uses.note(id, now) {
            return;
        }
        let (store, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            let stored = store.write(move |db| {
                let set = api_keys::last_used_at.eq(Some(to_micros(now)));
                diesel::update(api_keys::table.find(id)).set(set).execute(db)?;
                Ok(())
            });
            // An outage is logged where it begins; the next minute brings another try.
            drop(stored.await);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_known_at_once_and_stored_once_a_minute() {
        let (uses, start) = (KeyUses::default(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        assert_eq!(uses.of("one"), None);
        for (seconds, stored) in [(0, true), (1, false), (59, false), (60, true), (61, false)] {
            let now = start + TimeDelta::seconds(seconds);
            assert_eq!(uses.note("one", now), stored, "{seconds}");
            assert_eq!(uses.of("one"), Some(now));
        }
        assert!(uses.note("two", start));
        assert!(uses.note("one", start), "the clock was set back");
    }
}
