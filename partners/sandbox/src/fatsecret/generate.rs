//! Made-up meals and weights with the irregularities of the real answers.

use chrono::{DateTime, Timelike};
use serde_json::{Map, Value, json};

use super::{ENTRIES, days};
use crate::accounts::Account;
use crate::rng::Rng;

const FOODS: [(&str, i64); 6] = [
    ("Chicken Breast", 165),
    ("Crème brûlée", 330),
    ("Rye Bread & Butter", 290),
    ("Skyr", 63),
    ("Lentil Soup", 95),
    ("Banana", 89),
];

/// One entry; all numbers are texts, and nutrients that were not measured are absent.
pub(super) fn entry(account: &mut Account, at: i64) -> Value {
    let zone = account.zone;
    let local = DateTime::from_timestamp(at, 0).unwrap_or_default().with_timezone(&zone);
    let day = days::of(at, zone);
    let rng = &mut account.rng;
    let meal = match local.hour() {
        5..=10 => "Breakfast",
        11..=14 => "Lunch",
        17..=20 => "Dinner",
        _ => "Other",
    };
    let (name, per_100) = rng.pick(("Oat Porridge", 71), &FOODS);
    let grams = rng.range(3, 60) * 5;
    let calories = per_100 * grams / 100;
    let mut fields = Map::new();
    let mut put = |name: &str, value: String| fields.insert(name.to_owned(), json!(value));
    put("food_entry_name", name.to_owned());
    put("food_entry_description", format!("{grams} g {name}"));
    put("food_id", (30_000 + per_100).to_string());
    put("serving_id", (50_000 + per_100).to_string());
    put("number_of_units", format!("{:.3}", grams as f64 / 100.0));
    put("meal", meal.to_owned());
    put("date_int", day.to_string());
    put("calories", calories.to_string());
    put("carbohydrate", decimal(calories * 10 + rng.range(0, 90)));
    put("protein", decimal(calories * 6 + rng.range(0, 90)));
    put("fat", decimal(calories * 3 + rng.range(0, 90)));
    if rng.chance(60) {
        put("fiber", decimal(rng.range(0, 900)));
        put("sugar", decimal(rng.range(0, 1_500)));
        put("sodium", rng.range(0, 800).to_string());
        put("potassium", rng.range(0, 600).to_string());
        put("vitamin_a", rng.range(0, 90).to_string());
    }
    fields.into()
}

/// One weight.
pub(super) fn weight(account: &mut Account, at: i64) -> Value {
    let (zone, oddity) = (account.zone, account.oddity);
    let rng = &mut account.rng;
    let grams = 50_000 + (oddity % 60_000) as i64 + rng.range(-700, 700);
    let mut value = json!({
        "date_int": days::of(at, zone).to_string(),
        "weight_kg": format!("{}.{:03}", grams / 1_000, grams % 1_000),
    });
    if let (Some(fields), true) = (value.as_object_mut(), rng.chance(20)) {
        fields.insert("weight_comment".to_owned(), json!("before breakfast & coffee"));
    }
    value
}

/// A drink without energy; and for some accounts a meal planned for the day after tomorrow.
pub(super) fn oddities(account: &mut Account, first: i64, now: i64) -> Vec<Value> {
    let mut water = entry(account, first);
    if let Some(fields) = water.as_object_mut() {
        fields.retain(|name, _| !["fiber", "sugar", "sodium"].contains(&name.as_str()));
        for name in ["calories", "carbohydrate", "protein", "fat"] {
            fields.insert(name.to_owned(), json!("0"));
        }
    }
    let mut made = vec![water];
    if account.oddity % 4 == 1 {
        made.push(entry(account, now + 3 * 86_400));
    }
    made
}

/// A corrected number, as the editor of the site writes it.
pub(super) fn retouch(resource: &str, value: &mut Value, rng: &mut Rng) {
    let name = if resource == ENTRIES { "calories" } else { "weight_kg" };
    let old = value.get(name).and_then(Value::as_str).and_then(|text| text.parse::<f64>().ok());
    if let (Some(fields), Some(old)) = (value.as_object_mut(), old) {
        let new = if resource == ENTRIES {
            format!("{}", old as i64 + rng.range(10, 90))
        } else {
            format!("{:.3}", old + rng.range(1, 9) as f64 / 10.0)
        };
        fields.insert(name.to_owned(), json!(new));
    }
}

fn decimal(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
