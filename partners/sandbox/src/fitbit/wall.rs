//! Wall time: what the person's clock shows, without a zone (3).

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The wall clock of a zone at a Unix time.
pub(super) fn clock(at: i64, zone: Tz) -> NaiveDateTime {
    let utc = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    utc.with_timezone(&zone).naive_local()
}

/// Wall time as if it were UTC: the order of a log, and the seconds of its ids.
pub(super) fn seconds(wall: NaiveDateTime) -> i64 {
    wall.and_utc().timestamp()
}

pub(super) fn midnight(day: NaiveDate) -> i64 {
    seconds(day.and_time(NaiveTime::MIN))
}

/// "2026-03-04T04:14:06.000+02:00" (5).
pub(super) fn with_offset(wall: NaiveDateTime, zone: Tz) -> String {
    let offset = zone.offset_from_local_datetime(&wall).earliest();
    let seconds = offset.map_or(0, |offset| offset.fix().local_minus_utc());
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let time = wall.format("%Y-%m-%dT%H:%M:%S.000");
    format!("{time}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The wall time at the beginning of such a text, whatever offset follows.
pub(super) fn of_text(text: &str) -> Option<NaiveDateTime> {
    text.get(..19)?.parse().ok()
}

pub(super) fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// "lastModified" (5), in UTC.
pub(super) fn instant(at: i64) -> String {
    let utc = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    utc.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}
