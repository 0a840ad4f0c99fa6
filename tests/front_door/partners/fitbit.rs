//! Fitbit, as documented.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Known, Resource, Untick, WRITES_ALL, Write, text};

pub(crate) static FITBIT: Known = Known {
    name: "fitbit",
    title: "Fitbit",
    resources: &[
        Resource {
            name: "weight",
            item: |at| fitbit_entry(at, json!({"weight": 71.5, "bmi": 22.1})),
            correction: |_| json!({"weight":72.5}),
            corrected: ("weight", "/measurement/value", 72.5),
            source: |item, _| fitbit_source("weight", item),
        },
        Resource {
            name: "fat",
            item: |at| fitbit_entry(at, json!({"fat": 20.5})),
            correction: |_| json!({"fat":21.5}),
            corrected: ("body_fat", "/measurement/value", 21.5),
            source: |item, _| fitbit_source("fat", item),
        },
        Resource {
            name: "activities",
            item: |at| {
                json!({
                    "activityName": "Run", "activityTypeId": 90009, "calories": 310, "duration": 1_800_000,
                    "activeDuration": 1_750_000, "distance": 5.1, "distanceUnit": "Kilometer", "steps": 6_100,
                    "averageHeartRate": 141, "logType": "tracker",
                    "startTime": at.format("%Y-%m-%dT%H:%M:%S.000+00:00").to_string(),
                })
            },
            correction: |_| json!({"calories":333}),
            corrected: ("exercise", "/exercise/energy_kcal", 333.0),
            source: |item, _| Some(format!("activity/{}", item.get("logId")?)),
        },
        Resource {
            name: "foods",
            item: |at| {
                json!({
                    "logDate": at.date_naive().to_string(), "isFavorite": false,
                    "loggedFood": {"name": "Soup", "mealTypeId": 3, "amount": 1, "calories": 320},
                    "nutritionalValues": {"calories": 320, "carbs": 30, "fat": 9.5, "protein": 12},
                })
            },
            correction: |_| json!({"loggedFood":{"calories":333},"nutritionalValues":{"calories":333}}),
            corrected: ("nutrition", "/nutrition/energy_kcal", 333.0),
            source: |item, _| Some(format!("food/{}", item.get("logId")?)),
        },
    ],
    writes: &[
        Write { kind: "weight", resource: "weight", shown: ("/weight", 1.0), ..WRITES_ALL },
        Write { kind: "body_fat", resource: "fat", shown: ("/fat", 1.0), ..WRITES_ALL },
        Write {
            kind: "exercise",
            resource: "activities",
            shown: ("/distance", 0.001),
            ..WRITES_ALL
        },
        Write {
            kind: "nutrition",
            resource: "foods",
            shown: ("/nutritionalValues/calories", 1.0),
            ..WRITES_ALL
        },
    ],
    refreshes: true,
    revokes: true,
    user_id: |number| {
        let (mut rest, mut id) = (u32::try_from(number).ok()?, String::new());
        while id.len() < 6 {
            id.insert(0, char::from_digit(rest % 36, 36)?.to_ascii_uppercase());
            rest /= 36;
        }
        Some(id)
    },
    unticks: &[
        Untick { scopes: &["nutrition"], polls: &["nutrition"], pushes: &["nutrition"] },
        Untick {
            scopes: &["activity", "weight"],
            polls: &["body_fat", "exercise", "weight"],
            pushes: &["body_fat", "exercise", "weight"],
        },
    ],
};

fn fitbit_entry(at: DateTime<Utc>, mut values: Value) -> Value {
    values["date"] = json!(at.date_naive().to_string());
    values["time"] = json!(at.format("%H:%M:%S").to_string());
    values["source"] = json!("Aria");
    values
}

/// Entries of two sources in the same second have the same `logId`.
fn fitbit_source(log: &str, item: &Value) -> Option<String> {
    Some(format!("{log}/{}/{}", item.get("logId")?, text(item, "source")?))
}
