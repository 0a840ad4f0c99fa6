//! The rules by which records are refused, in words: for `GET /v1/kinds` and `docs/records.md`.

use super::check::{AHEAD, FAR_AHEAD, LONGEST, ROUNDING};
use crate::model::ExerciseEnergy;

/// The rules that always hold.
pub fn all() -> Vec<String> {
    let (ahead, far) = (AHEAD.num_minutes(), FAR_AHEAD.num_days());
    let (longest, rounding) = (LONGEST.num_days(), ROUNDING.num_minutes());
    vec![
        "A record has exactly one of measurement, exercise and nutrition.".to_owned(),
        "A value that no human being can have is refused; minimum and maximum are allowed."
            .to_owned(),
        format!(
            "A record starts in 1900 or later. Yours start at most {ahead} minutes ahead of now; a \
             partner's at most {far} days, because its wall time may be read in another zone."
        ),
        format!(
            "A record ends at or after its start, at most {longest} days after it and at most {far} \
             days ahead of now."
        ),
        "A measurement has no end, or its start as its end. A partner's loses any other end."
            .to_owned(),
        format!(
            "The duration_s of an exercise is at most {rounding} minute longer than the time from \
             start to end. A partner's exercise loses an end that contradicts its duration."
        ),
        "A nutrition entry has its energy_kcal, which may be 0.".to_owned(),
    ]
}

/// The rule of the setting `records.exercise_energy`.
pub fn of_energy(setting: ExerciseEnergy) -> &'static str {
    match setting {
        ExerciseEnergy::Optional => {
            "An exercise may lack its energy_kcal (the setting records.exercise_energy is optional)."
        }
        ExerciseEnergy::Required => {
            "An exercise has its energy_kcal, or its duration_s and avg_heart_rate (the setting \
             records.exercise_energy is required)."
        }
    }
}
