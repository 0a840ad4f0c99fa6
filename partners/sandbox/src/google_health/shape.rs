//! The fields of a written point, each with its type, as strict as the API.

use serde_json::Value;

use super::error::{self, Refusal};
use super::{DataType, time};

enum Shape {
    Text,
    /// A word in capitals from a list that may grow.
    Word,
    OneOf(&'static [&'static str]),
    /// A JSON number, from the first to the second.
    Double(f64, f64),
    /// 64-bit numbers are sent as text.
    Int64(i64, i64),
    Duration,
    Instant,
    Object(&'static [Field]),
    List(&'static Shape),
}

/// Name, shape, whether it is required.
type Field = (&'static str, Shape, bool);

const ANY: Shape = Shape::Double(0.0, f64::MAX);
const COUNT: Shape = Shape::Int64(0, i64::MAX);
const ENERGY: Shape =
    Shape::Object(&[("kcal", ANY, true), ("userProvidedUnit", Shape::Word, false)]);
const GRAMS: Shape =
    Shape::Object(&[("grams", ANY, true), ("userProvidedUnit", Shape::Word, false)]);

const SAMPLE_TIME: Shape =
    Shape::Object(&[("physicalTime", Shape::Instant, true), ("utcOffset", Shape::Duration, false)]);

const INTERVAL: Shape = Shape::Object(&[
    ("startTime", Shape::Instant, true),
    ("startUtcOffset", Shape::Duration, false),
    ("endTime", Shape::Instant, true),
    ("endUtcOffset", Shape::Duration, false),
]);

const DATA_SOURCE: Shape = Shape::Object(&[
    (
        "recordingMethod",
        Shape::OneOf(&["MANUAL", "PASSIVELY_MEASURED", "DERIVED", "ACTIVELY_MEASURED", "UNKNOWN"]),
        false,
    ),
    (
        "device",
        Shape::Object(&[
            ("formFactor", Shape::Word, false),
            ("manufacturer", Shape::Text, false),
            ("displayName", Shape::Text, false),
        ]),
        false,
    ),
]);

const WEIGHT: Shape = Shape::Object(&[
    ("sampleTime", SAMPLE_TIME, true),
    ("weightGrams", Shape::Double(1.0, 1_000_000.0), true),
    ("notes", Shape::Text, false),
]);

const BODY_FAT: Shape = Shape::Object(&[
    ("sampleTime", SAMPLE_TIME, true),
    ("percentage", Shape::Double(0.0, 100.0), true),
]);

const HEIGHT: Shape = Shape::Object(&[
    ("sampleTime", SAMPLE_TIME, true),
    ("heightMillimeters", Shape::Int64(0, 3_000), true),
]);

const EXERCISE: Shape = Shape::Object(&[
    ("interval", INTERVAL, true),
    ("exerciseType", Shape::Word, true),
    ("displayName", Shape::Text, true),
    ("activeDuration", Shape::Duration, false),
    ("notes", Shape::Text, false),
    (
        "metricsSummary",
        Shape::Object(&[
            ("caloriesKcal", ANY, false),
            ("distanceMillimeters", ANY, false),
            ("steps", COUNT, false),
            ("averageHeartRateBeatsPerMinute", COUNT, false),
            ("activeZoneMinutes", COUNT, false),
            ("elevationGainMillimeters", ANY, false),
        ]),
        true,
    ),
]);

const NUTRITION_LOG: Shape = Shape::Object(&[
    ("interval", INTERVAL, true),
    ("foodDisplayName", Shape::Text, true),
    (
        "mealType",
        Shape::OneOf(&[
            "BEFORE_BREAKFAST",
            "BREAKFAST",
            "BEFORE_LUNCH",
            "LUNCH",
            "BEFORE_DINNER",
            "DINNER",
            "AFTER_DINNER",
            "SNACK",
            "ANYTIME",
        ]),
        false,
    ),
    ("energy", ENERGY, true),
    ("energyFromFat", ENERGY, false),
    ("totalCarbohydrate", GRAMS, false),
    ("totalFat", GRAMS, false),
    (
        "nutrients",
        Shape::List(&Shape::Object(&[
            (
                "nutrient",
                Shape::OneOf(&[
                    "CAFFEINE",
                    "CALCIUM",
                    "CARBOHYDRATES",
                    "CHOLESTEROL",
                    "DIETARY_FIBER",
                    "IRON",
                    "MAGNESIUM",
                    "POTASSIUM",
                    "PROTEIN",
                    "SATURATED_FAT",
                    "SODIUM",
                    "SUGAR",
                    "TOTAL_FAT",
                    "TRANS_FAT",
                    "ZINC",
                ]),
                true,
            ),
            ("quantity", GRAMS, true),
        ])),
        false,
    ),
]);

/// Checks a written point; its name may be anything and is not kept.
pub(super) fn check(kind: &DataType, point: &Value) -> Result<(), Refusal> {
    let fields =
        point.as_object().ok_or_else(|| error::misfit("Root element must be a message."))?;
    let data = match kind.id {
        "weight" => &WEIGHT,
        "body-fat" => &BODY_FAT,
        "height" => &HEIGHT,
        "exercise" => &EXERCISE,
        _ => &NUTRITION_LOG,
    };
    for (name, value) in fields {
        match name.as_str() {
            "name" => fits(&Shape::Text, value, name)?,
            "dataSource" => fits(&DATA_SOURCE, value, name)?,
            field if field == kind.field => fits(data, value, name)?,
            _ => return Err(unknown(name)),
        }
    }
    let data = fields.get(kind.field).ok_or_else(|| missing(kind.field))?;
    let bound =
        |name: &str| data.pointer(name).and_then(Value::as_str).and_then(time::read_instant);
    if let (Some(start), Some(end)) = (bound("/interval/startTime"), bound("/interval/endTime"))
        && start >= end
    {
        return Err(error::invalid(
            "INVALID_TIME_RANGE",
            "Data point start time must be strictly earlier than end time",
        ));
    }
    Ok(())
}

fn unknown(path: &str) -> Refusal {
    error::misfit(&format!(
        "Invalid JSON payload received. Unknown name \"{path}\": Cannot find field."
    ))
}

fn missing(path: &str) -> Refusal {
    error::invalid("MISSING_REQUIRED_FIELD", &format!("The field {path} is required."))
}

fn fits(shape: &Shape, value: &Value, path: &str) -> Result<(), Refusal> {
    let text = value.as_str();
    let good = match shape {
        Shape::Text => text.is_some_and(|text| !text.is_empty()),
        Shape::Word => text.is_some_and(|text| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        }),
        Shape::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
        Shape::Double(least, most) => {
            value.as_f64().is_some_and(|number| (*least..=*most).contains(&number))
        }
        Shape::Int64(least, most) => text
            .and_then(|text| text.parse::<i64>().ok())
            .is_some_and(|number| (*least..=*most).contains(&number)),
        Shape::Duration => text.is_some_and(|text| time::read_duration(text).is_some()),
        Shape::Instant => text.is_some_and(|text| time::read_instant(text).is_some()),
        Shape::Object(fields) => return object(fields, value, path),
        Shape::List(shape) => match value.as_array() {
            Some(items) => return items.iter().try_for_each(|item| fits(shape, item, path)),
            None => false,
        },
    };
    if good { Ok(()) } else { Err(error::misfit(&format!("Invalid value at '{path}'"))) }
}

fn object(fields: &[Field], value: &Value, path: &str) -> Result<(), Refusal> {
    let Some(given) = value.as_object() else {
        return Err(error::misfit(&format!("Invalid value at '{path}'")));
    };
    for (name, value) in given {
        let path = format!("{path}.{name}");
        let known = fields.iter().find(|(known, _, _)| known == name);
        let (_, shape, _) = known.ok_or_else(|| unknown(&path))?;
        fits(shape, value, &path)?;
    }
    match fields.iter().find(|(name, _, required)| *required && !given.contains_key(*name)) {
        Some((name, _, _)) => Err(missing(&format!("{path}.{name}"))),
        None => Ok(()),
    }
}
