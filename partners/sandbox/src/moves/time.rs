//! ISO 8601 in its basic form, with an offset, and days in the user's zone.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

pub(super) fn write(at: i64, zone: Tz) -> String {
    in_zone(at, zone).format("%Y%m%dT%H%M%S%z").to_string()
}

pub(super) fn write_utc(at: i64) -> String {
    in_zone(at, Tz::UTC).format("%Y%m%dT%H%M%SZ").to_string()
}

pub(super) fn in_zone(at: i64, zone: Tz) -> DateTime<Tz> {
    DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default().with_timezone(&zone)
}

/// A time among the members of a value, in Unix seconds.
pub(super) fn field(value: &Value, name: &str) -> Option<i64> {
    let text = value.get(name)?.as_str()?;
    DateTime::parse_from_str(text, "%Y%m%dT%H%M%S%#z").ok().map(|at| at.timestamp())
}

pub(super) fn day(at: i64, zone: Tz) -> NaiveDate {
    in_zone(at, zone).date_naive()
}

/// When a day begins in a zone, in Unix seconds. Where midnight is skipped, an hour later.
pub(super) fn begins(day: NaiveDate, zone: Tz) -> i64 {
    let at = |hour| {
        let wall = day.and_hms_opt(hour, 0, 0)?;
        Some(zone.from_local_datetime(&wall).earliest()?.timestamp())
    };
    at(0).or_else(|| at(1)).unwrap_or_default()
}

/// The first and last day of `20130315`, `2013-03-15`, `2013-W10`, `201303` or `2013-03`.
pub(super) fn span(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    if let Some(day) = read_day(text) {
        return Some((day, day));
    }
    if let Some((year, week)) = text.split_once("-W") {
        let monday = NaiveDate::from_isoywd_opt(
            year.parse().ok()?,
            week.parse().ok()?,
            chrono::Weekday::Mon,
        )?;
        return Some((monday, monday.checked_add_days(Days::new(6))?));
    }
    let first = read_day(&format!("{}01", text.replace('-', "")))?;
    let next = first.checked_add_months(chrono::Months::new(1))?;
    Some((first, next.pred_opt()?)).filter(|(_, last)| last.month() == first.month())
}

pub(super) fn read_day(text: &str) -> Option<NaiveDate> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let format = if digits { "%Y%m%d" } else { "%Y-%m-%d" };
    NaiveDate::parse_from_str(text, format).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_go_there_and_back() {
        let text = write(1_363_522_303, Tz::Europe__Belgrade);
        assert_eq!(text, "20130317T131143+0100");
        assert_eq!(field(&json!({"a": text}), "a"), Some(1_363_522_303));
        assert_eq!(field(&json!({"a": write_utc(1_363_522_303)}), "a"), Some(1_363_522_303));
    }

    #[test]
    fn spans_have_all_documented_forms() {
        let day = |text| read_day(text).unwrap();
        for (text, first, last) in [
            ("20130315", "20130315", "20130315"),
            ("2013-03-15", "20130315", "20130315"),
            ("2013-W10", "20130304", "20130310"),
            ("201302", "20130201", "20130228"),
            ("2013-02", "20130201", "20130228"),
        ] {
            assert_eq!(span(text), Some((day(first), day(last))), "{text}");
        }
        for text in ["", "2013", "20130230", "2013-W60", "201313", "yesterday"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
