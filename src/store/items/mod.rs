//! Sync items: their rows, and moving them from one state to the next.

pub(in crate::store) mod previous_account;
pub(in crate::store) mod push;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;
use partner_sdk::RecordData;

use crate::model::{ConnectionId, ItemId, RecordId};
use crate::store::StoreError;
use crate::store::records::rows::{BATCH, INSERTED, from_text, to_text};
use crate::store::sql::db::{Db, each};
use crate::store::sql::rows::{Column, Rows};
use crate::store::sql::schema::sync_items;
use crate::store::sql::time::{from_micros, to_micros};
use crate::sync::items::{Fingerprint, ItemState, Known, fingerprint};

/// The fingerprint of nothing: equal to no content's fingerprint.
pub(in crate::store) const NOTHING: &[u8] = &[];

#[derive(Clone, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = sync_items)]
struct Row {
    id: ItemId,
    connection_id: ConnectionId,
    record_id: RecordId,
    external_id: Option<String>,
    external_group: Option<String>,
    state: String,
    content_digest: Vec<u8>,
    agreed_digest: Vec<u8>,
    shown: Option<String>,
    echoed: bool,
    attempts: i32,
    changed_at: Option<i64>,
    pushed_at: Option<i64>,
    missing_since: Option<i64>,
}

/// A sync item.
#[derive(Clone, Debug)]
pub(in crate::store) struct Item {
    pub(in crate::store) id: ItemId,
    pub(in crate::store) connection: ConnectionId,
    pub(in crate::store) record: RecordId,
    pub(in crate::store) external_id: Option<String>,
    pub(in crate::store) external_group: Option<String>,
    pub(in crate::store) state: ItemState,
    pub(in crate::store) seen: Fingerprint,
    /// The record's fingerprint when both sides last agreed.
    pub(in crate::store) agreed: Fingerprint,
    pub(in crate::store) shown: Option<RecordData>,
    pub(in crate::store) echoed: bool,
    pub(in crate::store) attempts: u32,
    pub(in crate::store) changed_at: Option<DateTime<Utc>>,
    pub(in crate::store) pushed_at: Option<DateTime<Utc>>,
    /// Since when it is missing at the partner without that being believed yet.
    pub(in crate::store) missing_since: Option<DateTime<Utc>>,
}

impl Item {
    /// What is known of the item, given that its record says `own` since `updated_at`.
    pub(in crate::store) fn known(&self, own: &RecordData, updated_at: DateTime<Utc>) -> Known<'_> {
        // Where pushing is off, changes are not enqueued, but they were made.
        let differs = fingerprint(own) != self.agreed;
        let changed_at = self.changed_at.or(differs.then_some(updated_at));
        Known {
            state: self.state,
            seen: &self.seen,
            shown: self.shown.as_ref(),
            echoed: self.echoed,
            changed_at: changed_at.filter(|_| differs || self.state.waits()),
        }
    }
}

impl TryFrom<Row> for Item {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            connection: row.connection_id,
            record: row.record_id,
            external_id: row.external_id,
            external_group: row.external_group,
            state: ItemState::from_name(&row.state).ok_or(StoreError::Corrupt("sync item"))?,
            seen: row.content_digest,
            agreed: row.agreed_digest,
            shown: row.shown.as_deref().and_then(from_text),
            echoed: row.echoed,
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            changed_at: row.changed_at.map(from_micros),
            pushed_at: row.pushed_at.map(from_micros),
            missing_since: row.missing_since.map(from_micros),
        })
    }
}

/// A new item for a record that a poll brought: both sides agree.
pub(in crate::store) struct NewLink {
    pub(in crate::store) connection: ConnectionId,
    pub(in crate::store) record: RecordId,
    pub(in crate::store) external_id: String,
    pub(in crate::store) external_group: String,
    pub(in crate::store) seen: Fingerprint,
}

pub(in crate::store) fn insert_links(db: &mut Db, links: &[NewLink]) -> Result<(), StoreError> {
    let rows: Vec<_> = links
        .iter()
        .map(|link| {
            (
                sync_items::connection_id.eq(link.connection),
                sync_items::record_id.eq(&link.record),
                sync_items::external_id.eq(Some(&link.external_id)),
                sync_items::external_group.eq(Some(&link.external_group)),
                sync_items::state.eq(ItemState::InStep.name()),
                sync_items::content_digest.eq(&link.seen),
                sync_items::agreed_digest.eq(&link.seen),
                sync_items::echoed.eq(true),
                sync_items::attempts.eq(0),
            )
        })
        .collect();
    for rows in rows.chunks(INSERTED) {
        each!(db, |db| diesel::insert_into(sync_items::table).values(rows).execute(db))?;
    }
    Ok(())
}

fn read(rows: Vec<Row>) -> Result<Vec<Item>, StoreError> {
    rows.into_iter().map(Item::try_from).collect()
}

/// The items of connections with these partner ids, or in these groups. An item may occur twice.
pub(in crate::store) fn of_names(
    db: &mut Db,
    names: &[(ConnectionId, &str)],
) -> Result<Vec<Item>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let columns = [Column::Integer("connection_id"), Column::Text("name")];
    let rows = Rows::new(db, &columns, names)?;
    // One select for each index: with `OR` a database may use neither.
    let select = |column| {
        let table = &rows.table;
        format!(
            "SELECT item.* FROM {table} JOIN sync_items AS item \
             ON item.connection_id = n.connection_id AND item.{column} = n.name"
        )
    };
    let both = format!("{} UNION ALL {}", select("external_group"), select("external_id"));
    let found: Vec<Row> = diesel::sql_query(both).bind::<Text, _>(&rows.json).load(db)?;
    read(found)
}

/// The items of a connection with these partner ids.
pub(in crate::store) fn of_external_ids(
    db: &mut Db,
    connection: ConnectionId,
    ids: &[String],
) -> Result<Vec<Item>, StoreError> {
    let mut rows: Vec<Row> = Vec::new();
    for ids in ids.chunks(BATCH) {
        let chosen = sync_items::table
            .filter(sync_items::connection_id.eq(connection))
            .filter(sync_items::external_id.eq_any(ids));
        rows.extend(chosen.select(Row::as_select()).load::<Row>(db)?);
    }
    read(rows)
}

/// The items of these records, of any connection.
pub(in crate::store) fn of_records(
    db: &mut Db,
    records: &[&RecordId],
) -> Result<Vec<Item>, StoreError> {
    let mut rows: Vec<Row> = Vec::new();
    for records in records.chunks(BATCH) {
        let chosen = sync_items::table.filter(sync_items::record_id.eq_any(records));
        rows.extend(chosen.select(Row::as_select()).load::<Row>(db)?);
    }
    read(rows)
}

/// Items of a connection that the partner has, or will have, and that no poll has shown yet.
pub(in crate::store) fn expected(
    db: &mut Db,
    connection: ConnectionId,
) -> Result<Vec<Item>, StoreError> {
    let rows: Vec<Row> = sync_items::table
        .filter(sync_items::connection_id.eq(connection))
        // Written as in the index's definition; otherwise the index is not used.
        .filter(diesel::dsl::not(sync_items::echoed))
        .filter(sync_items::state.ne(ItemState::Gone.name()))
        .select(Row::as_select())
        .load(db)?;
    read(rows)
}

/// One item.
pub(in crate::store) fn find(db: &mut Db, id: ItemId) -> Result<Option<Item>, StoreError> {
    let row: Option<Row> =
        sync_items::table.find(id).select(Row::as_select()).first(db).optional()?;
    row.map(Item::try_from).transpose()
}

/// Moves an item to a state. If it waits in that state, it is due at `due_at`.
pub(in crate::store) fn set_state(
    db: &mut Db,
    item: ItemId,
    state: ItemState,
    due_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::update(sync_items::table.find(item))
        .set((
            sync_items::state.eq(state.name()),
            sync_items::due_at.eq(state.waits().then(|| to_micros(due_at))),
        ))
        .execute(db)?;
    Ok(())
}

/// Sets an item to in sync: the record says `agreed`, the partner shows `seen`.
pub(in crate::store) fn set_in_step(
    db: &mut Db,
    item: ItemId,
    seen: &[u8],
    agreed: &[u8],
) -> Result<(), StoreError> {
    diesel::update(sync_items::table.find(item))
        .set((
            sync_items::state.eq(ItemState::InStep.name()),
            sync_items::content_digest.eq(seen),
            sync_items::agreed_digest.eq(agreed),
            sync_items::echoed.eq(true),
            sync_items::attempts.eq(0),
            sync_items::reason.eq(None::<String>),
            sync_items::changed_at.eq(None::<i64>),
            sync_items::due_at.eq(None::<i64>),
        ))
        .execute(db)?;
    Ok(())
}

/// Stores what the partner shows of an item that was pushed to it.
pub(in crate::store) fn set_shown(
    db: &mut Db,
    item: ItemId,
    shown: &RecordData,
) -> Result<(), StoreError> {
    diesel::update(sync_items::table.find(item))
        .set(sync_items::shown.eq(Some(to_text(shown))))
        .execute(db)?;
    Ok(())
}

/// Stores what a poll showed of an item, whatever follows from it.
pub(in crate::store) fn set_seen(db: &mut Db, item: ItemId, seen: &[u8]) -> Result<(), StoreError> {
    diesel::update(sync_items::table.find(item))
        .set((sync_items::content_digest.eq(seen), sync_items::echoed.eq(true)))
        .execute(db)?;
    Ok(())
}

/// Detaches an item from the partner, which has nothing of it (any more).
pub(in crate::store) fn cut(
    db: &mut Db,
    item: ItemId,
    state: ItemState,
    due_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::update(sync_items::table.find(item))
        .set((
            sync_items::shown.eq(None::<String>),
            sync_items::echoed.eq(state != ItemState::Create),
        ))
        .execute(db)?;
    detach(db, item)?;
    set_state(db, item, state, due_at)
}

/// Detaches an item from the partner, which seems to have nothing of it any more. It will be looked up
/// there by what was last shown before it is created again.
pub(in crate::store) fn doubt(
    db: &mut Db,
    item: ItemId,
    due_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    detach(db, item)?;
    set_state(db, item, ItemState::Creating, due_at)
}

fn detach(db: &mut Db, item: ItemId) -> Result<(), StoreError> {
    diesel::update(sync_items::table.find(item))
        .set((
            sync_items::external_id.eq(None::<String>),
            sync_items::external_group.eq(None::<String>),
            sync_items::content_digest.eq(NOTHING),
            // No list can show again what has no id: it would be in doubt, and not be pushed, for days.
            sync_items::missing_since.eq(None::<i64>),
        ))
        .execute(db)?;
    Ok(())
}

/// The items by partner id.
pub(in crate::store) fn by_external_id(items: Vec<Item>) -> HashMap<String, Item> {
    items.into_iter().filter_map(|item| Some((item.external_id.clone()?, item))).collect()
}

/// Sets since when items are missing at the partner; `None` for those that it shows again.
pub(in crate::store) fn set_missing_since(
    db: &mut Db,
    items: &[ItemId],
    since: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    for items in items.chunks(BATCH) {
        diesel::update(sync_items::table.filter(sync_items::id.eq_any(items)))
            .set(sync_items::missing_since.eq(since.map(to_micros)))
            .execute(db)?;
    }
    Ok(())
}
