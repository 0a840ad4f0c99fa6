//! What is known about pages before they are processed, read for all of them at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::dsl::not;
use diesel::prelude::*;

use crate::model::{ConnectionId, UserId};
use crate::store::StoreError;
use crate::store::items::{self, Item};
use crate::store::outbox::{self, Targets};
use crate::store::records::rows::BATCH;
use crate::store::sql::db::Db;
use crate::store::sql::schema::{previous_account_items, sync_items};
use crate::sync::ports::PageToSave;

#[derive(Default)]
pub(in crate::store) struct Preloaded {
    /// The items that a page may concern, by partner id.
    pub(in crate::store) items: HashMap<ConnectionId, HashMap<String, Item>>,
    /// Connections that had another account before.
    pub(in crate::store) with_previous_account: HashSet<ConnectionId>,
    /// Connections with items that were pushed, or will be, and that no poll has shown yet.
    pub(in crate::store) with_expected: HashSet<ConnectionId>,
    /// The connections to which changes are pushed, by user; users without any are left out.
    pub(in crate::store) targets: BTreeMap<UserId, Targets>,
}

impl Preloaded {
    pub(in crate::store) fn load(db: &mut Db, pages: &[PageToSave]) -> Result<Self, StoreError> {
        let mut preloaded = Self::default();
        let names: Vec<(ConnectionId, &str)> = pages.iter().flat_map(names).collect();
        for item in items::of_names(db, &names)? {
            if let Some(id) = item.external_id.clone() {
                preloaded.items.entry(item.connection).or_default().insert(id, item);
            }
        }
        let connections: Vec<ConnectionId> = pages.iter().map(|page| page.connection).collect();
        for ids in connections.chunks(BATCH) {
            let previous = previous_account_items::table
                .filter(previous_account_items::connection_id.eq_any(ids));
            let previous: Vec<ConnectionId> =
                previous.select(previous_account_items::connection_id).distinct().load(db)?;
            preloaded.with_previous_account.extend(previous);
            let expected = sync_items::table
                .filter(sync_items::connection_id.eq_any(ids))
                .filter(not(sync_items::echoed));
            let expected: Vec<ConnectionId> =
                expected.select(sync_items::connection_id).distinct().load(db)?;
            preloaded.with_expected.extend(expected);
        }
        let users: Vec<&UserId> = pages.iter().map(|page| &page.user_id).collect();
        preloaded.targets = outbox::targets(db, &users)?;
        Ok(preloaded)
    }
}

/// The ids and groups under which the items of a page may be stored.
fn names(page: &PageToSave) -> Vec<(ConnectionId, &str)> {
    let own = page.records.iter().map(|record| &record.source_id);
    let groups = page.records.iter().filter_map(|record| record.group.as_ref());
    let reported = page.complete_groups.iter().chain(&page.deleted);
    let mut names: Vec<&str> = own.chain(groups).chain(reported).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| (page.connection, name)).collect()
}
