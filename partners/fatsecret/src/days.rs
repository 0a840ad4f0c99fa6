//! FatSecret's days: whole numbers since 1970-01-01, in the user's own calendar (API reference,
//! "date"). No answer contains a time of day or a time zone.

use partner_sdk::chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone};
use partner_sdk::{Moment, Tz};

/// Returns the day of a time in its zone.
pub(crate) fn of<Zone: TimeZone>(time: &DateTime<Zone>) -> i64 {
    number(time.date_naive())
}

/// Returns when a day begins for the user.
pub(crate) fn start(day: i64, zone: Tz) -> Option<Moment> {
    Moment::local(date(day)?.and_time(NaiveTime::MIN), zone)
}

/// Returns the first day of the month that contains `day`.
pub(crate) fn month_of(day: i64) -> Option<i64> {
    date(day)?.with_day(1).map(number)
}

/// Returns the first day of the previous month; `first` is the first day of a month.
pub(crate) fn previous_month(first: i64) -> Option<i64> {
    date(first)?.checked_sub_months(Months::new(1)).map(number)
}

/// Like [`previous_month`], for the next month.
pub(crate) fn next_month(first: i64) -> Option<i64> {
    date(first)?.checked_add_months(Months::new(1)).map(number)
}

/// Returns a month's name, `2026-03`.
pub(crate) fn month_name(first: i64) -> Option<String> {
    date(first).map(|date| date.format("%Y-%m").to_string())
}

fn number(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

fn date(day: i64) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_days(Days::new(u64::try_from(day).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_lie_in_months_and_begin_at_midnight() {
        // API reference, "weights.get_month": 14276 to 14303 is a month, February 2009.
        assert_eq!(month_of(14_303), Some(14_276));
        assert_eq!(next_month(14_276), Some(14_304));
        assert_eq!(previous_month(14_304), Some(14_276));
        assert_eq!(month_name(14_276).as_deref(), Some("2009-02"));
        let start = start(14_276, Tz::Europe__Stockholm).unwrap();
        assert_eq!(start.at.to_rfc3339(), "2009-02-01T00:00:00+01:00");
        assert_eq!(of(&start.at), 14_276);
    }

    #[test]
    fn days_beyond_the_calendar_are_none() {
        for day in [-1, i64::MIN, i64::MAX] {
            assert_eq!((month_of(day), month_name(day)), (None, None), "{day}");
            assert!(start(day, Tz::UTC).is_none());
        }
    }
}
