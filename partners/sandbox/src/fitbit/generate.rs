//! Made-up entries with the oddities of the real logs.

use serde_json::{Map, Value, json};

use super::{ACTIVITIES, FAT, FOODS, WEIGHT, activities, body, foods, wall};
use crate::accounts::Account;
use crate::rng::Rng;

/// The items of one event.
pub(super) fn make(resource: &str, account: &mut Account, at: i64) -> Vec<Value> {
    match resource {
        WEIGHT | FAT => vec![measured(resource, account, at)],
        ACTIVITIES => vec![activity(account, at)],
        _ => vec![food(account, at)],
    }
}

fn measured(resource: &str, account: &mut Account, at: i64) -> Value {
    let (wall, oddity) = (wall::clock(at, account.zone), account.oddity);
    let rng = &mut account.rng;
    let source = rng.pick("Aria", &["AriaAir", "Web", "API", "Withings"]);
    let fat = hundredths(rng.range(1_200, 3_200));
    let weight = hundredths(5_000 + (oddity % 6_000) as i64 + rng.range(-70, 70));
    let value = if resource == FAT { fat } else { weight };
    let mut entry = body::entry(resource, oddity, wall.date(), wall.time(), source, value);
    // A weight may come with a fat percentage.
    if resource == WEIGHT && source.starts_with("Aria") {
        entry["fat"] = json!(fat);
    }
    entry
}

fn hundredths(number: i64) -> f64 {
    number as f64 / 100.0
}

fn activity(account: &mut Account, at: i64) -> Value {
    let wall = wall::clock(at, account.zone);
    let rng = &mut account.rng;
    let kind = rng.pick(
        (90013, "Walk"),
        &[
            (90009, "Run"),
            (1071, "Outdoor Bike"),
            (52000, "Yoga"),
            (2131, "Weights"),
            (4_820_500, "Bouldering"),
        ],
    );
    let seconds = rng.range(900, 6_600);
    let paused = if rng.chance(30) { rng.range(10, 300) } else { 0 };
    let calories = seconds * rng.range(4, 12) / 60;
    let metres = seconds * rng.range(12, 60) / 10;
    let (pulse, has_pulse) = (rng.range(85, 165), rng.chance(60));
    let log_type = rng.pick("auto_detected", &["tracker", "mobile_run", "manual"]);
    let mut value = activities::entry(account, kind, wall, seconds * 1_000, calories);
    value["activeDuration"] = json!((seconds - paused) * 1_000);
    value["logType"] = json!(log_type);
    if matches!(kind.1, "Walk" | "Run" | "Outdoor Bike") {
        value["distance"] = json!(metres as f64 / 1_000.0);
        value["distanceUnit"] = json!("Kilometer");
        value["steps"] = json!(if kind.1 == "Outdoor Bike" { 0 } else { metres * 13 / 10 });
    }
    if has_pulse {
        value["averageHeartRate"] = json!(pulse);
    }
    value
}

fn food(account: &mut Account, at: i64) -> Value {
    let day = wall::clock(at, account.zone).date();
    let rng = &mut account.rng;
    let name = rng.pick("Porridge", &["Chocolate, Milk", "Lentil Soup", "Äpple", "Rye Bread"]);
    let meal = rng.pick(1, &[2, 3, 4, 5, 7]);
    let calories = rng.range(0, 900);
    let values = [
        ("calories", json!(calories)),
        ("carbs", json!(hundredths(calories * 12))),
        ("fat", json!(hundredths(calories * 3))),
        ("fiber", json!(hundredths(calories))),
        ("protein", json!(hundredths(calories * 5))),
        ("sodium", json!(rng.range(0, 900))),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value));
    foods::entry(day, name, meal, (304, 1.0), Map::from_iter(values))
}

/// Two entries of different sources at the same second share their id; one start time ends in `Z`
/// although it is wall time.
pub(super) fn oddities(account: &mut Account, first: i64) -> Vec<(&'static str, Value)> {
    let mut duplicates: Vec<Value> = (0..2).map(|_| measured(WEIGHT, account, first)).collect();
    for (duplicate, source) in duplicates.iter_mut().zip(["Aria", "Withings"]) {
        duplicate["source"] = json!(source);
    }
    let wall = wall::clock(first, account.zone);
    let mut old = activities::entry(account, (90013, "Walk"), wall, 1_800_000, 120);
    old["startTime"] = json!(wall.format("%Y-%m-%dT%H:%M:%S.000Z").to_string());
    let duplicates = duplicates.into_iter().map(|duplicate| (WEIGHT, duplicate));
    duplicates.chain([(ACTIVITIES, old)]).collect()
}

/// A corrected number.
pub(super) fn retouch(resource: &str, value: &mut Value, rng: &mut Rng) {
    let places: &[&str] = match resource {
        WEIGHT => &["/weight"],
        FAT => &["/fat"],
        FOODS => &["/loggedFood/calories", "/nutritionalValues/calories"],
        _ => &["/calories"],
    };
    let more = rng.range(1, 9);
    for place in places {
        if let Some(number) = value.pointer_mut(place) {
            *number = match number.as_i64() {
                Some(whole) => json!(whole + more),
                None => json!(number.as_f64().unwrap_or_default() + 0.5),
            };
        }
    }
}
