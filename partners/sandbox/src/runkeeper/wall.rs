//! "EEE, d MMM yyyy HH:mm:ss": the user's wall clock, without a zone.

use chrono::{DateTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The wall clock of a zone at a Unix time, as seconds.
pub(super) fn local_seconds(at: i64, zone: Tz) -> i64 {
    at + i64::from(offset_seconds(at, zone))
}

/// How far the zone's wall clock is ahead of UTC at that time.
pub(super) fn offset_seconds(at: i64, zone: Tz) -> i32 {
    let utc = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()
}

pub(super) fn write(at: i64, zone: Tz) -> String {
    let local = DateTime::<Utc>::from_timestamp(local_seconds(at, zone), 0).unwrap_or_default();
    local.format("%a, %-d %b %Y %H:%M:%S").to_string()
}

/// Reads a wall time; the name of the day is not checked.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once(", ")?;
    let local = NaiveDateTime::parse_from_str(rest, "%d %b %Y %H:%M:%S").ok()?;
    Some(local.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_times_go_there_and_back() {
        // 1 March 2026, 22:30 UTC is past midnight in Kolkata.
        let text = write(1_772_404_200, Tz::Asia__Kolkata);
        assert_eq!(text, "Mon, 2 Mar 2026 04:00:00");
        assert_eq!(parse(&text), Some(local_seconds(1_772_404_200, Tz::Asia__Kolkata)));
        assert_eq!(parse("2026-03-02"), None);
    }
}
