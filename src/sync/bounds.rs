//! What the values of a living person can be, and in which units. The one source for the check, the
//! OpenAPI document, `GET /v1/kinds` and `docs/records.md`.

use std::ops::RangeInclusive;

use partner_sdk::{Decimal, MeasurementType};

/// A number of an exercise or a nutrition entry.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in the API.
    pub name: &'static str,
    /// The UCUM code of its unit.
    pub unit: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The most it can be; the least is 0.
    most: i64,
}

impl Field {
    const fn new(name: &'static str, unit: &'static str, most: i64, about: &'static str) -> Self {
        Self { name, unit, about, most }
    }

    /// The possible values.
    pub fn range(&self) -> RangeInclusive<Decimal> {
        Decimal::ZERO..=self.most.into()
    }
}

/// The numbers of an exercise.
pub const EXERCISE: &[Field] = &[
    Field::new(
        "duration_s",
        "s",
        super::check::LONGEST.num_seconds(),
        "Seconds of activity, without pauses where they are known.",
    ),
    Field::new("energy_kcal", "kcal", 50_000, "Energy burned."),
    Field::new("distance_m", "m", 10_000_000, "Distance."),
    Field::new("steps", "{steps}", 1_000_000, "Steps taken, a whole number."),
    Field::new("avg_heart_rate", "/min", 400, "Average heart rate."),
];

/// The numbers of a nutrition entry.
pub const NUTRITION: &[Field] = &[
    Field::new("energy_kcal", "kcal", 50_000, "Energy. An entry needs it; it may be 0."),
    Field::new("carbohydrate_g", "g", 20_000, "Carbohydrate."),
    Field::new("fat_g", "g", 20_000, "Fat."),
    Field::new("protein_g", "g", 20_000, "Protein."),
    Field::new("fiber_g", "g", 20_000, "Fibre."),
    Field::new("sodium_mg", "mg", 1_000_000, "Sodium."),
    Field::new("water_ml", "mL", 100_000, "Water."),
];

/// The possible values of a type in a living person, from newborns to medical records, in its unit.
pub fn human_range(measurement_type: MeasurementType) -> RangeInclusive<Decimal> {
    use MeasurementType as Type;
    // In thousandths.
    let (low, high) = match measurement_type {
        Type::Weight => (300, 700_000),
        Type::Height => (20_000, 280_000),
        Type::BodyFat => (500, 90_000),
        Type::FatMass | Type::FatFreeMass | Type::MuscleMass | Type::WaterMass => (50, 600_000),
        Type::BoneMass => (10, 30_000),
        Type::Bmi => (5_000, 250_000),
        Type::Waist | Type::Chest | Type::Hips => (20_000, 400_000),
        Type::Neck | Type::UpperArm | Type::Thigh => (5_000, 200_000),
        Type::HeartRate => (15_000, 400_000),
        Type::Systolic => (30_000, 400_000),
        Type::Diastolic => (10_000, 300_000),
        Type::BodyTemperature => (12_000, 48_000),
        Type::Spo2 => (20_000, 100_000),
    };
    let exact = |thousandths| Decimal::new(thousandths, 3).normalize();
    exact(low)..=exact(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_range_that_holds_something() {
        for kind in MeasurementType::ALL {
            assert!(!human_range(*kind).is_empty(), "{kind:?}");
        }
    }
}
