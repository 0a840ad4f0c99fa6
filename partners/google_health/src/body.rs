//! Maps records to the data points that are written.

use partner_sdk::chrono::{DateTime, Duration, FixedOffset, SecondsFormat};
use partner_sdk::rust_decimal::prelude::ToPrimitive;
use partner_sdk::serde_json::{Map, Value, json};
use partner_sdk::{
    Body, Decimal, Exercise, Meal, Measurement, MeasurementType, Moment, Number, Nutrition,
    PartnerError, RecordData,
};

use crate::activities::word;

/// Returns a point to write. The source of the values is left to Google Health: it fills in the
/// platform and the application itself (API reference, DataSource).
pub(crate) fn point(record: &RecordData) -> Result<Value, PartnerError> {
    match &record.body {
        Body::Measurement(measurement) => sample(measurement, record.start),
        Body::Exercise(exercise) => session(exercise, record),
        Body::Nutrition(nutrition) => nutrition_log(nutrition, record),
    }
}

fn rejected(reason: &'static str) -> PartnerError {
    PartnerError::Rejected(reason.into())
}

/// A 64-bit integer of the API, which is a string in JSON.
fn whole(value: Decimal) -> Result<Value, PartnerError> {
    let value = Number(value).round().ok_or_else(|| rejected("a value is out of range"))?;
    Ok(value.to_string().into())
}

fn times(value: Decimal, factor: Decimal) -> Result<Decimal, PartnerError> {
    value.checked_mul(factor).ok_or_else(|| rejected("a value is out of range"))
}

fn instant(at: DateTime<FixedOffset>) -> String {
    at.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn offset(at: DateTime<FixedOffset>) -> String {
    format!("{}s", at.offset().local_minus_utc())
}

/// API reference, Weight, BodyFat and Height: grams, percents and whole millimetres.
fn sample(measurement: &Measurement, start: Moment) -> Result<Value, PartnerError> {
    let value = measurement.value;
    let (data, field, value) = match measurement.r#type {
        MeasurementType::Weight => {
            ("weight", "weightGrams", json!(Number(times(value, Decimal::ONE_THOUSAND)?)))
        }
        MeasurementType::BodyFat => ("bodyFat", "percentage", json!(Number(value))),
        MeasurementType::Height => {
            ("height", "heightMillimeters", whole(times(value, Decimal::TEN)?)?)
        }
        _ => return Err(rejected("Google Health has no such measurement")),
    };
    let time = json!({"physicalTime": instant(start.at), "utcOffset": offset(start.at)});
    Ok(json!({data: {"sampleTime": time, field: value}}))
}

/// API reference, SessionTimeInterval: all four are required, and the start must be strictly earlier
/// than the end.
fn interval(start: DateTime<FixedOffset>, end: DateTime<FixedOffset>) -> Value {
    json!({
        "startTime": instant(start), "startUtcOffset": offset(start),
        "endTime": instant(end), "endUtcOffset": offset(end),
    })
}

fn end(record: &RecordData) -> Option<DateTime<FixedOffset>> {
    record.end.map(|end| end.at).filter(|end| *end > record.start.at)
}

/// API reference, Exercise: the type, a name and the summary are required.
fn session(exercise: &Exercise, record: &RecordData) -> Result<Value, PartnerError> {
    let start = record.start.at;
    let lasted = exercise.duration_s.filter(|seconds| seconds.is_sign_positive());
    let after = |seconds: Decimal| {
        let milliseconds = seconds.checked_mul(Decimal::ONE_THOUSAND)?.to_i64()?;
        start.checked_add_signed(Duration::try_milliseconds(milliseconds)?)
    };
    let end = end(record).or_else(|| lasted.and_then(after).filter(|end| *end > start));
    let end = end.ok_or_else(|| rejected("an exercise needs an end or a duration"))?;
    let word = word(exercise.activity, &exercise.activity_original);

    let mut summary = Map::new();
    let mut put = |name: &str, value: Value| summary.insert(name.to_owned(), value);
    if let Some(energy) = exercise.energy_kcal {
        put("caloriesKcal", json!(Number(energy)));
    }
    if let Some(metres) = exercise.distance_m {
        put("distanceMillimeters", json!(Number(times(metres, Decimal::ONE_THOUSAND)?)));
    }
    if let Some(steps) = exercise.steps {
        put("steps", steps.to_string().into());
    }
    if let Some(rate) = exercise.avg_heart_rate {
        put("averageHeartRateBeatsPerMinute", whole(rate)?);
    }
    let mut data = json!({
        "interval": interval(start, end),
        "exerciseType": word,
        "displayName": display_name(&exercise.activity_original, word),
        "metricsSummary": summary,
    });
    if let (Some(seconds), Some(data)) = (lasted, data.as_object_mut()) {
        // google/protobuf/duration.proto: up to nine digits after the point.
        let seconds = seconds.round_dp(9).normalize();
        data.insert("activeDuration".to_owned(), format!("{seconds}s").into());
    }
    Ok(json!({"exercise": data}))
}

/// The name the user sees: the record's own word or, if that is missing or Google Health's, the
/// type in plain letters.
fn display_name(original: &str, word: &str) -> String {
    let original = original.trim();
    if !original.is_empty() && original != word {
        return original.to_owned();
    }
    let plain = word.replace('_', " ").to_lowercase();
    let mut letters = plain.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// "Nutrition data types", anonymous food. Water is a data point of another type and not written.
fn nutrition_log(nutrition: &Nutrition, record: &RecordData) -> Result<Value, PartnerError> {
    let start = record.start.at;
    // A meal without a length gets a minute, because the interval must have a length.
    let end = end(record).or_else(|| start.checked_add_signed(Duration::minutes(1)));
    let end = end.ok_or_else(|| rejected("its time is out of range"))?;
    let meal = match nutrition.meal {
        Meal::Breakfast => Some(("BREAKFAST", "Breakfast")),
        Meal::Lunch => Some(("LUNCH", "Lunch")),
        Meal::Dinner => Some(("DINNER", "Dinner")),
        Meal::Snack => Some(("SNACK", "Snack")),
        Meal::Other => None,
    };
    let name = nutrition.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = name.or(meal.map(|(_, name)| name)).unwrap_or("Meal");

    let mut data = Map::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    put("interval", interval(start, end));
    put("foodDisplayName", name.into());
    if let Some((word, _)) = meal {
        put("mealType", word.into());
    }
    if let Some(energy) = nutrition.energy_kcal {
        put("energy", json!({"kcal": Number(energy)}));
    }
    if let Some(carbohydrate) = nutrition.carbohydrate_g {
        put("totalCarbohydrate", json!({"grams": Number(carbohydrate)}));
    }
    if let Some(fat) = nutrition.fat_g {
        put("totalFat", json!({"grams": Number(fat)}));
    }
    let sodium = nutrition.sodium_mg.and_then(|it| it.checked_div(Decimal::ONE_THOUSAND));
    let nutrients: Vec<Value> = [
        ("PROTEIN", nutrition.protein_g),
        ("DIETARY_FIBER", nutrition.fiber_g),
        ("SODIUM", sodium),
    ]
    .into_iter()
    .filter_map(|(nutrient, grams)| {
        Some(json!({"nutrient": nutrient, "quantity": {"grams": Number(grams?)}}))
    })
    .collect();
    if !nutrients.is_empty() {
        put("nutrients", nutrients.into());
    }
    Ok(json!({"nutritionLog": data}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(end: Option<&str>, kind: &str, content: Value) -> RecordData {
        let moment = |text: &str| Moment::exact(text.parse().unwrap());
        RecordData {
            start: moment("2026-03-04T12:00:00+01:00"),
            end: end.map(moment),
            body: Body::from_json(kind, &content).unwrap(),
        }
    }

    fn end_of(point: &Value) -> &Value {
        point.pointer("/exercise/interval/endTime").unwrap()
    }

    #[test]
    fn an_interval_ends_after_it_began() {
        let run = json!({"activity": "running", "activity_original": "", "energy_kcal": 300});
        let mut timed = run.clone();
        timed["duration_s"] = json!(90.5);
        let end = Some("2026-03-04T12:30:00+01:00");
        let late = Some("2026-03-04T12:00:00+01:00");
        assert_eq!(
            end_of(&point(&record(end, "exercise", run.clone())).unwrap()),
            "2026-03-04T11:30:00Z"
        );
        let by_duration = point(&record(late, "exercise", timed)).unwrap();
        assert_eq!(end_of(&by_duration), "2026-03-04T11:01:30.500Z");
        for end in [late, None] {
            let refused = point(&record(end, "exercise", run.clone()));
            assert!(matches!(refused, Err(PartnerError::Rejected(_))), "{refused:?}");
        }
        let meal = json!({"meal": "other", "energy_kcal": 100});
        let meal = point(&record(late, "nutrition", meal)).unwrap();
        assert_eq!(meal["nutritionLog"]["interval"]["endTime"], "2026-03-04T11:01:00Z");
        assert_eq!(meal["nutritionLog"]["foodDisplayName"], "Meal");
    }

    #[test]
    fn a_name_is_the_user_s_own_or_the_type_in_plain_letters() {
        assert_eq!(display_name(" Evening ride ", "BIKING"), "Evening ride");
        assert_eq!(display_name("STRENGTH_TRAINING", "STRENGTH_TRAINING"), "Strength training");
        assert_eq!(display_name("", "HIIT"), "Hiit");
    }

    #[test]
    fn what_google_health_cannot_store_is_refused() {
        for content in [
            json!({"type": "weight", "value": "79228162514264337593543950335", "unit": "kg"}),
            json!({"type": "height", "value": "7922816251426433759354395033", "unit": "cm"}),
            json!({"type": "waist", "value": 80, "unit": "cm"}),
        ] {
            let refused = point(&record(None, "measurement", content));
            assert!(matches!(refused, Err(PartnerError::Rejected(_))), "{refused:?}");
        }
    }
}
