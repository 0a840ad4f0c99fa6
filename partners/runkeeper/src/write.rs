//! Maps records to the fields of RunKeeper's items.

use partner_sdk::chrono::{DateTime, FixedOffset, TimeZone};
use partner_sdk::rust_decimal::Decimal;
use partner_sdk::serde_json::{Map, Value, json};
use partner_sdk::{
    Body, Exercise, Meal, MeasurementType, Number, Nutrition, PartnerError, RecordData,
    RemoteRecord, Tz,
};

use crate::activities::word;
use crate::map::ounces;
use crate::time;

/// A field of an item; `None` if the record has no value for it.
type Field = (&'static str, Option<Value>);

/// The fields of a new item.
pub(crate) fn new_item(data: &RecordData, zone: Tz) -> Result<Map<String, Value>, PartnerError> {
    let mut item = Map::new();
    put(&mut item, fields(data.start.at, &data.body, elapsed_seconds(data), &zone)?);
    Ok(item)
}

/// Makes `item` say what `data` says, and leaves its other fields unchanged. `there` is what it
/// says now.
pub(crate) fn change(
    item: &mut Map<String, Value>,
    data: &RecordData,
    there: Option<&RemoteRecord>,
    zone: Tz,
) -> Result<(), PartnerError> {
    let mut body = data.body.clone();
    if let (Body::Exercise(new), Some(Body::Exercise(old))) =
        (&mut body, there.map(|there| &there.body))
        && new.activity == old.activity
    {
        // The item's word stays while its meaning is unchanged.
        new.activity_original.clone_from(&old.activity_original);
    }
    // Clients cannot write the offset that some activities have: a written time is read with it.
    let offset = item.get("utc_offset").and_then(|hours| {
        time::offset(partner_sdk::serde_json::from_value::<Number>(hours.clone()).ok()?)
    });
    let fields_of = |at: DateTime<FixedOffset>, body: &Body, seconds| match offset {
        Some(offset) => fields(at, body, seconds, &offset),
        None => fields(at, body, seconds, &zone),
    };
    let mut fields = fields_of(data.start.at, &body, elapsed_seconds(data))?;
    if let Some(there) = there {
        let now = fields_of(there.start.at, &there.body, None).unwrap_or_default();
        fields.retain(|field| !now.contains(field));
    }
    put(item, fields);
    Ok(())
}

/// The name of a measured value in a weight set.
pub(crate) fn value_name(r#type: MeasurementType) -> Result<&'static str, PartnerError> {
    match r#type {
        MeasurementType::Weight => Ok("weight"),
        MeasurementType::BodyFat => Ok("fat_percent"),
        _ => Err(PartnerError::Rejected("measurements of this type are not written".into())),
    }
}

fn put(item: &mut Map<String, Value>, fields: Vec<Field>) {
    for (name, value) in fields {
        match value {
            Some(value) => drop(item.insert(name.to_owned(), value)),
            None => drop(item.remove(name)),
        }
    }
}

/// The duration of an exercise without one: from its start to its end.
fn elapsed_seconds(data: &RecordData) -> Option<Decimal> {
    let lasts = data.end?.at.signed_duration_since(data.start.at);
    Some(Decimal::from(lasts.num_seconds())).filter(|seconds| *seconds > Decimal::ZERO)
}

fn fields<Zone: TimeZone>(
    at: DateTime<FixedOffset>,
    body: &Body,
    seconds: Option<Decimal>,
    zone: &Zone,
) -> Result<Vec<Field>, PartnerError> {
    let at = Some(json!(time::write(at, zone)));
    match body {
        Body::Measurement(measurement) => {
            let name = value_name(measurement.r#type)?;
            Ok(vec![("timestamp", at), (name, number(Some(measurement.value)))])
        }
        Body::Exercise(exercise) => activity(at, exercise, seconds),
        Body::Nutrition(nutrition) => nutrition_set(at, nutrition),
    }
}

fn activity(
    at: Option<Value>,
    exercise: &Exercise,
    seconds: Option<Decimal>,
) -> Result<Vec<Field>, PartnerError> {
    let lasted = exercise.duration_s.filter(|lasted| !lasted.is_zero()).or(seconds);
    let Some(lasted) = lasted else {
        // Health Graph documentation, "Fitness Activities": required. Zero means unfinished.
        return Err(PartnerError::Rejected("it takes no exercise without a duration".into()));
    };
    let mut fields = vec![
        ("type", Some(json!(word(exercise)))),
        ("start_time", at),
        ("duration", number(Some(lasted))),
        ("total_distance", number(exercise.distance_m)),
        ("total_calories", number(exercise.energy_kcal)),
    ];
    if exercise.avg_heart_rate.is_some() {
        // Feeds do not contain it, so a record without it says nothing about the item's value.
        fields.push(("average_heart_rate", number(exercise.avg_heart_rate)));
    }
    Ok(fields)
}

fn nutrition_set(at: Option<Value>, nutrition: &Nutrition) -> Result<Vec<Field>, PartnerError> {
    let meal = match nutrition.meal {
        Meal::Breakfast => Some("Breakfast"),
        Meal::Lunch => Some("Lunch"),
        Meal::Dinner => Some("Dinner"),
        Meal::Snack => Some("Snack"),
        Meal::Other => None,
    };
    let water = nutrition.water_ml.map(|amount| {
        let too_much = || PartnerError::Rejected("the amount of water is out of range".into());
        ounces(amount).ok_or_else(too_much)
    });
    Ok(vec![
        ("timestamp", at),
        ("meal", meal.map(Value::from)),
        ("calories", number(nutrition.energy_kcal)),
        ("carbohydrates", number(nutrition.carbohydrate_g)),
        ("fat", number(nutrition.fat_g)),
        ("protein", number(nutrition.protein_g)),
        ("fiber", number(nutrition.fiber_g)),
        ("sodium", number(nutrition.sodium_mg)),
        ("water", number(water.transpose()?)),
    ])
}

fn number(value: Option<Decimal>) -> Option<Value> {
    value.map(|value| json!(Number(value)))
}
