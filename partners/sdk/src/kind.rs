//! What a user can switch on and off: a type of measurement, or exercises, or nutrition.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! measurement_types {
    ($($variant:ident $name:literal $unit:literal $doc:literal;)*) => {
        /// The types of measurement, each with the one unit it is stored in (UCUM codes).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum MeasurementType { $(#[doc = $doc] $variant,)* }

        impl MeasurementType {
            /// All types, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name used in the API, the settings and the database.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The UCUM code of the unit its values are in.
            pub fn unit(self) -> &'static str {
                match self { $(Self::$variant => $unit,)* }
            }

            /// What it is, in some words.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

measurement_types! {
    Weight "weight" "kg" "Body weight.";
    Height "height" "cm" "Body height.";
    BodyFat "body_fat" "%" "Body fat as a share of body weight.";
    FatMass "fat_mass" "kg" "Mass of body fat.";
    FatFreeMass "fat_free_mass" "kg" "Body weight without fat.";
    MuscleMass "muscle_mass" "kg" "Mass of muscle.";
    BoneMass "bone_mass" "kg" "Mass of bone.";
    WaterMass "water_mass" "kg" "Mass of body water.";
    Bmi "bmi" "kg/m2" "Body mass index.";
    Waist "waist" "cm" "Girth of the waist.";
    Chest "chest" "cm" "Girth of the chest.";
    Hips "hips" "cm" "Girth of the hips.";
    Neck "neck" "cm" "Girth of the neck.";
    UpperArm "upper_arm" "cm" "Girth of the upper arm.";
    Thigh "thigh" "cm" "Girth of the thigh.";
    HeartRate "heart_rate" "/min" "Heart rate at one moment.";
    Systolic "systolic" "mm[Hg]" "Systolic blood pressure.";
    Diastolic "diastolic" "mm[Hg]" "Diastolic blood pressure.";
    BodyTemperature "body_temperature" "Cel" "Body temperature.";
    Spo2 "spo2" "%" "Oxygen saturation of the blood.";
}

/// A kind of data that a user switches on or off for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Measurements of one type.
    Measurement(MeasurementType),
    /// Exercises.
    Exercise,
    /// Nutrition entries.
    Nutrition,
}

impl Kind {
    /// The name used in the API, the settings and the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Measurement(kind) => kind.name(),
            Self::Exercise => "exercise",
            Self::Nutrition => "nutrition",
        }
    }

    /// All kinds.
    pub fn all() -> impl Iterator<Item = Self> {
        let measurements = MeasurementType::ALL.iter().copied().map(Self::Measurement);
        measurements.chain([Self::Exercise, Self::Nutrition])
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::all().find(|kind| kind.name() == name).ok_or(())
    }
}
