//! Wall time: what the user's clock shows, without a zone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The wall clock of a zone at a Unix time.
pub(super) fn clock(at: i64, zone: Tz) -> NaiveDateTime {
    let utc = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    utc.with_timezone(&zone).naive_local()
}

/// Wall time in seconds, as if it were UTC: gives the order of a log and the ids of its entries.
pub(super) fn seconds(wall: NaiveDateTime) -> i64 {
    wall.and_utc().timestamp()
}

pub(super) fn midnight(day: NaiveDate) -> i64 {
    seconds(day.and_time(NaiveTime::MIN))
}

/// "2026-03-04T04:14:06.000+02:00".
pub(super) fn with_offset(wall: NaiveDateTime, zone: Tz) -> String {
    let offset = zone.offset_from_local_datetime(&wall).earliest();
    let seconds = offset.map_or(0, |offset| offset.fix().local_minus_utc());
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let time = wall.format("%Y-%m-%dT%H:%M:%S.000");
    format!("{time}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The wall time at the beginning of such a text; the offset is ignored.
pub(super) fn of_text(text: &str) -> Option<NaiveDateTime> {
    text.get(..19)?.parse().ok()
}

pub(super) fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// "lastModified", in UTC.
pub(super) fn instant(at: i64) -> String {
    let utc = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    utc.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// The day of a wall time in seconds.
pub(super) fn date(seconds: i64) -> String {
    DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default().date_naive().to_string()
}
