//! Data that came with notifications: kept until the poll that gets it has stored its cursor.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::model::ConnectionId;
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, delivered_data};
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError};
use crate::sync::ports::DeliveredItem;
use crate::vault::{AssociatedData, Vault};

pub(in crate::store) const COLUMN: &str = "delivered_data.payload";

/// How many items one poll gets of each connection; more wait for the next one.
const MOST: i64 = 500;

/// An item of a feed that came with a notification, sealed.
#[derive(Debug)]
pub struct Delivered {
    /// The partner's id of the user.
    pub(in crate::store) account: String,
    feed: &'static str,
    payload: Vec<u8>,
}

/// Where an item is sealed for: the connections of an account are not known before it is stored.
pub(in crate::store) fn place(partner: &str, account: &str) -> String {
    format!("{partner}/{account}")
}

impl Store {
    /// Seals an item of a feed that came with a notification.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal_delivered(
        &self,
        partner: &str,
        account: &str,
        feed: &'static str,
        payload: &str,
    ) -> Result<Delivered, StoreError> {
        let row = place(partner, account);
        let payload = self.vault.seal(AssociatedData { column: COLUMN, row: &row }, payload)?;
        Ok(Delivered { account: account.to_owned(), feed, payload })
    }
}

/// Keeps an item for a connection.
pub(in crate::store) fn keep(
    db: &mut Db,
    connection: ConnectionId,
    item: &Delivered,
    at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(delivered_data::table)
        .values((
            delivered_data::connection_id.eq(connection),
            delivered_data::feed.eq(item.feed),
            delivered_data::payload_sealed.eq(&item.payload),
            delivered_data::received_at.eq(to_micros(at)),
        ))
        .execute(db)?;
    diesel::update(connections::table.find(connection))
        .set(connections::delivered_at.eq(Some(to_micros(at))))
        .execute(db)?;
    Ok(())
}

/// What waits for the feeds of a connection, oldest first. What cannot be opened is left out.
pub(in crate::store) fn of(
    db: &mut Db,
    vault: &Vault,
    connection: ConnectionId,
    partner: &str,
    account: &str,
) -> QueryResult<BTreeMap<String, Vec<DeliveredItem>>> {
    let rows: Vec<(i64, String, Vec<u8>)> = delivered_data::table
        .filter(delivered_data::connection_id.eq(connection))
        .order(delivered_data::id)
        .limit(MOST)
        .select((delivered_data::id, delivered_data::feed, delivered_data::payload_sealed))
        .load(db)?;
    let row = place(partner, account);
    let mut items: BTreeMap<String, Vec<DeliveredItem>> = BTreeMap::new();
    for (id, feed, sealed) in rows {
        match vault.open(AssociatedData { column: COLUMN, row: &row }, &sealed) {
            Ok(payload) => items.entry(feed).or_default().push(DeliveredItem { id, payload }),
            Err(error) => {
                tracing::error!(connection.id = connection.0, %error, "delivered data cannot be read")
            }
        }
    }
    Ok(items)
}

/// Deletes what a poll has had.
pub(in crate::store) fn had(
    db: &mut Db,
    connection: ConnectionId,
    items: &[i64],
) -> QueryResult<()> {
    if items.is_empty() {
        return Ok(());
    }
    diesel::delete(delivered_data::table.filter(delivered_data::id.eq_any(items))).execute(db)?;
    let left: Option<i64> = delivered_data::table
        .filter(delivered_data::connection_id.eq(connection))
        .select(delivered_data::id)
        .first(db)
        .optional()?;
    if left.is_none() {
        diesel::update(connections::table.find(connection))
            .set(connections::delivered_at.eq(None::<i64>))
            .execute(db)?;
    }
    Ok(())
}
