//! `[records]`

use serde::{Deserialize, Serialize};

use crate::model::ExerciseEnergy;

/// Which records are accepted, from partners and from the host app.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Records {
    /// `optional` keeps exercises without their energy; `required` refuses those that also lack
    /// the duration or the heart rate, from which it could be estimated. Default `optional`.
    pub exercise_energy: ExerciseEnergy,
}
