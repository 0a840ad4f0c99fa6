//! What each minute did, and how many connections there are.

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::figures::{Minute, Standing};
use crate::model::Status;
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, minutes};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = minutes)]
struct MinuteRow {
    at: i64,
    syncs_done: i64,
    syncs_failed: i64,
    syncs_limited: i64,
    records: i64,
    pushed: i64,
    calls: i64,
    deliveries_done: i64,
    deliveries_failed: i64,
    late_p50_ms: Option<i64>,
    late_p95_ms: Option<i64>,
    late_worst_ms: Option<i64>,
}

impl MinuteRow {
    fn new(at: i64, minute: &Minute) -> Self {
        Self {
            at,
            syncs_done: minute.syncs_done,
            syncs_failed: minute.syncs_failed,
            syncs_limited: minute.syncs_limited,
            records: minute.records,
            pushed: minute.pushed,
            calls: minute.calls,
            deliveries_done: minute.deliveries_done,
            deliveries_failed: minute.deliveries_failed,
            late_p50_ms: minute.late_p50_ms,
            late_p95_ms: minute.late_p95_ms,
            late_worst_ms: minute.late_worst_ms,
        }
    }

    fn into_minute(self) -> Minute {
        Minute {
            syncs_done: self.syncs_done,
            syncs_failed: self.syncs_failed,
            syncs_limited: self.syncs_limited,
            records: self.records,
            pushed: self.pushed,
            calls: self.calls,
            deliveries_done: self.deliveries_done,
            deliveries_failed: self.deliveries_failed,
            late_p50_ms: self.late_p50_ms,
            late_p95_ms: self.late_p95_ms,
            late_worst_ms: self.late_worst_ms,
        }
    }
}

impl Store {
    /// Adds what minutes did to what is stored of them: a minute in which the daemon was restarted comes
    /// in two parts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_minutes(
        &self,
        minutes_of: Vec<(DateTime<Utc>, Minute)>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            for (at, minute) in &minutes_of {
                let at = to_micros(*at);
                let it = minutes::table.find(at);
                let before: Option<MinuteRow> =
                    it.select(MinuteRow::as_select()).first(db).optional()?;
                let mut sums = before.map(MinuteRow::into_minute).unwrap_or_default();
                sums.add(minute);
                diesel::delete(it).execute(db)?;
                diesel::insert_into(minutes::table)
                    .values(MinuteRow::new(at, &sums))
                    .execute(db)?;
            }
            Ok(())
        })
        .await
    }

    /// What the minutes from then on did, in their order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn minutes_since(
        &self,
        from: DateTime<Utc>,
    ) -> Result<Vec<(DateTime<Utc>, Minute)>, StoreError> {
        let rows: Vec<MinuteRow> = self
            .read(move |db| {
                minutes::table
                    .filter(minutes::at.ge(to_micros(from)))
                    .order(minutes::at)
                    .select(MinuteRow::as_select())
                    .load(db)
            })
            .await?;
        Ok(rows.into_iter().map(|row| (from_micros(row.at), row.into_minute())).collect())
    }

    /// Deletes minutes before then, at most `limit`. Returns whether there may be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_old_minutes(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<bool, StoreError> {
        let before = to_micros(before);
        let old: Vec<i64> = self
            .read(move |db| {
                minutes::table
                    .filter(minutes::at.lt(before))
                    .order(minutes::at)
                    .limit(limit)
                    .select(minutes::at)
                    .load(db)
            })
            .await?;
        let Some(last) = old.last().copied() else { return Ok(false) };
        self.write(move |db| {
            diesel::delete(minutes::table.filter(minutes::at.le(last))).execute(db)?;
            Ok(())
        })
        .await?;
        Ok(i64::try_from(old.len()).is_ok_and(|found| found >= limit))
    }

    /// How many connections there are, by partner and state, and how many users. Reads indexes as a
    /// whole: for the background.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let (users, rows) = self
            .read(|db: &mut Db| {
                let users: i64 = connections::table
                    .select(sql::<BigInt>("COUNT(DISTINCT user_id)"))
                    .first(db)?;
                let rows: Vec<(String, String, i64)> = connections::table
                    .group_by((connections::status, connections::partner))
                    .select((connections::partner, connections::status, count_star()))
                    .load(db)?;
                Ok((users, rows))
            })
            .await?;
        let known = rows.into_iter().filter_map(|(partner, status, count)| {
            Some((partner, Status::from_name(&status)?, count))
        });
        Ok(Standing { users, connections: known.collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;

    use super::*;
    use crate::settings;
    use crate::store::testing::databases;
    use crate::vault::{Vault, generate_key};

    #[tokio::test]
    async fn a_minute_in_two_parts_is_one_and_old_ones_are_deleted() {
        for database in databases() {
            let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
            let open = settings::Database { url: database.url.clone(), ..Default::default() };
            let store = tokio::task::spawn_blocking(move || Store::open(&open, vault).unwrap());
            let store = store.await.unwrap();
            let at = |minute| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
            let one = Minute { syncs_done: 1, late_p50_ms: Some(4), ..Minute::default() };
            store.add_minutes(vec![(at(1), one), (at(2), one)]).await.unwrap();
            let more = Minute { syncs_done: 2, records: 5, late_p50_ms: None, ..Minute::default() };
            store.add_minutes(vec![(at(2), more), (at(3), Minute::default())]).await.unwrap();
            let both = Minute { syncs_done: 3, records: 5, late_p50_ms: Some(4), ..one };
            let found = store.minutes_since(at(2)).await.unwrap();
            assert_eq!(found, [(at(2), both), (at(3), Minute::default())]);
            assert!(store.delete_old_minutes(at(3), 1).await.unwrap(), "one is left");
            assert!(store.delete_old_minutes(at(3), 2).await.is_ok_and(|more| !more));
            assert_eq!(store.minutes_since(at(0)).await.unwrap().len(), 1);

            assert!(store.standing().await.unwrap().is_empty());
            for (user, partner) in [("ann", "withings"), ("ben", "withings"), ("ann", "strava")] {
                let user = crate::model::UserId::stored(user);
                store.prepare_connection(user, partner.into(), at(1)).await.unwrap();
            }
            let standing = store.standing().await.unwrap();
            assert_eq!(standing.users, 2);
            assert_eq!(standing.count(Some("withings"), Status::Disconnected), 2);
            assert_eq!(standing.count(None, Status::Connected), 0);
        }
    }
}
