//! API keys that are not known: counted for each address they come from, so that guessing is slowed
//! and seen.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Counts are per minute.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// This many unknown keys a minute from one address are answered like a single one: somebody may
/// have deployed an old key.
pub(super) const TOLERATED: u32 = 20;

/// More addresses than this in a minute are counted together.
const MAX_ADDRESSES: usize = 10_000;

/// Where addresses are counted that are too many, or unknown.
const OTHERS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The unknown keys of the current minute.
#[derive(Clone, Debug, Default)]
pub struct RefusedKeys(Arc<Mutex<Option<Window>>>);

#[derive(Debug)]
struct Window {
    began: DateTime<Utc>,
    by_address: HashMap<IpAddr, u32>,
}

/// What follows from an unknown key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// How long its sender should wait, if there were too many.
    pub(super) wait: Option<Duration>,
    /// How many more are tolerated.
    pub(super) left: u32,
    /// When the minute ends.
    pub(super) ends_after: Duration,
    /// Whether it is the first of a minute, whose end must be reported.
    pub(super) begins: bool,
}

impl RefusedKeys {
    /// Counts an unknown key.
    pub(super) fn count(&self, from: Option<IpAddr>, now: DateTime<Utc>) -> Refusal {
        self.report(now);
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = window.is_none();
        let window =
            window.get_or_insert_with(|| Window { began: now, by_address: HashMap::new() });
        let mut address = from.map_or(OTHERS, network);
        if window.by_address.len() >= MAX_ADDRESSES && !window.by_address.contains_key(&address) {
            address = OTHERS;
        }
        let count = window.by_address.entry(address).or_default();
        *count = count.saturating_add(1);
        let left = (window.began + WINDOW - now).to_std().unwrap_or_default();
        let wait = (*count > TOLERATED).then(|| left.max(Duration::from_secs(1)));
        let tolerated = TOLERATED.saturating_sub(*count);
        Refusal { wait, left: tolerated, ends_after: left, begins }
    }

    /// Logs the minute if it is over: one line, however many keys were tried.
    pub(super) fn report(&self, now: DateTime<Utc>) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back ends it as well.
        let is_over = |window: &mut Window| !(window.began..window.began + WINDOW).contains(&now);
        let Some(ended) = window.take_if(is_over) else { return };
        drop(window);
        let keys: u64 = ended.by_address.values().map(|count| u64::from(*count)).sum();
        let addresses = ended.by_address.len();
        let most = ended.by_address.iter().max_by_key(|(_, count)| **count);
        if let Some((address, count)) = most {
            tracing::warn!(
                keys, addresses, most_from = %address, of_those = count,
                "calls were refused because their API key is not known or was revoked; counted for a minute"
            );
        }
    }
}

/// The address, or for IPv6 its network: one customer has 2^64 addresses.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn each_address_may_fail_for_itself_and_each_minute() {
        let keys = RefusedKeys::default();
        let (one, other) = ("10.0.0.1".parse().ok(), "10.0.0.2".parse().ok());
        let refused = |wait: Option<u64>, left, ends_after, begins| Refusal {
            wait: wait.map(Duration::from_secs),
            left,
            ends_after: Duration::from_secs(ends_after),
            begins,
        };
        for number in 0..20_u32 {
            let refusal = keys.count(one, at(number.into()));
            let (left, ends_after) = (19 - number, 60 - u64::from(number));
            assert_eq!(refusal, refused(None, left, ends_after, number == 0));
        }
        assert_eq!(keys.count(one, at(40)), refused(Some(20), 0, 20, false));
        assert_eq!(keys.count(other, at(41)), refused(None, 19, 19, false));
        assert_eq!(keys.count(one, at(60)), refused(None, 19, 60, true));
        assert!(keys.count(one, at(0)).begins, "the clock was set back");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_so_do_too_many_addresses() {
        let keys = RefusedKeys::default();
        for number in 0..21 {
            let from = format!("2001:db8:0:1::{number:x}").parse().ok();
            assert_eq!(keys.count(from, at(0)).wait.is_some(), number == 20);
        }
        assert!(keys.count("2001:db8:0:2::1".parse().ok(), at(0)).wait.is_none());
        for number in 0..20_000_u32 {
            keys.count(Some(Ipv4Addr::from(number + 1).into()), at(1));
        }
        let window = keys.0.lock().unwrap();
        assert_eq!(window.as_ref().unwrap().by_address.len(), MAX_ADDRESSES + 1);
    }
}
