//! Wrong sign-ins are slowed down: by the address they come from, and by the name they try.
//!
//! Nobody is locked out for ever. An address waits longer the more it tries, up to a bound. A name that is tried a
//! lot is entered at once from where it signed in before; any other address waits for a short time first, whatever
//! others do meanwhile.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::refused_keys::network;

/// This number of tries costs nothing: people mistype.
const FREE: u32 = 5;

/// The longest wait of an address.
const LONGEST: TimeDelta = TimeDelta::minutes(5);

/// With this number of wrong tries within [`FORGOTTEN_AFTER`] a name is under attack.
const ATTACKED: u32 = 10;

/// The wait of an address that tries a name under attack.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);

/// Tries count as long as others follow within this time.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::minutes(15);

/// How many addresses, names and pairs are known at most; the oldest go first.
const MOST: usize = 4_096;

/// The tries of late.
#[derive(Clone, Debug, Default)]
pub struct SignInRates(Arc<Mutex<Tries>>);

#[derive(Debug, Default)]
struct Tries {
    addresses: HashMap<IpAddr, Counted>,
    names: HashMap<String, Counted>,
    /// From when on an address may try a name that is under attack.
    turns: HashMap<(String, IpAddr), Turn>,
    /// From where a name signed in, and when.
    known: HashMap<(String, IpAddr), DateTime<Utc>>,
    wrong: Wrong,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    tries: u32,
    last: DateTime<Utc>,
    until: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    from: DateTime<Utc>,
}

/// Wrong sign-ins since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    /// How many.
    count: u64,
    /// Of those, how many are in the log.
    logged: u64,
    /// The last one.
    last: Option<DateTime<Utc>>,
}

impl SignInRates {
    /// Somebody tries to sign in, and it counts as wrong until it is right.
    ///
    /// # Errors
    /// How long to wait first.
    pub(super) fn begin(
        &self,
        name: &str,
        from: IpAddr,
        now: DateTime<Utc>,
    ) -> Result<(), TimeDelta> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.begin(name, network(from), now)
    }

    /// It was right.
    pub(super) fn right(&self, name: &str, from: IpAddr, now: DateTime<Utc>) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (pair, from) = ((name.to_owned(), network(from)), network(from));
        tries.addresses.remove(&from);
        if let Some(of_name) = tries.names.get_mut(name) {
            of_name.tries = of_name.tries.saturating_sub(1);
        }
        make_room(&mut tries.known, |at| *at);
        tries.known.insert(pair, now);
    }

    /// It was wrong. Returns whether that begins a minute that is to be reported.
    pub(super) fn wrong(&self, now: DateTime<Utc>) -> bool {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = tries.wrong.count == tries.wrong.logged;
        tries.wrong.count += 1;
        tries.wrong.last = Some(now);
        begins
    }

    /// Those that no log line has counted yet.
    pub(super) fn unreported(&self) -> u64 {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unreported = tries.wrong.count - tries.wrong.logged;
        tries.wrong.logged = tries.wrong.count;
        unreported
    }

    /// Wrong sign-ins since the start, and the last one.
    pub(super) fn all_wrong(&self) -> (u64, Option<DateTime<Utc>>) {
        let wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner).wrong;
        (wrong.count, wrong.last)
    }
}

impl Tries {
    fn begin(&mut self, name: &str, from: IpAddr, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let fresh = Counted { tries: 0, last: now, until: now };
        make_room(&mut self.addresses, |it| it.last);
        let of_address = self.addresses.entry(from).or_insert(fresh);
        of_address.forget(now);
        if of_address.until > now {
            return Err(of_address.until - now);
        }
        let pair = (name.to_owned(), from);
        make_room(&mut self.names, |it| it.last);
        let of_name = self.names.entry(name.to_owned()).or_insert(fresh);
        of_name.forget(now);
        if of_name.tries >= ATTACKED && !self.known.contains_key(&pair) {
            make_room(&mut self.turns, |it| it.from);
            let turn = *self.turns.entry(pair.clone()).or_insert(Turn { from: now + FIRST_WAIT });
            if turn.from > now {
                return Err(turn.from - now);
            }
            self.turns.remove(&pair);
        }
        of_name.count(now);
        of_address.count(now);
        let more = of_address.tries.saturating_sub(FREE);
        if more > 0 {
            let wait = TimeDelta::seconds(1_i64 << more.min(16));
            of_address.until = now + wait.min(LONGEST);
        }
        Ok(())
    }
}

impl Counted {
    fn count(&mut self, now: DateTime<Utc>) {
        self.tries = self.tries.saturating_add(1);
        self.last = now;
    }

    /// A clock that was set back lets nobody wait longer.
    fn forget(&mut self, now: DateTime<Utc>) {
        if now - self.last >= FORGOTTEN_AFTER || now < self.last {
            *self = Self { tries: 0, last: now, until: now };
        }
    }
}

/// Forgets the older half when there are too many.
fn make_room<K: Eq + Hash, V>(known: &mut HashMap<K, V>, at: impl Fn(&V) -> DateTime<Utc>) {
    if known.len() < MOST {
        return;
    }
    let mut times: Vec<_> = known.values().map(&at).collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    known.retain(|_, value| at(value) > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
    }

    fn address(last: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + last).to_be_bytes())
    }

    #[test]
    fn an_address_waits_longer_and_longer_and_not_for_ever() {
        let rates = SignInRates::default();
        for _ in 0..FREE {
            assert_eq!(rates.begin("ann", address(1), at(0)), Ok(()));
        }
        let (mut now, mut waits) = (0, Vec::new());
        for name in 0..12 {
            assert_eq!(rates.begin(&name.to_string(), address(1), at(now)), Ok(()));
            let wait = rates.begin("ann", address(1), at(now)).unwrap_err().num_seconds();
            waits.push(wait);
            now += wait;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]);
        assert_eq!(rates.begin("ann", address(2), at(now)), Ok(()), "another address");
        let later = now + FORGOTTEN_AFTER.num_seconds() + 300;
        assert_eq!(rates.begin("ann", address(1), at(later)), Ok(()));
        rates.right("ann", address(1), at(later));
        assert_eq!(rates.begin("ann", address(1), at(later)), Ok(()));
    }

    #[test]
    fn a_name_under_attack_is_entered_from_where_it_was_and_elsewhere_after_a_while() {
        let rates = SignInRates::default();
        assert_eq!(rates.begin("ann", address(1), at(0)), Ok(()));
        rates.right("ann", address(1), at(0));
        for other in 0..ATTACKED {
            assert_eq!(rates.begin("ann", address(100 + other), at(1)), Ok(()));
        }
        assert_eq!(rates.begin("ann", address(1), at(2)), Ok(()), "known");
        assert_eq!(rates.begin("ann", address(2), at(2)), Err(FIRST_WAIT));
        assert_eq!(rates.begin("bob", address(3), at(2)), Ok(()), "another name");
        for second in 3..32 {
            let refused = rates.begin("ann", address(200), at(second));
            assert!(refused.is_err() || second >= 31, "{second}");
        }
        assert_eq!(rates.begin("ann", address(2), at(32)), Ok(()), "its turn");
    }

    #[test]
    fn memory_is_bounded() {
        let rates = SignInRates::default();
        for other in 0..20_000 {
            assert_eq!(rates.begin(&other.to_string(), address(other), at(other.into())), Ok(()));
        }
        let tries = rates.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(tries.addresses.len() <= MOST && tries.names.len() <= MOST);
    }
}
