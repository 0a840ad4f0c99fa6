//! How much each endpoint took and refused lately. Counted with the end of each attempt, because
//! counting the attempts when somebody asks would read millions.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::AttemptEnd;
use crate::model::DeliveryStatus;
use crate::store::sql::db::Db;
use crate::store::sql::schema::delivery_counts as counts;
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};

/// The length of the time that one row counts.
const SLOT: i64 = 5 * 60 * 1_000_000;

/// Rows are kept for so long: the last 24 hours need one more than a day.
const KEPT: TimeDelta = TimeDelta::hours(25);

/// What an endpoint took and refused within five minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryCount {
    /// The endpoint.
    pub endpoint: String,
    /// Their beginning.
    pub at: DateTime<Utc>,
    /// Messages it took.
    pub delivered: i64,
    /// The changes in those.
    pub changes: i64,
    /// Attempts that failed.
    pub failed: i64,
}

/// The beginning of the five minutes of this moment.
fn slot(now: DateTime<Utc>) -> i64 {
    let now = to_micros(now);
    now - now.rem_euclid(SLOT)
}

/// Counts attempts.
pub(super) fn add(
    db: &mut Db,
    endpoint: &str,
    ends: &[AttemptEnd],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (mut delivered, mut changes, mut failed) = (0_i64, 0_i64, 0_i64);
    for delivery in ends.iter().filter_map(|end| end.delivery.as_ref()) {
        if delivery.status == DeliveryStatus::Delivered {
            delivered += 1;
            changes += delivery.types.values().map(|count| i64::from(*count)).sum::<i64>();
        } else {
            failed += 1;
        }
    }
    if delivered + failed == 0 {
        return Ok(());
    }
    let at = slot(now);
    let more = (
        counts::delivered.eq(counts::delivered + delivered),
        counts::changes.eq(counts::changes + changes),
        counts::failed.eq(counts::failed + failed),
    );
    let row = counts::table.find((endpoint, at));
    if diesel::update(row).set(more).execute(db)? > 0 {
        return Ok(());
    }
    let first = (
        counts::endpoint_id.eq(endpoint),
        counts::at.eq(at),
        counts::delivered.eq(delivered),
        counts::changes.eq(changes),
        counts::failed.eq(failed),
    );
    diesel::insert_into(counts::table).values(first).execute(db)?;
    let old = counts::table
        .filter(counts::endpoint_id.eq(endpoint))
        .filter(counts::at.lt(to_micros(now - KEPT)));
    diesel::delete(old).execute(db)?;
    Ok(())
}

impl Store {
    /// What endpoints took and refused since a time, of one endpoint or of all, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery_counts(
        &self,
        endpoint: Option<String>,
        since: DateTime<Utc>,
    ) -> Result<Vec<DeliveryCount>, StoreError> {
        let rows: Vec<(String, i64, i64, i64, i64)> = self
            .read(move |db| {
                let mut query = counts::table
                    .filter(counts::at.gt(to_micros(since)))
                    .order((counts::endpoint_id, counts::at))
                    .into_boxed();
                if let Some(endpoint) = endpoint {
                    query = query.filter(counts::endpoint_id.eq(endpoint));
                }
                query.select(counts::all_columns).load(db)
            })
            .await?;
        let count = |(endpoint, at, delivered, changes, failed)| DeliveryCount {
            endpoint,
            at: from_micros(at),
            delivered,
            changes,
            failed,
        };
        Ok(rows.into_iter().map(count).collect())
    }
}
