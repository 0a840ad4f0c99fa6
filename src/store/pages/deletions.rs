//! What is gone according to a page: reported by the partner, missing from a complete group, or
//! missing from a time range that was read completely.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use partner_sdk::TimeRange;

use super::Saving;
use crate::model::{DeletedBy, ItemId, RecordId};
use crate::store::StoreError;
use crate::store::items::{self, Item, NOTHING};
use crate::store::records::rows::{self, Content, kind_columns, to_value};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{records, sync_items};
use crate::store::sql::time::to_micros;
use crate::sync::items::{ItemState, first_missed, is_missed_twice, is_sweeping, loss};
use crate::sync::ports::PageToSave;

/// An item pushed this recently may be missing from a list that the partner is still updating.
const LIST_LAG: TimeDelta = TimeDelta::hours(1);

/// The items that are gone according to the page.
pub(in crate::store) fn find(
    saving: &Saving<'_, '_>,
    db: &mut Db,
    known: &HashMap<String, Item>,
) -> Result<Vec<Item>, StoreError> {
    let mut gone: Vec<Item> = reported(saving, known).cloned().collect();
    if let Some((range, seen)) = &saving.page.complete_range {
        for item in missing(saving, db, *range, seen)? {
            if !gone.iter().any(|other| other.id == item.id) {
                gone.push(item);
            }
        }
    }
    Ok(gone)
}

/// Of the items that are gone those that are believed to be. A sweeping loss is believed when it has
/// been seen twice; until then its items stay as they are, with the time of the first look.
pub(in crate::store) fn confirm(
    saving: &mut Saving<'_, '_>,
    db: &mut Db,
    known: &HashMap<String, Item>,
    gone: Vec<Item>,
) -> Result<Vec<Item>, StoreError> {
    let page = saving.page;
    let (shown, now) = (shown(page), page.now);
    let is_shown = |item: &&Item| item.external_id.as_ref().is_some_and(|id| shown.contains(id));
    let back: Vec<ItemId> = known
        .values()
        .filter(|item| item.missing_since.is_some())
        .filter(is_shown)
        .map(|item| item.id)
        .collect();
    items::set_missing_since(db, &back, None)?;
    // The push of a change or a deletion finds out whether the partner has it. To create it again, or
    // to forget the deletion, because of one list would leave it there twice, or for ever.
    let is_pushed = |item: &Item| {
        use ItemState::{Delete, Deleting, Update, Updating};
        matches!(item.state, Update | Updating | Delete | Deleting)
    };
    // Without a look at the database where it can be none.
    let is_sweeping = !page.is_certain
        && is_sweeping(gone.len(), gone.len())
        && is_sweeping(gone.len(), count_known(saving, db, &gone)?);
    let (confirmed, suspected): (Vec<Item>, Vec<Item>) = gone.into_iter().partition(|item| {
        let is_doubtful = is_sweeping || is_pushed(item);
        !is_doubtful || is_missed_twice(item.missing_since, now)
    });
    for item in &suspected {
        let since = first_missed(item.missing_since, now);
        if item.missing_since != Some(since) {
            items::set_missing_since(db, &[item.id], Some(since))?;
        }
    }
    let suspects = suspected.iter().filter_map(|item| item.external_id.clone());
    saving.saved.suspects = suspects.take(MAX_NAMED_SUSPECTS).collect();
    let believed: Vec<ItemId> =
        confirmed.iter().filter(|item| item.missing_since.is_some()).map(|item| item.id).collect();
    items::set_missing_since(db, &believed, None)?;
    saving.saved.suspected += u32::try_from(suspected.len()).unwrap_or(u32::MAX);
    Ok(confirmed)
}

/// How many suspected items a saved page names, so that the partner can be asked for them.
const MAX_NAMED_SUSPECTS: usize = 30;

/// How far around a loss counts as its neighbourhood, where the page does not say what it covers.
const AROUND: TimeDelta = TimeDelta::days(14);

/// How many items the connection has in the period of a loss, those that are lost included.
fn count_known(saving: &Saving<'_, '_>, db: &mut Db, gone: &[Item]) -> Result<usize, StoreError> {
    let page = saving.page;
    let lost: Vec<&RecordId> = gone.iter().map(|item| &item.record).collect();
    let mut starts: Vec<i64> = Vec::new();
    for lost in lost.chunks(rows::BATCH) {
        let lost = records::table.filter(records::id.eq_any(lost));
        starts.extend(lost.select(records::start_at).load::<i64>(db)?);
    }
    let (Some(first), Some(last)) = (starts.iter().min(), starts.iter().max()) else {
        return Ok(gone.len());
    };
    let around = AROUND.num_microseconds().unwrap_or_default();
    let (mut from, mut to) = (first.saturating_sub(around), last.saturating_add(around));
    if let Some((range, _)) = &page.complete_range {
        (from, to) = (to_micros(range.from).min(*first), to_micros(range.to).max(*last));
    }
    let known: i64 = sync_items::table
        .inner_join(records::table.on(records::id.eq(sync_items::record_id)))
        .filter(sync_items::connection_id.eq(page.connection))
        .filter(sync_items::external_id.is_not_null())
        .filter(sync_items::state.ne(ItemState::Gone.name()))
        .filter(records::user_id.eq(&page.user_id))
        .filter(records::start_at.between(from, to))
        .filter(records::kind.eq_any(page.kinds.iter().map(|kind| kind_columns(*kind).0)))
        .count()
        .get_result(db)?;
    Ok(usize::try_from(known).unwrap_or_default())
}

/// Applies what follows from items that are gone.
pub(in crate::store) fn apply(
    saving: &mut Saving<'_, '_>,
    db: &mut Db,
    gone: Vec<Item>,
) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    let ids: Vec<RecordId> = gone.iter().map(|item| item.record.clone()).collect();
    let contents = rows::load(db, &ids)?;
    let contents: HashMap<&RecordId, &Content> =
        contents.iter().map(|content| (&content.id, content)).collect();
    for item in gone {
        let Some(content) = contents.get(&item.record) else { continue };
        lose(saving, db, &item, content)?;
    }
    Ok(())
}

fn lose(
    saving: &mut Saving<'_, '_>,
    db: &mut Db,
    item: &Item,
    content: &Content,
) -> Result<(), StoreError> {
    let now = saving.page.now;
    let is_alive = !content.deleted;
    let (state, deletes) = loss(item.state, is_alive, item.changed_at, saving.page.last_seen);
    if state == ItemState::Creating && item.state != ItemState::Creating {
        items::doubt(db, item.id, now)?;
        if item.state == ItemState::Update {
            // Changed here later than deleted there: it is created again.
            saving.conflict(&item.record, "here", serde_json::Value::Null);
        }
        return Ok(());
    }
    if state == ItemState::Gone {
        items::set_seen(db, item.id, NOTHING)?;
        items::set_state(db, item.id, ItemState::Gone, now)?;
    }
    if deletes && is_alive {
        if item.state != ItemState::InStep {
            saving.conflict(&item.record, "partner", to_value(&content.data()?));
        }
        rows::delete(db, &item.record, DeletedBy::Partner, now)?;
        saving.record_change(content, "deleted");
        saving.saved.deleted += 1;
    }
    Ok(())
}

/// Items that the partner reported as deleted, or that are missing from a complete group.
fn reported<'k>(
    saving: &Saving<'_, '_>,
    known: &'k HashMap<String, Item>,
) -> impl Iterator<Item = &'k Item> {
    let page = saving.page;
    let present = shown(page);
    let complete: HashSet<String> = page.complete_groups.iter().cloned().collect();
    let deleted: HashSet<String> = page.deleted.iter().cloned().collect();
    known.values().filter(move |item| {
        let in_set = |set: &HashSet<String>, id: &Option<String>| {
            id.as_ref().is_some_and(|id| set.contains(id))
        };
        let reported =
            in_set(&deleted, &item.external_id) || in_set(&deleted, &item.external_group);
        let missing = in_set(&complete, &item.external_group);
        (reported || missing)
            && !in_set(&present, &item.external_id)
            && item.state != ItemState::Gone
    })
}

/// Items in the time range that this sync did not see.
/// The ids that the page shows, whether their records are kept or not.
fn shown(page: &PageToSave) -> HashSet<String> {
    let records = page.records.iter().map(|record| &record.source_id);
    page.present.iter().chain(records).cloned().collect()
}

fn missing(
    saving: &Saving<'_, '_>,
    db: &mut Db,
    range: TimeRange,
    seen: &HashSet<String>,
) -> Result<Vec<Item>, StoreError> {
    let page = saving.page;
    // A partner may show another start than ours; the start of a pushed item is compared below.
    let (from, to) = (range.from - TimeDelta::days(1), range.to + TimeDelta::days(1));
    let mut ids: Vec<(String, i64)> = Vec::new();
    for kind in &page.kinds {
        let (kind, measurement_type) = kind_columns(*kind);
        let mut query = sync_items::table
            .inner_join(records::table.on(records::id.eq(sync_items::record_id)))
            .filter(sync_items::connection_id.eq(page.connection))
            .filter(sync_items::external_id.is_not_null())
            .filter(sync_items::state.ne(ItemState::Gone.name()))
            .filter(records::user_id.eq(&page.user_id))
            .filter(records::start_at.ge(to_micros(from)))
            .filter(records::start_at.lt(to_micros(to)))
            .filter(records::kind.eq(kind))
            .select((sync_items::external_id.assume_not_null(), records::start_at))
            .into_boxed();
        if let Some(measurement_type) = measurement_type {
            query = query.filter(records::measurement_type.eq(measurement_type));
        }
        ids.extend(query.load::<(String, i64)>(db)?);
    }
    ids.retain(|(id, _)| !seen.contains(id));
    let starts: HashMap<String, i64> = ids.into_iter().collect();
    let ids: Vec<String> = starts.keys().cloned().collect();
    let mut found = items::of_external_ids(db, page.connection, &ids)?;
    let inside = |at: DateTime<Utc>| range.from <= at && at < range.to;
    found.retain(|item| {
        let own = item.external_id.as_ref().and_then(|id| starts.get(id)).copied();
        let start = match &item.shown {
            Some(shown) => Some(shown.start.at.to_utc()),
            None => own.and_then(DateTime::from_timestamp_micros),
        };
        let settles =
            !item.echoed && item.pushed_at.is_some_and(|pushed_at| page.now - pushed_at < LIST_LAG);
        let refused = item.external_group.as_ref().is_some_and(|group| seen.contains(group));
        start.is_some_and(inside) && !settles && !refused
    });
    Ok(found)
}
