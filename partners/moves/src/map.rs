//! Maps days to records.
//!
//! Activities have no id. Their source id is made of their start and their kind, and they belong to
//! the day they began on: when Moves revises a day, its new activities replace the old ones.

use std::collections::{BTreeMap, BTreeSet};

use partner_sdk::chrono::{DateTime, FixedOffset, NaiveDate};
use partner_sdk::rust_decimal::Decimal;
use partner_sdk::serde_json::{self, Value};
use partner_sdk::{Body, Exercise, Moment, Number, Page, RejectedRecord, RemoteRecord};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::activities;
use crate::sync::read_day;

/// API documentation, "Activities". Lists of an empty day are null (seen in the field).
#[derive(Deserialize)]
struct Day {
    date: String,
    #[serde(default)]
    segments: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Segment {
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    last_update: Option<String>,
    #[serde(default)]
    activities: Option<Vec<Value>>,
}

/// Seconds, metres, kilocalories. Fields that do not apply are left out. An activity added by hand
/// may lack its times (seen in the field), and then has those of the stay.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    activity: String,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
    #[serde(default)]
    duration: Option<Number>,
    #[serde(default)]
    distance: Option<Number>,
    #[serde(default)]
    steps: Option<Number>,
    #[serde(default)]
    calories: Option<Number>,
}

/// Reads the days for which `is_wanted` returns true.
pub(crate) fn days(days: Vec<Value>, is_wanted: impl Fn(NaiveDate) -> bool) -> Page {
    let mut page = Page::default();
    let mut reported = BTreeSet::new();
    let mut broken = BTreeSet::new();
    let mut records = BTreeMap::new();
    for raw in days {
        let name = raw.get("date").and_then(Value::as_str).map(ToOwned::to_owned);
        let day = decode::<Day>(raw).and_then(|day| Some((read_day(&day.date)?, day)));
        let Some((date, day)) = day else {
            page.records.push(Err(refused(name)));
            continue;
        };
        reported.insert(date);
        let segments = day.segments.unwrap_or_default().into_iter();
        let mut read = segments.map(|segment| read_segment(segment, date, &mut records));
        // Every segment is read, even after a failed one.
        if read.by_ref().filter(Option::is_none).count() > 0 {
            broken.insert(date);
            page.records.push(Err(refused(Some(day.date))));
        }
    }
    reported.retain(|day| is_wanted(*day));
    // If a part of the day could not be read, nothing that is missing counts as deleted: the
    // rejection, which names the day, ensures that.
    let mut empty = reported.clone();
    for (day, record) in records.into_values() {
        empty.remove(&day);
        if reported.contains(&day) {
            page.records.push(Ok(record));
        }
    }
    let gone = empty.difference(&broken).map(|day| day.format("%Y%m%d").to_string());
    page.deleted.extend(gone);
    page
}

fn decode<T: DeserializeOwned>(raw: Value) -> Option<T> {
    serde_json::from_value(raw).ok()
}

fn refused(source_id: Option<String>) -> RejectedRecord {
    RejectedRecord { source_id, reason: "a part of the day is not of the documented form".into() }
}

type Records = BTreeMap<String, (NaiveDate, RemoteRecord)>;

/// Adds the activities of a segment; returns `None` if some could not be read. A stay over midnight
/// is reported on both days (seen in the field): the same activity is the same record, and the
/// report of its own day wins.
fn read_segment(raw: Value, reported_on: NaiveDate, records: &mut Records) -> Option<()> {
    let segment: Segment = decode(raw)?;
    let mut complete = Some(());
    for raw in segment.activities.iter().flatten().cloned() {
        match decode(raw).map(|activity: Activity| read_activity(&activity, &segment)) {
            Some(Some(None)) => {}
            Some(Some(Some((day, record)))) => {
                let id = record.source_id.clone();
                if day == reported_on || !records.contains_key(&id) {
                    records.insert(id, (day, record));
                }
            }
            Some(None) | None => complete = None,
        }
    }
    complete
}

/// The inner option is `None` if it is no exercise.
fn read_activity(
    activity: &Activity,
    segment: &Segment,
) -> Option<Option<(NaiveDate, RemoteRecord)>> {
    let word = activities::word(&activity.activity);
    let group = activity.group.as_deref().unwrap_or_default();
    if activities::is_transport(word, group) {
        return Some(None);
    }
    let begun = activity.start_time.as_deref().or(segment.start_time.as_deref())?;
    let start = moment(begun)?;
    let day = start.date_naive();
    let exercise = Exercise {
        activity: activities::activity(word, group),
        activity_original: word.to_owned(),
        duration_s: measured(activity.duration),
        energy_kcal: measured(activity.calories),
        distance_m: measured(activity.distance),
        steps: activity.steps.and_then(Number::round).filter(|steps| *steps > 0),
        avg_heart_rate: None,
    };
    let record = RemoteRecord {
        source_id: format!("{begun}:{word}"),
        group: Some(day.format("%Y%m%d").to_string()),
        start: Moment::exact(start),
        end: activity.end_time.as_deref().and_then(moment).map(Moment::exact),
        modified: segment.last_update.as_deref().and_then(moment).map(|at| at.to_utc()),
        body: Body::Exercise(exercise),
    };
    Some(Some((day, record)))
}

/// API documentation: ISO 8601 in its basic form.
fn moment(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_str(text, "%Y%m%dT%H%M%S%#z").ok()
}

/// Zero means not measured.
fn measured(number: Option<Number>) -> Option<Decimal> {
    number.map(Decimal::from).filter(|value| !value.is_zero())
}
