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
    ($(#[$doc:meta])* $name:ident: $($variant:ident $word:literal $about:literal),* $(,)?; default $default:ident $other:literal $about_other:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $about] #[serde(rename = $word)] $variant,)*
            #[doc = $about_other]
            #[default]
            #[serde(rename = $other)]
            $default,
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)* Self::$default];

            /// The name used in the API and the database.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* Self::$default => $other }
            }

            /// What it stands for, in some words.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* Self::$default => $about_other }
            }
        }
    };
}

words! {
    /// Which meal of the day.
    Meal: Breakfast "breakfast" "The first meal of the day.", Lunch "lunch" "The meal at noon.",
        Dinner "dinner" "The meal in the evening.", Snack "snack" "Between meals.";
        default Other "other" "No meal in particular, or the total of a day."
}

words! {
    /// The activity; one list for all partners. An activity that is not in the list is `other`, and
    /// the partner's name is kept next to it.
    Activity:
        Walking "walking" "Walking.",
        Running "running" "Running on roads, tracks or a treadmill.",
        TrailRunning "trail_running" "Running off roads.",
        Hiking "hiking" "Walking in the hills.",
        NordicWalking "nordic_walking" "Walking with poles.",
        Cycling "cycling" "Cycling outdoors, or of an unknown sort.",
        MountainBiking "mountain_biking" "Cycling off roads.",
        IndoorCycling "indoor_cycling" "Cycling on a trainer or an exercise bike.",
        Swimming "swimming" "Swimming, in a pool or in open water.",
        Rowing "rowing" "Rowing, on water or on a machine.",
        Elliptical "elliptical" "A cross trainer.",
        StairClimbing "stair_climbing" "Stairs, or a stair machine.",
        StrengthTraining "strength_training" "Weights and machines.",
        CircuitTraining "circuit_training" "Stations, one after the other.",
        Hiit "hiit" "High-intensity interval training.",
        Crossfit "crossfit" "CrossFit.",
        Calisthenics "calisthenics" "Exercises with the weight of one's own body.",
        Yoga "yoga" "Yoga.",
        Pilates "pilates" "Pilates.",
        Barre "barre" "Exercises at a ballet bar.",
        Meditation "meditation" "Meditation and breathing.",
        Dancing "dancing" "Dancing.",
        Zumba "zumba" "Zumba.",
        Boxing "boxing" "Boxing.",
        MartialArts "martial_arts" "Martial arts, also kickboxing.",
        Wrestling "wrestling" "Wrestling.",
        Fencing "fencing" "Fencing.",
        Climbing "climbing" "Climbing on rock or in a gym.",
        Skating "skating" "Inline or roller skating, and skateboards.",
        IceSkating "ice_skating" "Skating on ice.",
        AlpineSkiing "alpine_skiing" "Skiing downhill.",
        CrossCountrySkiing "cross_country_skiing" "Skiing cross-country, also on rollers.",
        Snowboarding "snowboarding" "Snowboarding.",
        Surfing "surfing" "Surfing on waves.",
        Kitesurfing "kitesurfing" "Surfing with a kite.",
        Windsurfing "windsurfing" "Surfing with a sail.",
        Bodyboarding "bodyboarding" "Riding waves lying down.",
        Tennis "tennis" "Tennis.",
        TableTennis "table_tennis" "Table tennis.",
        Squash "squash" "Squash.",
        Badminton "badminton" "Badminton.",
        Basketball "basketball" "Basketball.",
        Football "football" "Association football (soccer).",
        AmericanFootball "american_football" "American football.",
        Rugby "rugby" "Rugby.",
        Volleyball "volleyball" "Volleyball, also on a beach.",
        Handball "handball" "Handball.",
        Baseball "baseball" "Baseball.",
        Hockey "hockey" "Field hockey, or hockey of an unknown sort.",
        IceHockey "ice_hockey" "Ice hockey.",
        WaterPolo "water_polo" "Water polo.",
        HorseRiding "horse_riding" "Riding a horse.",
        Golf "golf" "Golf.",
        Wheelchair "wheelchair" "Moving in a wheelchair.",
        Multisport "multisport" "Several sports in one, such as a triathlon.",
        GroupWorkout "group_workout" "A class in a gym.",
        Sports "sports" "A sport that the partner does not name.";
        default Other "other" "None of these; `activity_original` has the name."
}
