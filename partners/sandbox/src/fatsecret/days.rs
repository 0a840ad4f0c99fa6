//! Days as integers since 1970-01-01, in the user's local calendar.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate};
use chrono_tz::Tz;
use serde_json::Value;

const DAY_SECONDS: i64 = 86_400;

/// The local day in a zone at a Unix time.
pub(super) fn of(at: i64, zone: Tz) -> i64 {
    let utc = DateTime::from_timestamp(at, 0).unwrap_or_default();
    utc.with_timezone(&zone).date_naive().signed_duration_since(NaiveDate::default()).num_days()
}

/// Where a day begins in the items' time base, which counts days without a zone.
pub(super) fn start(day: i64) -> i64 {
    day.saturating_mul(DAY_SECONDS)
}

/// The day of an item's time.
pub(super) fn day(time: i64) -> i64 {
    time.div_euclid(DAY_SECONDS)
}

/// All days of the month that a day lies in.
pub(super) fn month(day: i64) -> Option<RangeInclusive<i64>> {
    let date = NaiveDate::default().checked_add_days(Days::new(u64::try_from(day).ok()?))?;
    let first = date.with_day(1)?;
    let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
    let number = |date: NaiveDate| date.signed_duration_since(NaiveDate::default()).num_days();
    Some(number(first)..=number(last))
}

/// A number among an item's fields, which are usually texts.
pub(super) fn number(value: &Value, name: &str) -> Option<i64> {
    let field = value.get(name)?;
    field.as_i64().or_else(|| field.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_month_is_february_2009() {
        // The sample has from_date_int 14276 and to_date_int 14303.
        assert_eq!(month(14_289), Some(14_276..=14_303));
        assert_eq!(month(-1), None);
        assert_eq!(month(i64::MAX), None);
    }

    #[test]
    fn a_day_is_the_one_of_the_zone() {
        // 1 March 2026, 22:30 UTC is the second in Kolkata.
        assert_eq!(of(1_772_404_200, Tz::UTC) + 1, of(1_772_404_200, Tz::Asia__Kolkata));
    }
}
