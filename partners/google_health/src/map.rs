//! Maps Google Health's data points to records.

use std::str::FromStr;

use partner_sdk::chrono::{DateTime, FixedOffset, Utc};
use partner_sdk::rust_decimal::prelude::ToPrimitive;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Body, Decimal, Exercise, Feed, Meal, Measurement, MeasurementType, Moment, Number, Nutrition,
    Page, PartnerError, RejectedRecord, RemoteRecord, Tz,
};
use serde::Deserialize;

use crate::activities::activity;
use crate::api;

/// A data point. API reference, DataPoint: it has one data field, the one of its data type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    name: String,
    weight: Option<Sample>,
    body_fat: Option<Sample>,
    height: Option<Sample>,
    exercise: Option<ExerciseData>,
    nutrition_log: Option<NutritionLog>,
}

/// Weight, BodyFat or Height: each has its own value field beside the time.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    sample_time: SampleTime,
    weight_grams: Option<Number>,
    percentage: Option<Number>,
    height_millimeters: Option<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SampleTime {
    physical_time: DateTime<FixedOffset>,
    utc_offset: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interval {
    start_time: DateTime<FixedOffset>,
    start_utc_offset: Option<Seconds>,
    end_time: Option<DateTime<FixedOffset>>,
    end_utc_offset: Option<Seconds>,
}

/// A duration as text: seconds and an "s" (google/protobuf/duration.proto).
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Seconds(Decimal);

impl TryFrom<String> for Seconds {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let seconds = text.strip_suffix('s').and_then(|text| Decimal::from_str(text).ok());
        seconds.map(Self).ok_or("not a duration")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExerciseData {
    interval: Interval,
    exercise_type: Option<String>,
    active_duration: Option<Seconds>,
    #[serde(default)]
    metrics_summary: Metrics,
    update_time: Option<DateTime<Utc>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    calories_kcal: Option<Number>,
    distance_millimeters: Option<Number>,
    /// Another spelling, seen in the field.
    distance_millimiters: Option<Number>,
    steps: Option<Number>,
    average_heart_rate_beats_per_minute: Option<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NutritionLog {
    interval: Interval,
    meal_type: Option<String>,
    food_display_name: Option<String>,
    energy: Option<Energy>,
    total_carbohydrate: Option<Grams>,
    total_fat: Option<Grams>,
    #[serde(default)]
    nutrients: Vec<Nutrient>,
}

#[derive(Deserialize)]
struct Energy {
    kcal: Number,
}

#[derive(Clone, Copy, Deserialize)]
struct Grams {
    grams: Number,
}

#[derive(Deserialize)]
struct Nutrient {
    nutrient: String,
    quantity: Grams,
}

/// Reads the points of a feed into `page`. Times without an offset get the offset of `zone`.
pub(crate) fn points(page: &mut Page, feed: &Feed, points: Vec<Value>, zone: Tz) {
    let id = |raw: &Value| source_id(raw.get("name")?.as_str()?, feed);
    page.read_each(points, id, |point: Point| vec![read(point, feed, zone)]);
}

/// Reads the point that a write returned.
pub(crate) fn written(point: Value, feed: &Feed, zone: Tz) -> Result<RemoteRecord, PartnerError> {
    let mut page = Page::default();
    points(&mut page, feed, vec![point], zone);
    let misread = || PartnerError::Malformed("the answer to a write is no data point".into());
    page.records.pop().and_then(Result::ok).ok_or_else(misread)
}

/// A point's id within the account: `weight/817427359969628160`. API reference, DataPoint, `name`:
/// users/{user}/dataTypes/{data_type}/dataPoints/{data_point}, where the user may also be `me`.
fn source_id(name: &str, feed: &Feed) -> Option<String> {
    let (_, rest) = name.strip_prefix("users/")?.split_once('/')?;
    let own = api::collection(feed.name);
    let id = rest.strip_prefix(own.strip_prefix("users/me/")?)?.strip_prefix('/')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    let usable = !id.is_empty() && id.bytes().all(plain);
    usable.then(|| format!("{}/{id}", feed.name))
}

/// Returns the name of the point that [`source_id`] was made from.
pub(crate) fn name(known: &str, feed: &Feed) -> Result<String, PartnerError> {
    let id = known.strip_prefix(feed.name).and_then(|id| id.strip_prefix('/'));
    let name = id.map(|id| format!("{}/{id}", api::collection(feed.name)));
    name.filter(|name| source_id(name, feed).as_deref() == Some(known))
        .ok_or_else(|| PartnerError::Malformed("the stored id is none of Google Health's".into()))
}

fn read(point: Point, feed: &Feed, zone: Tz) -> Result<RemoteRecord, RejectedRecord> {
    let Some(source_id) = source_id(&point.name, feed) else {
        let reason = "its name is not of the documented form".into();
        return Err(RejectedRecord { source_id: None, reason });
    };
    let read = match point {
        Point { weight: Some(it), .. } => {
            let value = it.weight_grams.map(|grams| (grams, Decimal::ONE_THOUSAND));
            sample(MeasurementType::Weight, it.sample_time, value, zone)
        }
        Point { body_fat: Some(it), .. } => {
            let value = it.percentage.map(|percents| (percents, Decimal::ONE));
            sample(MeasurementType::BodyFat, it.sample_time, value, zone)
        }
        Point { height: Some(it), .. } => {
            let value = it.height_millimeters.map(|millimetres| (millimetres, Decimal::TEN));
            sample(MeasurementType::Height, it.sample_time, value, zone)
        }
        Point { exercise: Some(it), .. } => exercise(it, zone),
        Point { nutrition_log: Some(it), .. } => nutrition(it, zone),
        _ => return Err(RejectedRecord::new(source_id, "it has no data of a known type")),
    };
    match read {
        Some(read) if feed.kinds.contains(&read.body.kind()) => {
            Ok(RemoteRecord { source_id, ..read })
        }
        Some(_) => {
            Err(RejectedRecord::new(source_id, "its data are of another type than its name"))
        }
        None => Err(RejectedRecord::new(
            source_id,
            "its value is missing, or a time or a value is out of range",
        )),
    }
}

fn moment(at: DateTime<FixedOffset>, offset: Option<Seconds>, zone: Tz) -> Option<Moment> {
    let offset = match offset {
        Some(Seconds(seconds)) => FixedOffset::east_opt(seconds.to_i32()?)?,
        None => return Some(Moment::exact(at.with_timezone(&zone).fixed_offset())),
    };
    Some(Moment::exact(at.with_timezone(&offset)))
}

/// A record whose id is not known yet.
fn remote(start: Moment, end: Option<Moment>, body: Body) -> RemoteRecord {
    RemoteRecord { source_id: String::new(), group: None, start, end, modified: None, body }
}

/// `value` comes with the number of its units in one unit of the type.
fn sample(
    r#type: MeasurementType,
    time: SampleTime,
    value: Option<(Number, Decimal)>,
    zone: Tz,
) -> Option<RemoteRecord> {
    let start = moment(time.physical_time, time.utc_offset, zone)?;
    let (Number(value), parts) = value?;
    let value = value.checked_div(parts)?.normalize();
    Some(remote(start, None, Body::Measurement(Measurement { r#type, value })))
}

fn bounds(interval: &Interval, zone: Tz) -> Option<(Moment, Option<Moment>)> {
    let start = moment(interval.start_time, interval.start_utc_offset, zone)?;
    let end = match interval.end_time {
        Some(end) => {
            Some(moment(end, interval.end_utc_offset.or(interval.start_utc_offset), zone)?)
        }
        None => None,
    };
    Some((start, end))
}

fn exercise(data: ExerciseData, zone: Tz) -> Option<RemoteRecord> {
    let (start, end) = bounds(&data.interval, zone)?;
    let metrics = data.metrics_summary;
    let millimetres = metrics.distance_millimeters.or(metrics.distance_millimiters);
    let word = data.exercise_type.unwrap_or_else(|| "OTHER".to_owned());
    let exercise = Exercise {
        activity: activity(&word),
        activity_original: word,
        duration_s: data.active_duration.map(|Seconds(seconds)| seconds.normalize()),
        energy_kcal: metrics.calories_kcal.map(Decimal::from),
        distance_m: millimetres
            .and_then(|it| it.0.checked_div(Decimal::ONE_THOUSAND))
            .map(|metres| metres.normalize()),
        steps: metrics.steps.and_then(Number::round),
        avg_heart_rate: metrics.average_heart_rate_beats_per_minute.map(Decimal::from),
    };
    let read = remote(start, end, Body::Exercise(exercise));
    Some(RemoteRecord { modified: data.update_time, ..read })
}

fn nutrition(log: NutritionLog, zone: Tz) -> Option<RemoteRecord> {
    let (start, end) = bounds(&log.interval, zone)?;
    let nutrient = |name: &str| {
        let found = log.nutrients.iter().find(|it| it.nutrient == name);
        found.map(|it| it.quantity)
    };
    let grams = |quantity: Option<Grams>| quantity.map(|it| Decimal::from(it.grams));
    let sodium_mg = match grams(nutrient("SODIUM")) {
        Some(grams) => Some(grams.checked_mul(Decimal::ONE_THOUSAND)?.normalize()),
        None => None,
    };
    let nutrition = Nutrition {
        meal: meal(log.meal_type.as_deref().unwrap_or_default()),
        energy_kcal: log.energy.map(|energy| Decimal::from(energy.kcal)),
        carbohydrate_g: grams(log.total_carbohydrate.or_else(|| nutrient("CARBOHYDRATES"))),
        fat_g: grams(log.total_fat.or_else(|| nutrient("TOTAL_FAT"))),
        protein_g: grams(nutrient("PROTEIN")),
        fiber_g: grams(nutrient("DIETARY_FIBER")),
        sodium_mg,
        // Drinks are data points of another type.
        water_ml: None,
        name: log.food_display_name.filter(|name| !name.is_empty()),
    };
    Some(remote(start, end, Body::Nutrition(nutrition)))
}

/// API reference, MealType (compared completely on 2026-11-30): types between the meals are snacks;
/// the others are ANYTIME and MEAL_TYPE_UNSPECIFIED.
fn meal(word: &str) -> Meal {
    match word {
        "BREAKFAST" => Meal::Breakfast,
        "LUNCH" => Meal::Lunch,
        "DINNER" => Meal::Dinner,
        "SNACK" | "BEFORE_BREAKFAST" | "BEFORE_LUNCH" | "BEFORE_DINNER" | "AFTER_DINNER" => {
            Meal::Snack
        }
        _ => Meal::Other,
    }
}
