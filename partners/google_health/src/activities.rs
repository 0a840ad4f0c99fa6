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

/// API reference, `Exercise.ExerciseType`; new ones may be added at any time. Compared completely
/// on 2026-11-30 with Google's published definition of v4beta (`data_model.proto`), whose 181 types
/// a client that is generated from the description of v4 has, too; older descriptions of v4 have
/// twelve of them. EXERCISE_TYPE_UNSPECIFIED is no type. Of several types for one activity the
/// first is written.
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
    ("SNOWSHOEING", Activity::Hiking),
    ("NORDIC_WALKING", Activity::NordicWalking),
    ("BIKING", Activity::Cycling),
    ("OUTDOOR_BIKE", Activity::Cycling),
    ("ELECTRIC_BIKE", Activity::Cycling),
    ("HAND_CYCLING", Activity::Cycling),
    ("UNICYCLING", Activity::Cycling),
    ("MOUNTAIN_BIKE", Activity::MountainBiking),
    ("STATIONARY_BIKE", Activity::IndoorCycling),
    ("SPINNING", Activity::IndoorCycling),
    ("ASSAULT_BIKE", Activity::IndoorCycling),
    ("SWIMMING", Activity::Swimming),
    ("SWIMMING_POOL", Activity::Swimming),
    ("SWIMMING_OPEN_WATER", Activity::Swimming),
    ("SYNCHRONIZED_SWIMMING", Activity::Swimming),
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
    ("TRX", Activity::StrengthTraining),
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
    ("TAI_CHI", Activity::MartialArts),
    ("WRESTLING", Activity::Wrestling),
    ("FENCING", Activity::Fencing),
    ("CLIMBING", Activity::Climbing),
    ("INDOOR_CLIMBING", Activity::Climbing),
    ("ROCK_CLIMBING", Activity::Climbing),
    ("SKATING", Activity::Skating),
    ("ROLLER_SKATING", Activity::Skating),
    ("ROLLERBLADING", Activity::Skating),
    ("SKATEBOARDING", Activity::Skating),
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
    ("WATER_VOLLEYBALL", Activity::Volleyball),
    ("HANDBALL", Activity::Handball),
    ("BASEBALL", Activity::Baseball),
    ("SOFTBALL", Activity::Baseball),
    ("HOCKEY", Activity::Hockey),
    ("FIELD_HOCKEY", Activity::Hockey),
    ("WATER_POLO", Activity::WaterPolo),
    ("EQUESTRIAN_SPORTS", Activity::HorseRiding),
    ("GOLF", Activity::Golf),
    ("WHEELCHAIR", Activity::Wheelchair),
    ("MULTISPORT", Activity::Multisport),
    ("EXERCISE_CLASS", Activity::GroupWorkout),
    ("SPORT", Activity::Sports),
    // No activity of ours; a word of theirs is written as it came, any other as the first.
    ("OTHER", Activity::Other),
    ("AEROBIC_WORKOUT", Activity::Other),
    ("ARCHERY", Activity::Other),
    ("BILLIARDS", Activity::Other),
    ("BOWLING", Activity::Other),
    ("CANOEING", Activity::Other),
    ("CARDIO_SCULPT", Activity::Other),
    ("CARDIO_WORKOUT", Activity::Other),
    ("CARPENTRY", Activity::Other),
    ("CHEERLEADING", Activity::Other),
    ("CLEANING", Activity::Other),
    ("CRICKET", Activity::Other),
    ("CROQUET", Activity::Other),
    ("CROSS_TRAINING", Activity::Other),
    ("CURLING", Activity::Other),
    ("DIVING", Activity::Other),
    ("ELECTRIC_SCOOTER", Activity::Other),
    ("FISHING", Activity::Other),
    ("FITNESS_GAMING", Activity::Other),
    ("FOILING", Activity::Other),
    ("FOOTBALL_AUSTRALIAN", Activity::Other),
    ("FRISBEE_PLAYING_GENERAL", Activity::Other),
    ("GARDENING", Activity::Other),
    ("GYMNASTICS", Activity::Other),
    ("HOEING", Activity::Other),
    ("HOUSEHOLD_CHORES", Activity::Other),
    ("HUNTING", Activity::Other),
    ("JUMPING_ROPE", Activity::Other),
    ("KAYAKING", Activity::Other),
    ("LACROSSE", Activity::Other),
    ("MOTOCROSS", Activity::Other),
    ("MOTORCYCLE", Activity::Other),
    ("MOWING_LAWN", Activity::Other),
    ("MUSICAL_PERFORMANCE", Activity::Other),
    ("ORIENTEERING", Activity::Other),
    ("OUTDOOR_WORKOUT", Activity::Other),
    ("PADDLEBOARDING", Activity::Other),
    ("PADEL", Activity::Other),
    ("PAINTING", Activity::Other),
    ("PARAGLIDING", Activity::Other),
    ("PARKOUR", Activity::Other),
    ("PICKELBALL", Activity::Other),
    ("POLO", Activity::Other),
    ("RACKET_SPORTS", Activity::Other),
    ("RACQUETBALL", Activity::Other),
    ("SAILING", Activity::Other),
    ("SCOOTERING", Activity::Other),
    ("SCUBA_DIVING", Activity::Other),
    ("SHOOTING", Activity::Other),
    ("SHOVELING", Activity::Other),
    ("SKYDIVING", Activity::Other),
    ("SNORKELING", Activity::Other),
    ("SNOWMOBILING", Activity::Other),
    ("SNOW_SPORT", Activity::Other),
    ("STEP_TRAINING", Activity::Other),
    ("STRETCHING", Activity::Other),
    ("TRACK_AND_FIELD", Activity::Other),
    ("TRAMPOLINE", Activity::Other),
    ("ULTIMATE_FRISBEE", Activity::Other),
    ("WAKEBOARDING", Activity::Other),
    ("WATER_AEROBICS", Activity::Other),
    ("WATER_JOGGING", Activity::Other),
    ("WATER_SKIING", Activity::Other),
    ("WATER_SPORT", Activity::Other),
    ("WEEDING", Activity::Other),
    ("WORKOUT", Activity::Other),
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
        assert_eq!(word(Activity::Other, "CURLING"), "CURLING");
        assert_eq!(word(Activity::Other, "Cricket"), "OTHER", "another partner's word");
    }

    #[test]
    fn every_type_is_read_back_as_the_same_and_none_is_listed_twice() {
        for (at, (name, known)) in TYPES.iter().enumerate() {
            assert_eq!(activity(word(*known, name)), *known, "{name}");
            assert!(!TYPES[..at].iter().any(|(earlier, _)| earlier == name), "{name}");
        }
    }
}
