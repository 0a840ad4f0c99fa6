//! Strava's types of sport.

use partner_sdk::Activity;

/// Returns the activity for Strava's sport type.
pub(crate) fn activity(word: &str) -> Activity {
    let known = SPORTS.iter().find(|(name, _)| *name == word);
    known.map_or(Activity::Other, |(_, activity)| *activity)
}

/// Returns Strava's sport type for an activity.
pub(crate) fn sport_type(activity: Activity) -> &'static str {
    let known = SPORTS.iter().find(|(_, known)| *known == activity);
    known.map_or("Workout", |(word, _)| word)
}

/// API reference, "SportType", compared in part on 2026-11-30. Of several types for one activity the
/// first is written. Without a word of ours, and so `other` with Strava's name: Canoeing, Cricket,
/// Kayaking, Padel, Pickleball, Racquetball, Sail, StandUpPaddling.
const SPORTS: &[(&str, Activity)] = &[
    ("AlpineSki", Activity::AlpineSkiing),
    ("Badminton", Activity::Badminton),
    ("Basketball", Activity::Basketball),
    ("Crossfit", Activity::Crossfit),
    ("Dance", Activity::Dancing),
    ("Ride", Activity::Cycling),
    ("EBikeRide", Activity::Cycling),
    ("GravelRide", Activity::Cycling),
    ("Velomobile", Activity::Cycling),
    ("Handcycle", Activity::Cycling),
    ("Elliptical", Activity::Elliptical),
    ("Golf", Activity::Golf),
    ("HighIntensityIntervalTraining", Activity::Hiit),
    ("Hike", Activity::Hiking),
    ("Snowshoe", Activity::Hiking),
    ("IceSkate", Activity::IceSkating),
    ("InlineSkate", Activity::Skating),
    ("Skateboard", Activity::Skating),
    ("Kitesurf", Activity::Kitesurfing),
    ("MountainBikeRide", Activity::MountainBiking),
    ("EMountainBikeRide", Activity::MountainBiking),
    ("NordicSki", Activity::CrossCountrySkiing),
    ("BackcountrySki", Activity::CrossCountrySkiing),
    ("RollerSki", Activity::CrossCountrySkiing),
    ("Pilates", Activity::Pilates),
    ("RockClimbing", Activity::Climbing),
    ("Rowing", Activity::Rowing),
    ("VirtualRow", Activity::Rowing),
    ("Run", Activity::Running),
    ("VirtualRun", Activity::Running),
    ("TrailRun", Activity::TrailRunning),
    ("Snowboard", Activity::Snowboarding),
    ("Soccer", Activity::Football),
    ("Squash", Activity::Squash),
    ("StairStepper", Activity::StairClimbing),
    ("Surfing", Activity::Surfing),
    ("Swim", Activity::Swimming),
    ("TableTennis", Activity::TableTennis),
    ("Tennis", Activity::Tennis),
    ("VirtualRide", Activity::IndoorCycling),
    ("Volleyball", Activity::Volleyball),
    ("Walk", Activity::Walking),
    ("WeightTraining", Activity::StrengthTraining),
    ("Wheelchair", Activity::Wheelchair),
    ("Windsurf", Activity::Windsurfing),
    ("Workout", Activity::Other),
    ("Yoga", Activity::Yoga),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_written_is_read_back_as_the_same() {
        for (_, known) in SPORTS {
            assert_eq!(activity(sport_type(*known)), *known);
        }
    }

    #[test]
    fn the_sports_of_february_2026_are_known_and_others_keep_their_name() {
        for (word, expected) in [
            ("Dance", Activity::Dancing),
            ("Basketball", Activity::Basketball),
            ("Volleyball", Activity::Volleyball),
            ("Padel", Activity::Other),
            ("Cricket", Activity::Other),
        ] {
            assert_eq!(activity(word), expected, "{word}");
        }
        assert_eq!(sport_type(Activity::Dancing), "Dance");
    }
}
