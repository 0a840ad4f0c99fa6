//! The schemas of what records hold. Handlers send the content of a record as it is stored; these
//! types say what it looks like.

#![expect(dead_code, reason = "only their schemas are used")]

use std::borrow::Cow;

use partner_sdk::{Activity, Kind, Meal, MeasurementType};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::model::schema_of_words;

/// Defines the schema of a list of words that is not ours to derive it on.
macro_rules! words {
    ($marker:ident, $name:literal, $about:literal, $words:expr) => {
        pub(in crate::web) enum $marker {}

        impl PartialSchema for $marker {
            fn schema() -> RefOr<Schema> {
                schema_of_words($about, $words)
            }
        }

        impl ToSchema for $marker {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

words!(
    MeasurementTypeWord,
    "MeasurementType",
    "What was measured. It fixes the unit of the value.",
    MeasurementType::ALL
        .iter()
        .map(|of| (of.name(), format!("{} In `{}`.", of.about(), of.unit())))
);

words!(
    KindWord,
    "Kind",
    "What a user switches on and off for a connection.",
    Kind::all().map(|of| {
        let about = match of {
            Kind::Measurement(of) => of.about(),
            Kind::Exercise => "Exercises.",
            Kind::Nutrition => "Meals, drinks, or the totals of days.",
        };
        (of.name(), about.to_owned())
    })
);

words!(
    ActivityWord,
    "Activity",
    "What was done; one list for all partners.",
    Activity::ALL.iter().map(|of| (of.name(), of.about().to_owned()))
);

words!(
    MealWord,
    "Meal",
    "Which meal of the day.",
    Meal::ALL.iter().map(|of| (of.name(), of.about().to_owned()))
);

/// The units of measurements, each once.
pub(in crate::web) fn units() -> Vec<&'static str> {
    let mut units = Vec::new();
    for unit in MeasurementType::ALL.iter().map(|of| of.unit()) {
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    units
}

pub(in crate::web) enum Unit {}

impl PartialSchema for Unit {
    fn schema() -> RefOr<Schema> {
        let about = "A unit by its UCUM code (https://ucum.org): `Cel` is °C, `mm[Hg]` millimetres of \
                     mercury, `/min` a rate per minute. Each type of measurement has one.";
        let schema = ObjectBuilder::new().schema_type(Type::String);
        schema.enum_values(Some(units())).description(Some(about)).into()
    }
}

impl ToSchema for Unit {}

/// One measured value, in the unit of its type.
#[derive(ToSchema)]
#[schema(example = json!({"type": "weight", "value": 78.12, "unit": "kg"}))]
pub(in crate::web) struct Measurement {
    #[schema(value_type = MeasurementTypeWord)]
    r#type: String,
    value: f64,
    #[schema(value_type = Unit)]
    unit: String,
}

/// One exercise. What its source does not tell is null.
#[derive(ToSchema)]
#[schema(example = json!({"activity": "running", "activity_original": "Run", "duration_s": 1800, "energy_kcal": 310.5, "distance_m": 5012, "steps": null, "avg_heart_rate": 148}))]
pub(in crate::web) struct Exercise {
    #[schema(value_type = ActivityWord)]
    activity: String,
    /// The source's own name for the activity.
    activity_original: String,
    #[schema(required)]
    duration_s: Option<f64>,
    #[schema(required)]
    energy_kcal: Option<f64>,
    #[schema(required)]
    distance_m: Option<f64>,
    #[schema(required)]
    steps: Option<i64>,
    #[schema(required)]
    avg_heart_rate: Option<f64>,
}

/// One meal, one drink, or the total of a day. What its source does not tell is null.
#[derive(ToSchema)]
#[schema(example = json!({"meal": "lunch", "name": "Soup", "energy_kcal": 240, "carbohydrate_g": 31, "fat_g": 9.5, "protein_g": 12, "fiber_g": null, "sodium_mg": 610, "water_ml": null}))]
pub(in crate::web) struct Nutrition {
    #[schema(value_type = MealWord)]
    meal: String,
    /// What was eaten.
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    energy_kcal: Option<f64>,
    #[schema(required)]
    carbohydrate_g: Option<f64>,
    #[schema(required)]
    fat_g: Option<f64>,
    #[schema(required)]
    protein_g: Option<f64>,
    #[schema(required)]
    fiber_g: Option<f64>,
    #[schema(required)]
    sodium_mg: Option<f64>,
    #[schema(required)]
    water_ml: Option<f64>,
}
