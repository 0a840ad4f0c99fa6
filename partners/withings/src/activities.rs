//! Withings' categories of workouts.

use partner_sdk::Activity;

/// Returns the activity and Withings' word for it. A category that is not listed keeps its number.
pub(crate) fn activity(category: Option<i64>) -> (Activity, String) {
    let Some(category) = category else { return (Activity::Other, "none".to_owned()) };
    match CATEGORIES.iter().find(|(number, _, _)| *number == category) {
        Some((_, word, activity)) => (*activity, (*word).to_owned()),
        None => (Activity::Other, format!("category {category}")),
    }
}

/// API reference, getworkouts, `category`, compared in part on 2026-11-30.
const CATEGORIES: &[(i64, &str, Activity)] = &[
    (1, "walk", Activity::Walking),
    (2, "run", Activity::Running),
    (3, "hiking", Activity::Hiking),
    (4, "skating", Activity::Skating),
    (5, "bmx", Activity::Cycling),
    (6, "bicycling", Activity::Cycling),
    (7, "swimming", Activity::Swimming),
    (8, "surfing", Activity::Surfing),
    (9, "kitesurfing", Activity::Kitesurfing),
    (10, "windsurfing", Activity::Windsurfing),
    (11, "bodyboard", Activity::Bodyboarding),
    (12, "tennis", Activity::Tennis),
    (13, "table tennis", Activity::TableTennis),
    (14, "squash", Activity::Squash),
    (15, "badminton", Activity::Badminton),
    (16, "lift weights", Activity::StrengthTraining),
    (17, "fitness", Activity::Calisthenics),
    (18, "elliptical", Activity::Elliptical),
    (19, "pilates", Activity::Pilates),
    (20, "basketball", Activity::Basketball),
    (21, "soccer", Activity::Football),
    (22, "football", Activity::AmericanFootball),
    (23, "rugby", Activity::Rugby),
    (24, "volleyball", Activity::Volleyball),
    (25, "waterpolo", Activity::WaterPolo),
    (26, "horse riding", Activity::HorseRiding),
    (27, "golf", Activity::Golf),
    (28, "yoga", Activity::Yoga),
    (29, "dancing", Activity::Dancing),
    (30, "boxing", Activity::Boxing),
    (31, "fencing", Activity::Fencing),
    (32, "wrestling", Activity::Wrestling),
    (33, "martial arts", Activity::MartialArts),
    (34, "skiing", Activity::AlpineSkiing),
    (35, "snowboarding", Activity::Snowboarding),
    (36, "other", Activity::Other),
    (128, "none", Activity::Other),
    (187, "rowing", Activity::Rowing),
    (188, "zumba", Activity::Zumba),
    (191, "baseball", Activity::Baseball),
    (192, "handball", Activity::Handball),
    (193, "hockey", Activity::Hockey),
    (194, "ice hockey", Activity::IceHockey),
    (195, "climbing", Activity::Climbing),
    (196, "ice skating", Activity::IceSkating),
    (272, "multi-sport", Activity::Multisport),
    (306, "indoor walk", Activity::Walking),
    (307, "indoor run", Activity::Running),
    (308, "indoor cycling", Activity::IndoorCycling),
    (498, "trail run", Activity::TrailRunning),
    (523, "mountain biking", Activity::MountainBiking),
    (530, "nordic skiing", Activity::CrossCountrySkiing),
    (546, "crossfit", Activity::Crossfit),
    (550, "hiit", Activity::Hiit),
    (566, "nordic walking", Activity::NordicWalking),
];
