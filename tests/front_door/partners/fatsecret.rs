//! FatSecret, as documented.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Known, Resource, WRITES_ALL, Write, text};

pub(crate) static FATSECRET: Known = Known {
    name: "fatsecret",
    title: "FatSecret",
    resources: &[
        Resource {
            name: "food_entries",
            item: |at| {
                json!({
                    "food_entry_name": "Soup & Bread", "meal": "Lunch", "calories": "320",
                    "date_int": day(at).to_string(), "carbohydrate": "30", "protein": "12", "fat": "9.5",
                })
            },
            correction: |_| json!({"calories":"333"}),
            corrected: ("nutrition", "/nutrition/energy_kcal", 333.0),
            source: |item, now| {
                // Planned meals are read once their day has come.
                let planned = text(item, "date_int")?.parse::<i64>().ok()? > day(now) + 1;
                (!planned).then_some(format!("food_entry:{}", text(item, "food_entry_id")?))
            },
        },
        Resource {
            name: "weights",
            item: |at| json!({"date_int": day(at).to_string(), "weight_kg": "81.250"}),
            correction: |_| json!({"weight_kg":"80.125"}),
            corrected: ("weight", "/measurement/value", 80.125),
            source: |item, _| Some(format!("weight:{}", text(item, "date_int")?)),
        },
    ],
    writes: &[Write {
        kind: "weight",
        resource: "weights",
        shown: ("/weight_kg", 1.0),
        deletes: false,
        ..WRITES_ALL
    }],
    refreshes: false,
    revokes: false,
    user_id: |_| None,
    unticks: &[],
};

fn day(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(86_400)
}
