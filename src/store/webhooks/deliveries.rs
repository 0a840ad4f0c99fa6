//! Attempts to deliver messages. They tell what was sent in numbers, never what it said.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::AttemptEnd;
use crate::model::DeliveryStatus;
use crate::store::records::rows::INSERTED;
use crate::store::sql::db::{Db, each};
use crate::store::sql::listed::Listed;
use crate::store::sql::schema::webhook_deliveries;
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};

/// An attempt to store.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// How many changes of each type the message had.
    pub types: BTreeMap<&'static str, u32>,
    /// Of how many users.
    pub users: u32,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How it ended.
    pub status: DeliveryStatus,
    /// The HTTP status of the answer, if there was one.
    pub status_code: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u32,
    /// When the message is tried again, if it is.
    pub next_at: Option<DateTime<Utc>>,
}

/// An attempt.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// The id of the message.
    pub message_id: String,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// How many changes of each type the message had.
    pub types: BTreeMap<String, u32>,
    /// How many changes the message had.
    pub changes: u32,
    /// Of how many users.
    pub users: u32,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How it ended.
    pub status: DeliveryStatus,
    /// The HTTP status of the answer, if there was one.
    pub status_code: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u32,
    /// When the message is tried again, if it is.
    pub next_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
struct Row {
    id: i64,
    message_id: String,
    at: i64,
    types: String,
    changes: i32,
    users: i32,
    attempt: i32,
    outcome: DeliveryStatus,
    status_code: Option<i32>,
    error: Option<String>,
    duration_ms: i32,
    next_at: Option<i64>,
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

fn stored(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            message_id: row.message_id,
            at: from_micros(row.at),
            types: serde_json::from_str(&row.types).unwrap_or_default(),
            changes: count(row.changes),
            users: count(row.users),
            attempt: count(row.attempt),
            status: row.outcome,
            status_code: row.status_code.and_then(|code| u16::try_from(code).ok()),
            error: row.error,
            duration_ms: count(row.duration_ms),
            next_at: row.next_at.map(from_micros),
        }
    }
}

pub(super) fn insert(
    db: &mut Db,
    endpoint: &str,
    ends: Vec<AttemptEnd>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = ends
        .into_iter()
        .filter_map(|AttemptEnd { message, delivery, .. }| Some((message, delivery?)))
        .map(|(message, delivery)| {
            let types = serde_json::to_string(&delivery.types).unwrap_or_default();
            (
                webhook_deliveries::endpoint_id.eq(endpoint),
                webhook_deliveries::message_id.eq(message.id),
                webhook_deliveries::at.eq(to_micros(now)),
                webhook_deliveries::types.eq(types),
                webhook_deliveries::changes.eq(stored(delivery.types.values().sum())),
                webhook_deliveries::users.eq(stored(delivery.users)),
                webhook_deliveries::attempt.eq(stored(delivery.attempt)),
                webhook_deliveries::outcome.eq(delivery.status),
                webhook_deliveries::status_code.eq(delivery.status_code.map(i32::from)),
                webhook_deliveries::error.eq(delivery.error),
                webhook_deliveries::duration_ms.eq(stored(delivery.duration_ms)),
                webhook_deliveries::next_at.eq(delivery.next_at.map(to_micros)),
            )
        })
        .collect();
    for rows in rows.chunks(INSERTED) {
        each!(db, |db| diesel::insert_into(webhook_deliveries::table).values(rows).execute(db))?;
    }
    Ok(())
}

/// The newest attempts that ended in one of these ways, or all. Each way is a question of its own, whose
/// answer stands in order in an index.
fn newest(
    db: &mut Db,
    endpoint: &str,
    ended: &[DeliveryStatus],
    before: Option<i64>,
    limit: i64,
) -> QueryResult<Vec<Row>> {
    let ways: Vec<_> = match ended {
        [] => vec![None],
        ended => ended.iter().copied().map(Some).collect(),
    };
    let mut found = Vec::new();
    for way in ways {
        let mut query = webhook_deliveries::table
            .filter(webhook_deliveries::endpoint_id.eq(endpoint))
            .order(webhook_deliveries::id.desc())
            .limit(limit)
            .into_boxed();
        if let Some(status) = way {
            query = query.filter(webhook_deliveries::outcome.eq(status));
        }
        if let Some(before) = before {
            query = query.filter(webhook_deliveries::id.lt(before));
        }
        found.extend(query.select(Row::as_select()).load(db)?);
    }
    found.sort_by_key(|row: &Row| std::cmp::Reverse(row.id));
    found.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(found)
}

impl Store {
    /// The attempts of an endpoint that ended in one of these ways, or all if none is named, newest
    /// first: at most `limit`, before the one with this number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_deliveries(
        &self,
        endpoint: String,
        ended: Vec<DeliveryStatus>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Listed<Delivery>, StoreError> {
        let mut rows: Vec<Row> =
            self.read(move |db| newest(db, &endpoint, &ended, before, limit + 1)).await?;
        let most = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > most;
        rows.truncate(most);
        Ok(Listed { rows, more }.map(Delivery::from))
    }

    /// The last attempts of each of these endpoints, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_webhook_deliveries(
        &self,
        endpoints: Vec<String>,
        limit: i64,
    ) -> Result<Vec<Vec<Delivery>>, StoreError> {
        let last = move |db: &mut Db| {
            let each = endpoints.iter().map(|endpoint| newest(db, endpoint, &[], None, limit));
            each.collect::<QueryResult<Vec<Vec<Row>>>>()
        };
        let rows = self.read(last).await?;
        Ok(rows.into_iter().map(|rows| rows.into_iter().map(Delivery::from).collect()).collect())
    }

    /// Deletes attempts that ended before this time, at most `limit`. Returns whether there may be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_old_deliveries(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<bool, StoreError> {
        self.write(move |db| {
            let old = webhook_deliveries::table
                .filter(webhook_deliveries::at.lt(to_micros(before)))
                .order(webhook_deliveries::at)
                .limit(limit)
                .select(webhook_deliveries::id);
            let ids: Vec<i64> = old.load(db)?;
            let more = i64::try_from(ids.len()).unwrap_or(i64::MAX) >= limit;
            for ids in ids.chunks(INSERTED) {
                let some = webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(ids));
                diesel::delete(some).execute(db)?;
            }
            Ok(more)
        })
        .await
    }
}
