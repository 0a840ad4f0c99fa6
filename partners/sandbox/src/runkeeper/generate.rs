//! Made-up activities, weights and meals with the irregularities of the real feeds.

use serde_json::{Map, Value, json};

use super::wall;
use crate::accounts::Account;
use crate::rng::Rng;

/// An activity: recorded by the service's app, typed in on its pages, or written by another
/// application.
pub(super) fn activity(account: &mut Account, at: i64) -> Value {
    let (zone, user_id) = (account.zone, account.user_id);
    let offset = wall::offset_seconds(at, zone);
    let rng = &mut account.rng;
    let kind = rng.pick(
        "Running",
        &[
            "Walking",
            "Cycling",
            "Hiking",
            "Swimming",
            "Strength Training",
            "Yoga",
            "Boxing / MMA",
            "Nordic Walking",
        ],
    );
    let moving = !matches!(kind, "Strength Training" | "Yoga" | "Boxing / MMA");
    let seconds = rng.range(900, 6_600);
    let metres = if moving { seconds * rng.range(12, 60) / 10 } else { 0 };
    let (entry_mode, source) = rng.pick(
        ("API", "RunKeeper"),
        &[("API", "RunKeeper"), ("Web", "RunKeeper"), ("API", "Läufer Tagebuch")],
    );
    let has_path = moving && entry_mode == "API";
    let pulse = rng.range(95, 160);
    let calories = seconds * rng.range(5, 14) / 60;

    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("type", json!(kind));
    put("start_time", json!(wall::write(at, zone)));
    put("duration", number(rng, seconds));
    put("total_distance", number(rng, metres));
    put("total_calories", number(rng, calories));
    put("has_path", boolean(rng, has_path));
    put("entry_mode", json!(entry_mode));
    put("source", json!(source));
    put("userID", json!(user_id));
    put("equipment", json!("None"));
    put("notes", json!(rng.pick("", &["Easy day", "Sehr schön", "Windy"])));
    put("share", json!("Just Me"));
    put("climb", number(rng, if moving { metres / 120 } else { 0 }));
    // Applications cannot write an offset, so what they wrote has none.
    if source == "RunKeeper" {
        let hours = offset / 3_600;
        put(
            "utc_offset",
            if offset % 3_600 == 0 { json!(hours) } else { json!(f64::from(offset) / 3_600.0) },
        );
    }
    if rng.chance(60) {
        put("tracking_mode", json!(if has_path { "outdoor" } else { "indoor" }));
    }
    if rng.chance(60) {
        put("average_heart_rate", json!(pulse));
        put(
            "heart_rate",
            json!([{"timestamp": 0, "heart_rate": pulse - 20}, {"timestamp": 60.5, "heart_rate": pulse}]),
        );
    }
    if has_path {
        put("path", path(rng, seconds));
    }
    fields.into()
}

/// The same field comes as a whole number or with a fraction.
fn number(rng: &mut Rng, whole: i64) -> Value {
    if rng.chance(50) {
        json!(whole)
    } else {
        json!((whole * 100 + rng.range(0, 100)) as f64 / 100.0)
    }
}

/// JSON booleans, or the same as text.
fn boolean(rng: &mut Rng, value: bool) -> Value {
    if rng.chance(30) { json!(value.to_string()) } else { json!(value) }
}

/// A few points on the open sea.
fn path(rng: &mut Rng, seconds: i64) -> Value {
    let latitude = rng.range(-3_000, 3_000) as f64 / 100.0;
    let point = |part: i64, kind: &str| {
        json!({
            "timestamp": seconds * part / 2,
            "latitude": latitude + part as f64 / 100.0,
            "longitude": -140.0,
            "altitude": 0,
            "type": kind,
        })
    };
    json!([point(0, "start"), point(1, "gps"), point(2, "end")])
}

/// One item with many values, or, for some accounts, one item for each value as in older data.
pub(super) fn weight(account: &mut Account, at: i64) -> Vec<Value> {
    let (zone, oddity) = (account.zone, account.oddity);
    let rng = &mut account.rng;
    let grams = 50_000 + (oddity % 60_000) as i64 + rng.range(-700, 700);
    let fat = rng.range(120, 320);
    let kilograms = |grams: i64| json!((grams / 10) as f64 / 100.0);
    let mut values = vec![("weight", kilograms(grams))];
    if rng.chance(60) {
        values.push(("fat_percent", json!(fat as f64 / 10.0)));
        values.push(("mass_weight", kilograms(grams * fat / 1_000)));
        values.push(("free_mass", kilograms(grams - grams * fat / 1_000)));
        values.push(("bmi", json!(grams / 310 / 10)));
    }
    let source = rng.pick("RunKeeper", &["Some Scale", "Café Journal"]);
    if oddity.is_multiple_of(3) {
        let mistaken_zone = rng.chance(15);
        return values
            .into_iter()
            .map(|(name, value)| {
                let earlier = if mistaken_zone && name == "mass_weight" { 7_200 } else { 0 };
                json!({"timestamp": wall::write(at - earlier, zone), "source": source, name: value})
            })
            .collect();
    }
    let mut fields: Map<String, Value> =
        values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    fields.insert("timestamp".to_owned(), json!(wall::write(at, zone)));
    fields.insert("source".to_owned(), json!(source));
    vec![fields.into()]
}

/// One meal; water in US fluid ounces, sodium in milligrams.
pub(super) fn nutrition(account: &mut Account, at: i64) -> Value {
    let zone = account.zone;
    let hour = wall::local_seconds(at, zone).rem_euclid(86_400) / 3_600;
    let rng = &mut account.rng;
    let meal = match hour {
        5..=10 => "Breakfast",
        11..=14 => "Lunch",
        17..=20 => "Dinner",
        _ => "Snack",
    };
    let calories = rng.range(90, 900);
    json!({
        "timestamp": wall::write(at, zone),
        "calories": number(rng, calories),
        "carbohydrates": number(rng, calories / 8),
        "fat": number(rng, calories / 30),
        "fiber": number(rng, calories / 90),
        "protein": number(rng, calories / 20),
        "sodium": rng.range(50, 900),
        "water": rng.range(0, 20),
        "meal": meal,
        "source": rng.pick("Meal Notes", &["Küchenbuch"]),
    })
}

/// An activity without duration, one of another user in a team, and for some accounts one that is
/// still in progress.
pub(super) fn oddities(account: &mut Account, first: i64, now: i64) -> Vec<(i64, Value)> {
    let mut still = activity(account, first);
    let mut teammate = activity(account, first + 600);
    let other_user = account.user_id + 1;
    if let (Some(still), Some(teammate)) = (still.as_object_mut(), teammate.as_object_mut()) {
        still.insert("duration".to_owned(), json!(0));
        teammate.insert("userID".to_owned(), json!(other_user));
    }
    let mut made = vec![(first + 60, still), (first + 660, teammate)];
    if account.oddity % 4 == 1 {
        let mut live = activity(account, now - 600);
        if let Some(live) = live.as_object_mut() {
            live.insert("is_live".to_owned(), json!(true));
            live.insert("duration".to_owned(), json!(590));
        }
        made.push((now - 10, live));
    }
    made
}

/// A corrected number; a live activity ends.
pub(super) fn retouch(resource: &str, value: &mut Value, rng: &mut Rng) {
    let name = match resource {
        "fitnessActivities" => "total_calories",
        "nutrition" => "calories",
        _ => "weight",
    };
    let Some(fields) = value.as_object_mut() else {
        return;
    };
    if fields.get("is_live") == Some(&json!(true)) {
        fields.insert("is_live".to_owned(), json!(false));
        fields.insert("duration".to_owned(), json!(rng.range(1_200, 3_600)));
    }
    if let Some(old) = fields.get(name).and_then(Value::as_f64) {
        let hundredths = (old * 100.0).round() as i64 + rng.range(10, 200);
        fields.insert(name.to_owned(), json!(hundredths as f64 / 100.0));
    }
}
