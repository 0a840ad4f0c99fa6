//! How many records a user has, of which kinds and from where.

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, max};
use diesel::prelude::*;

use crate::model::UserId;
use crate::store::sql::db::Db;
use crate::store::sql::schema::records;
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError};

/// How many records are counted at most: the newest. More would make whoever looks wait.
pub const COUNTED: i64 = 20_000;

/// Records of one kind from one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordCount {
    /// `measurement`, `exercise` or `nutrition`.
    pub kind: String,
    /// The type of a measurement.
    pub measurement_type: Option<String>,
    /// The partner they came from; `None` for the host app's own.
    pub source_partner: Option<String>,
    /// How many.
    pub count: i64,
    /// When the newest of them was measured or began.
    pub newest_at: DateTime<Utc>,
}

/// The records of a user that are not deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// By kind and source.
    pub by: Vec<RecordCount>,
    /// Whether there are more, older ones, which are not counted.
    pub more: bool,
}

type CountRow = (String, Option<String>, Option<String>, i64, Option<i64>);

impl Store {
    /// Counts the newest records of a user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_counts(&self, user: UserId) -> Result<RecordCounts, StoreError> {
        self.read(move |db| counts(db, &user, COUNTED)).await
    }
}

pub(super) fn counts(db: &mut Db, user: &UserId, most: i64) -> QueryResult<RecordCounts> {
    // The index has the times of all records in order, so this reads nothing else.
    let oldest: Option<i64> = records::table
        .filter(records::user_id.eq(user))
        .order((records::start_at.desc(), records::id.desc()))
        .offset(most)
        .limit(1)
        .select(records::start_at)
        .first(db)
        .optional()?;
    let rows: Vec<CountRow> = records::table
        .filter(records::user_id.eq(user))
        .filter(records::start_at.gt(oldest.unwrap_or(i64::MIN)))
        .filter(records::deleted.eq(false))
        .group_by((records::kind, records::measurement_type, records::source_partner))
        .select((
            records::kind,
            records::measurement_type,
            records::source_partner,
            count_star(),
            max(records::start_at),
        ))
        .load(db)?;
    let by = rows.into_iter().map(|(kind, measurement_type, source_partner, count, newest)| {
        let newest_at = from_micros(newest.unwrap_or_default());
        RecordCount { kind, measurement_type, source_partner, count, newest_at }
    });
    let mut by: Vec<RecordCount> = by.collect();
    by.sort_by(|one, other| {
        let key = |it: &RecordCount| {
            (it.kind.clone(), it.measurement_type.clone(), it.source_partner.clone())
        };
        other.count.cmp(&one.count).then_with(|| key(one).cmp(&key(other)))
    });
    Ok(RecordCounts { by, more: oldest.is_some() })
}
