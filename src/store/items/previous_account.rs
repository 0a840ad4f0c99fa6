//! Changing a connection's account: the items of the previous account are set aside and ignored
//! until the user comes back to it.

use std::collections::HashMap;

use chrono::DateTime;
use diesel::prelude::*;
use partner_sdk::RecordData;

use crate::model::{ConnectionId, ItemId, RecordId};
use crate::store::StoreError;
use crate::store::items::{self, NewLink};
use crate::store::records::rows::{self, BATCH, from_text};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{previous_account_items, sync_items};
use crate::sync::items::{Fingerprint, ItemState, fingerprint};

/// Sets the items of the account `before` aside and restores those of `after`, if there are any.
pub(in crate::store) fn change_account(
    db: &mut Db,
    connection: ConnectionId,
    before: Option<&str>,
    after: &str,
) -> Result<(), StoreError> {
    if let Some(before) = before {
        let aside = sync_items::table.filter(sync_items::connection_id.eq(connection)).select((
            sync_items::connection_id,
            before.into_sql::<diesel::sql_types::Text>(),
            sync_items::record_id,
            sync_items::external_id,
            sync_items::external_group,
            sync_items::state,
            sync_items::content_digest,
            sync_items::agreed_digest,
            sync_items::shown,
            sync_items::echoed,
            sync_items::changed_at,
        ));
        aside.insert_into(previous_account_items::table).execute(db)?;
    }
    diesel::delete(sync_items::table.filter(sync_items::connection_id.eq(connection)))
        .execute(db)?;
    let of_account = || {
        previous_account_items::table
            .filter(previous_account_items::connection_id.eq(connection))
            .filter(previous_account_items::account.eq(after))
    };
    of_account()
        .select((
            previous_account_items::connection_id,
            previous_account_items::record_id,
            previous_account_items::external_id,
            previous_account_items::external_group,
            previous_account_items::state,
            previous_account_items::content_digest,
            previous_account_items::agreed_digest,
            previous_account_items::shown,
            previous_account_items::echoed,
            previous_account_items::changed_at,
            0.into_sql::<diesel::sql_types::Integer>(),
        ))
        .insert_into(sync_items::table)
        .into_columns((
            sync_items::connection_id,
            sync_items::record_id,
            sync_items::external_id,
            sync_items::external_group,
            sync_items::state,
            sync_items::content_digest,
            sync_items::agreed_digest,
            sync_items::shown,
            sync_items::echoed,
            sync_items::changed_at,
            sync_items::attempts,
        ))
        .execute(db)?;
    diesel::delete(of_account()).execute(db)?;
    enqueue_changed(db, connection)
}

/// Enqueues what changed while the account was set aside, as after a disconnect.
fn enqueue_changed(db: &mut Db, connection: ConnectionId) -> Result<(), StoreError> {
    let rows: Vec<Link> = sync_items::table
        .filter(sync_items::connection_id.eq(connection))
        .select((
            sync_items::id,
            sync_items::record_id,
            sync_items::state,
            sync_items::agreed_digest,
            sync_items::external_id.is_not_null(),
        ))
        .load(db)?;
    let ids: Vec<RecordId> = rows.iter().map(|link| link.record.clone()).collect();
    let records = rows::load(db, &ids)?;
    let records: HashMap<_, _> = records.iter().map(|content| (&content.id, content)).collect();
    for link in rows {
        let state = ItemState::from_name(&link.state).ok_or(StoreError::Corrupt("sync item"))?;
        let Some(content) = records.get(&link.record) else { continue };
        let is_settled = matches!(state, ItemState::InStep | ItemState::Refused);
        let differs = content.deleted || fingerprint(&content.data()?) != link.agreed;
        let next = if is_settled && differs {
            state.after_change(link.has_remote, content.deleted)
        } else {
            state
        };
        items::set_state(db, link.item, next, DateTime::UNIX_EPOCH)?;
    }
    Ok(())
}

#[derive(Queryable)]
struct Link {
    item: ItemId,
    record: RecordId,
    state: String,
    agreed: Fingerprint,
    has_remote: bool,
}

/// What the connection had of a previous account.
pub(in crate::store) struct PreviousItem {
    pub(in crate::store) record: RecordId,
    pub(in crate::store) state: ItemState,
    /// What the partner showed last.
    pub(in crate::store) seen: Fingerprint,
    pub(in crate::store) shown: Option<RecordData>,
}

/// Items of previous accounts with these partner ids, of records that are not linked now.
pub(in crate::store) fn of_external_ids(
    db: &mut Db,
    connection: ConnectionId,
    ids: &[String],
) -> Result<HashMap<String, PreviousItem>, StoreError> {
    let mut found = HashMap::new();
    for ids in ids.chunks(BATCH) {
        let linked = sync_items::table
            .filter(sync_items::connection_id.eq(connection))
            .filter(sync_items::record_id.eq(previous_account_items::record_id));
        type Row = (String, RecordId, ItemState, Fingerprint, Option<String>);
        let rows: Vec<Row> = previous_account_items::table
            .filter(previous_account_items::connection_id.eq(connection))
            .filter(previous_account_items::external_id.eq_any(ids))
            .filter(diesel::dsl::not(diesel::dsl::exists(linked)))
            .select((
                previous_account_items::external_id.assume_not_null(),
                previous_account_items::record_id,
                previous_account_items::state,
                previous_account_items::content_digest,
                previous_account_items::shown,
            ))
            .load(db)?;
        let previous = |(id, record, state, seen, shown): Row| {
            (id, PreviousItem { record, state, seen, shown: shown.as_deref().and_then(from_text) })
        };
        found.extend(rows.into_iter().map(previous));
    }
    Ok(found)
}

/// Deletes items of previous accounts that are linked again.
pub(in crate::store) fn forget(
    db: &mut Db,
    connection: ConnectionId,
    links: &[NewLink],
) -> Result<(), StoreError> {
    for link in links {
        let again = previous_account_items::table
            .filter(previous_account_items::connection_id.eq(connection))
            .filter(previous_account_items::record_id.eq(&link.record));
        diesel::delete(again).execute(db)?;
    }
    Ok(())
}
