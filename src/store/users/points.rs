//! A user's records of one kind over time, no more than a chart can show.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::model::{RecordId, UserId};
use crate::store::sql::db::{Backend, Db};
use crate::store::sql::schema::records;
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};

/// How many records are read for a chart at most.
pub const MOST_POINTS: i64 = 10_000;

/// Into how many parts a time with more measurements is divided; each shows its first ones.
const PARTS: i32 = 100;

/// Which records to return.
#[derive(Clone, Debug)]
pub struct PointFilter {
    /// Only of this measurement type or, without one, exercises or nutrition.
    pub of: PointsOf,
    /// Only those that start at or after this; all, without it.
    pub from: Option<DateTime<Utc>>,
    /// Only those that start before this.
    pub to: DateTime<Utc>,
}

/// The kind of records to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointsOf {
    /// Measurements of this type.
    Measurement(&'static str),
    /// `exercise` or `nutrition`.
    Kind(&'static str),
}

/// A record in a chart.
#[derive(Clone, Debug)]
pub struct Point {
    /// The record.
    pub record: RecordId,
    /// When it was measured or began.
    pub at: DateTime<Utc>,
    /// How far its local time is ahead of UTC, in seconds.
    pub offset: i32,
    /// The partner it came from; `None` for the host app's own.
    pub source_partner: Option<String>,
    /// Its content as JSON.
    pub content: serde_json::Value,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Points {
    /// The records, the oldest first.
    pub points: Vec<Point>,
    /// Whether there were too many: of measurements, an even choice is returned; of others, the newest.
    pub is_part: bool,
}

type PointRow = (RecordId, i64, i32, Option<String>, String);

impl Store {
    /// The records of a user for a chart.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn points(&self, user: UserId, filter: PointFilter) -> Result<Points, StoreError> {
        self.read(move |db| points(db, &user, &filter, MOST_POINTS)).await
    }
}

pub(super) fn points(
    db: &mut Db,
    user: &UserId,
    filter: &PointFilter,
    most: i64,
) -> QueryResult<Points> {
    let from = filter.from.map_or(i64::MIN, to_micros);
    let mut rows: Vec<PointRow> = chosen(user, filter.of, from, to_micros(filter.to))
        .order((records::start_at.desc(), records::id.desc()))
        .limit(most.saturating_add(1))
        .load(db)?;
    let is_part = i64::try_from(rows.len()).unwrap_or(i64::MAX) > most;
    if is_part {
        rows.pop();
        if let PointsOf::Measurement(_) = filter.of {
            rows = evenly(db, user, filter, most)?;
        }
    }
    rows.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
    let point = |(record, at, offset, source_partner, content): PointRow| {
        let content = serde_json::from_str(&content).unwrap_or_default();
        Point { record, at: from_micros(at), offset, source_partner, content }
    };
    Ok(Points { points: rows.into_iter().map(point).collect(), is_part })
}

/// The first measurements of each part of the time.
fn evenly(
    db: &mut Db,
    user: &UserId,
    filter: &PointFilter,
    most: i64,
) -> QueryResult<Vec<PointRow>> {
    let end = to_micros(filter.to);
    let first: Option<i64> = chosen(user, filter.of, filter.from.map_or(i64::MIN, to_micros), end)
        .order((records::start_at, records::id))
        .select(records::start_at)
        .first(db)
        .optional()?;
    let Some(first) = first else { return Ok(Vec::new()) };
    let span = TimeDelta::microseconds(end.saturating_sub(first)) / PARTS;
    let each = (most / i64::from(PARTS)).max(1);
    let mut rows: Vec<PointRow> = Vec::new();
    for part in 0..PARTS {
        let begin = from_micros(first) + span * part;
        let end = if part + 1 == PARTS { filter.to } else { begin + span };
        let part = chosen(user, filter.of, to_micros(begin), to_micros(end))
            .order((records::start_at, records::id))
            .limit(each);
        rows.extend(part.load::<PointRow>(db)?);
    }
    Ok(rows)
}

type Chosen<'a> = diesel::dsl::IntoBoxed<
    'a,
    diesel::dsl::Select<
        records::table,
        (
            records::id,
            records::start_at,
            records::start_offset,
            records::source_partner,
            records::content,
        ),
    >,
    Backend,
>;

fn chosen<'a>(user: &'a UserId, of: PointsOf, from: i64, to: i64) -> Chosen<'a> {
    let query = records::table
        .select((
            records::id,
            records::start_at,
            records::start_offset,
            records::source_partner,
            records::content,
        ))
        .into_boxed::<Backend>()
        .filter(records::user_id.eq(user))
        .filter(records::deleted.eq(false))
        .filter(records::start_at.ge(from))
        .filter(records::start_at.lt(to));
    match of {
        PointsOf::Measurement(name) => query.filter(records::measurement_type.eq(name)),
        // Only this condition lets the databases use their index of such records.
        PointsOf::Kind(kind) => {
            query.filter(records::kind.eq(kind)).filter(records::measurement_type.is_null())
        }
    }
}
