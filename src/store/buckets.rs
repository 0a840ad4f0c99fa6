//! How much of each rate limit is used, written ahead of use.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;

use super::schema::buckets;
use super::{Store, StoreError};
use crate::limits::{BucketKey, BucketState};
use crate::model::ConnectionId;

/// What stands for the application where a connection's id stands otherwise.
const APPLICATION: i64 = 0;

impl Store {
    /// Keeps the state of a partner's buckets.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_buckets(
        &self,
        partner: &'static str,
        states: Vec<(BucketKey, BucketState)>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            for (key, state) in states {
                let state =
                    serde_json::to_string(&state).map_err(|_| StoreError::Corrupt("bucket"))?;
                let connection = key.connection.unwrap_or(APPLICATION);
                let window = i64::try_from(key.window.as_millis()).unwrap_or(i64::MAX);
                let kept = diesel::update(buckets::table.find((partner, connection, window)))
                    .set(buckets::state.eq(&state))
                    .execute(db)?;
                if kept == 0 {
                    diesel::insert_into(buckets::table)
                        .values((
                            buckets::partner.eq(partner),
                            buckets::connection_id.eq(connection),
                            buckets::window_ms.eq(window),
                            buckets::state.eq(state),
                        ))
                        .execute(db)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The state of a partner's buckets: the application's, and those of these connections.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load_buckets(
        &self,
        partner: &'static str,
        connections: Vec<ConnectionId>,
    ) -> Result<Vec<(BucketKey, BucketState)>, StoreError> {
        let rows: Vec<(i64, i64, String)> = self
            .read(move |db| {
                let of_interest: Vec<i64> = connections.into_iter().chain([APPLICATION]).collect();
                buckets::table
                    .filter(buckets::partner.eq(partner))
                    .filter(buckets::connection_id.eq_any(of_interest))
                    .select((buckets::connection_id, buckets::window_ms, buckets::state))
                    .load(db)
            })
            .await?;
        let bucket = |(connection, window, state): (i64, i64, String)| {
            let window = TimeDelta::milliseconds(window).to_std().unwrap_or(Duration::ZERO);
            let connection = (connection != APPLICATION).then_some(connection);
            Some((BucketKey { connection, window }, serde_json::from_str(&state).ok()?))
        };
        Ok(rows.into_iter().filter_map(bucket).collect())
    }
}
