//! The items of one resource of one account, indexed by id, by event time and by time of change.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Bound, RangeBounds};

use serde_json::Value;

use crate::notifications::{Change, Version};

/// One item as the partner would send it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The partner's id; two items may share one, as seen at real partners.
    pub(crate) id: i64,
    /// When it happened, in the partner's time base (UTC or wall-clock seconds).
    pub(crate) time: i64,
    /// When it was stored or last changed, in virtual Unix seconds.
    pub(crate) modified: i64,
    pub(crate) value: Value,
}

/// Items with their indexes. A query that finds no changes costs one tree lookup.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    items: HashMap<u64, Item>,
    keys_by_id: HashMap<i64, Vec<u64>>,
    by_time: BTreeSet<(i64, u64)>,
    by_modified: BTreeSet<(i64, u64)>,
    deleted: BTreeSet<(i64, i64)>,
    next_key: u64,
    /// Whether changes are kept for notifications.
    pub(crate) watched: bool,
    changes: Vec<Change>,
}

impl Collection {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// What happened while changes were kept, since they were last taken.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    pub(crate) fn insert(&mut self, item: Item) {
        if self.watched {
            self.changes.push(Change { id: item.id, before: None, after: Some(version(&item)) });
        }
        let key = self.next_key;
        self.next_key += 1;
        self.by_time.insert((item.time, key));
        self.by_modified.insert((item.modified, key));
        self.keys_by_id.entry(item.id).or_default().push(key);
        self.items.insert(key, item);
    }

    pub(crate) fn find(&self, id: i64) -> Option<&Item> {
        let key = self.keys_by_id.get(&id)?.last()?;
        self.items.get(key)
    }

    /// Changes every item with that id and indexes it again; returns false when there is none.
    pub(crate) fn edit(&mut self, id: i64, mut change: impl FnMut(&mut Item)) -> bool {
        let Some(keys) = self.keys_by_id.get(&id) else {
            return false;
        };
        for key in keys {
            if let Some(item) = self.items.get_mut(key) {
                self.by_time.remove(&(item.time, *key));
                self.by_modified.remove(&(item.modified, *key));
                let before = self.watched.then(|| version(item));
                change(item);
                // The index owns the id: an edit cannot change it.
                item.id = id;
                if before.is_some() {
                    self.changes.push(Change { id, before, after: Some(version(item)) });
                }
                self.by_time.insert((item.time, *key));
                self.by_modified.insert((item.modified, *key));
            }
        }
        true
    }

    /// Removes every item with that id and stores when; returns false when there is none.
    pub(crate) fn remove(&mut self, id: i64, now: i64) -> bool {
        let Some(keys) = self.keys_by_id.remove(&id) else {
            return false;
        };
        for key in keys {
            if let Some(item) = self.items.remove(&key) {
                self.by_time.remove(&(item.time, key));
                self.by_modified.remove(&(item.modified, key));
                if self.watched {
                    self.changes.push(Change { id, before: Some(version(&item)), after: None });
                }
            }
        }
        self.deleted.insert((now, id));
        true
    }

    /// Everything that happened in a range of times, newest first.
    pub(crate) fn newest(&self, times: impl RangeBounds<i64>) -> impl Iterator<Item = &Item> {
        self.by_time.range(with_keys(times)).rev().filter_map(|(_, key)| self.items.get(key))
    }

    /// Everything stored or changed in a range of times, newest event first.
    pub(crate) fn changed(&self, times: impl RangeBounds<i64>) -> Vec<&Item> {
        let mut found: Vec<(u64, &Item)> = self
            .by_modified
            .range(with_keys(times))
            .filter_map(|(_, key)| Some((*key, self.items.get(key)?)))
            .collect();
        found.sort_unstable_by_key(|(key, item)| std::cmp::Reverse((item.time, *key)));
        found.into_iter().map(|(_, item)| item).collect()
    }

    /// The ids removed in a range of times, oldest first.
    pub(crate) fn deleted(&self, times: impl RangeBounds<i64>) -> impl Iterator<Item = i64> {
        let start = match times.start_bound() {
            Bound::Included(at) => Bound::Included((*at, i64::MIN)),
            Bound::Excluded(at) => Bound::Excluded((*at, i64::MAX)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let end = match times.end_bound() {
            Bound::Included(at) => Bound::Included((*at, i64::MAX)),
            Bound::Excluded(at) => Bound::Excluded((*at, i64::MIN)),
            Bound::Unbounded => Bound::Unbounded,
        };
        self.deleted.range((start, end)).map(|(_, id)| *id)
    }

    /// When anything last changed, removals included.
    pub(crate) fn last_change(&self) -> Option<i64> {
        let changed = self.by_modified.last().map(|(at, _)| *at);
        let removed = self.deleted.last().map(|(at, _)| *at);
        changed.max(removed)
    }
}

fn version(item: &Item) -> Version {
    Version { time: item.time, value: item.value.clone() }
}

/// Both ends of a range of index entries: a time and an item's key.
type Ends = (Bound<(i64, u64)>, Bound<(i64, u64)>);

fn with_keys(times: impl RangeBounds<i64>) -> Ends {
    let start = match times.start_bound() {
        Bound::Included(at) => Bound::Included((*at, u64::MIN)),
        Bound::Excluded(at) => Bound::Excluded((*at, u64::MAX)),
        Bound::Unbounded => Bound::Unbounded,
    };
    let end = match times.end_bound() {
        Bound::Included(at) => Bound::Included((*at, u64::MAX)),
        Bound::Excluded(at) => Bound::Excluded((*at, u64::MIN)),
        Bound::Unbounded => Bound::Unbounded,
    };
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: i64, time: i64, modified: i64) -> Item {
        Item { id, time, modified, value: Value::Null }
    }

    fn ids(found: Vec<&Item>) -> Vec<i64> {
        found.into_iter().map(|item| item.id).collect()
    }

    #[test]
    fn both_orders_and_the_bounds() {
        let mut collection = Collection::default();
        collection.insert(item(1, 100, 900));
        collection.insert(item(2, 300, 300));
        collection.insert(item(3, 200, 200));
        assert_eq!(ids(collection.newest(..).collect()), [2, 3, 1]);
        assert_eq!(ids(collection.newest(200..=300).collect()), [2, 3]);
        assert_eq!(ids(collection.changed(300..)), [2, 1]);
        assert_eq!(ids(collection.changed((Bound::Excluded(300), Bound::Unbounded))), [1]);
    }

    #[test]
    fn an_edit_moves_both_duplicates_and_a_removal_is_remembered() {
        let mut collection = Collection::default();
        collection.insert(item(1, 100, 100));
        collection.insert(item(1, 110, 110));
        assert!(collection.edit(1, |item| item.modified = 500));
        assert_eq!(collection.changed(500..).len(), 2);
        assert!(collection.remove(1, 600));
        assert!(!collection.remove(1, 700));
        assert_eq!(collection.len(), 0);
        assert_eq!(collection.deleted(600..).collect::<Vec<_>>(), [1]);
        assert_eq!(collection.deleted(601..).count(), 0);
        assert_eq!(collection.last_change(), Some(600));
    }
}
