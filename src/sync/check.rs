//! Whether a record is plausible for a human being. Each record is judged on its own.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use partner_sdk::{Body, Decimal, Exercise, Measurement, MeasurementType, Nutrition, RecordData};

use crate::model::ExerciseEnergy;

/// Returns why a record is rejected, if it is. The reason contains no value of the record.
pub fn refusal(
    record: &RecordData,
    now: DateTime<Utc>,
    exercise_energy: ExerciseEnergy,
) -> Option<String> {
    // Two days: a partner's wall time may be read in a zone a day behind the user's.
    if record.start.at.to_utc() > now + TimeDelta::days(2) {
        return Some("it is dated in the future".into());
    }
    if record.start.at.to_utc() < DateTime::UNIX_EPOCH - TimeDelta::days(70 * 365) {
        return Some("it is dated before 1900".into());
    }
    // RFC 3339, in which it is shown, has four digits for a year.
    if record.end.is_some_and(|end| end.at.year() > 9999) {
        return Some("it ends after the year 9999".into());
    }
    if record.end.is_some_and(|end| end.at < record.start.at) {
        return Some("it ends before it begins".into());
    }
    match &record.body {
        Body::Measurement(measurement) => of_measurement(measurement),
        Body::Exercise(exercise) => of_exercise(exercise, exercise_energy),
        Body::Nutrition(nutrition) => of_nutrition(nutrition),
    }
}

/// The possible values of a type in a living person, from newborns to medical records, in
/// thousandths of its unit.
fn human_range(measurement_type: MeasurementType) -> RangeInclusive<i64> {
    use MeasurementType as Type;
    match measurement_type {
        Type::Weight => 300..=700_000,
        Type::Height => 20_000..=280_000,
        Type::BodyFat => 500..=90_000,
        Type::FatMass | Type::FatFreeMass | Type::MuscleMass | Type::WaterMass => 50..=600_000,
        Type::BoneMass => 10..=30_000,
        Type::Bmi => 5_000..=250_000,
        Type::Waist | Type::Chest | Type::Hips => 20_000..=400_000,
        Type::Neck | Type::UpperArm | Type::Thigh => 5_000..=200_000,
        Type::HeartRate => 15_000..=400_000,
        Type::Systolic => 30_000..=400_000,
        Type::Diastolic => 10_000..=300_000,
        Type::BodyTemperature => 12_000..=48_000,
        Type::Spo2 => 20_000..=100_000,
    }
}

fn of_measurement(measurement: &Measurement) -> Option<String> {
    let range = human_range(measurement.r#type);
    let (low, high) = (Decimal::new(*range.start(), 3), Decimal::new(*range.end(), 3));
    if (low..=high).contains(&measurement.value) {
        return None;
    }
    let (name, unit) = (measurement.r#type.name(), measurement.r#type.unit());
    Some(format!(
        "{name} is out of any human range ({low} to {high} {unit})",
        low = low.normalize(),
        high = high.normalize()
    ))
}

fn of_exercise(exercise: &Exercise, energy: ExerciseEnergy) -> Option<String> {
    let could_be_estimated = exercise.duration_s.is_some() && exercise.avg_heart_rate.is_some();
    let lacks_energy = exercise.energy_kcal.is_none() && !could_be_estimated;
    if lacks_energy && energy == ExerciseEnergy::Required {
        return Some(
            "an exercise needs its energy, or its duration and heart rate; the setting \
             records.exercise_energy = \"optional\" would keep it"
                .into(),
        );
    }
    let fields = [
        ("duration_s", exercise.duration_s, 14 * 24 * 3600),
        ("energy_kcal", exercise.energy_kcal, 50_000),
        ("distance_m", exercise.distance_m, 10_000_000),
        ("steps", exercise.steps.map(Decimal::from), 1_000_000),
        ("avg_heart_rate", exercise.avg_heart_rate, 400),
    ];
    out_of_bounds(&fields)
}

fn of_nutrition(nutrition: &Nutrition) -> Option<String> {
    if nutrition.energy_kcal.is_none() {
        return Some("a nutrition entry needs its energy".into());
    }
    let fields = [
        ("energy_kcal", nutrition.energy_kcal, 50_000),
        ("carbohydrate_g", nutrition.carbohydrate_g, 20_000),
        ("fat_g", nutrition.fat_g, 20_000),
        ("protein_g", nutrition.protein_g, 20_000),
        ("fiber_g", nutrition.fiber_g, 20_000),
        ("sodium_mg", nutrition.sodium_mg, 1_000_000),
        ("water_ml", nutrition.water_ml, 100_000),
    ];
    out_of_bounds(&fields)
}

fn out_of_bounds(fields: &[(&str, Option<Decimal>, i64)]) -> Option<String> {
    let outside = |value: &Option<Decimal>, most: i64| {
        value.is_some_and(|value| {
            value.is_sign_negative() && !value.is_zero() || value > most.into()
        })
    };
    let (name, _, most) = fields.iter().find(|(_, value, most)| outside(value, *most))?;
    Some(format!("{name} is out of any human range (0 to {most})"))
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Activity, Moment};

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-04T12:00:00Z".parse().unwrap()
    }

    fn record(start: &str, body: Body) -> RecordData {
        let start = Moment::exact(start.parse().unwrap());
        RecordData { start, end: None, body }
    }

    fn measurement(r#type: MeasurementType, value: &str) -> Option<String> {
        let body = Body::Measurement(Measurement { r#type, value: value.parse().unwrap() });
        refusal(&record("2026-03-04T06:00:00Z", body), now(), ExerciseEnergy::Optional)
    }

    #[test]
    fn measurements_of_people_are_kept_and_others_are_not() {
        use MeasurementType as Type;
        for (kind, value) in [
            (Type::Weight, "2.9"),
            (Type::Weight, "78.12"),
            (Type::Weight, "310"),
            (Type::Height, "178"),
            (Type::BodyFat, "21.4"),
            (Type::Bmi, "22.1"),
            (Type::Spo2, "100"),
            (Type::BodyTemperature, "36.6"),
            (Type::HeartRate, "61"),
            (Type::BoneMass, "3.1"),
            (Type::Systolic, "121"),
            (Type::Diastolic, "79"),
        ] {
            assert_eq!(measurement(kind, value), None, "{kind:?} {value}");
        }
        for (kind, value) in [
            (Type::Weight, "78120"),
            (Type::Weight, "0"),
            (Type::Weight, "-70"),
            (Type::Height, "1.78"),
            (Type::BodyFat, "0.18"),
            (Type::Spo2, "101"),
            (Type::BodyTemperature, "98.6"),
            (Type::HeartRate, "3"),
        ] {
            let reason = measurement(kind, value).unwrap();
            assert!(reason.contains("human range"), "{kind:?} {value}: {reason}");
        }
    }

    #[test]
    fn every_type_has_a_range_that_holds_something() {
        for kind in MeasurementType::ALL {
            assert!(!human_range(*kind).is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn an_exercise_needs_energy_or_duration_and_rate_only_where_that_is_set() {
        let judge = |duration, energy, rate, rule| {
            let exercise = Exercise {
                activity: Activity::Running,
                duration_s: Option::map(duration, Decimal::from),
                energy_kcal: Option::map(energy, Decimal::from),
                avg_heart_rate: Option::map(rate, Decimal::from),
                ..Exercise::default()
            };
            refusal(&record("2026-03-04T06:00:00Z", Body::Exercise(exercise)), now(), rule)
        };
        let (optional, required) = (ExerciseEnergy::Optional, ExerciseEnergy::Required);
        for (duration, energy, rate) in
            [(None::<i64>, Some(300), None::<i64>), (Some(1800), None, Some(140))]
        {
            assert_eq!(judge(duration, energy, rate, optional), None);
            assert_eq!(judge(duration, energy, rate, required), None);
        }
        for (duration, rate) in [(None, None), (Some(1800), None), (None, Some(140))] {
            assert_eq!(judge(duration, None, rate, optional), None);
            let reason = judge(duration, None, rate, required).unwrap();
            assert!(reason.contains("records.exercise_energy"), "{reason}");
        }
        for (duration, energy) in [(-1, 300), (1800, 60_000)] {
            assert!(judge(Some(duration), Some(energy), None, optional).is_some());
        }
    }

    #[test]
    fn a_nutrition_entry_needs_energy_which_may_be_zero() {
        let judge = |energy: Option<i64>, fat: i64| {
            let nutrition = Nutrition {
                energy_kcal: energy.map(Decimal::from),
                fat_g: Some(fat.into()),
                ..Nutrition::default()
            };
            refusal(
                &record("2026-03-04T06:00:00Z", Body::Nutrition(nutrition)),
                now(),
                ExerciseEnergy::Optional,
            )
        };
        assert_eq!(judge(Some(0), 0), None);
        assert!(judge(None, 10).is_some());
        assert!(judge(Some(100), -1).is_some());
    }

    #[test]
    fn dates_outside_a_life_are_refused() {
        let weight =
            || Body::Measurement(Measurement { r#type: MeasurementType::Weight, value: 70.into() });
        assert_eq!(
            refusal(&record("2026-03-05T12:00:00Z", weight()), now(), ExerciseEnergy::Optional),
            None
        );
        assert!(
            refusal(&record("2026-03-07T12:00:00Z", weight()), now(), ExerciseEnergy::Optional)
                .is_some()
        );
        assert!(
            refusal(&record("1890-01-01T00:00:00Z", weight()), now(), ExerciseEnergy::Optional)
                .is_some()
        );
        let mut backwards = record("2026-03-04T06:00:00Z", weight());
        backwards.end = Some(Moment::exact("2026-03-04T05:00:00Z".parse().unwrap()));
        assert!(refusal(&backwards, now(), ExerciseEnergy::Optional).is_some());
        let mut endless = record("2026-03-04T06:00:00Z", weight());
        endless.end = Some(Moment::exact("+10000-01-01T00:00:00Z".parse().unwrap()));
        assert!(refusal(&endless, now(), ExerciseEnergy::Optional).unwrap().contains("9999"));
    }
}
