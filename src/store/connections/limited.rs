//! Connections that wait because a partner asked for it.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use crate::model::{ConnectionId, FailureCode, Status};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, sync_items};
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError};

/// How many connections one statement changes.
const BATCH: usize = 1_000;

impl Store {
    /// Makes a partner's connections that a limit put off due now. Returns which they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hasten_limited(
        &self,
        partner: &'static str,
        now: DateTime<Utc>,
    ) -> Result<Vec<ConnectionId>, StoreError> {
        let now = to_micros(now);
        let limited = format!("%\"code\":\"{}\"%", FailureCode::RateLimited.name());
        let put_off: Vec<ConnectionId> = self
            .read(move |db| {
                connections::table
                    .filter(connections::partner.eq(partner))
                    .filter(connections::due_at.gt(now))
                    .filter(connections::status.eq(Status::Connected.name()))
                    .filter(connections::last_error.like(limited))
                    .select(connections::id)
                    .load(db)
            })
            .await?;
        for ids in put_off.chunks(BATCH) {
            let ids = ids.to_vec();
            self.write(move |db| hasten(db, &ids, now)).await?;
        }
        Ok(put_off)
    }
}

fn hasten(db: &mut Db, ids: &[ConnectionId], now: i64) -> Result<(), StoreError> {
    // Null where nothing is due stays null.
    let sooner = |column: &str| {
        sql::<Nullable<BigInt>>(&format!("CASE WHEN {column} > "))
            .bind::<BigInt, _>(now)
            .sql(" THEN ")
            .bind::<BigInt, _>(now)
            .sql(&format!(" ELSE {column} END"))
    };
    diesel::update(connections::table.filter(connections::id.eq_any(ids)))
        .set((
            connections::next_poll_at.eq(sooner("next_poll_at")),
            connections::next_push_at.eq(sooner("next_push_at")),
        ))
        .execute(db)?;
    let waiting = sync_items::table
        .filter(sync_items::connection_id.eq_any(ids))
        .filter(sync_items::due_at.gt(now));
    diesel::update(waiting).set(sync_items::due_at.eq(Some(now))).execute(db)?;
    Ok(())
}
