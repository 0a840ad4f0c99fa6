//! Strava's three times of a start: in UTC, wall time with a false `Z`, and the zone's name and
//! offset.

use chrono::{DateTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

fn offset_seconds(at: i64, zone: Tz) -> i32 {
    let utc = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()
}

fn write(at: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The fields that say when and where an activity began.
pub(super) fn fields(at: i64, zone: Tz) -> [(&'static str, Value); 4] {
    let offset = offset_seconds(at, zone);
    // The GMT part of `timezone` is standard time, which is the smallest offset of a year.
    let seasons = [0, 91, 182, 273].map(|days| offset_seconds(at + days * 86_400, zone));
    let standard = seasons.into_iter().min().unwrap_or(offset);
    let (sign, minutes) = (if standard < 0 { '-' } else { '+' }, standard.abs() / 60);
    let name = format!("(GMT{sign}{:02}:{:02}) {}", minutes / 60, minutes % 60, zone.name());
    [
        ("start_date", json!(write(at))),
        ("start_date_local", json!(write(at + i64::from(offset)))),
        ("timezone", json!(name)),
        ("utc_offset", json!(f64::from(offset))),
    ]
}

/// When an activity began, in Unix seconds.
pub(super) fn start(value: &Value) -> Option<i64> {
    let text = value.get("start_date")?.as_str()?;
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp())
}

/// ISO 8601; its zone is ignored, the wall time is the athlete's.
pub(super) fn from_local(text: &str, zone: Tz) -> Option<i64> {
    let wall = DateTime::parse_from_rfc3339(text)
        .map(|at| at.naive_local())
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
        .ok()?;
    zone.from_local_datetime(&wall).earliest().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_is_named_by_standard_time_and_the_offset_is_the_real_one() {
        // Strava's sample: 2 May 2018, 12:15:09 UTC, summer time in Los Angeles.
        let at = 1_525_263_309;
        let actual = fields(at, Tz::America__Los_Angeles).map(|(_, value)| value);
        let expected = [
            json!("2018-05-02T12:15:09Z"),
            json!("2018-05-02T05:15:09Z"),
            json!("(GMT-08:00) America/Los_Angeles"),
            json!(-25_200.0),
        ];
        assert_eq!(actual, expected);
        for text in ["2018-05-02T05:15:09Z", "2018-05-02T05:15:09+09:00", "2018-05-02T05:15:09"] {
            assert_eq!(from_local(text, Tz::America__Los_Angeles), Some(at));
        }
    }
}
