//! How much of each rate limit is used, written ahead of use.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::Text;
use partner_sdk::Counts;

use crate::limits::{BucketKey, BucketState};
use crate::model::ConnectionId;
use crate::store::sql::db::Db;
use crate::store::sql::rows::{Column, Rows};
use crate::store::sql::schema::buckets;
use crate::store::{Store, StoreError};

/// How many buckets one statement stores.
const BATCH: usize = 1_000;

/// Stands for the application in place of a connection's id.
const APPLICATION: ConnectionId = ConnectionId(0);

fn name(counts: Counts) -> &'static str {
    match counts {
        Counts::All => "all",
        Counts::Reads => "reads",
    }
}

impl Store {
    /// Stores the state of a partner's buckets.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_buckets(
        &self,
        partner: &'static str,
        states: Vec<(BucketKey, BucketState)>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            for states in states.chunks(BATCH) {
                upsert(db, partner, states)?;
            }
            Ok(())
        })
        .await
    }

    /// The state of a partner's buckets: the application's and those of these connections.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load_buckets(
        &self,
        partner: &'static str,
        connections: Vec<ConnectionId>,
    ) -> Result<Vec<(BucketKey, BucketState)>, StoreError> {
        let rows: Vec<(ConnectionId, i64, String, String)> = self
            .read(move |db| {
                let of_interest: Vec<ConnectionId> =
                    connections.into_iter().chain([APPLICATION]).collect();
                buckets::table
                    .filter(buckets::partner.eq(partner))
                    .filter(buckets::connection_id.eq_any(of_interest))
                    .select((
                        buckets::connection_id,
                        buckets::window_ms,
                        buckets::counts,
                        buckets::state,
                    ))
                    .load(db)
            })
            .await?;
        let bucket = |(connection, window, counts, state): (ConnectionId, i64, String, String)| {
            let window = TimeDelta::milliseconds(window).to_std().unwrap_or(Duration::ZERO);
            let connection = (connection != APPLICATION).then_some(connection);
            let counts = [Counts::All, Counts::Reads].into_iter().find(|it| name(*it) == counts)?;
            let key = BucketKey { connection, window, counts };
            Some((key, serde_json::from_str(&state).ok()?))
        };
        Ok(rows.into_iter().filter_map(bucket).collect())
    }
}

fn upsert(
    db: &mut Db,
    partner: &str,
    states: &[(BucketKey, BucketState)],
) -> Result<(), StoreError> {
    let kept = states.iter().map(|(key, state)| {
        let connection = key.connection.unwrap_or(APPLICATION);
        let window = i64::try_from(key.window.as_millis()).unwrap_or(i64::MAX);
        let state = serde_json::to_string(state).map_err(|_| StoreError::Corrupt("bucket"))?;
        Ok((partner, connection, window, name(key.counts), state))
    });
    let kept = kept.collect::<Result<Vec<_>, StoreError>>()?;
    let columns = [
        Column::Text("partner"),
        Column::Integer("connection_id"),
        Column::Integer("window_ms"),
        Column::Text("counts"),
        Column::Text("state"),
    ];
    let rows = Rows::new(db, &columns, &kept)?;
    // SQLite parses `ON` as part of a join unless another clause precedes it.
    let upsert = format!(
        "INSERT INTO buckets (partner, connection_id, window_ms, counts, state) \
         SELECT n.partner, n.connection_id, n.window_ms, n.counts, n.state FROM {} WHERE TRUE \
         ON CONFLICT (partner, connection_id, window_ms, counts) DO UPDATE SET state = excluded.state",
        rows.table
    );
    diesel::sql_query(upsert).bind::<Text, _>(rows.json).execute(db)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use partner_sdk::{Limit, LimitReading, LimitScope};

    use super::*;
    use crate::limits::Bucket;
    use crate::settings;
    use crate::store::testing::databases;
    use crate::vault::{Vault, generate_key};

    #[tokio::test]
    async fn limits_of_one_length_are_kept_apart_by_what_they_count() {
        let window = Duration::from_secs(900);
        let state = |limit: &Limit, calls| {
            let mut bucket = Bucket::new(limit, false);
            let now = chrono::DateTime::UNIX_EPOCH;
            let (scope, counts, per) = (LimitScope::App, limit.counts, window);
            let reading = LimitReading { scope, per, counts, calls, used: 1, resets_in: None };
            bucket.learn(&reading, now, false, now);
            bucket.final_state()
        };
        let limit = Limit::app(100, window).fixed();
        let key = |connection, counts| BucketKey { connection, window, counts };
        let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
        for database in databases() {
            let (url, vault) = (database.url.clone(), Arc::clone(&vault));
            let open = move || {
                Store::open(&settings::Database { url, readers: 1, ..Default::default() }, vault)
            };
            let store = tokio::task::spawn_blocking(open).await.unwrap().unwrap();
            let mut kept = vec![
                (key(None, Counts::All), state(&limit, 400)),
                (key(None, Counts::Reads), state(&limit.of_reads(), 200)),
                (key(Some(ConnectionId(7)), Counts::All), state(&limit, 50)),
            ];
            store.save_buckets("strava", kept.clone()).await.unwrap();
            kept[1].1 = state(&limit.of_reads(), 300);
            store.save_buckets("strava", vec![kept[1].clone()]).await.unwrap();
            let mut loaded = store.load_buckets("strava", vec![ConnectionId(7)]).await.unwrap();
            loaded.sort_by_key(|(key, _)| *key);
            assert_eq!(loaded, kept);
        }
    }
}
