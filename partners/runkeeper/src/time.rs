//! RunKeeper's times: "Sat, 4 Oct 2025 09:42:31", the user's wall time.

use partner_sdk::chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone};
use partner_sdk::rust_decimal::Decimal;
use partner_sdk::rust_decimal::prelude::ToPrimitive;
use partner_sdk::{Moment, Number, Tz};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Reads a time. Health Graph documentation: wall time without a zone; fitness activities of
/// RunKeeper itself also have `utc_offset`, in hours. Returns `None` for anything else.
pub(crate) fn moment(text: &str, utc_offset: Option<Number>, zone: Tz) -> Option<Moment> {
    let wall = wall_time(text)?;
    let Some(hours) = utc_offset else { return Moment::local(wall, zone) };
    let at = offset(hours)?.from_local_datetime(&wall).single()?;
    Some(Moment::exact(at))
}

/// Writes a time as a wall clock in `zone` shows it, in whole seconds.
pub(crate) fn write<Zone: TimeZone>(at: DateTime<FixedOffset>, zone: &Zone) -> String {
    at.with_timezone(zone).naive_local().format("%a, %-d %b %Y %H:%M:%S").to_string()
}

/// The zone of an item that has an offset in hours.
pub(crate) fn offset(hours: Number) -> Option<FixedOffset> {
    FixedOffset::east_opt(hours.0.checked_mul(Decimal::from(3_600))?.to_i32()?)
}

fn wall_time(text: &str) -> Option<NaiveDateTime> {
    // The day of the week adds nothing to the date, and writers get it wrong.
    let (day_of_week, date) = text.trim().split_once(", ")?;
    if !DAYS.contains(&day_of_week) {
        return None;
    }
    NaiveDateTime::parse_from_str(date, "%d %b %Y %H:%M:%S").ok()
}

#[cfg(test)]
mod tests {
    use partner_sdk::TimeBasis;

    use super::*;

    fn read(text: &str, hours: Option<&str>) -> Option<(String, TimeBasis)> {
        let hours = hours.map(|hours| partner_sdk::serde_json::from_str(hours).unwrap());
        let moment = moment(text, hours, Tz::Europe__Stockholm)?;
        Some((moment.at.to_rfc3339(), moment.basis))
    }

    #[test]
    fn wall_time_is_read_with_and_without_padding() {
        for text in ["Sat, 7 Feb 2026 07:05:09", "Sat, 07 Feb 2026 07:05:09"] {
            let expected = ("2026-02-07T07:05:09+01:00".to_owned(), TimeBasis::Local);
            assert_eq!(read(text, None), Some(expected));
        }
    }

    #[test]
    fn an_offset_makes_it_exact() {
        for (hours, expected) in [
            ("2", "2026-02-07T07:05:09+02:00"),
            ("-3.5", "2026-02-07T07:05:09-03:30"),
            ("\"5.75\"", "2026-02-07T07:05:09+05:45"),
            ("0", "2026-02-07T07:05:09+00:00"),
        ] {
            let read = read("Sat, 7 Feb 2026 07:05:09", Some(hours));
            assert_eq!(read, Some((expected.to_owned(), TimeBasis::Exact)));
        }
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        let at = DateTime::parse_from_rfc3339("2026-02-07T23:05:09.75-05:00").unwrap();
        assert_eq!(write(at, &Tz::Europe__Stockholm), "Sun, 8 Feb 2026 05:05:09");
        let hours = partner_sdk::serde_json::from_str("-3.5").unwrap();
        assert_eq!(write(at, &offset(hours).unwrap()), "Sun, 8 Feb 2026 00:35:09");
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "Sat",
            "Sat, ",
            "7 Feb 2026 07:05:09",
            "Lör, 7 feb 2026 07:05:09",
            "Sat, 30 Feb 2026 07:05:09",
            "Sat, 7 Feb 2026 24:05:09",
            "Sat, 7 Feb 2026 07:05",
            "Sat, 7 Feb 2026 07:05:09 GMT",
            "2026-02-07T07:05:09",
        ] {
            assert_eq!(read(text, None), None, "{text}");
        }
        for hours in ["24", "-99999999", "7922816251426433759354395"] {
            assert_eq!(read("Sat, 7 Feb 2026 07:05:09", Some(hours)), None, "{hours}");
        }
    }
}
