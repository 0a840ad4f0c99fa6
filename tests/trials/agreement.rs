//! Whether everybody has what must be there, once.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use partner_sandbox::Control;
use serde_json::Value;

use crate::harness::HostApp;
use crate::people::{Person, TWO_WAY};

/// Something that is not as it must be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Lost(String),
    Doubled(String),
    /// There with a content it was never to have, or without anybody having made it.
    Other(String),
}

type Weights = BTreeMap<i64, Vec<i64>>;

/// What is wrong with a user's weights, here and at the partners.
pub(crate) async fn wrong(app: &HostApp, control: &Control, person: &Person) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let here = here(app, person).await;
    for (at, entry) in &person.entries {
        let found = here.get(at).map(Vec::as_slice).unwrap_or_default();
        let what = || format!("{} {at}: {found:?}, expected {:?}", person.name, entry.may_be);
        match found {
            [_, _, ..] => wrong.push(Wrong::Doubled(what())),
            [] if !entry.may_be.contains(&None) => wrong.push(Wrong::Lost(what())),
            [grams] if !entry.may_be.contains(&Some(*grams)) => wrong.push(Wrong::Other(what())),
            _ => {}
        }
    }
    for (at, found) in here.iter().filter(|(at, _)| !person.entries.contains_key(at)) {
        wrong.push(Wrong::Other(format!("{} {at}: nobody made {found:?}", person.name)));
    }
    let two_way = person.partners.iter().filter(|partner| TWO_WAY.contains(partner));
    for partner in two_way {
        let there = there(control, partner, person);
        let all: std::collections::BTreeSet<_> = here.keys().chain(there.keys()).collect();
        for at in all {
            let (here, there) = (here.get(at), there.get(at));
            let what = || format!("{} {at} at {partner}: {there:?}, here {here:?}", person.name);
            match there {
                _ if here == there => {}
                None => wrong.push(Wrong::Lost(what())),
                Some(there) if there.len() > 1 => wrong.push(Wrong::Doubled(what())),
                Some(_) => wrong.push(Wrong::Other(what())),
            }
        }
    }
    wrong
}

async fn here(app: &HostApp, person: &Person) -> Weights {
    let mut found = Weights::new();
    for record in app.records(&person.name).await {
        let at: DateTime<Utc> = record["start"].as_str().unwrap().parse().unwrap();
        let grams = grams(&record["measurement"]["value"]);
        found.entry(at.timestamp()).or_default().push(grams);
    }
    found
}

fn there(control: &Control, partner: &str, person: &Person) -> Weights {
    let mut found = Weights::new();
    for item in control.items(partner, &person.name, "weight").unwrap() {
        let text = |name: &str| item[name].as_str().unwrap_or_default();
        let (time, form) = match partner {
            "runkeeper" => (text("timestamp").to_owned(), "%a, %d %b %Y %H:%M:%S"),
            _ => (format!("{} {}", text("date"), text("time")), "%Y-%m-%d %H:%M:%S"),
        };
        let at = NaiveDateTime::parse_from_str(&time, form).unwrap().and_utc().timestamp();
        found.entry(at).or_default().push(grams(&item["weight"]));
    }
    found
}

fn grams(kilograms: &Value) -> i64 {
    (kilograms.as_f64().unwrap() * 1_000.0).round() as i64
}
