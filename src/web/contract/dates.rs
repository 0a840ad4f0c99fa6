//! What is wrong with a date: most of those who integrate write the first one wrongly.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};

const EXAMPLE: &str = "2026-11-22T07:15:00+01:00";

/// How dates are written elsewhere, and never here.
const ELSEWHERE: [&str; 4] = ["%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d"];

/// How much of a text is repeated.
const SHOWN: usize = 40;

/// Whether a text is a date with a time and an offset, as RFC 3339 writes it.
pub(super) fn is_right(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok()
}

/// What is wrong with a text that is no such date, and what to write. `in_address`: it stood in an
/// address, where a + is a blank.
pub(super) fn wrong(text: &str, in_address: bool) -> String {
    let mend = |example: &str| {
        let example = if in_address { example.replace('+', "%2B") } else { example.to_owned() };
        let plus = if in_address { ", and write the + as %2B" } else { "" };
        format!("write e.g. {example}{plus}")
    };
    let shown: String = text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect();
    let because = |why: &str, mend: String| format!("`{shown}` {why}; {mend}");
    if text.is_empty() {
        return format!("it is empty; {}", mend(EXAMPLE));
    }
    if let Some((date, offset)) = text.rsplit_once(' ')
        && is_right(&format!("{date}+{offset}"))
    {
        return because("has a blank where the + of its offset was", mend(EXAMPLE));
    }
    let wall = |text: &str| {
        let form = if text.contains('T') { "%Y-%m-%dT%H:%M:%S%.f" } else { "%Y-%m-%d %H:%M:%S%.f" };
        NaiveDateTime::parse_from_str(text, form).ok()
    };
    if wall(text).is_some() {
        let written = text.replacen(' ', "T", 1);
        return because(
            "has no offset",
            format!("{} or {written}Z", mend(&format!("{written}+01:00"))),
        );
    }
    if NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() {
        return because("has no time and no offset", mend(&format!("{text}T07:15:00+01:00")));
    }
    if let Some(day) = ELSEWHERE.iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok())
    {
        let example = format!("{}T07:15:00+01:00", day.format("%Y-%m-%d"));
        return because("is not written as year-month-day", mend(&example));
    }
    if text.starts_with(['+', '-']) && text.parse::<DateTime<FixedOffset>>().is_ok() {
        return because("lies outside the years 0000 to 9999", mend(EXAMPLE));
    }
    if DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").is_ok() {
        return because("has an offset without a colon", mend(EXAMPLE));
    }
    if ["%Y-%m-%dT%H:%M%:z", "%Y-%m-%dT%H:%M%#z"]
        .iter()
        .any(|form| DateTime::parse_from_str(text, form).is_ok())
    {
        return because("has no seconds", mend(EXAMPLE));
    }
    because("is not a date with a time and an offset, as RFC 3339 writes it", mend(EXAMPLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_rfc_3339_are_taken() {
        for text in [
            "2026-11-22T07:15:00+01:00",
            "2026-11-22T07:15:00Z",
            "2026-11-22T07:15:00.123456-23:59",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert!(is_right(text), "{text}");
        }
    }

    #[test]
    fn a_wrong_date_comes_with_what_to_write() {
        for (text, why, mend) in [
            (
                "2026-11-22T07:15:00",
                "no offset",
                "2026-11-22T07:15:00+01:00 or 2026-11-22T07:15:00Z",
            ),
            ("2026-11-22 07:15:00.5", "no offset", "2026-11-22T07:15:00.5Z"),
            ("2026-11-22", "no time", "2026-11-22T07:15:00+01:00"),
            ("22.11.2026", "year-month-day", "2026-11-22T07:15:00+01:00"),
            ("22/11/2026", "year-month-day", "2026-11-22T"),
            ("20261122", "year-month-day", "2026-11-22T"),
            ("2026-11-22T07:15Z", "no seconds", EXAMPLE),
            ("2026-11-22T07:15:00+0100", "without a colon", EXAMPLE),
            ("+10000-01-01T00:00:00Z", "9999", EXAMPLE),
            ("-0001-01-01T00:00:00Z", "9999", EXAMPLE),
            ("2026-02-30T07:15:00Z", "is not a date", EXAMPLE),
            ("2026-11-22T07:15:00+24:00", "is not a date", EXAMPLE),
            ("yesterday", "is not a date", EXAMPLE),
            ("", "empty", EXAMPLE),
        ] {
            assert!(!is_right(text), "{text}");
            let said = wrong(text, false);
            assert!(said.contains(why) && said.contains(mend), "{text}: {said}");
        }
        let said = wrong("2026-11-22T07:15:00 01:00", true);
        assert!(said.contains("%2B01:00") && said.ends_with("write the + as %2B"), "{said}");
        assert!(wrong("2026-11-22", true).contains("07:15:00%2B01:00"));
    }

    #[test]
    fn little_of_a_text_is_repeated() {
        let said = wrong(&format!("\u{1b}[31m{}", "é".repeat(100_000)), false);
        assert!(said.len() < 300 && !said.contains('\u{1b}'), "{said}");
    }
}
