//! Partners whose syncs the administrator has paused.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::store::sql::schema::paused_partners;
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};

impl Store {
    /// Since when a partner is paused, if it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn paused_since(
        &self,
        partner: &'static str,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let since: Option<i64> = self
            .read(move |db| {
                paused_partners::table
                    .find(partner)
                    .select(paused_partners::since)
                    .first(db)
                    .optional()
            })
            .await?;
        Ok(since.map(from_micros))
    }

    /// Pauses a partner, if it is not paused. Returns since when it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pause(
        &self,
        partner: &'static str,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, StoreError> {
        let since = self.write(move |db| {
            let known: Option<i64> = paused_partners::table
                .find(partner)
                .select(paused_partners::since)
                .first(db)
                .optional()?;
            if let Some(since) = known {
                return Ok(since);
            }
            let since = to_micros(now);
            diesel::insert_into(paused_partners::table)
                .values((paused_partners::partner.eq(partner), paused_partners::since.eq(since)))
                .execute(db)?;
            Ok(since)
        });
        Ok(from_micros(since.await?))
    }

    /// Ends the pause of a partner, if it is paused.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resume(&self, partner: &'static str) -> Result<(), StoreError> {
        let over =
            move |db: &mut _| diesel::delete(paused_partners::table.find(partner)).execute(db);
        self.write(move |db| Ok(over(db).map(drop)?)).await
    }
}
