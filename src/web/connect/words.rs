//! Texts of one language with the names in them, times and values.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Tz;
use partner_sdk::{Body, Kind};
use serde_json::Value;

use super::languages::{Texts, fill};
use crate::store::StoredRecord;

/// A language, and what the app is called in it.
#[derive(Clone, Debug)]
pub(in crate::web) struct Words {
    pub(in crate::web) texts: &'static Texts,
    /// The name in the settings; may be empty.
    pub(super) app_name: String,
}

impl Words {
    pub(in crate::web) fn new(texts: &'static Texts, app_name: &str) -> Self {
        Self { texts, app_name: app_name.to_owned() }
    }

    /// The text with the app's name in it and these values.
    pub(in crate::web) fn say(&self, text: &str, values: &[(&str, &str)]) -> String {
        let begins = text.starts_with("{app}");
        let app = match self.app_name.as_str() {
            "" if begins => &self.texts.the_app_begins,
            "" => &self.texts.the_app,
            name => name,
        };
        let Some(rest) = text.strip_prefix("{app}").filter(|_| self.app_name.is_empty()) else {
            return fill(text, &[values, &[("app", app)]].concat());
        };
        // Within the sentence it has no capital.
        let rest = fill(rest, &[values, &[("app", self.texts.the_app.as_str())]].concat());
        format!("{app}{rest}")
    }

    /// The text about a partner.
    pub(in crate::web) fn about(&self, text: &str, partner: &str) -> String {
        self.say(text, &[("partner", partner)])
    }

    /// How long ago something was, or its day if that is more than a week.
    pub(super) fn ago(&self, at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
        let texts = self.texts;
        let passed = (now - at).max(TimeDelta::zero());
        let (minutes, hours, days) = (passed.num_minutes(), passed.num_hours(), passed.num_days());
        let some = |text: &str, count: i64| fill(text, &[("n", &count.to_string())]);
        match () {
            () if minutes == 0 => texts.just_now.clone(),
            () if minutes == 1 => texts.a_minute_ago.clone(),
            () if hours == 0 => some(&texts.minutes_ago, minutes),
            () if hours == 1 => texts.an_hour_ago.clone(),
            () if days == 0 => some(&texts.hours_ago, hours),
            () if days == 1 => texts.a_day_ago.clone(),
            () if days < 7 => some(&texts.days_ago, days),
            () => self.day(at, now, zone),
        }
    }

    /// The day of something, with its year if it is not this one.
    pub(super) fn day(&self, at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
        let (at, now) = (at.with_timezone(&zone), now.with_timezone(&zone));
        let is_this_year = at.year() == now.year();
        let text = if is_this_year { &self.texts.date } else { &self.texts.date_with_year };
        let (day, year) = (at.day().to_string(), at.year().to_string());
        fill(text, &[("day", &day), ("month", self.texts.month(at.month0())), ("year", &year)])
    }

    /// A record in some words: what it is, and the value of a measurement.
    pub(super) fn record(&self, record: &StoredRecord) -> Option<String> {
        let content: Value = serde_json::from_str(record.content.get()).ok()?;
        Some(match Body::from_json(&record.kind, &content)? {
            Body::Measurement(measurement) => {
                let value = measurement.value.round_dp(1).normalize().to_string();
                let value = value.replace('.', &self.texts.decimal);
                let kind = self.texts.kind(Kind::Measurement(measurement.r#type));
                format!("{kind} {value} {}", self.texts.unit(measurement.r#type.unit()))
            }
            Body::Exercise(_) => self.texts.kind(Kind::Exercise).to_owned(),
            Body::Nutrition(_) => self.texts.kind(Kind::Nutrition).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::super::languages::of_code;
    use super::*;
    use crate::model::{RecordId, UserId};

    fn words(code: &str, app: &str) -> Words {
        Words::new(of_code(code).unwrap(), app)
    }

    #[test]
    fn an_app_without_a_name_is_named_as_the_language_does() {
        let text = "{app} asks {partner}, and {app} says {n}.";
        let values = [("partner", "Withings"), ("n", "1")];
        assert_eq!(words("en", "Lumo").say(text, &values), "Lumo asks Withings, and Lumo says 1.");
        assert_eq!(words("sv", "").say(text, &values), "Appen asks Withings, and appen says 1.");
        assert_eq!(words("en", "").about("Back to {app}", "Withings"), "Back to the app");
    }

    #[test]
    fn times_are_said_as_people_do() {
        let now: DateTime<Utc> = "2026-11-30T14:00:00Z".parse().unwrap();
        let zone = Tz::Europe__Stockholm;
        for (seconds, english, swedish) in [
            (-5, "just now", "alldeles nyss"),
            (60, "1 minute ago", "för 1 minut sedan"),
            (3_599, "59 minutes ago", "för 59 minuter sedan"),
            (3_600, "1 hour ago", "för 1 timme sedan"),
            (86_399, "23 hours ago", "för 23 timmar sedan"),
            (86_400, "yesterday", "i går"),
            (6 * 86_400, "6 days ago", "för 6 dagar sedan"),
            (13 * 86_400, "17 November", "17 november"),
            (400 * 86_400, "26 October 2025", "26 oktober 2025"),
        ] {
            let at = now - TimeDelta::seconds(seconds);
            assert_eq!(words("en", "").ago(at, now, zone), english);
            assert_eq!(words("sv", "").ago(at, now, zone), swedish);
        }
        let late: DateTime<Utc> = "2026-11-17T23:30:00Z".parse().unwrap();
        assert_eq!(words("en", "").day(late, now, zone), "18 November", "there it is the next day");
    }

    #[test]
    fn values_are_written_as_in_the_language() {
        let record = |kind: &str, content: &str| StoredRecord {
            id: RecordId("r".into()),
            user_id: UserId::stored("ann"),
            kind: kind.into(),
            source_partner: None,
            source_id: "s".into(),
            start: DateTime::UNIX_EPOCH.fixed_offset(),
            end: None,
            time_basis: "exact".into(),
            content: RawValue::from_string(content.into()).unwrap(),
            updated_at: DateTime::UNIX_EPOCH,
            deleted: false,
        };
        let weight = record("measurement", r#"{"type":"weight","value":71.3400,"unit":"kg"}"#);
        assert_eq!(words("sv", "").record(&weight).unwrap(), "vikt 71,3 kg");
        let fat = record("measurement", r#"{"type":"body_fat","value":20,"unit":"%"}"#);
        assert_eq!(words("en", "").record(&fat).unwrap(), "body fat 20 %");
        assert_eq!(words("en", "").record(&record("other", "{}")), None);
    }
}
