//! The accounts of one simulated partner and their data.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use chrono_tz::Tz;

use crate::collection::{Collection, Item};
use crate::limits::Window;
use crate::notifications::Change;
use crate::rng::Rng;

/// Zones on both sides of UTC, with and without summer time, one with a half-hour offset.
const ZONES: [Tz; 5] = [
    Tz::Europe__Helsinki,
    Tz::America__New_York,
    Tz::Asia__Kolkata,
    Tz::Pacific__Auckland,
    Tz::UTC,
];

/// One simulated account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// The partner's own number for this user.
    pub(crate) user_id: i64,
    pub(crate) zone: Tz,
    /// Selects which oddities of the partner this account shows; equal for equal seed and name.
    pub(crate) oddity: u64,
    pub(crate) rng: Rng,
    pub(crate) calls: Window,
    pub(crate) in_flight: Arc<AtomicU32>,
    /// Whether the application may only read, at partners that have such a permission.
    pub(crate) read_only: bool,
    resources: BTreeMap<&'static str, Collection>,
    next_id: i64,
    watched: bool,
}

impl Account {
    pub(crate) fn collection(&self, resource: &str) -> Option<&Collection> {
        self.resources.get(resource)
    }

    pub(crate) fn collection_mut(&mut self, resource: &'static str) -> &mut Collection {
        let items = self.resources.entry(resource).or_default();
        items.watched = self.watched;
        items
    }

    pub(crate) fn insert(&mut self, resource: &'static str, item: Item) {
        self.collection_mut(resource).insert(item);
    }

    /// Ids rise, with gaps, as if data of other accounts lay between.
    pub(crate) fn new_id(&mut self) -> i64 {
        self.next_id += self.rng.range(1, 40);
        self.next_id
    }

    /// Removes all data, as the user's deletions.
    pub(crate) fn clear(&mut self, now: i64) {
        if self.watched {
            for items in self.resources.values_mut() {
                items.watched = true;
                let ids: Vec<i64> = items.newest(..).map(|item| item.id).collect();
                ids.into_iter().for_each(|id| {
                    items.remove(id, now);
                });
            }
            return;
        }
        self.resources.clear();
    }

    /// What happened to the data since the last time, by resource.
    pub(crate) fn take_changes(&mut self) -> Vec<(&'static str, Vec<Change>)> {
        let resources = self.resources.iter_mut();
        let changes = resources.map(|(name, items)| (*name, items.take_changes()));
        changes.filter(|(_, changes)| !changes.is_empty()).collect()
    }

    pub(crate) fn sizes(&self) -> BTreeMap<&'static str, usize> {
        self.resources.iter().map(|(name, items)| (*name, items.len())).collect()
    }
}

/// All accounts of a partner, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    list: Vec<Account>,
    by_name: HashMap<String, usize>,
    user_ids: HashMap<i64, usize>,
    watched: bool,
}

impl Accounts {
    /// Whether changes are kept for notifications.
    pub(crate) fn are_watched(&self) -> bool {
        self.watched
    }

    /// Keeps changes for notifications from now on, or no longer.
    pub(crate) fn watch(&mut self, watched: bool) {
        if self.watched != watched {
            self.watched = watched;
            self.list.iter_mut().for_each(|account| account.watched = watched);
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn number_of_user(&self, user_id: i64) -> Option<usize> {
        self.user_ids.get(&user_id).copied()
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Account> {
        self.list.get(number)
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut Account> {
        self.list.get_mut(number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.list.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds an empty account under a new name. Everything about it follows from seed, partner and
    /// name.
    pub(crate) fn add(
        &mut self,
        seed: u64,
        partner: &str,
        name: &str,
        first_user_id: i64,
    ) -> usize {
        let mut rng = Rng::named(seed, &[partner, name]);
        let zone_place = match name.rsplit('-').next().and_then(|end| end.parse::<usize>().ok()) {
            Some(number) => number.saturating_sub(1) % ZONES.len(),
            None => rng.index(ZONES.len()),
        };
        let mut user_id = first_user_id + rng.range(20_000_000, 90_000_000);
        while self.user_ids.contains_key(&user_id) {
            user_id += 1;
        }
        let number = self.list.len();
        self.list.push(Account {
            name: name.to_owned(),
            user_id,
            zone: ZONES.get(zone_place).copied().unwrap_or(Tz::UTC),
            oddity: rng.next(),
            next_id: rng.range(100_000, 900_000) * 10_000,
            rng,
            calls: Window::default(),
            in_flight: Arc::default(),
            read_only: false,
            resources: BTreeMap::new(),
            watched: self.watched,
        });
        self.by_name.insert(name.to_owned(), number);
        self.user_ids.insert(user_id, number);
        number
    }
}
