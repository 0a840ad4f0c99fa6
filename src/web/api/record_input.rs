//! A record as the host app sends it, and its checks.

use chrono::{DateTime, FixedOffset, SubsecRound, Utc};
use partner_sdk::{
    Activity, Body, Decimal, Exercise, Meal, Measurement, MeasurementType, Moment, Number,
    Nutrition, RecordData,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::model::ExerciseEnergy;
use crate::sync::refusal;
use crate::web::texts::Text;

/// A record to store. Send exactly one of `measurement`, `exercise` and `nutrition`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordInput {
    /// The host app's own id of the record, 1 to 512 bytes without control characters; required to
    /// add one.
    pub(super) app_id: Option<String>,
    /// `measurement`, `exercise` or `nutrition`; optional.
    kind: Option<String>,
    /// When the measurement was taken, or when the exercise or meal began: RFC 3339, with the local
    /// UTC offset.
    start: DateTime<FixedOffset>,
    /// When it ended.
    end: Option<DateTime<FixedOffset>>,
    measurement: Option<MeasurementInput>,
    exercise: Option<ExerciseInput>,
    nutrition: Option<NutritionInput>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MeasurementInput {
    /// What was measured, e.g. `weight`.
    r#type: String,
    #[schema(value_type = f64)]
    value: Number,
    /// The unit of the type, e.g. `kg`. Optional; no other unit is accepted.
    unit: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExerciseInput {
    /// What was done, e.g. `running`. Use `other` for activities without a name here.
    #[schema(value_type = String)]
    activity: Activity,
    /// The host app's own name for the activity, at most 1024 bytes. Of control characters only tabs
    /// and line breaks.
    activity_original: Option<String>,
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
    /// `breakfast`, `lunch`, `dinner`, `snack` or `other`.
    #[serde(default)]
    #[schema(value_type = String)]
    meal: Meal,
    /// What was eaten, at most 1024 bytes. Of control characters only tabs and line breaks.
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

fn exact(number: Option<Number>) -> Option<Decimal> {
    number.map(Decimal::from)
}

impl RecordInput {
    /// Converts the input to a record.
    ///
    /// # Errors
    /// Why the record is implausible, or what is missing; the message contains no value of the
    /// record.
    pub(super) fn data(
        self,
        now: DateTime<Utc>,
        exercise_energy: ExerciseEnergy,
    ) -> Result<RecordData, String> {
        let body = match (self.measurement, self.exercise, self.nutrition) {
            (Some(measurement), None, None) => Body::Measurement(measurement.read()?),
            (None, Some(exercise), None) => Body::Exercise(exercise.read()?),
            (None, None, Some(nutrition)) => Body::Nutrition(nutrition.read()?),
            _ => return Err("send one of measurement, exercise and nutrition".into()),
        };
        if self.kind.as_ref().is_some_and(|kind| kind != body.record_kind()) {
            return Err(format!("kind is not `{}`, which the record is", body.record_kind()));
        }
        // The store keeps microseconds. With the same precision, a repeated record is identical.
        let exact = |at: DateTime<FixedOffset>| Moment::exact(at.trunc_subsecs(6));
        let (start, end) = (exact(self.start), self.end.map(exact));
        let data = RecordData { start, end, body };
        match refusal(&data, now, exercise_energy) {
            Some(why) => Err(why),
            None => Ok(data),
        }
    }
}

impl MeasurementInput {
    fn read(self) -> Result<Measurement, String> {
        Text::Id.check("measurement.type", &self.r#type)?;
        let all = MeasurementType::ALL;
        let Some(r#type) = all.iter().copied().find(|known| known.name() == self.r#type) else {
            let nearest = all
                .iter()
                .map(|known| known.name())
                .max_by(|one, other| {
                    let like = |name| strsim::jaro_winkler(name, &self.r#type);
                    like(one).total_cmp(&like(other))
                })
                .unwrap_or_default();
            return Err(format!("there is no measurement type `{}`; `{nearest}`?", self.r#type));
        };
        if self.unit.as_ref().is_some_and(|unit| unit != r#type.unit()) {
            return Err(format!("{} is stored in {}; convert it", r#type.name(), r#type.unit()));
        }
        Ok(Measurement { r#type, value: self.value.into() })
    }
}

impl ExerciseInput {
    fn read(self) -> Result<Exercise, String> {
        if let Some(name) = &self.activity_original {
            Text::Name.check("exercise.activity_original", name)?;
        }
        let own_word = serde_json::to_value(self.activity).ok();
        let own_word = own_word.and_then(|word| word.as_str().map(str::to_owned));
        Ok(Exercise {
            activity: self.activity,
            activity_original: self.activity_original.or(own_word).unwrap_or_default(),
            duration_s: exact(self.duration_s),
            energy_kcal: exact(self.energy_kcal),
            distance_m: exact(self.distance_m),
            steps: self.steps,
            avg_heart_rate: exact(self.avg_heart_rate),
        })
    }
}

impl NutritionInput {
    fn read(self) -> Result<Nutrition, String> {
        if let Some(name) = &self.name {
            Text::Name.check("nutrition.name", name)?;
        }
        Ok(Nutrition {
            meal: self.meal,
            name: self.name,
            energy_kcal: exact(self.energy_kcal),
            carbohydrate_g: exact(self.carbohydrate_g),
            fat_g: exact(self.fat_g),
            protein_g: exact(self.protein_g),
            fiber_g: exact(self.fiber_g),
            sodium_mg: exact(self.sodium_mg),
            water_ml: exact(self.water_ml),
        })
    }
}
