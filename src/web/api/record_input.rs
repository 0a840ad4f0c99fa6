//! A record as the host app sends it, and its checks.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset, SubsecRound, Utc};
use partner_sdk::{
    Activity, Body, Decimal, Exercise, Meal, Measurement, MeasurementType, Moment, Number,
    Nutrition, RecordData,
};
use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::model::{ExerciseEnergy, RecordKind, TimeBasis};
use crate::sync::{Author, implausible};
use crate::web::contract::Mistakes;
use crate::web::openapi::records::{ActivityWord, MealWord, MeasurementTypeWord};
use crate::web::texts::Text;

/// The content of a record. Send exactly one of `measurement`, `exercise` and `nutrition`. What
/// `GET` returns can be sent back: the fields that cannot be changed may be left out, must be as they
/// are (`id`, `user_id`, `source`, `deleted`), or are ignored (`time_basis`, `updated_at`,
/// `partners`).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"start": "2026-11-22T07:15:00+01:00", "measurement": {"type": "weight", "value": 71.5, "unit": "kg"}}))]
pub(super) struct RecordInput {
    #[schema(schema_with = app_id, required = false)]
    pub(super) app_id: Option<String>,
    /// Which of the three it is; optional.
    #[schema(value_type = RecordKind, required = false)]
    kind: Option<String>,
    /// When the measurement was taken, or when the exercise or meal began: RFC 3339, with the local
    /// UTC offset. At most ten minutes ahead of now.
    start: DateTime<FixedOffset>,
    /// When it ended: at most 14 days after the start. A measurement has none.
    end: Option<DateTime<FixedOffset>>,
    measurement: Option<MeasurementInput>,
    exercise: Option<ExerciseInput>,
    nutrition: Option<NutritionInput>,
    #[schema(value_type = String, read_only, required = false)]
    pub(super) id: Option<String>,
    #[schema(value_type = String, read_only, required = false)]
    pub(super) user_id: Option<String>,
    #[schema(value_type = super::records::Source, read_only, required = false)]
    pub(super) source: Option<serde_json::Value>,
    #[schema(value_type = bool, read_only, required = false)]
    pub(super) deleted: Option<bool>,
    #[schema(value_type = TimeBasis, read_only, required = false)]
    #[expect(dead_code, reason = "what is sent back is ignored")]
    time_basis: Option<serde::de::IgnoredAny>,
    #[schema(value_type = DateTime<Utc>, read_only, required = false)]
    #[expect(dead_code, reason = "what is sent back is ignored")]
    updated_at: Option<serde::de::IgnoredAny>,
    #[schema(value_type = Vec<super::links::LinkView>, read_only, required = false)]
    #[expect(dead_code, reason = "what is sent back is ignored")]
    partners: Option<serde::de::IgnoredAny>,
}

/// A record to add: the same with an `app_id`, and without what only answers have.
pub(super) enum NewRecord {}

impl PartialSchema for NewRecord {
    fn schema() -> RefOr<Schema> {
        let mut schema = RecordInput::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            for name in
                ["id", "user_id", "source", "deleted", "time_basis", "updated_at", "partners"]
            {
                object.properties.remove(name);
            }
            object.required.insert(0, "app_id".to_owned());
            object.description = Some(
                "A record to add. Send exactly one of `measurement`, `exercise` and `nutrition`."
                    .to_owned(),
            );
            object.example = Some(serde_json::json!({
                "app_id": "w-1", "start": "2026-11-22T07:15:00+01:00",
                "measurement": {"type": "weight", "value": 71.3, "unit": "kg"},
            }));
        }
        schema
    }
}

impl ToSchema for NewRecord {
    fn name() -> Cow<'static, str> {
        "NewRecord".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        RecordInput::schemas(schemas);
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MeasurementInput {
    #[schema(value_type = MeasurementTypeWord)]
    r#type: MeasurementType,
    /// The value in the unit of the type. `GET /v1/kinds` has the possible values of each type.
    #[schema(value_type = f64, minimum = 0, maximum = 1_000_000)]
    value: Number,
    /// The unit of the type, as `GET /v1/kinds` lists it. Optional; no other unit is accepted.
    unit: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExerciseInput {
    #[schema(value_type = ActivityWord)]
    activity: Activity,
    #[schema(schema_with = activity_original, required = false)]
    activity_original: Option<String>,
    /// At most a minute longer than the time from `start` to `end`.
    #[schema(value_type = Option<f64>)]
    duration_s: Option<Number>,
    /// Optional, unless the daemon's setting `records.exercise_energy` is `required`: then an
    /// exercise needs it, or `duration_s` and `avg_heart_rate`.
    #[schema(value_type = Option<f64>)]
    energy_kcal: Option<Number>,
    #[schema(value_type = Option<f64>)]
    distance_m: Option<Number>,
    steps: Option<i64>,
    #[schema(value_type = Option<f64>)]
    avg_heart_rate: Option<Number>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NutritionInput {
    #[serde(default)]
    #[schema(value_type = MealWord, required = false)]
    meal: Meal,
    #[schema(schema_with = name_of_food, required = false)]
    name: Option<String>,
    #[schema(value_type = f64)]
    energy_kcal: Option<Number>,
    #[schema(value_type = Option<f64>)]
    carbohydrate_g: Option<Number>,
    #[schema(value_type = Option<f64>)]
    fat_g: Option<Number>,
    #[schema(value_type = Option<f64>)]
    protein_g: Option<Number>,
    #[schema(value_type = Option<f64>)]
    fiber_g: Option<Number>,
    #[schema(value_type = Option<f64>)]
    sodium_mg: Option<Number>,
    #[schema(value_type = Option<f64>)]
    water_ml: Option<Number>,
}

// A field with a schema of its own has no other place for what it is.

fn app_id() -> Object {
    Text::Id.schema(
        "The host app's own id of the record, 1 to 512 bytes without control characters. It cannot \
         be changed.",
    )
}

fn activity_original() -> Object {
    optional_name("The host app's own name for the activity")
}

fn name_of_food() -> Object {
    optional_name("What was eaten")
}

fn optional_name(about: &str) -> Object {
    let rule = "at most 1024 bytes; of control characters only tabs and line breaks.";
    let mut name = Text::Name.schema(&format!("{about}, {rule}"));
    name.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    name
}

fn exact(number: Option<Number>) -> Option<Decimal> {
    number.map(Decimal::from)
}

impl RecordInput {
    /// Converts the input to a record. What is missing or implausible is added to `mistakes`, at its
    /// place below the pointer `at` of the record.
    pub(super) fn data(
        self,
        now: DateTime<Utc>,
        exercise_energy: ExerciseEnergy,
        at: &str,
        mistakes: &mut Mistakes,
    ) -> Option<RecordData> {
        let body = match (self.measurement, self.exercise, self.nutrition) {
            (Some(measurement), None, None) => Body::Measurement(measurement.read(at, mistakes)),
            (None, Some(exercise), None) => Body::Exercise(exercise.read()),
            (None, None, Some(nutrition)) => Body::Nutrition(nutrition.read()),
            _ => {
                mistakes.add(at, "send exactly one of measurement, exercise and nutrition");
                return None;
            }
        };
        if self.kind.is_some_and(|kind| kind != body.record_kind()) {
            let is = body.record_kind();
            mistakes.add(&format!("{at}/kind"), format!("kind is not `{is}`, which the record is"));
        }
        // The store keeps microseconds. With the same precision, a repeated record is identical.
        let exact = |at: DateTime<FixedOffset>| Moment::exact(at.trunc_subsecs(6));
        let (start, end) = (exact(self.start), self.end.map(exact));
        let data = RecordData { start, end, body };
        for wrong in implausible(&data, now, exercise_energy, Author::Host) {
            mistakes.add(&format!("{at}/{}", wrong.field.join("/")), wrong.reason);
        }
        Some(data)
    }
}

impl MeasurementInput {
    fn read(self, at: &str, mistakes: &mut Mistakes) -> Measurement {
        let r#type = self.r#type;
        if self.unit.is_some_and(|unit| unit != r#type.unit()) {
            let reason = format!("{} is stored in {}; convert it", r#type.name(), r#type.unit());
            mistakes.add(&format!("{at}/measurement/unit"), reason);
        }
        Measurement { r#type, value: self.value.into() }
    }
}

impl ExerciseInput {
    fn read(self) -> Exercise {
        let own_word = || self.activity.name().to_owned();
        Exercise {
            activity: self.activity,
            activity_original: self.activity_original.unwrap_or_else(own_word),
            duration_s: exact(self.duration_s),
            energy_kcal: exact(self.energy_kcal),
            distance_m: exact(self.distance_m),
            steps: self.steps,
            avg_heart_rate: exact(self.avg_heart_rate),
        }
    }
}

impl NutritionInput {
    fn read(self) -> Nutrition {
        Nutrition {
            meal: self.meal,
            name: self.name,
            energy_kcal: exact(self.energy_kcal),
            carbohydrate_g: exact(self.carbohydrate_g),
            fat_g: exact(self.fat_g),
            protein_g: exact(self.protein_g),
            fiber_g: exact(self.fiber_g),
            sodium_mg: exact(self.sodium_mg),
            water_ml: exact(self.water_ml),
        }
    }
}
