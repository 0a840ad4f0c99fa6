//! Records as partners report them, before the daemon has checked and stored them.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, MeasurementType};
use crate::moment::Moment;

/// A record at the partner, mapped to Syncwell's types.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteRecord {
    /// The partner's permanent id of this record; it must not change when the record is edited.
    pub source_id: String,
    /// The partner's item that this is part of, if one item yields several records. The records of
    /// a group always come together: one that no longer comes was removed.
    pub group: Option<String>,
    /// When it was measured or began.
    pub start: Moment,
    /// When it ended, if the partner reports it.
    pub end: Option<Moment>,
    /// When it last changed at the partner, if the partner reports it.
    pub modified: Option<DateTime<Utc>>,
    /// The content.
    pub body: Body,
}

/// A record that could not be read. It is logged with its reason; the others are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    /// The partner's id of it, if it could be read.
    pub source_id: Option<String>,
    /// Why, without any value of the record.
    pub reason: Cow<'static, str>,
}

impl RejectedRecord {
    /// Rejects the record `source_id`.
    pub fn new(source_id: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { source_id: Some(source_id.into()), reason: reason.into() }
    }
}

/// The content of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// One measured value.
    Measurement(Measurement),
    /// One exercise.
    Exercise(Exercise),
    /// One nutrition entry.
    Nutrition(Nutrition),
}

impl Body {
    /// The content as the API shows it: `{"type","value","unit"}`, or the fields of the exercise or
    /// nutrition entry.
    pub fn to_json(&self) -> serde_json::Value {
        let fields = match self {
            Self::Measurement(measurement) => Ok(serde_json::json!({
                "type": measurement.r#type.name(),
                "value": crate::number::to_json(measurement.value),
                "unit": measurement.r#type.unit(),
            })),
            Self::Exercise(exercise) => serde_json::to_value(exercise),
            Self::Nutrition(nutrition) => serde_json::to_value(nutrition),
        };
        // Structs of strings and numbers always serialize.
        fields.unwrap_or_default()
    }

    /// Reads what [`Body::to_json`] wrote, given the record's `kind` in the API; `None` if it does
    /// not match.
    pub fn from_json(record_kind: &str, content: &serde_json::Value) -> Option<Self> {
        #[derive(Deserialize)]
        struct Value {
            r#type: MeasurementType,
            value: crate::Number,
        }
        match record_kind {
            "measurement" => {
                let Value { r#type, value } = Value::deserialize(content).ok()?;
                Some(Self::Measurement(Measurement { r#type, value: value.0 }))
            }
            "exercise" => Exercise::deserialize(content).ok().map(Self::Exercise),
            "nutrition" => Nutrition::deserialize(content).ok().map(Self::Nutrition),
            _ => None,
        }
    }

    /// The `kind` of the record in the API: `measurement`, `exercise` or `nutrition`.
    pub fn record_kind(&self) -> &'static str {
        match self {
            Self::Measurement(_) => "measurement",
            Self::Exercise(_) => "exercise",
            Self::Nutrition(_) => "nutrition",
        }
    }

    /// The kind that the user switches on and off.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Measurement(measurement) => Kind::Measurement(measurement.r#type),
            Self::Exercise(_) => Kind::Exercise,
            Self::Nutrition(_) => Kind::Nutrition,
        }
    }
}

/// One measured value, in the unit of its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// What was measured; fixes the unit.
    pub r#type: MeasurementType,
    /// The value in [`MeasurementType::unit`].
    pub value: Decimal,
}

/// One exercise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exercise {
    /// The activity, from the list that all partners share.
    pub activity: Activity,
    /// The partner's own name for it.
    pub activity_original: String,
    /// Seconds of activity, without pauses if the partner reports them.
    #[serde(with = "crate::number::optional", default)]
    pub duration_s: Option<Decimal>,
    /// Energy burned, in kilocalories.
    #[serde(with = "crate::number::optional", default)]
    pub energy_kcal: Option<Decimal>,
    /// Distance in metres.
    #[serde(with = "crate::number::optional", default)]
    pub distance_m: Option<Decimal>,
    /// Steps taken.
    pub steps: Option<i64>,
    /// Average heart rate, in beats per minute.
    #[serde(with = "crate::number::optional", default)]
    pub avg_heart_rate: Option<Decimal>,
}

/// One meal, one drink, or the total of a day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Nutrition {
    /// Which meal of the day.
    pub meal: Meal,
    /// What was eaten, if the partner names it.
    pub name: Option<String>,
    /// Energy in kilocalories. The daemon rejects an entry without it.
    #[serde(with = "crate::number::optional", default)]
    pub energy_kcal: Option<Decimal>,
    /// Carbohydrate in grams.
    #[serde(with = "crate::number::optional", default)]
    pub carbohydrate_g: Option<Decimal>,
    /// Fat in grams.
    #[serde(with = "crate::number::optional", default)]
    pub fat_g: Option<Decimal>,
    /// Protein in grams.
    #[serde(with = "crate::number::optional", default)]
    pub protein_g: Option<Decimal>,
    /// Fibre in grams.
    #[serde(with = "crate::number::optional", default)]
    pub fiber_g: Option<Decimal>,
    /// Sodium in milligrams.
    #[serde(with = "crate::number::optional", default)]
    pub sodium_mg: Option<Decimal>,
    /// Water in millilitres.
    #[serde(with = "crate::number::optional", default)]
    pub water_ml: Option<Decimal>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($variant:ident $word:literal),* $(,)?; default $default:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
            #[doc = concat!("`", stringify!($default), "`, when nothing else fits.")]
            #[default]
            $default,
        }
    };
}

words! {
    /// Which meal of the day.
    Meal: Breakfast "breakfast", Lunch "lunch", Dinner "dinner", Snack "snack"; default Other
}

words! {
    /// The activity; one list for all partners. An activity that is not in the list is `other`, and
    /// the partner's name is kept next to it.
    Activity:
        Walking "walking", Running "running", TrailRunning "trail_running", Hiking "hiking",
        NordicWalking "nordic_walking", Cycling "cycling", MountainBiking "mountain_biking",
        IndoorCycling "indoor_cycling", Swimming "swimming", Rowing "rowing",
        Elliptical "elliptical", StairClimbing "stair_climbing",
        StrengthTraining "strength_training", CircuitTraining "circuit_training", Hiit "hiit",
        Crossfit "crossfit", Calisthenics "calisthenics", Yoga "yoga", Pilates "pilates",
        Barre "barre", Meditation "meditation", Dancing "dancing", Zumba "zumba",
        Boxing "boxing", MartialArts "martial_arts", Wrestling "wrestling", Fencing "fencing",
        Climbing "climbing", Skating "skating", IceSkating "ice_skating",
        AlpineSkiing "alpine_skiing", CrossCountrySkiing "cross_country_skiing",
        Snowboarding "snowboarding", Surfing "surfing", Kitesurfing "kitesurfing",
        Windsurfing "windsurfing", Bodyboarding "bodyboarding", Tennis "tennis",
        TableTennis "table_tennis", Squash "squash", Badminton "badminton",
        Basketball "basketball", Football "football", AmericanFootball "american_football",
        Rugby "rugby", Volleyball "volleyball", Handball "handball", Baseball "baseball",
        Hockey "hockey", IceHockey "ice_hockey", WaterPolo "water_polo",
        HorseRiding "horse_riding", Golf "golf", Wheelchair "wheelchair", Multisport "multisport",
        GroupWorkout "group_workout", Sports "sports"; default Other
}
