//! Reading records.

pub(in crate::store) mod host;
pub(in crate::store) mod links;
pub(in crate::store) mod rows;

use chrono::{DateTime, FixedOffset, Utc};
use diesel::prelude::*;
use serde_json::value::RawValue;

use crate::model::{RecordId, UserId};
use crate::store::sql::db::Backend;
use crate::store::sql::listed::{Listed, listed, octet_length};
use crate::store::sql::schema::records;
use crate::store::sql::time::{from_micros, to_micros, with_offset};
use crate::store::{Store, StoreError};

#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = records)]
pub(in crate::store) struct RecordRow {
    id: RecordId,
    user_id: UserId,
    kind: String,
    source_partner: Option<String>,
    source_id: String,
    start_at: i64,
    start_offset: i32,
    end_at: Option<i64>,
    end_offset: Option<i32>,
    time_basis: String,
    content: String,
    updated_at: i64,
    deleted: bool,
}

impl RecordRow {
    pub(in crate::store) fn id(&self) -> &RecordId {
        &self.id
    }
}

/// A stored record.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// Its id, a UUIDv7.
    pub id: RecordId,
    /// The host app's id of its user.
    pub user_id: UserId,
    /// `measurement`, `exercise` or `nutrition`.
    pub kind: String,
    /// The partner it came from; `None` for the host app's own.
    pub source_partner: Option<String>,
    /// The partner's or the host app's id of it.
    pub source_id: String,
    /// When it was measured or began.
    pub start: DateTime<FixedOffset>,
    /// When it ended.
    pub end: Option<DateTime<FixedOffset>>,
    /// `exact` or `local`.
    pub time_basis: String,
    /// Its content as JSON.
    pub content: Box<RawValue>,
    /// When it last changed here.
    pub updated_at: DateTime<Utc>,
    /// Whether it is deleted.
    pub deleted: bool,
}

impl From<RecordRow> for StoredRecord {
    fn from(row: RecordRow) -> Self {
        let end_offset = row.end_offset.unwrap_or_default();
        Self {
            id: row.id,
            user_id: row.user_id,
            kind: row.kind,
            source_partner: row.source_partner,
            source_id: row.source_id,
            start: with_offset(row.start_at, row.start_offset),
            end: row.end_at.map(|at| with_offset(at, end_offset)),
            time_basis: row.time_basis,
            content: RawValue::from_string(row.content)
                .unwrap_or_else(|_| RawValue::NULL.to_owned()),
            updated_at: from_micros(row.updated_at),
            deleted: row.deleted,
        }
    }
}

/// Which records to return.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only measurements of these types; empty for all records.
    pub measurement_types: Vec<&'static str>,
    /// Only those from here.
    pub source: Option<RecordSource>,
    /// Only those that start at or after this.
    pub from: Option<DateTime<Utc>>,
    /// Only those that start before this.
    pub to: Option<DateTime<Utc>>,
    /// Only those after this position, in the order of the list: start in microseconds and id.
    pub after: Option<(i64, String)>,
    /// Whether the newest come first.
    pub is_newest_first: bool,
    /// Whether also deleted ones are returned.
    pub with_deleted: bool,
}

/// Where records come from.
#[derive(Clone, Debug)]
pub enum RecordSource {
    /// The host app.
    App,
    /// A partner.
    Partner(String),
}

impl StoredRecord {
    /// The position of this record in the list, for [`RecordFilter::after`].
    pub fn place(&self) -> (i64, &str) {
        (self.start.timestamp_micros(), self.id.as_str())
    }
}

impl Store {
    /// The records of a user, ordered by start and id: at most `limit`, and fewer
    /// if they are large.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn records(
        &self,
        user_id: UserId,
        filter: RecordFilter,
        limit: i64,
    ) -> Result<Listed<StoredRecord>, StoreError> {
        let found: Listed<RecordRow> = self
            .read(move |db| {
                let first = |count| chosen(&user_id, &filter).limit(count);
                let bytes = (octet_length(records::content), octet_length(records::source_id));
                listed(
                    db,
                    limit,
                    |db, count| first(count).select(bytes).load(db),
                    |db, count| first(count).select(RecordRow::as_select()).load(db),
                )
            })
            .await?;
        Ok(found.map(StoredRecord::from))
    }
}

/// The records that a filter leaves, in the order of the list.
fn chosen<'a>(user_id: &'a UserId, filter: &'a RecordFilter) -> records::BoxedQuery<'a, Backend> {
    let mut query = records::table.filter(records::user_id.eq(user_id)).into_boxed();
    if !filter.with_deleted {
        query = query.filter(records::deleted.eq(false));
    }
    query = if filter.is_newest_first {
        query.order((records::start_at.desc(), records::id.desc()))
    } else {
        query.order((records::start_at, records::id))
    };
    if let Some(kind) = &filter.kind {
        query = query.filter(records::kind.eq(kind));
        if kind != "measurement" {
            // Only this condition lets the databases use their index of such records.
            query = query.filter(records::measurement_type.is_null());
        }
    }
    if !filter.measurement_types.is_empty() {
        query = query.filter(records::measurement_type.eq_any(&filter.measurement_types));
    }
    query = match &filter.source {
        None => query,
        Some(RecordSource::App) => query.filter(records::source_partner.is_null()),
        Some(RecordSource::Partner(name)) => query.filter(records::source_partner.eq(name)),
    };
    if let Some(from) = filter.from {
        query = query.filter(records::start_at.ge(to_micros(from)));
    }
    if let Some(to) = filter.to {
        query = query.filter(records::start_at.lt(to_micros(to)));
    }
    if let Some((start, id)) = &filter.after {
        // The first condition is redundant, but only it lets the database use its index.
        query = if filter.is_newest_first {
            let later = records::start_at.lt(start).or(records::id.lt(id));
            query.filter(records::start_at.le(start)).filter(later)
        } else {
            let later = records::start_at.gt(start).or(records::id.gt(id));
            query.filter(records::start_at.ge(start)).filter(later)
        };
    }
    query
}
