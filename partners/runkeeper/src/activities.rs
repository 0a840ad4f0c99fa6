//! RunKeeper's types of activities.

use partner_sdk::{Activity, Exercise};

/// Returns the activity for RunKeeper's word.
pub(crate) fn activity(word: &str) -> Activity {
    let known = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word.trim()));
    known.map_or(Activity::Other, |(_, activity)| *activity)
}

/// Returns RunKeeper's word for an exercise: its original word if that is RunKeeper's, else the
/// first or the nearest one for the activity.
pub(crate) fn word(exercise: &Exercise) -> &'static str {
    let of_it = |(_, known): &&(&str, Activity)| *known == exercise.activity;
    let came_with = TYPES
        .iter()
        .filter(of_it)
        .find(|(name, _)| name.eq_ignore_ascii_case(exercise.activity_original.trim()));
    let known = came_with.or_else(|| TYPES.iter().find(of_it));
    known.map_or_else(|| nearest(exercise.activity), |(name, _)| name)
}

/// Returns the nearest word for an activity that RunKeeper has no word for.
fn nearest(activity: Activity) -> &'static str {
    match activity {
        Activity::TrailRunning => "Running",
        Activity::IceSkating => "Skating",
        Activity::Hiit | Activity::Calisthenics => "Circuit Training",
        Activity::MartialArts => "Boxing / MMA",
        Activity::Wrestling
        | Activity::Fencing
        | Activity::Climbing
        | Activity::Surfing
        | Activity::Kitesurfing
        | Activity::Windsurfing
        | Activity::Bodyboarding
        | Activity::Tennis
        | Activity::TableTennis
        | Activity::Squash
        | Activity::Badminton
        | Activity::Basketball
        | Activity::Football
        | Activity::AmericanFootball
        | Activity::Rugby
        | Activity::Volleyball
        | Activity::Handball
        | Activity::Baseball
        | Activity::Hockey
        | Activity::IceHockey
        | Activity::WaterPolo
        | Activity::HorseRiding
        | Activity::Golf => "Sports",
        _ => "Other",
    }
}

/// Health Graph documentation, "Fitness Activities", `type`: all 32 of its last version, of which
/// older ones have the first 14. Compared completely on 2026-11-30 with archived copies of it and
/// with lists that clients took from it; it does not change any more.
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
    ("Boxing / MMA", Activity::Boxing),
    ("Meditation", Activity::Meditation),
    ("Strength Training", Activity::StrengthTraining),
    ("Circuit Training", Activity::CircuitTraining),
    ("Bootcamp", Activity::CircuitTraining),
    ("Core Strengthening", Activity::StrengthTraining),
    ("Arc Trainer", Activity::Elliptical),
    ("Stairmaster / Stepwell", Activity::StairClimbing),
    ("Sports", Activity::Sports),
    ("Nordic Walking", Activity::NordicWalking),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn written(activity: Activity, original: &str) -> &'static str {
        word(&Exercise { activity, activity_original: original.into(), ..Exercise::default() })
    }

    #[test]
    fn every_word_of_runkeeper_s_is_written_as_it_came() {
        for (name, of_it) in TYPES {
            assert_eq!(written(*of_it, name), *name);
            assert_eq!(activity(written(*of_it, "their own")), *of_it);
        }
    }

    #[test]
    fn what_it_has_no_word_for_is_written_as_the_nearest() {
        assert_eq!(written(Activity::TrailRunning, "Running"), "Running");
        assert_eq!(written(Activity::Tennis, "Padel"), "Sports");
        assert_eq!(written(Activity::Multisport, "Triathlon"), "Other");
        assert_eq!(written(Activity::Yoga, "Running"), "Yoga", "the word is of another activity");
        for (name, _) in TYPES {
            assert!(TYPES.iter().any(|(known, _)| *known == nearest(activity(name))));
        }
    }
}
