//! Google Health's types of exercises.

use partner_sdk::Activity;

/// Returns the activity for Google Health's type.
pub(crate) fn activity(word: &str) -> Activity {
    let known = TYPES.iter().find(|(name, _)| *name == word);
    known.map_or(Activity::Other, |(_, activity)| *activity)
}

/// Returns Google Health's type for an activity: `original`, if that is one of its types for it.
pub(crate) fn word(activity: Activity, original: &str) -> &'static str {
    let own = TYPES.iter().find(|(name, known)| *name == original && *known == activity);
    let first = || TYPES.iter().find(|(_, known)| *known == activity);
    own.or_else(first).map_or("OTHER", |(name, _)| *name)
}

/// API reference, `Exercise.ExerciseType`; new ones may be added at any time. Compared in part on
/// 2026-11-30. Of several types for one activity the first is written. Without a word of ours, and so
/// `other` with Google's name: among others AEROBIC_WORKOUT, CANOEING, CRICKET, CURLING, WORKOUT.
const TYPES: &[(&str, Activity)] = &[
    ("WALKING", Activity::Walking),
    ("POWER_WALKING", Activity::Walking),
    ("TREADMILL_WALK", Activity::Walking),
    ("INCLINE_WALK", Activity::Walking),
    ("STROLLER_WALK", Activity::Walking),
    ("WALK_WITH_WEIGHTS", Activity::Walking),
    ("RUNNING", Activity::Running),
    ("TREADMILL", Activity::Running),
    ("INCLINE_RUN", Activity::Running),
    ("TRAIL_RUN", Activity::TrailRunning),
    ("HIKING", Activity::Hiking),
    ("BACKPACKING", Activity::Hiking),
    ("RUCKING", Activity::Hiking),
    ("NORDIC_WALKING", Activity::NordicWalking),
    ("BIKING", Activity::Cycling),
    ("OUTDOOR_BIKE", Activity::Cycling),
    ("ELECTRIC_BIKE", Activity::Cycling),
    ("MOUNTAIN_BIKE", Activity::MountainBiking),
    ("STATIONARY_BIKE", Activity::IndoorCycling),
    ("SPINNING", Activity::IndoorCycling),
    ("ASSAULT_BIKE", Activity::IndoorCycling),
    ("SWIMMING", Activity::Swimming),
    ("SWIMMING_POOL", Activity::Swimming),
    ("SWIMMING_OPEN_WATER", Activity::Swimming),
    ("ROWING", Activity::Rowing),
    ("ROWING_MACHINE", Activity::Rowing),
    ("ELLIPTICAL", Activity::Elliptical),
    ("STAIRCLIMBER", Activity::StairClimbing),
    ("STRENGTH_TRAINING", Activity::StrengthTraining),
    ("FUNCTIONAL_STRENGTH_TRAINING", Activity::StrengthTraining),
    ("WEIGHTLIFTING", Activity::StrengthTraining),
    ("WEIGHTS", Activity::StrengthTraining),
    ("FREE_WEIGHTS", Activity::StrengthTraining),
    ("WEIGHT_MACHINES", Activity::StrengthTraining),
    ("POWERLIFTING", Activity::StrengthTraining),
    ("RESISTANCE_BANDS", Activity::StrengthTraining),
    ("CORE_TRAINING", Activity::StrengthTraining),
    ("CIRCUIT_TRAINING", Activity::CircuitTraining),
    ("BOOTCAMP", Activity::CircuitTraining),
    ("HIIT", Activity::Hiit),
    ("INTERVAL_WORKOUT", Activity::Hiit),
    ("TABATA_WORKOUT", Activity::Hiit),
    ("CROSSFIT", Activity::Crossfit),
    ("CALISTHENICS", Activity::Calisthenics),
    ("BODY_WEIGHT", Activity::Calisthenics),
    ("YOGA", Activity::Yoga),
    ("YOGA_BIKRAM", Activity::Yoga),
    ("YOGA_HATHA", Activity::Yoga),
    ("YOGA_POWER", Activity::Yoga),
    ("YOGA_VINYASA", Activity::Yoga),
    ("PILATES", Activity::Pilates),
    ("BARRE_CLASS", Activity::Barre),
    ("MEDITATE", Activity::Meditation),
    ("DANCING", Activity::Dancing),
    ("BALLET", Activity::Dancing),
    ("BALLROOM_DANCE", Activity::Dancing),
    ("BREAKDANCING", Activity::Dancing),
    ("HIP_HOP", Activity::Dancing),
    ("JAZZ_DANCE", Activity::Dancing),
    ("MODERN_DANCE", Activity::Dancing),
    ("TANGO", Activity::Dancing),
    ("ZUMBA", Activity::Zumba),
    ("BOXING", Activity::Boxing),
    ("MARTIAL_ARTS", Activity::MartialArts),
    ("JIU_JITSU", Activity::MartialArts),
    ("KARATE", Activity::MartialArts),
    ("KICKBOXING", Activity::MartialArts),
    ("MUAY_THAI", Activity::MartialArts),
    ("TAEKWONDO", Activity::MartialArts),
    ("WRESTLING", Activity::Wrestling),
    ("FENCING", Activity::Fencing),
    ("CLIMBING", Activity::Climbing),
    ("INDOOR_CLIMBING", Activity::Climbing),
    ("ROCK_CLIMBING", Activity::Climbing),
    ("SKATING", Activity::Skating),
    ("ROLLER_SKATING", Activity::Skating),
    ("ROLLERBLADING", Activity::Skating),
    ("ICE_SKATING", Activity::IceSkating),
    ("SPEED_SKATING", Activity::IceSkating),
    ("SKIING", Activity::AlpineSkiing),
    ("CROSS_COUNTRY_SKI", Activity::CrossCountrySkiing),
    ("SNOWBOARDING", Activity::Snowboarding),
    ("SURFING", Activity::Surfing),
    ("KITESURFING", Activity::Kitesurfing),
    ("WINDSURFING", Activity::Windsurfing),
    ("TENNIS", Activity::Tennis),
    ("TABLE_TENNIS", Activity::TableTennis),
    ("SQUASH", Activity::Squash),
    ("BADMINTON", Activity::Badminton),
    ("BASKETBALL", Activity::Basketball),
    ("SOCCER", Activity::Football),
    ("FOOTBALL_AMERICAN", Activity::AmericanFootball),
    ("RUGBY", Activity::Rugby),
    ("VOLLEYBALL", Activity::Volleyball),
    ("VOLLEYBALL_BEACH", Activity::Volleyball),
    ("HANDBALL", Activity::Handball),
    ("BASEBALL", Activity::Baseball),
    ("HOCKEY", Activity::Hockey),
    ("FIELD_HOCKEY", Activity::Hockey),
    ("WATER_POLO", Activity::WaterPolo),
    ("EQUESTRIAN_SPORTS", Activity::HorseRiding),
    ("GOLF", Activity::Golf),
    ("WHEELCHAIR", Activity::Wheelchair),
    ("MULTISPORT", Activity::Multisport),
    ("EXERCISE_CLASS", Activity::GroupWorkout),
    ("SPORT", Activity::Sports),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_where_they_are_google_health_s_own() {
        assert_eq!(word(Activity::Yoga, "YOGA_HATHA"), "YOGA_HATHA");
        assert_eq!(word(Activity::Running, "YOGA_HATHA"), "RUNNING");
        assert_eq!(word(Activity::Cycling, "Ride"), "BIKING");
        assert_eq!(word(Activity::Bodyboarding, "CURLING"), "OTHER");
        assert_eq!(activity("CURLING"), Activity::Other);
    }
}
