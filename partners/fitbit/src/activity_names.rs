//! Fitbit's names of activities.

use partner_sdk::Activity;

/// Returns the activity for Fitbit's name of it.
pub(crate) fn activity(name: &str) -> Activity {
    let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
    known.map_or(Activity::Other, |(_, activity)| *activity)
}

/// Returns the name to write for an activity: its first name in the list.
pub(crate) fn name(activity: Activity) -> &'static str {
    let known = NAMES.iter().find(|(_, known)| *known == activity);
    known.map_or("Workout", |(name, _)| *name)
}

/// Names from the directory ("Get All Activity Types") and from trackers. Only the first name of an
/// activity is written; the others are only read. An activity without a Fitbit name is written with
/// our name, as a custom activity.
///
/// Compared in part on 2026-11-30: Fitbit gives the directory only to applications that act for a
/// user, and a published copy of it was not found. Compared were the samples of Fitbit's own pages,
/// and the names that published clients and exports of accounts show. The other names are types of
/// the Google Health API, Fitbit's successor, or are read because they are written; for "Elliptical
/// Trainer", "Stair Climber" and "Sports" no source was found.
const NAMES: &[(&str, Activity)] = &[
    ("Walk", Activity::Walking),
    ("Walking", Activity::Walking),
    ("Run", Activity::Running),
    ("Running", Activity::Running),
    ("Treadmill", Activity::Running),
    ("Treadmill run", Activity::Running),
    ("Treadmill, 0% Incline", Activity::Running),
    ("Trail Run", Activity::TrailRunning),
    ("Hike", Activity::Hiking),
    ("Hiking", Activity::Hiking),
    ("Nordic Walking", Activity::NordicWalking),
    ("Bike", Activity::Cycling),
    ("Outdoor Bike", Activity::Cycling),
    ("Bicycling", Activity::Cycling),
    ("Biking", Activity::Cycling),
    ("Mountain Biking", Activity::MountainBiking),
    ("Spinning", Activity::IndoorCycling),
    ("Indoor Cycling", Activity::IndoorCycling),
    ("Stationary bike", Activity::IndoorCycling),
    ("Swim", Activity::Swimming),
    ("Swimming", Activity::Swimming),
    ("Rowing", Activity::Rowing),
    ("Rowing Machine", Activity::Rowing),
    ("Elliptical", Activity::Elliptical),
    ("Elliptical Trainer", Activity::Elliptical),
    ("Stairclimber", Activity::StairClimbing),
    ("Stair Climber", Activity::StairClimbing),
    ("Weights", Activity::StrengthTraining),
    ("Weightlifting", Activity::StrengthTraining),
    ("Strength training", Activity::StrengthTraining),
    ("Circuit Training", Activity::CircuitTraining),
    ("Bootcamp", Activity::CircuitTraining),
    ("HIIT", Activity::Hiit),
    ("Interval Workout", Activity::Hiit),
    ("CrossFit", Activity::Crossfit),
    ("Calisthenics", Activity::Calisthenics),
    ("Yoga", Activity::Yoga),
    ("Yoga, Ashtanga", Activity::Yoga),
    ("Yoga/Pilates", Activity::Yoga),
    ("Pilates", Activity::Pilates),
    ("Barre", Activity::Barre),
    ("Meditation", Activity::Meditation),
    ("Dancing", Activity::Dancing),
    ("Zumba", Activity::Zumba),
    ("Boxing", Activity::Boxing),
    ("Martial Arts", Activity::MartialArts),
    ("Kickboxing", Activity::MartialArts),
    ("Tai Chi", Activity::MartialArts),
    ("Wrestling", Activity::Wrestling),
    ("Fencing", Activity::Fencing),
    ("Rock Climbing", Activity::Climbing),
    ("Indoor climbing", Activity::Climbing),
    ("Skating", Activity::Skating),
    ("Ice Skating", Activity::IceSkating),
    ("Skiing", Activity::AlpineSkiing),
    ("Cross-country Skiing", Activity::CrossCountrySkiing),
    ("Snowboarding", Activity::Snowboarding),
    ("Surfing", Activity::Surfing),
    ("Kitesurfing", Activity::Kitesurfing),
    ("Windsurfing", Activity::Windsurfing),
    ("Bodyboarding", Activity::Bodyboarding),
    ("Tennis", Activity::Tennis),
    ("Table Tennis", Activity::TableTennis),
    ("Squash", Activity::Squash),
    ("Badminton", Activity::Badminton),
    ("Basketball", Activity::Basketball),
    ("Soccer", Activity::Football),
    ("Football", Activity::AmericanFootball),
    ("Rugby", Activity::Rugby),
    ("Volleyball", Activity::Volleyball),
    ("Handball", Activity::Handball),
    ("Baseball", Activity::Baseball),
    ("Field Hockey", Activity::Hockey),
    ("Hockey", Activity::IceHockey),
    ("Water Polo", Activity::WaterPolo),
    ("Horseback Riding", Activity::HorseRiding),
    ("Golf", Activity::Golf),
    ("Wheelchair", Activity::Wheelchair),
    ("Multisport", Activity::Multisport),
    ("Group Workout", Activity::GroupWorkout),
    ("Sport", Activity::Sports),
    ("Sports", Activity::Sports),
    // No activity of ours.
    ("Workout", Activity::Other),
    ("Aerobic Workout", Activity::Other),
    ("Aerobics", Activity::Other),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_written_is_read_back_as_the_same() {
        for (_, known) in NAMES {
            assert_eq!(activity(name(*known)), *known);
        }
        assert_eq!(activity(name(Activity::Other)), Activity::Other);
        assert_eq!(name(Activity::Other), "Workout");
    }

    #[test]
    fn names_of_samples_and_exports_are_known_and_none_is_listed_twice() {
        for (name, expected) in [
            ("Treadmill, 0% Incline", Activity::Running),
            ("Indoor climbing", Activity::Climbing),
            ("Yoga/Pilates", Activity::Yoga),
            ("Kickboxing", Activity::MartialArts),
            ("Aerobic Workout", Activity::Other),
            ("Bouldering", Activity::Other),
        ] {
            assert_eq!(activity(name), expected, "{name}");
        }
        for (at, (name, _)) in NAMES.iter().enumerate() {
            let same = |(earlier, _): &(&str, Activity)| earlier.eq_ignore_ascii_case(name);
            assert!(!NAMES[..at].iter().any(same), "{name}");
        }
    }
}
