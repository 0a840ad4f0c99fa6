//! Maps Withings' items to records.

use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::rust_decimal::Decimal;
use partner_sdk::serde_json::{self, Value};
use partner_sdk::{
    Body, Exercise, Measurement, MeasurementType, Moment, Number, Page, RejectedRecord,
    RemoteRecord, Tz,
};
use serde::Deserialize;

use crate::activities::activity;

/// API reference, getmeas, `attrib`: the device could not identify the user it measured.
const AMBIGUOUS_OWNER: i64 = 1;

/// API reference, getmeas, `category`: the measurement is a goal. Not requested.
const GOAL: i64 = 2;

/// `position` of a whole-body value (seen in the field). The same type comes again for each limb.
const WHOLE_BODY: i64 = 7;

/// A group: what was measured at one time with one device.
#[derive(Deserialize)]
struct Group {
    grpid: i64,
    #[serde(default)]
    attrib: Option<i64>,
    #[serde(default)]
    category: Option<i64>,
    #[serde(default)]
    date: Option<i64>,
    #[serde(default)]
    modified: Value,
    measures: Vec<Value>,
}

/// One value of a group: `value` × 10^`unit`, in the unit of the type.
#[derive(Deserialize)]
struct Measure {
    value: i64,
    unit: i64,
    #[serde(default)]
    position: Option<i64>,
}

/// A measure that may become a record. Of several of one type the lowest `rank` is used.
struct Candidate {
    r#type: MeasurementType,
    rank: u8,
    value: Option<Decimal>,
}

/// Reads measurement groups into `page`.
pub(crate) fn groups(page: &mut Page, groups: Vec<Value>, time_zone: &Value) {
    let zone = zone(time_zone);
    let mut nothing_left = Vec::new();
    page.read_each(
        groups,
        |raw| raw.get("grpid")?.as_i64().map(|id| id.to_string()),
        |group: Group| {
            let id = group.grpid.to_string();
            let records = read_group(group, &id, zone);
            if records.is_empty() {
                nothing_left.push(id);
            }
            records
        },
    );
    // A group may be on the page twice (seen in the field), once without any value of ours.
    let groups = page.records.iter().flatten().filter_map(|record| record.group.as_ref());
    let groups: std::collections::HashSet<&String> = groups.collect();
    nothing_left.retain(|id| !groups.contains(id));
    page.deleted.extend(nothing_left);
}

fn read_group(group: Group, id: &str, zone: Tz) -> Vec<Result<RemoteRecord, RejectedRecord>> {
    if group.attrib == Some(AMBIGUOUS_OWNER) || group.category == Some(GOAL) {
        return Vec::new();
    }
    let Some(start) = group.date.and_then(|date| Moment::from_unix(date, zone)) else {
        return vec![Err(RejectedRecord::new(
            id,
            "the group has no date, or one beyond the calendar",
        ))];
    };
    let modified = modified(&group.modified);
    let mut refused = Vec::new();
    let mut chosen: Vec<Candidate> = Vec::new();
    for raw in group.measures {
        let known = raw.get("type").and_then(Value::as_i64).map(measurement_type);
        // Types without a kind here, and unknown types, come too and mean nothing (seen in the
        // field).
        let Some((r#type, second_choice)) = known.unwrap_or(None) else {
            if known.is_none() {
                refused.push(Err(RejectedRecord::new(id, "a measure of the group has no type")));
            }
            continue;
        };
        let Ok(measure) = serde_json::from_value::<Measure>(raw) else {
            let source_id = format!("{id}:{}", r#type.name());
            refused.push(Err(RejectedRecord::new(
                source_id,
                "the measure is not of the documented form",
            )));
            continue;
        };
        let Some(candidate) = candidate(r#type, second_choice, &measure) else { continue };
        match chosen.iter_mut().find(|other| other.r#type == candidate.r#type) {
            Some(other) if candidate.rank < other.rank => *other = candidate,
            Some(_) => {}
            None => chosen.push(candidate),
        }
    }
    let records = chosen.into_iter().map(|candidate| {
        let source_id = format!("{id}:{}", candidate.r#type.name());
        let Some(value) = candidate.value else {
            return Err(RejectedRecord::new(
                source_id,
                "the value or its power of ten is out of range",
            ));
        };
        Ok(RemoteRecord {
            source_id,
            group: Some(id.to_owned()),
            start,
            end: None,
            modified,
            body: Body::Measurement(Measurement { r#type: candidate.r#type, value }),
        })
    });
    records.chain(refused).collect()
}

/// Returns what a measure means here; `None` for parts of the body.
fn candidate(r#type: MeasurementType, second_choice: bool, measure: &Measure) -> Option<Candidate> {
    let of_whole_body = match measure.position {
        None => false,
        Some(WHOLE_BODY) => true,
        Some(_) => return None,
    };
    let value = scaled(measure.value, measure.unit);
    let value = match r#type {
        // Metres at Withings, centimetres here.
        MeasurementType::Height => {
            value.and_then(|metres| metres.checked_mul(Decimal::ONE_HUNDRED))
        }
        _ => value,
    };
    let rank = u8::from(second_choice) * 2 + u8::from(of_whole_body);
    Some(Candidate { r#type, rank, value: value.map(|value| value.normalize()) })
}

/// API reference, getmeas, `meastype` (compared on 2026-11-30); and whether another is more exact.
fn measurement_type(number: i64) -> Option<(MeasurementType, bool)> {
    Some(match number {
        1 => (MeasurementType::Weight, false),
        4 => (MeasurementType::Height, false),
        5 => (MeasurementType::FatFreeMass, false),
        6 => (MeasurementType::BodyFat, false),
        8 => (MeasurementType::FatMass, false),
        9 => (MeasurementType::Diastolic, false),
        10 => (MeasurementType::Systolic, false),
        11 => (MeasurementType::HeartRate, false),
        12 => (MeasurementType::BodyTemperature, true), // "temperature"; 71 is "body temperature"
        54 => (MeasurementType::Spo2, false),
        71 => (MeasurementType::BodyTemperature, false),
        76 => (MeasurementType::MuscleMass, false),
        77 => (MeasurementType::WaterMass, false),
        88 => (MeasurementType::BoneMass, false),
        _ => return None,
    })
}

/// Returns `value` × 10^`unit`, exactly; `None` beyond what a decimal holds.
fn scaled(value: i64, unit: i64) -> Option<Decimal> {
    if unit <= 0 {
        let scale = u32::try_from(unit.checked_neg()?).ok()?;
        return Decimal::try_from_i128_with_scale(value.into(), scale).ok();
    }
    let factor = 10_i128.checked_pow(u32::try_from(unit).ok()?)?;
    Decimal::try_from_i128_with_scale(i128::from(value).checked_mul(factor)?, 0).ok()
}

#[derive(Deserialize)]
struct Workout {
    id: i64,
    #[serde(default)]
    category: Option<i64>,
    #[serde(default)]
    timezone: Value,
    startdate: i64,
    #[serde(default)]
    enddate: Option<i64>,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    modified: Value,
}

/// The members of `data` that are requested.
#[derive(Default, Deserialize)]
#[serde(default)]
struct WorkoutData {
    calories: Option<Number>,
    distance: Option<Number>,
    steps: Option<Number>,
    hr_average: Option<Number>,
    pause_duration: Option<i64>,
    manual_calories: Option<Number>,
    manual_distance: Option<Number>,
}

pub(crate) fn workouts(page: &mut Page, workouts: Vec<Value>) {
    page.read_each(
        workouts,
        |raw| raw.get("id")?.as_i64().map(|id| id.to_string()),
        |workout: Workout| vec![read_workout(workout)],
    );
}

fn read_workout(workout: Workout) -> Result<RemoteRecord, RejectedRecord> {
    let id = workout.id.to_string();
    let refuse = |reason: &'static str| RejectedRecord::new(id.clone(), reason);
    let zone = zone(&workout.timezone);
    let moment = |seconds| {
        Moment::from_unix(seconds, zone).ok_or_else(|| refuse("a date lies beyond the calendar"))
    };
    let data: WorkoutData = match workout.data {
        // An empty object is written as an empty array.
        Value::Array(members) if members.is_empty() => WorkoutData::default(),
        Value::Null => WorkoutData::default(),
        data => serde_json::from_value(data)
            .map_err(|_| refuse("a member of data is not of the documented form"))?,
    };
    let start = moment(workout.startdate)?;
    let end = workout.enddate.map(moment).transpose()?;
    let elapsed = workout.enddate.and_then(|end| end.checked_sub(workout.startdate));
    if elapsed.is_some_and(|seconds| seconds < 0) {
        return Err(refuse("it ends before it starts"));
    }
    let active = elapsed.and_then(|seconds| seconds.checked_sub(data.pause_duration.unwrap_or(0)));
    let (activity, activity_original) = activity(workout.category);
    let exercise = Exercise {
        activity,
        activity_original,
        duration_s: active.filter(|seconds| *seconds > 0).map(Decimal::from),
        energy_kcal: measured(data.manual_calories).or_else(|| measured(data.calories)),
        distance_m: measured(data.manual_distance).or_else(|| measured(data.distance)),
        steps: data.steps.and_then(Number::round).filter(|steps| *steps > 0),
        avg_heart_rate: measured(data.hr_average),
    };
    Ok(RemoteRecord {
        source_id: id,
        group: None,
        start,
        end,
        modified: modified(&workout.modified),
        body: Body::Exercise(exercise),
    })
}

/// Zero stands for "not measured" (seen in the field).
fn measured(number: Option<Number>) -> Option<Decimal> {
    number.map(Decimal::from).filter(|value| *value > Decimal::ZERO)
}

/// API reference: Unix seconds. Old items have none (seen in the field).
fn modified(seconds: &Value) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds.as_i64()?, 0)
}

/// The zone sent beside Unix times. Without a usable one the exact instant is shown in UTC.
fn zone(name: &Value) -> Tz {
    name.as_str().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use partner_sdk::serde_json::json;

    use super::*;

    fn read(group: Value) -> Page {
        let mut page = Page::default();
        groups(&mut page, vec![group], &json!("Europe/Helsinki"));
        page
    }

    fn values(page: &Page) -> Vec<String> {
        let value = |record: &RemoteRecord| match &record.body {
            Body::Measurement(it) => format!("{} {}", it.r#type.name(), it.value),
            other => format!("{other:?}"),
        };
        page.records.iter().flatten().map(value).collect()
    }

    fn group(measures: Value) -> Value {
        json!({"grpid": 7_100_200_300_i64, "attrib": 0, "date": 1_772_600_000, "measures": measures})
    }

    #[test]
    fn scaled_integers_stay_exact() {
        for (value, unit, expected) in [
            (78_120, -3, "78.12"),
            (500_000, -4, "50"),
            (62, 0, "62"),
            (7, 1, "70"),
            (1, -28, "0.0000000000000000000000000001"),
            (-3, -1, "-0.3"),
        ] {
            let text = scaled(value, unit).map(|decimal| decimal.normalize().to_string());
            assert_eq!(text.as_deref(), Some(expected));
        }
    }

    #[test]
    fn absurd_scales_and_values_are_refused_one_by_one() {
        for (value, unit) in
            [(1, 29), (i64::MAX, 20), (1, -29), (1, i64::MIN), (1, i64::MAX), (i64::MIN, 28)]
        {
            let page = read(group(json!([
                {"type": 1, "value": value, "unit": unit},
                {"type": 4, "value": value, "unit": unit},
                {"type": 11, "value": 62, "unit": 0},
            ])));
            assert_eq!(values(&page), ["heart_rate 62"]);
            let refused = page.records.iter().filter_map(|record| record.as_ref().err());
            let ids: Vec<_> = refused.filter_map(|it| it.source_id.as_deref()).collect();
            assert_eq!(ids, ["7100200300:weight", "7100200300:height"]);
        }
    }

    #[test]
    fn one_value_of_a_type_is_taken_and_it_is_that_of_the_whole_body() {
        let page = read(group(json!([
            {"type": 5, "value": 999, "unit": -2, "position": 10},
            {"type": 5, "value": 5502, "unit": -2, "position": 7},
            {"type": 5, "value": 5502, "unit": -2, "position": 7},
            {"type": 8, "value": 1101, "unit": -2, "position": 7},
            {"type": 8, "value": 1102, "unit": -2},
            {"type": 12, "value": 360, "unit": -1},
            {"type": 71, "value": 365, "unit": -1},
            {"type": 175, "value": 1, "unit": 0, "position": 7},
            {"type": 18, "value": -1000, "unit": null},
        ])));
        assert_eq!(
            values(&page),
            ["fat_free_mass 55.02", "fat_mass 11.02", "body_temperature 36.5"]
        );
        assert!(page.records.iter().all(Result::is_ok));
    }

    #[test]
    fn a_group_without_anything_of_the_user_is_gone() {
        let mut of_somebody = group(json!([{"type": 1, "value": 78_120, "unit": -3}]));
        of_somebody["attrib"] = json!(AMBIGUOUS_OWNER);
        for gone in
            [of_somebody, group(json!([])), group(json!([{"type": 91, "value": 1, "unit": 0}]))]
        {
            let page = read(gone);
            assert!(page.records.is_empty());
            assert_eq!(page.deleted, ["7100200300"]);
        }
    }

    #[test]
    fn a_group_that_stands_twice_is_not_gone() {
        let mut page = Page::default();
        let weight = group(json!([{"type": 1, "value": 78_120, "unit": -3}]));
        groups(&mut page, vec![weight, group(json!([]))], &Value::Null);
        assert_eq!(values(&page), ["weight 78.12"]);
        assert!(page.deleted.is_empty());
    }

    #[test]
    fn a_group_without_a_date_is_refused_and_not_gone() {
        let page =
            read(json!({"grpid": 5, "measures": [{"type": 1, "value": 78_120, "unit": -3}]}));
        assert!(page.deleted.is_empty());
        assert_eq!(page.records.len(), 1);
        assert!(page.records.iter().all(Result::is_err));
    }

    #[test]
    fn workouts_may_come_without_data_and_must_not_end_before_they_start() {
        let mut page = Page::default();
        let bare = json!({"id": 11, "category": 533, "startdate": 1_772_600_000, "data": []});
        let reversed = json!({"id": 12, "startdate": 1_772_600_000, "enddate": 1_772_599_999});
        let endless = json!({"id": 13, "startdate": i64::MIN, "enddate": i64::MAX});
        workouts(&mut page, vec![bare, reversed, endless]);
        assert_eq!(page.records.iter().filter(|record| record.is_ok()).count(), 1);
        let Some(Ok(RemoteRecord { body: Body::Exercise(exercise), .. })) = page.records.first()
        else {
            panic!("the first workout is read");
        };
        assert_eq!(exercise.activity_original, "category 533");
        assert_eq!(exercise.duration_s, None);
    }
}
