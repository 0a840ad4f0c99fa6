//! RunKeeper's types of activities.

use partner_sdk::Activity;

/// What was done, by RunKeeper's word for it.
pub(crate) fn activity(word: &str) -> Activity {
    let known = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word.trim()));
    known.map_or(Activity::Other, |(_, activity)| *activity)
}

/// Health Graph documentation, "Fitness Activities", `type`; the later ones as seen in the field.
const TYPES: &[(&str, Activity)] = &[
    ("Running", Activity::Running),
    ("Cycling", Activity::Cycling),
    ("Mountain Biking", Activity::MountainBiking),
    ("Walking", Activity::Walking),
    ("Hiking", Activity::Hiking),
    ("Downhill Skiing", Activity::AlpineSkiing),
    ("Cross-Country Skiing", Activity::CrossCountrySkiing),
    ("Snowboarding", Activity::Snowboarding),
    ("Skating", Activity::Skating),
    ("Swimming", Activity::Swimming),
    ("Wheelchair", Activity::Wheelchair),
    ("Rowing", Activity::Rowing),
    ("Elliptical", Activity::Elliptical),
    ("Other", Activity::Other),
    ("Yoga", Activity::Yoga),
    ("Pilates", Activity::Pilates),
    ("CrossFit", Activity::Crossfit),
    ("Spinning", Activity::IndoorCycling),
    ("Zumba", Activity::Zumba),
    ("Barre", Activity::Barre),
    ("Group Workout", Activity::GroupWorkout),
    ("Dance", Activity::Dancing),
    ("Bootcamp", Activity::CircuitTraining),
    ("Boxing / MMA", Activity::Boxing),
    ("Meditation", Activity::Meditation),
    ("Strength Training", Activity::StrengthTraining),
    ("Circuit Training", Activity::CircuitTraining),
    ("Core Strengthening", Activity::StrengthTraining),
    ("Arc Trainer", Activity::Elliptical),
    ("Stairmaster / Stepwell", Activity::StairClimbing),
    ("Sports", Activity::Sports),
    ("Nordic Walking", Activity::NordicWalking),
];
