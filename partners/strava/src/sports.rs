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

/// API reference, "SportType", compared completely on 2026-11-30, but not with the page itself: its
/// 50 types of before 2026 in a client that is generated from Strava's own description of the API;
/// the five of February 2026 and the one of April 2026, which Strava announced in its help pages,
/// in reports of what its API answers. Of several types for one activity the first is written.
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
    ("Yoga", Activity::Yoga),
    // No activity of ours; the first is written.
    ("Workout", Activity::Other),
    ("Canoeing", Activity::Other),
    ("Cricket", Activity::Other),
    ("Kayaking", Activity::Other),
    ("Padel", Activity::Other),
    ("PhysicalTherapy", Activity::Other),
    ("Pickleball", Activity::Other),
    ("Racquetball", Activity::Other),
    ("Sail", Activity::Other),
    ("StandUpPaddling", Activity::Other),
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
    fn the_sports_of_2026_are_known_and_none_is_listed_twice() {
        for (word, expected) in [
            ("Dance", Activity::Dancing),
            ("Basketball", Activity::Basketball),
            ("Volleyball", Activity::Volleyball),
            ("Padel", Activity::Other),
            ("Cricket", Activity::Other),
            ("PhysicalTherapy", Activity::Other),
        ] {
            assert!(SPORTS.contains(&(word, expected)), "{word}");
            assert_eq!(activity(word), expected, "{word}");
        }
        for (at, (word, _)) in SPORTS.iter().enumerate() {
            assert!(!SPORTS[..at].iter().any(|(earlier, _)| earlier == word), "{word}");
        }
        assert_eq!(sport_type(Activity::Other), "Workout");
        assert_eq!(sport_type(Activity::Dancing), "Dance");
    }
}
