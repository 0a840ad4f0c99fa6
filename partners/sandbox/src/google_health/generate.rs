//! Made-up points with the irregularities that real accounts show.

use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{DataType, time};
use crate::accounts::Account;
use crate::rng::Rng;

fn offset(at: i64, zone: Tz) -> String {
    let utc = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    let seconds = zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc();
    format!("{seconds}s")
}

pub(super) fn point(kind: &DataType, account: &mut Account, at: i64) -> Value {
    let (zone, oddity) = (account.zone, account.oddity);
    let rng = &mut account.rng;
    let offset = offset(at, zone);
    let mut data = match kind.id {
        "weight" => json!({"sampleTime": sample(at, &offset), "weightGrams": grams(rng, oddity)}),
        "body-fat" => {
            json!({"sampleTime": sample(at, &offset), "percentage": rng.range(120, 330) as f64 / 10.0})
        }
        "height" => {
            json!({"sampleTime": sample(at, &offset), "heightMillimeters": (1_550 + oddity % 400).to_string()})
        }
        "exercise" => exercise(rng, at, &offset),
        _ => nutrition(rng, at, &offset),
    };
    time::complete(&mut data);
    // Some sources send no offset, and then there is no wall time either.
    if !kind.session
        && rng.chance(15)
        && let Some(fields) = data.get_mut("sampleTime").and_then(Value::as_object_mut)
    {
        fields.remove("utcOffset");
        fields.remove("civilTime");
    }
    json!({"dataSource": source(rng, kind), kind.field: data})
}

fn sample(at: i64, offset: &str) -> Value {
    json!({"physicalTime": time::instant(at), "utcOffset": offset})
}

fn interval(at: i64, seconds: i64, offset: &str) -> Value {
    json!({
        "startTime": time::instant(at), "startUtcOffset": offset,
        "endTime": time::instant(at + seconds), "endUtcOffset": offset,
    })
}

/// Whole grams, or a fraction where the scale measures pounds.
fn grams(rng: &mut Rng, oddity: u64) -> Value {
    let grams = 50_000 + (oddity % 60_000) as i64 + rng.range(-700, 700);
    if rng.chance(30) { json!(grams as f64 + 0.25) } else { json!(grams) }
}

fn source(rng: &mut Rng, kind: &DataType) -> Value {
    match rng.index(4) {
        0 => json!({
            "recordingMethod": "UNKNOWN", "platform": "HEALTH_CONNECT", "device": {},
            "application": {"packageName": "com.example.other"},
        }),
        1 => json!({"recordingMethod": "MANUAL", "platform": "FITBIT"}),
        _ if kind.id == "nutrition-log" => {
            json!({"recordingMethod": "MANUAL", "platform": "FITBIT"})
        }
        _ => json!({
            "recordingMethod": if kind.session { "ACTIVELY_MEASURED" } else { "PASSIVELY_MEASURED" },
            "platform": "FITBIT", "device": {"displayName": "Watch", "formFactor": "WATCH"},
        }),
    }
}

fn exercise(rng: &mut Rng, at: i64, offset: &str) -> Value {
    let (word, name) = rng.pick(
        ("RUNNING", "Run"),
        &[
            ("WALKING", "Walk"),
            ("BIKING", "Bike"),
            ("ELLIPTICAL", "Elliptical"),
            ("STRENGTH_TRAINING", "Strength training"),
            ("YOGA_HATHA", "Hatha yoga"),
            ("CARDIO_WORKOUT", "Activity"),
            ("CURLING", "Curling"),
        ],
    );
    let seconds = rng.range(900, 6_600);
    let moving = matches!(word, "RUNNING" | "WALKING" | "BIKING");
    let on_foot = matches!(word, "RUNNING" | "WALKING");
    let mut summary = json!({
        "caloriesKcal": seconds * rng.range(4, 12) / 60,
        "activeZoneMinutes": rng.range(0, seconds / 60).to_string(),
    });
    let mut put = |name: &str, value: Value| {
        if let Some(fields) = summary.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    if rng.chance(80) {
        put("averageHeartRateBeatsPerMinute", json!(rng.range(95, 160).to_string()));
    }
    if moving {
        // The name of the field is misspelt now and then, as seen at the real service.
        let field = if rng.chance(15) { "distanceMillimiters" } else { "distanceMillimeters" };
        put(field, json!(seconds * rng.range(1_200, 6_000)));
    }
    if on_foot {
        put("steps", json!((seconds * rng.range(15, 28) / 10).to_string()));
    }
    let mut data = json!({
        "interval": interval(at, seconds, offset), "exerciseType": word, "displayName": name,
        "activeDuration": format!("{}s", seconds - rng.range(0, 60)),
        "exerciseMetadata": {}, "metricsSummary": summary,
    });
    // Points in lists often lack their update time.
    if let Some(fields) = data.as_object_mut().filter(|_| rng.chance(60)) {
        let stored = time::instant(at + seconds + 4);
        fields.insert("createTime".to_owned(), json!(stored));
        fields.insert("updateTime".to_owned(), json!(stored));
    }
    data
}

fn nutrition(rng: &mut Rng, at: i64, offset: &str) -> Value {
    let kcal = rng.range(80, 900);
    let meal = rng.pick("BREAKFAST", &["LUNCH", "DINNER", "SNACK", "BEFORE_DINNER", "ANYTIME"]);
    let mut data = json!({
        "interval": interval(at, rng.pick(60, &[900, 1_800]), offset),
        "foodDisplayName": rng.pick("Oats", &["Grilled Chicken Breast", "Köttbullar", "Apple"]),
        "mealType": meal,
        "energy": {"kcal": kcal},
    });
    if let Some(fields) = data.as_object_mut().filter(|_| rng.chance(80)) {
        fields.insert("totalCarbohydrate".to_owned(), json!({"grams": kcal as f64 / 8.0}));
        fields.insert("totalFat".to_owned(), json!({"grams": kcal / 30}));
        fields.insert(
            "nutrients".to_owned(),
            json!([
                {"nutrient": "PROTEIN", "quantity": {"grams": kcal / 20}},
                {"nutrient": "SODIUM", "quantity": {"grams": 0.25, "userProvidedUnit": "MILLIGRAM"}},
                {"nutrient": "CAFFEINE", "quantity": {"grams": 0.01}},
            ]),
        );
    }
    data
}

/// The height from when the account was created, and a workout of another application that arrived
/// half a month late.
pub(super) fn oddities(account: &mut Account, first: i64) -> Vec<(&'static str, i64, Value)> {
    let mut made = Vec::new();
    for (id, at, stored_at) in
        [("height", first, first + 60), ("exercise", first + 86_400, first + 17 * 86_400)]
    {
        if let Some(kind) = DataType::of(id) {
            made.push((kind.id, stored_at, point(kind, account, at)));
        }
    }
    made
}

/// A corrected number.
pub(super) fn retouch(value: &mut Value, rng: &mut Rng) {
    for place in [
        "/weight/weightGrams",
        "/bodyFat/percentage",
        "/exercise/metricsSummary/caloriesKcal",
        "/nutritionLog/energy/kcal",
    ] {
        if let Some(number) = value.pointer_mut(place)
            && let Some(old) = number.as_f64()
        {
            *number = json!(old + rng.range(1, 4) as f64);
        }
    }
}
