//! What concerns a whole partner: it would be seen with every sync, so it is written when it begins
//! and ends, and between only now and then.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::IncidentCode;
use crate::model::ConnectionId;

/// How long nothing may have waited for a limit before that is over. Most limits are of some minutes,
/// and would otherwise open an incident in each of their windows.
pub const QUIET: TimeDelta = TimeDelta::minutes(10);

/// The shortest time between two writes about one incident.
const BETWEEN_WRITES: TimeDelta = TimeDelta::minutes(10);

/// A scenario and, if it is not about the whole partner, its connection.
type Key = (IncidentCode, Option<ConnectionId>);

/// The incidents of a partner that are open.
#[derive(Debug, Default)]
pub struct Watch(BTreeMap<Key, Open>);

#[derive(Debug)]
struct Open {
    /// When it was last seen, or until when it is known to go on.
    last_at: DateTime<Utc>,
    written_at: DateTime<Utc>,
    /// How often it was seen since.
    unwritten: u32,
}

impl Watch {
    /// Restores an incident that is open in the store.
    pub fn restore(&mut self, key: Key, last_at: DateTime<Utc>) {
        self.0.insert(key, Open { last_at, written_at: last_at, unwritten: 0 });
    }

    /// It was seen. Returns how often to store that, if it is to be stored now.
    pub fn seen(&mut self, key: Key, now: DateTime<Utc>) -> Option<u32> {
        let Some(open) = self.0.get_mut(&key) else {
            self.restore(key, now);
            return Some(1);
        };
        open.last_at = open.last_at.max(now);
        open.unwritten = open.unwritten.saturating_add(1);
        if now - open.written_at < BETWEEN_WRITES {
            return None;
        }
        open.written_at = now;
        Some(std::mem::take(&mut open.unwritten))
    }

    /// It goes on until then at least.
    pub fn lasts(&mut self, key: Key, until: DateTime<Utc>) {
        if let Some(open) = self.0.get_mut(&key) {
            open.last_at = open.last_at.max(until);
        }
    }

    /// It goes on; only its beginning is counted. Returns whether this is it.
    pub fn goes_on(&mut self, key: Key, now: DateTime<Utc>) -> bool {
        if let Some(open) = self.0.get_mut(&key) {
            open.last_at = now;
            return false;
        }
        self.seen(key, now).is_some()
    }

    /// It is over. Returns, if it was open, how often it was seen since that was last stored.
    pub fn over(&mut self, key: Key) -> Option<u32> {
        self.0.remove(&key).map(|open| open.unwritten)
    }

    /// The open ones of this code that were not seen for [`QUIET`].
    pub fn quiet(&self, code: IncidentCode, now: DateTime<Utc>) -> Vec<Key> {
        let is_quiet = |open: &Open| now - open.last_at >= QUIET;
        let all = self.0.iter().filter(|((its, _), open)| *its == code && is_quiet(open));
        all.map(|(key, _)| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = (IncidentCode::PartnerDown, None);

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    #[test]
    fn it_is_written_when_it_begins_and_seldom_after_that_and_no_sight_is_lost() {
        let mut watch = Watch::default();
        let mut written: Vec<_> =
            (0..25).filter_map(|minute| watch.seen(KEY, at(minute))).collect();
        assert_eq!(written, [1, 10, 10]);
        written.extend(watch.over(KEY));
        assert_eq!(written.iter().sum::<u32>(), 25);
        assert_eq!((watch.over(KEY), watch.seen(KEY, at(30))), (None, Some(1)));
    }

    #[test]
    fn what_goes_on_is_counted_once_and_is_over_when_it_was_quiet() {
        let mut watch = Watch::default();
        let limit = (IncidentCode::LimitExhausted, Some(ConnectionId(7)));
        assert!(watch.goes_on(limit, at(0)));
        assert!(!watch.goes_on(limit, at(5)));
        assert!(watch.quiet(IncidentCode::LimitExhausted, at(14)).is_empty());
        assert_eq!(watch.quiet(IncidentCode::LimitExhausted, at(15)), [limit]);
        assert!(watch.quiet(IncidentCode::PartnerDown, at(15)).is_empty());
    }

    #[test]
    fn what_is_known_to_last_is_not_quiet_before() {
        let mut watch = Watch::default();
        let limit = (IncidentCode::LimitExhausted, Some(ConnectionId(7)));
        watch.seen(limit, at(0));
        watch.lasts(limit, at(55));
        watch.seen(limit, at(1));
        assert!(watch.quiet(IncidentCode::LimitExhausted, at(64)).is_empty());
        assert_eq!(watch.quiet(IncidentCode::LimitExhausted, at(65)), [limit]);
    }

    #[test]
    fn after_a_restart_an_open_one_is_counted_on() {
        let mut watch = Watch::default();
        watch.restore(KEY, at(0));
        assert_eq!(watch.seen(KEY, at(1)), None);
        assert_eq!(watch.over(KEY), Some(1));
    }
}
