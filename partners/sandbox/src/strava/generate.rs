//! Made-up activities with the irregularities of the real service.

use serde_json::{Value, json};

use super::wall;
use crate::accounts::Account;
use crate::rng::Rng;

/// The values of `sport_type`, compared on 2026-11-30 with the same list as the partner's.
pub(super) const SPORTS: [&str; 56] = [
    "AlpineSki",
    "BackcountrySki",
    "Badminton",
    "Canoeing",
    "Crossfit",
    "EBikeRide",
    "Elliptical",
    "EMountainBikeRide",
    "Golf",
    "GravelRide",
    "Handcycle",
    "HighIntensityIntervalTraining",
    "Hike",
    "IceSkate",
    "InlineSkate",
    "Kayaking",
    "Kitesurf",
    "MountainBikeRide",
    "NordicSki",
    "Pickleball",
    "Pilates",
    "Racquetball",
    "Ride",
    "RockClimbing",
    "RollerSki",
    "Rowing",
    "Run",
    "Sail",
    "Skateboard",
    "Snowboard",
    "Snowshoe",
    "Soccer",
    "Squash",
    "StairStepper",
    "StandUpPaddling",
    "Surfing",
    "Swim",
    "TableTennis",
    "Tennis",
    "TrailRun",
    "Velomobile",
    "VirtualRide",
    "VirtualRow",
    "VirtualRun",
    "Walk",
    "WeightTraining",
    "Wheelchair",
    "Windsurf",
    "Workout",
    "Yoga",
    // Since February 2026.
    "Basketball",
    "Cricket",
    "Dance",
    "Padel",
    "Volleyball",
    // Since April 2026.
    "PhysicalTherapy",
];

/// An activity without device data.
pub(super) fn blank(sport: &str, seconds: i64, metres: f64) -> Value {
    // The older field has fewer values.
    let older = match sport {
        "MountainBikeRide" | "GravelRide" => "Ride",
        "TrailRun" => "Run",
        sport => sport,
    };
    json!({
        "external_id": null, "upload_id": null, "name": sport, "description": null,
        "distance": metres, "moving_time": seconds, "elapsed_time": seconds,
        "total_elevation_gain": 0, "type": older, "sport_type": sport, "workout_type": null,
        "manual": false, "private": false, "visibility": "everyone", "trainer": false,
        "commute": false, "has_heartrate": false, "average_speed": metres / seconds.max(1) as f64,
        "kudos_count": 0, "calories": 0.0,
    })
}

/// An activity recorded by a device.
pub(super) fn activity(account: &mut Account, at: i64) -> Value {
    let zone = account.zone;
    let rng = &mut account.rng;
    let sport = rng.pick(
        "Run",
        &["Ride", "MountainBikeRide", "Walk", "Hike", "Swim", "WeightTraining", "Yoga", "TrailRun"],
    );
    let moves = !matches!(sport, "WeightTraining" | "Yoga");
    let seconds = rng.range(900, 6_600);
    let decimetres = if moves { seconds * rng.range(12, 60) } else { 0 };
    let mut value = blank(sport, seconds, decimetres as f64 / 10.0);
    value["moving_time"] = json!(seconds - if moves { rng.range(0, 300) } else { 0 });
    value["name"] = json!(rng.pick("Morning round", &["Lunch", "Abend", "With friends"]));
    value["external_id"] = json!(format!("garmin_push_{}", rng.range(1_000_000, 9_000_000)));
    // Larger than 64 bits in the official example.
    value["upload_id"] =
        if rng.chance(20) { json!(9.876_543_212_345_679e20) } else { json!(rng.range(1, 1 << 40)) };
    value["device_name"] = json!("Some Watch");
    value["kudos_count"] = json!(rng.range(0, 20));
    value["calories"] = json!((seconds * rng.range(60, 140)) as f64 / 600.0);
    if rng.chance(70) {
        let tenths = rng.range(950, 1_650);
        value["has_heartrate"] = json!(true);
        value["average_heartrate"] = json!(tenths as f64 / 10.0);
        value["max_heartrate"] = json!(tenths / 10 + 25);
    }
    if matches!(sport, "Ride" | "MountainBikeRide") {
        value["kilojoules"] = json!((seconds * 2) as f64 / 10.0);
        value["device_watts"] = json!(false);
    }
    with_start(value, at, zone)
}

fn with_start(mut value: Value, at: i64, zone: chrono_tz::Tz) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.extend(wall::fields(at, zone).map(|(name, value)| (name.to_owned(), value)));
    }
    value
}

/// An activity that only its owner may see, and one typed in by hand.
pub(super) fn oddities(account: &mut Account, first: i64) -> Vec<(i64, Value)> {
    let mut hidden = activity(account, first + 600);
    hidden["private"] = json!(true);
    hidden["visibility"] = json!("only_me");
    let mut typed_in = blank("Workout", 1_800, 0.0);
    typed_in["manual"] = json!(true);
    let typed_in = with_start(typed_in, first + 20_000, account.zone);
    vec![(first + 9_000, hidden), (first + 30_000, typed_in)]
}

/// The user corrects the sport, the only field here that can be corrected by hand.
pub(super) fn retouch(value: &mut Value, rng: &mut Rng) {
    let sport = rng.pick("Walk", &["Run", "Hike", "Workout"]);
    value["sport_type"] = json!(sport);
    value["type"] = json!(sport);
}
