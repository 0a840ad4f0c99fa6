//! The users of a trial, and what must be there of theirs.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use partner_sandbox::{AccountChange, Control};
use serde_json::{Value, json};

/// The partners whose entries can be pushed to.
pub(crate) const TWO_WAY: [&str; 2] = ["runkeeper", "fitbit"];

/// A weight in grams; `None`: it is not there.
pub(crate) type Content = Option<i64>;

/// A weight of a user, known by its minute.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What it may be: more than one thing after a call that was not answered.
    pub(crate) may_be: Vec<Content>,
    /// The record's id, for those of the host app.
    pub(crate) id: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) partners: &'static [&'static str],
    /// By when they were taken, in Unix seconds.
    pub(crate) entries: BTreeMap<i64, Entry>,
    made: i64,
    began: i64,
}

impl Person {
    /// A user who has an empty account at each of the partners.
    pub(crate) fn new(control: &Control, name: &str, partners: &'static [&'static str]) -> Self {
        let change =
            AccountChange { time_zone: Some("UTC".into()), history_days: None, empty: true };
        for partner in partners {
            control.put_account(partner, name, &change).unwrap();
        }
        let now = control.now();
        let began = now - now.rem_euclid(60) - 600;
        Self { name: name.into(), partners, entries: BTreeMap::new(), made: 0, began }
    }

    /// A minute that no other entry of theirs has, and a weight that the one before has not.
    pub(crate) fn next(&mut self) -> (i64, i64) {
        self.made += 1;
        (self.began - 60 * self.made, 45_000 + self.made % 800 * 100)
    }

    /// Types a weight in at a partner.
    pub(crate) fn types_in(&mut self, control: &Control, partner: &str) {
        let (at, grams) = self.next();
        self.types_in_at(control, partner, at, grams);
    }

    fn types_in_at(&mut self, control: &Control, partner: &str, at: i64, grams: i64) {
        let time = DateTime::from_timestamp(at, 0).unwrap();
        let kilograms = grams as f64 / 1_000.0;
        let (resource, item) = match partner {
            "withings" => {
                let measures = json!([{"value": grams, "type": 1, "unit": -3}]);
                let item = json!({"attrib": 0, "date": at, "category": 1, "measures": measures});
                ("measure", item)
            }
            "runkeeper" => {
                let time = time.format("%a, %-d %b %Y %H:%M:%S").to_string();
                ("weight", json!({"timestamp": time, "weight": kilograms}))
            }
            _ => {
                let (date, time) = (time.format("%Y-%m-%d"), time.format("%H:%M:%S"));
                let item = json!({"date": date.to_string(), "time": time.to_string(),
                    "weight": kilograms, "source": "Aria"});
                ("weight", item)
            }
        };
        control.append(partner, &self.name, resource, vec![item]).unwrap();
        self.entries.insert(at, Entry { may_be: vec![Some(grams)], id: None });
    }

    /// Gives a newcomer a past at a partner, a weight each six hours.
    pub(crate) fn has_a_past(&mut self, control: &Control, partner: &str, weights: i64) {
        for number in 1..=weights {
            let (_, grams) = self.next();
            self.types_in_at(control, partner, self.began - 86_400 * 3 - 21_600 * number, grams);
        }
    }
}

/// A weight as the host app sends it.
pub(crate) fn record(at: i64, grams: i64) -> Value {
    let at = DateTime::from_timestamp(at, 0).unwrap();
    json!({
        "start": at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "measurement": {"type": "weight", "value": grams as f64 / 1_000.0},
    })
}
