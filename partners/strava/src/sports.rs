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

/// API reference, "SportType". Of several types for one activity the first is written.
const SPORTS: &[(&str, Activity)] = &[
    ("AlpineSki", Activity::AlpineSkiing),
    ("Badminton", Activity::Badminton),
    ("Crossfit", Activity::Crossfit),
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
    ("Walk", Activity::Walking),
    ("WeightTraining", Activity::StrengthTraining),
    ("Wheelchair", Activity::Wheelchair),
    ("Windsurf", Activity::Windsurfing),
    ("Workout", Activity::Other),
    ("Yoga", Activity::Yoga),
];
