//! Times in the database: microseconds since 1970 in UTC, with the offset beside them where it
//! matters.

use chrono::{DateTime, FixedOffset, Utc};

pub(in crate::store) fn to_micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// A time from the database. One out of range, which only a damaged row has, reads as 1970.
pub(in crate::store) fn from_micros(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

pub(in crate::store) fn with_offset(micros: i64, offset_seconds: i32) -> DateTime<FixedOffset> {
    let offset = FixedOffset::east_opt(offset_seconds);
    let at = from_micros(micros);
    offset.map_or_else(|| at.fixed_offset(), |offset| at.with_timezone(&offset))
}
