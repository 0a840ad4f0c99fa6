//! Pushes: what waits, what is in flight, and how they ended.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::{Kind, RecordData, RemoteRef};

use crate::model::{ConnectionId, ItemId};
use crate::store::StoreError;
use crate::store::items::{self, Item, NOTHING};
use crate::store::records::rows::{self, Content, kind_columns, to_text};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, records, sync_items};
use crate::store::sql::time::to_micros;
use crate::sync::items::{Fingerprint, ItemState, PushEnd, fingerprint, first_missed};
use crate::sync::ports::{PushEnded, Waiting};

/// Which of these source ids belong to a record already.
pub(in crate::store) fn linked(
    db: &mut Db,
    connection: ConnectionId,
    source_ids: &[String],
) -> QueryResult<HashSet<String>> {
    let linked = sync_items::table
        .filter(sync_items::connection_id.eq(connection))
        .filter(sync_items::external_id.eq_any(source_ids))
        .select(sync_items::external_id.assume_not_null());
    Ok(linked.load(db)?.into_iter().collect())
}

/// The parts of a due item that its place in the queue depends on.
#[derive(Queryable)]
struct Due {
    attempts: i32,
    changed_at: Option<i64>,
    item: ItemId,
    state: String,
    kind: String,
    measurement_type: Option<String>,
}

impl Due {
    /// In the form that [`kind_columns`] returns.
    fn kind_columns(&self) -> (&str, Option<&str>) {
        (&self.kind, self.measurement_type.as_deref())
    }
}

/// See [`Ledger::waiting`](crate::sync::Ledger::waiting).
pub(in crate::store) fn waiting(
    db: &mut Db,
    connection: ConnectionId,
    kinds: &[Kind],
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<Waiting>, StoreError> {
    let due: Vec<Due> = sync_items::table
        .inner_join(records::table.on(records::id.eq(sync_items::record_id)))
        .filter(sync_items::connection_id.eq(connection))
        .filter(sync_items::due_at.le(to_micros(now)))
        .select((
            sync_items::attempts,
            sync_items::changed_at,
            sync_items::id,
            sync_items::state,
            records::kind,
            records::measurement_type,
        ))
        .load(db)?;
    // Items in flight come first; within each group fewer attempts first, then in the order of the
    // changes. Sorted here, because databases differ in where they sort NULL times.
    let mut due: Vec<(bool, i32, Option<i64>, ItemId)> = due
        .iter()
        .filter(|due| kinds.iter().any(|kind| kind_columns(*kind) == due.kind_columns()))
        .map(|due| {
            let begins = !ItemState::from_name(&due.state).is_some_and(ItemState::is_in_flight);
            (begins, due.attempts, due.changed_at, due.item)
        })
        .collect();
    due.sort_unstable();
    due.truncate(limit as usize);
    let mut found = Vec::with_capacity(due.len());
    for (.., id) in due {
        let Some(item) = items::find(db, id)? else { continue };
        let Some(content) = rows::load(db, std::slice::from_ref(&item.record))?.pop() else {
            continue;
        };
        found.push(waiting_of(item, &content, now)?);
    }
    Ok(found)
}

fn waiting_of(item: Item, content: &Content, now: DateTime<Utc>) -> Result<Waiting, StoreError> {
    let is_missing =
        item.missing_since.is_some_and(|since| first_missed(Some(since), now) == since);
    let group = item.external_group;
    let remote_ref = item
        .external_id
        .map(|source_id| RemoteRef { group: group.filter(|group| *group != source_id), source_id });
    Ok(Waiting {
        item: item.id,
        state: item.state,
        remote_ref,
        record: content.data()?,
        deleted: content.deleted,
        sent: item.shown.filter(|_| item.state == ItemState::Creating),
        attempts: item.attempts,
        is_missing,
    })
}

fn content_of(db: &mut Db, item: &Item) -> Result<Option<(RecordData, bool)>, StoreError> {
    let Some(content) = rows::load(db, std::slice::from_ref(&item.record))?.pop() else {
        return Ok(None);
    };
    Ok(Some((content.data()?, content.deleted)))
}

/// See [`Ledger::begin_push`](crate::sync::Ledger::begin_push).
pub(in crate::store) fn begin(
    db: &mut Db,
    pushes: &[(ItemId, Fingerprint)],
    again_at: DateTime<Utc>,
) -> Result<Vec<ItemId>, StoreError> {
    let mut begun = Vec::new();
    for (id, sent) in pushes {
        let Some(item) = items::find(db, *id)? else { continue };
        let Some((data, deleted)) = content_of(db, &item)? else { continue };
        let is_deletion = item.state == ItemState::Delete;
        if item.state.begun() == item.state || fingerprint(&data) != *sent {
            continue;
        }
        if deleted != is_deletion {
            // It changed without being enqueued, because its kind was switched off.
            let state = item.state.after_change(item.external_id.is_some(), deleted);
            items::set_state(db, *id, state, DateTime::UNIX_EPOCH)?;
            continue;
        }
        items::set_state(db, *id, item.state.begun(), again_at)?;
        if item.state == ItemState::Create {
            // After a crash, the item is looked up by this.
            items::set_shown(db, *id, &data)?;
        }
        begun.push(*id);
    }
    Ok(begun)
}

/// See [`Ledger::end_push`](crate::sync::Ledger::end_push).
pub(in crate::store) fn end(db: &mut Db, ended: &PushEnded) -> Result<(), StoreError> {
    let Some(item) = items::find(db, ended.item)? else { return Ok(()) };
    let Some((data, deleted)) = content_of(db, &item)? else { return Ok(()) };
    let now_says = fingerprint(&data);
    let is_deletion = matches!(item.state, ItemState::Delete | ItemState::Deleting);
    let changed = now_says != ended.sent || deleted != is_deletion;
    let state = item.state.after_push(ended.end, changed, deleted);
    match ended.end {
        PushEnd::There => there(db, &item, ended)?,
        PushEnd::NotThere => not_there(db, &item, state)?,
        PushEnd::Refused | PushEnd::Again | PushEnd::Unknown => {}
    }
    let failed = matches!(ended.end, PushEnd::Again | PushEnd::Unknown);
    // Finding out that nothing was created does not end a series of failures.
    let was_looked_up = item.state == ItemState::Creating && ended.end == PushEnd::NotThere;
    let attempts =
        if failed || was_looked_up { item.attempts + u32::from(ended.is_attempt) } else { 0 };
    let due_at = if failed { ended.again_at } else { ended.now };
    diesel::update(sync_items::table.find(item.id))
        .set((
            sync_items::attempts.eq(i32::try_from(attempts).unwrap_or(i32::MAX)),
            sync_items::reason.eq(&ended.reason),
        ))
        .execute(db)?;
    items::set_state(db, item.id, state, due_at)?;
    if !failed && ended.end != PushEnd::Refused {
        diesel::update(connections::table.find(item.connection))
            .set(connections::last_push_at.eq(Some(to_micros(ended.now))))
            .execute(db)?;
    }
    Ok(())
}

fn there(db: &mut Db, item: &Item, ended: &PushEnded) -> Result<(), StoreError> {
    let Some(remote) = &ended.there else { return Ok(()) };
    let group = remote.group.as_ref().unwrap_or(&remote.source_id);
    // A poll may have linked that id to another record already, before this item's id was known.
    diesel::update(
        sync_items::table
            .filter(sync_items::connection_id.eq(item.connection))
            .filter(sync_items::external_id.eq(&remote.source_id))
            .filter(sync_items::id.ne(item.id)),
    )
    .set((
        sync_items::external_id.eq(None::<String>),
        sync_items::external_group.eq(None::<String>),
        sync_items::state.eq(ItemState::Gone.name()),
        sync_items::due_at.eq(None::<i64>),
    ))
    .execute(db)?;
    diesel::update(sync_items::table.find(item.id))
        .set((
            sync_items::external_id.eq(Some(&remote.source_id)),
            sync_items::external_group.eq(Some(group)),
            sync_items::shown.eq(Some(to_text(&RecordData::from(remote)))),
            sync_items::echoed.eq(false),
            sync_items::agreed_digest.eq(&ended.sent),
            sync_items::pushed_at.eq(Some(to_micros(ended.now))),
        ))
        .execute(db)?;
    Ok(())
}

fn not_there(db: &mut Db, item: &Item, state: ItemState) -> Result<(), StoreError> {
    if state == ItemState::Gone {
        // Its id and what it showed are kept: a list that lags must not bring the record back.
        let shown_last = item.shown.as_ref().filter(|_| !item.echoed).map(fingerprint);
        let seen = shown_last.unwrap_or_else(|| item.seen.clone());
        let seen = if item.external_id.is_some() { seen } else { NOTHING.to_vec() };
        return items::set_seen(db, item.id, &seen);
    }
    items::cut(db, item.id, state, DateTime::UNIX_EPOCH)
}
