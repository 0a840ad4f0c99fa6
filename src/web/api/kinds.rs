//! What there is to send and to receive: types, units, possible values, activities, rules.

use actix_web::{HttpResponse, get, web};
use partner_sdk::{Activity, Decimal, Kind, Meal, MeasurementType, Number};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::ExerciseEnergy;
use crate::sync::bounds::{self, Field, human_range};
use crate::sync::rules;
use crate::web::State;
use crate::web::auth::AppKey;
use crate::web::openapi::records::{ActivityWord, KindWord, MealWord, MeasurementTypeWord, Unit};
use crate::web::parameters::NoParameters;

/// A type of measurement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"type": "weight", "unit": "kg", "minimum": 0.3, "maximum": 700, "about": "Body weight."}))]
struct MeasurementKind {
    #[schema(value_type = MeasurementTypeWord)]
    r#type: &'static str,
    /// The unit that every value of the type is in.
    #[schema(value_type = Unit)]
    unit: &'static str,
    /// The least value of a human being; what is below is refused.
    #[schema(value_type = f64)]
    minimum: Number,
    /// The greatest value of a human being; what is above is refused.
    #[schema(value_type = f64)]
    maximum: Number,
    /// What it is.
    about: &'static str,
}

/// A number of an exercise or a nutrition entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"name": "distance_m", "unit": "m", "minimum": 0, "maximum": 10_000_000, "about": "Distance."}))]
struct FieldKind {
    /// The name of the field.
    name: &'static str,
    /// The UCUM code of its unit.
    unit: &'static str,
    /// The least value.
    #[schema(value_type = f64)]
    minimum: Number,
    /// The greatest value.
    #[schema(value_type = f64)]
    maximum: Number,
    /// What it is.
    about: &'static str,
}

/// An activity.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"activity": "running", "about": "Running on roads, tracks or a treadmill."}))]
struct ActivityKind {
    #[schema(value_type = ActivityWord)]
    activity: &'static str,
    /// What it is.
    about: &'static str,
}

/// A meal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"meal": "snack", "about": "Between meals."}))]
struct MealKind {
    #[schema(value_type = MealWord)]
    meal: &'static str,
    /// What it is.
    about: &'static str,
}

/// Everything that records can hold, and when they are refused.
#[derive(Debug, Serialize, ToSchema)]
struct Kinds {
    /// The kinds that a user switches on and off for each connection: the types of measurements,
    /// `exercise` and `nutrition`.
    #[schema(value_type = Vec<KindWord>)]
    kinds: Vec<&'static str>,
    measurements: Vec<MeasurementKind>,
    /// The numbers of an exercise; all are optional, except as `exercise_energy` says.
    exercise: Vec<FieldKind>,
    activities: Vec<ActivityKind>,
    /// The numbers of a nutrition entry; all but `energy_kcal` are optional.
    nutrition: Vec<FieldKind>,
    meals: Vec<MealKind>,
    /// The daemon's setting `records.exercise_energy`.
    exercise_energy: ExerciseEnergy,
    /// When a record is refused, in words.
    #[schema(example = json!(["A nutrition entry has its energy_kcal, which may be 0."]))]
    rules: Vec<String>,
}

fn fields(fields: &[Field]) -> Vec<FieldKind> {
    let of = |field: &Field| FieldKind {
        name: field.name,
        unit: field.unit,
        minimum: number(field.range().start()),
        maximum: number(field.range().end()),
        about: field.about,
    };
    fields.iter().map(of).collect()
}

fn number(value: &Decimal) -> Number {
    Number(*value)
}

/// Lists what records can hold: types, units and words. It has the types of measurements with their
/// units and possible values, the activities, the meals, the numbers of exercises and nutrition entries, and the rules by which records are refused.
#[utoipa::path(operation_id = "list_kinds", tag = "data", security(("key" = [])), responses(
    (status = 200, description = "All there is", body = Kinds),
))]
#[get("/v1/kinds")]
pub(super) async fn list(
    _: AppKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> HttpResponse {
    let measurement = |of: &MeasurementType| MeasurementKind {
        r#type: of.name(),
        unit: of.unit(),
        minimum: number(human_range(*of).start()),
        maximum: number(human_range(*of).end()),
        about: of.about(),
    };
    let activity = |of: &Activity| ActivityKind { activity: of.name(), about: of.about() };
    let meal = |of: &Meal| MealKind { meal: of.name(), about: of.about() };
    let exercise_energy = state.shared.records.exercise_energy;
    HttpResponse::Ok().json(Kinds {
        kinds: Kind::all().map(Kind::name).collect(),
        measurements: MeasurementType::ALL.iter().map(measurement).collect(),
        exercise: fields(bounds::EXERCISE),
        activities: Activity::ALL.iter().map(activity).collect(),
        nutrition: fields(bounds::NUTRITION),
        meals: Meal::ALL.iter().map(meal).collect(),
        exercise_energy,
        rules: rules::all().into_iter().chain([rules::of_energy(exercise_energy).into()]).collect(),
    })
}
