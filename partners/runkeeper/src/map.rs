//! Maps RunKeeper's items to records.

use partner_sdk::rust_decimal::Decimal;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Body, Exercise, Meal, Measurement, MeasurementType, Moment, Number, Nutrition, Page,
    RejectedRecord, RemoteRecord, Tz,
};
use serde::{Deserialize, Deserializer};

use crate::activities::activity;
use crate::time::moment;

/// A US fluid ounce is 29.5735295625 ml, exactly.
fn per_ounce() -> Decimal {
    Decimal::new(295_735_295_625, 10)
}

/// Rounded so that an amount written with [`ounces`] is read back unchanged.
fn millilitres(ounces: Number) -> Option<Decimal> {
    ounces.0.checked_mul(per_ounce()).map(|amount| amount.round_dp(10).normalize())
}

/// Rounded to as many digits as a JSON number keeps.
pub(crate) fn ounces(millilitres: Decimal) -> Option<Decimal> {
    millilitres.checked_div(per_ounce()).map(|amount| amount.round_dp(12).normalize())
}

/// The permanent id of every item is its address (Health Graph documentation).
fn uri(raw: &Value) -> Option<String> {
    raw.get("uri")?.as_str().map(ToOwned::to_owned)
}

fn start(
    text: &str,
    offset: Option<Number>,
    zone: Tz,
    uri: &str,
) -> Result<Moment, RejectedRecord> {
    moment(text, offset, zone)
        .ok_or_else(|| RejectedRecord::new(uri, "its time is not of the documented form"))
}

/// One weighing. Health Graph documentation, "Weight Sets": kilograms and percents. Any field may
/// be missing; older sets come as one item for each value (seen in the field).
#[derive(Deserialize)]
struct WeightSet {
    uri: String,
    timestamp: String,
    #[serde(default)]
    weight: Option<Number>,
    #[serde(default)]
    fat_percent: Option<Number>,
    #[serde(default)]
    free_mass: Option<Number>,
    #[serde(default)]
    mass_weight: Option<Number>,
    #[serde(default)]
    bmi: Option<Number>,
}

/// Reads weight sets into `page`. They are always finished.
pub(crate) fn weight_sets(page: &mut Page, items: Vec<Value>, zone: Tz) -> bool {
    let mut nothing_left = Vec::new();
    page.read_each(items, uri, |set: WeightSet| {
        let records = read_weight_set(&set, zone);
        if records.is_empty() {
            nothing_left.push(set.uri);
        }
        records
    });
    page.deleted.append(&mut nothing_left);
    false
}

fn read_weight_set(set: &WeightSet, zone: Tz) -> Vec<Result<RemoteRecord, RejectedRecord>> {
    let start = match start(&set.timestamp, None, zone, &set.uri) {
        Ok(start) => start,
        Err(refused) => return vec![Err(refused)],
    };
    let values = [
        (MeasurementType::Weight, set.weight),
        (MeasurementType::BodyFat, set.fat_percent),
        (MeasurementType::FatFreeMass, set.free_mass),
        (MeasurementType::FatMass, set.mass_weight),
        (MeasurementType::Bmi, set.bmi),
    ];
    let records = values.into_iter().filter_map(|(r#type, value)| {
        let value = measured(value)?;
        Some(Ok(RemoteRecord {
            source_id: format!("{}:{}", set.uri, r#type.name()),
            group: Some(set.uri.clone()),
            start,
            end: None,
            modified: None,
            body: Body::Measurement(Measurement { r#type, value }),
        }))
    });
    records.collect()
}

/// One activity. Health Graph documentation, "Fitness Activities": seconds, metres, kilocalories.
#[derive(Deserialize)]
struct FitnessActivity {
    uri: String,
    #[serde(default)]
    r#type: Option<String>,
    // An older name of the field (seen in the field).
    #[serde(alias = "startTime")]
    start_time: String,
    #[serde(default)]
    utc_offset: Option<Number>,
    #[serde(default)]
    duration: Option<Number>,
    #[serde(default)]
    total_distance: Option<Number>,
    #[serde(default)]
    total_calories: Option<Number>,
    #[serde(default)]
    average_heart_rate: Option<Number>,
    #[serde(default, deserialize_with = "lenient_flag")]
    is_live: bool,
}

/// Reads fitness activities into `page`; returns whether some are unfinished, which are left for
/// later.
pub(crate) fn activities(page: &mut Page, items: Vec<Value>, zone: Tz) -> bool {
    let mut sees_unfinished = false;
    page.read_each(items, uri, |activity: FitnessActivity| {
        let lasted = activity.duration.is_none_or(|duration| !duration.0.is_zero());
        if activity.is_live || !lasted {
            sees_unfinished = true;
            return Vec::new();
        }
        vec![read_activity(activity, zone)]
    });
    sees_unfinished
}

fn read_activity(item: FitnessActivity, zone: Tz) -> Result<RemoteRecord, RejectedRecord> {
    let start = start(&item.start_time, item.utc_offset, zone, &item.uri)?;
    let word = item.r#type.unwrap_or_else(|| "Other".to_owned());
    let exercise = Exercise {
        activity: activity(&word),
        activity_original: word,
        duration_s: measured(item.duration),
        energy_kcal: measured(item.total_calories),
        distance_m: measured(item.total_distance),
        steps: None,
        avg_heart_rate: measured(item.average_heart_rate),
    };
    // The duration excludes pauses, so the end does not follow from start and duration.
    let body = Body::Exercise(exercise);
    Ok(RemoteRecord { source_id: item.uri, group: None, start, end: None, modified: None, body })
}

/// One meal, or one day. Health Graph documentation, "Nutrition Sets": kilocalories, grams,
/// milligrams of sodium, US fluid ounces of water.
#[derive(Deserialize)]
struct NutritionSet {
    uri: String,
    timestamp: String,
    #[serde(default)]
    calories: Option<Number>,
    #[serde(default)]
    carbohydrates: Option<Number>,
    #[serde(default)]
    fat: Option<Number>,
    #[serde(default)]
    fiber: Option<Number>,
    #[serde(default)]
    protein: Option<Number>,
    #[serde(default)]
    sodium: Option<Number>,
    #[serde(default)]
    water: Option<Number>,
    #[serde(default)]
    meal: Option<String>,
}

/// Reads nutrition sets into `page`. They are always finished.
pub(crate) fn nutrition_sets(page: &mut Page, items: Vec<Value>, zone: Tz) -> bool {
    page.read_each(items, uri, |set: NutritionSet| vec![read_nutrition_set(set, zone)]);
    false
}

fn read_nutrition_set(set: NutritionSet, zone: Tz) -> Result<RemoteRecord, RejectedRecord> {
    let start = start(&set.timestamp, None, zone, &set.uri)?;
    let water_ml = match set.water.map(millilitres) {
        Some(None) => {
            return Err(RejectedRecord::new(set.uri, "the amount of water is out of range"));
        }
        Some(amount) => amount,
        None => None,
    };
    let nutrition = Nutrition {
        meal: meal(set.meal.as_deref().unwrap_or_default()),
        name: None,
        energy_kcal: set.calories.map(Decimal::from),
        carbohydrate_g: set.carbohydrates.map(Decimal::from),
        fat_g: set.fat.map(Decimal::from),
        protein_g: set.protein.map(Decimal::from),
        fiber_g: set.fiber.map(Decimal::from),
        sodium_mg: set.sodium.map(Decimal::from),
        water_ml,
    };
    let body = Body::Nutrition(nutrition);
    Ok(RemoteRecord { source_id: set.uri, group: None, start, end: None, modified: None, body })
}

/// Compared with the archived documentation on 2026-11-30.
fn meal(word: &str) -> Meal {
    match word.trim().to_lowercase().as_str() {
        "breakfast" => Meal::Breakfast,
        "lunch" => Meal::Lunch,
        "dinner" => Meal::Dinner,
        "snack" => Meal::Snack,
        _ => Meal::Other,
    }
}

/// Zero weight, distance or heart rate means that the field was left empty. Not in nutrition, where
/// a meal may have no fat.
fn measured(number: Option<Number>) -> Option<Decimal> {
    number.map(Decimal::from).filter(|value| !value.is_zero())
}

/// Booleans may be the texts "true" and "false" (seen in the field).
fn lenient_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use partner_sdk::serde_json::json;

    use super::*;

    #[test]
    fn an_ounce_of_water_is_exact() {
        let amount = millilitres(Number(Decimal::TWO)).map(|amount| amount.to_string());
        assert_eq!(amount.as_deref(), Some("59.147059125"));
    }

    #[test]
    fn water_is_read_as_it_was_written() {
        for text in ["250", "0", "0.1", "333.333", "1234.5678", "59.147059125", "20000"] {
            let amount = text.parse::<Decimal>().unwrap();
            let written = json!(Number(ounces(amount).unwrap())).to_string();
            let read = millilitres(partner_sdk::serde_json::from_str(&written).unwrap());
            assert_eq!(read, Some(amount), "{written} oz");
        }
    }

    #[test]
    fn unfinished_activities_are_left_for_later() {
        let mut page = Page::default();
        let live = json!({"uri": "/fitnessActivities/1", "start_time": "Sat, 7 Feb 2026 07:05:09",
                          "duration": 90, "is_live": "true"});
        let empty = json!({"uri": "/fitnessActivities/2", "start_time": "Sat, 7 Feb 2026 07:05:09",
                           "duration": 0.0, "is_live": false});
        for item in [live, empty] {
            assert!(activities(&mut page, vec![item], Tz::UTC));
        }
        let timeless = json!({"uri": "/fitnessActivities/3", "start_time": "yesterday"});
        assert!(!activities(&mut Page::default(), vec![timeless], Tz::UTC));
        assert!(page.records.is_empty() && page.deleted.is_empty());
    }

    #[test]
    fn a_weight_set_without_values_is_gone_and_one_without_a_time_is_not() {
        let mut page = Page::default();
        let empty =
            json!({"uri": "/weight/1", "timestamp": "Sat, 7 Feb 2026 07:05:09", "weight": 0});
        let timeless = json!({"uri": "/weight/2", "timestamp": "yesterday", "weight": 70});
        weight_sets(&mut page, vec![empty, timeless], Tz::UTC);
        assert_eq!(page.deleted, ["/weight/1"]);
        assert!(page.records.iter().all(Result::is_err));
    }

    #[test]
    fn amounts_out_of_range_are_refused() {
        let mut page = Page::default();
        let sea = json!({"uri": "/nutrition/1", "timestamp": "Sat, 7 Feb 2026 07:05:09",
                         "calories": 1, "water": 1e28});
        nutrition_sets(&mut page, vec![sea], Tz::UTC);
        assert!(matches!(
            page.records.as_slice(),
            [Err(RejectedRecord { source_id: Some(_), .. })]
        ));
    }
}
