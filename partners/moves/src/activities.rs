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
    group == "transport" || TRANSPORTS.contains(&word)
}

/// Returns the activity of a word; if the word is unknown, of its group.
pub(crate) fn activity(word: &str, group: &str) -> Activity {
    let find = |word| KINDS.iter().find(|(name, _)| *name == word).map(|(_, activity)| *activity);
    find(word).or_else(|| find(group)).unwrap_or(Activity::Other)
}

/// API documentation, "Supported activities": those that are no transport. Compared completely on
/// 2026-11-30, but not with the page itself, which could not be read: with an answer of
/// `/activities` that a published client contains (88 kinds, with those of [`TRANSPORTS`]). The
/// service has ended, so the list does not change any more.
const KINDS: &[(&str, Activity)] = &[
    ("walking", Activity::Walking),
    ("walking_on_treadmill", Activity::Walking),
    ("running", Activity::Running),
    ("running_on_treadmill", Activity::Running),
    ("snowshoeing", Activity::Hiking),
    ("cycling", Activity::Cycling),
    ("indoor_cycling", Activity::IndoorCycling),
    ("spinning", Activity::IndoorCycling),
    ("swimming", Activity::Swimming),
    ("rowing", Activity::Rowing),
    ("elliptical_training", Activity::Elliptical),
    ("stair_climbing", Activity::StairClimbing),
    ("weight_training", Activity::StrengthTraining),
    ("bodypump", Activity::StrengthTraining),
    ("kettlebell", Activity::StrengthTraining),
    ("circuit_training", Activity::CircuitTraining),
    ("yoga", Activity::Yoga),
    ("pilates", Activity::Pilates),
    ("dancing", Activity::Dancing),
    ("ballet", Activity::Dancing),
    ("zumba", Activity::Zumba),
    ("aerobics", Activity::GroupWorkout),
    ("climbing", Activity::Climbing),
    ("downhill_skiing", Activity::AlpineSkiing),
    ("cross_country_skiing", Activity::CrossCountrySkiing),
    ("roller_skiing", Activity::CrossCountrySkiing),
    ("snowboarding", Activity::Snowboarding),
    ("skating", Activity::Skating),
    ("skateboarding", Activity::Skating),
    ("rollerblading", Activity::Skating),
    ("rollerskating", Activity::Skating),
    ("surfing", Activity::Surfing),
    ("kite_surfing", Activity::Kitesurfing),
    ("windsurfing", Activity::Windsurfing),
    ("golfing", Activity::Golf),
    ("tennis", Activity::Tennis),
    ("badminton", Activity::Badminton),
    ("squash", Activity::Squash),
    ("table_tennis", Activity::TableTennis),
    ("soccer", Activity::Football),
    ("american_football", Activity::AmericanFootball),
    ("rugby", Activity::Rugby),
    ("basketball", Activity::Basketball),
    ("volleyball", Activity::Volleyball),
    ("beach_volleyball", Activity::Volleyball),
    ("handball", Activity::Handball),
    ("baseball", Activity::Baseball),
    ("hockey", Activity::Hockey),
    ("water_polo", Activity::WaterPolo),
    ("boxing", Activity::Boxing),
    ("martial_arts", Activity::MartialArts),
    ("wrestling", Activity::Wrestling),
    ("fencing", Activity::Fencing),
    ("riding", Activity::HorseRiding),
    ("wheel_chair", Activity::Wheelchair),
    // No activity of ours.
    ("bandy", Activity::Other),
    ("bowling", Activity::Other),
    ("cleaning", Activity::Other),
    ("cricket", Activity::Other),
    ("curling", Activity::Other),
    ("disc_ultimate", Activity::Other),
    ("floorball", Activity::Other),
    ("gym_training", Activity::Other),
    ("gymnastics", Activity::Other),
    ("kayaking", Activity::Other),
    ("lacrosse", Activity::Other),
    ("paddling", Activity::Other),
    ("paintball", Activity::Other),
    ("parkour", Activity::Other),
    ("petanque", Activity::Other),
    ("polo", Activity::Other),
    ("racquetball", Activity::Other),
    ("scuba_diving", Activity::Other),
    ("stretching", Activity::Other),
];

/// The kinds in the group "transport", compared in the same way.
const TRANSPORTS: &[&str] = &[
    "transport",
    "airplane",
    "boat",
    "bus",
    "car",
    "escalator",
    "ferry",
    "funicular",
    "motorcycle",
    "sailing",
    "scooter",
    "train",
    "tram",
    "underground",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_kinds_are_known_by_their_own_spelling() {
        for (word, expected) in [
            ("rollerskating", Activity::Skating),
            ("wheel_chair", Activity::Wheelchair),
            ("riding", Activity::HorseRiding),
            ("kite_surfing", Activity::Kitesurfing),
            ("kayaking", Activity::Other),
        ] {
            assert_eq!(activity(word, ""), expected, "{word}");
        }
        assert_eq!(activity("power_walking", "walking"), Activity::Walking);
        assert_eq!(activity("power_walking", ""), Activity::Other);
    }

    #[test]
    fn transport_is_no_exercise_with_or_without_its_group() {
        assert!(is_transport("tram", "transport"));
        assert!(is_transport("tram", ""));
        assert!(is_transport("hovercraft", "transport"));
        assert!(!is_transport("cycling", "cycling"));
    }

    #[test]
    fn no_kind_is_listed_twice() {
        let all = || KINDS.iter().map(|(word, _)| *word).chain(TRANSPORTS.iter().copied());
        for word in all() {
            assert_eq!(all().filter(|other| *other == word).count(), 1, "{word}");
        }
        assert_eq!(all().count(), 88);
    }
}
