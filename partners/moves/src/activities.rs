//! Moves' kinds of activities.

use partner_sdk::Activity;

/// Returns Moves' own word: version 1.0 has codes for its four kinds.
pub(crate) fn word(kind: &str) -> &str {
    match kind {
        "wlk" => "walking",
        "run" => "running",
        "cyc" => "cycling",
        "trp" => "transport",
        word => word,
    }
}

/// Whether the user was transported, which is no exercise.
pub(crate) fn is_transport(word: &str, group: &str) -> bool {
    word == "transport" || group == "transport"
}

/// Returns the activity of a word; if the word is unknown, of its group.
pub(crate) fn activity(word: &str, group: &str) -> Activity {
    let find = |word| KINDS.iter().find(|(name, _)| *name == word).map(|(_, activity)| *activity);
    find(word).or_else(|| find(group)).unwrap_or(Activity::Other)
}

/// API documentation, "Supported activities", as far as clients quote it;
/// compared with those quotes on 2026-11-30. The service has ended.
const KINDS: &[(&str, Activity)] = &[
    ("walking", Activity::Walking),
    ("walking_on_treadmill", Activity::Walking),
    ("nordic_walking", Activity::NordicWalking),
    ("running", Activity::Running),
    ("running_on_treadmill", Activity::Running),
    ("cycling", Activity::Cycling),
    ("indoor_cycling", Activity::IndoorCycling),
    ("swimming", Activity::Swimming),
    ("rowing", Activity::Rowing),
    ("elliptical_training", Activity::Elliptical),
    ("stair_climbing", Activity::StairClimbing),
    ("weight_training", Activity::StrengthTraining),
    ("circuit_training", Activity::CircuitTraining),
    ("yoga", Activity::Yoga),
    ("pilates", Activity::Pilates),
    ("dancing", Activity::Dancing),
    ("zumba", Activity::Zumba),
    ("aerobics", Activity::GroupWorkout),
    ("climbing", Activity::Climbing),
    ("downhill_skiing", Activity::AlpineSkiing),
    ("cross_country_skiing", Activity::CrossCountrySkiing),
    ("snowboarding", Activity::Snowboarding),
    ("skateboarding", Activity::Skating),
    ("roller_skiing", Activity::CrossCountrySkiing),
    ("ice_skating", Activity::IceSkating),
    ("roller_skating", Activity::Skating),
    ("golfing", Activity::Golf),
    ("tennis", Activity::Tennis),
    ("badminton", Activity::Badminton),
    ("squash", Activity::Squash),
    ("table_tennis", Activity::TableTennis),
    ("soccer", Activity::Football),
    ("basketball", Activity::Basketball),
    ("volleyball", Activity::Volleyball),
    ("boxing", Activity::Boxing),
    ("martial_arts", Activity::MartialArts),
    ("horse_riding", Activity::HorseRiding),
    ("wheelchairing", Activity::Wheelchair),
];
