//! Times and numbers in the words of the pages.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

pub(in crate::web) use crate::figures::with_separators as number;

/// Today's time to the second, `14:02:31`; of other days `28 Nov, 21:14`, and of other years with the year.
pub(in crate::web) fn clock(at: &DateTime<Utc>, now: &DateTime<Utc>) -> String {
    let format = if at.date_naive() == now.date_naive() {
        "%H:%M:%S"
    } else if at.format("%Y").to_string() == now.format("%Y").to_string() {
        "%-d %b, %H:%M"
    } else {
        "%-d %b %Y, %H:%M"
    };
    at.format(format).to_string()
}

/// The form of a time that machines read, for `<time datetime>`.
pub(in crate::web) fn machine(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// How long: `12 s`, `4 min`, `3 h 5 min`, `12 days`. Negative ones count as none.
pub(in crate::web) fn span(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match () {
        () if minutes == 0 => format!("{seconds} s"),
        () if hours == 0 => format!("{minutes} min"),
        () if days == 0 && minutes % 60 == 0 => format!("{hours} h"),
        () if days == 0 => format!("{hours} h {} min", minutes % 60),
        () if days == 1 => "1 day".to_owned(),
        () => format!("{} days", number(days)),
    }
}

/// How often: `every 5 min`, `every hour`.
pub(in crate::web) fn every(interval: Duration) -> String {
    match interval.as_secs() {
        3_600 => "every hour".to_owned(),
        86_400 => "every day".to_owned(),
        _ => format!("every {}", span(TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX))),
    }
}

/// A number with its noun: `1 user`, `1,204 users`.
pub(in crate::web) fn count(number_of: i64, one: &str, many: &str) -> String {
    format!("{} {}", number(number_of), if number_of == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn times_are_short_when_they_are_near() {
        let now = at("2026-11-30T14:02:31Z");
        for (time, words) in [
            ("2026-11-30T09:21:05Z", "09:21:05"),
            ("2026-11-28T21:14:00Z", "28 Nov, 21:14"),
            ("2025-12-01T00:00:00Z", "1 Dec 2025, 00:00"),
        ] {
            assert_eq!(clock(&at(time), &now), words);
        }
        assert_eq!(machine(&now), "2026-11-30T14:02:31Z");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, words) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (11_100, "3 h 5 min"),
            (86_399, "23 h 59 min"),
            (86_400, "1 day"),
            (172_800, "2 days"),
            (1_000 * 86_400, "1,000 days"),
        ] {
            assert_eq!(span(TimeDelta::seconds(seconds)), words);
        }
    }

    #[test]
    fn a_number_has_its_noun() {
        assert_eq!(
            (count(1, "user", "users"), count(1_204, "user", "users")),
            ("1 user".into(), "1,204 users".into())
        );
    }
}
