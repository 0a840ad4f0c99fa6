//! Google Health, as documented.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Known, Resource, Untick, WRITES_ALL, Write, number_of, text};

pub(crate) static GOOGLE_HEALTH: Known = Known {
    name: "google_health",
    title: "Google Health",
    resources: &[
        google_resource(
            "weight",
            |at| google_sample(at, "weight", "weightGrams", json!(71_500)),
            |_| json!({"weight":{"weightGrams":72500}}),
            ("weight", "/measurement/value", 72.5),
            |item, _| google_source("weight", item),
        ),
        google_resource(
            "body-fat",
            |at| google_sample(at, "bodyFat", "percentage", json!(20.5)),
            |_| json!({"bodyFat":{"percentage":21.5}}),
            ("body_fat", "/measurement/value", 21.5),
            |item, _| google_source("body_fat", item),
        ),
        google_resource(
            "height",
            |at| google_sample(at, "height", "heightMillimeters", json!("1800")),
            |_| json!({"height":{"heightMillimeters":"1810"}}),
            ("height", "/measurement/value", 181.0),
            |item, _| google_source("height", item),
        ),
        google_resource(
            "exercise",
            |at| {
                let summary = json!({"caloriesKcal": 310, "distanceMillimeters": 5_100_000});
                let interval = google_interval(at);
                json!({"dataSource": {"platform": "FITBIT"}, "exercise": {
                    "interval": interval, "exerciseType": "RUNNING", "displayName": "Run",
                    "activeDuration": "1750s", "metricsSummary": summary,
                }})
            },
            |_| json!({"exercise":{"metricsSummary":{"caloriesKcal":333}}}),
            ("exercise", "/exercise/energy_kcal", 333.0),
            |item, _| google_source("exercise", item),
        ),
        google_resource(
            "nutrition-log",
            |at| {
                json!({"dataSource": {"platform": "FITBIT"}, "nutritionLog": {
                    "interval": google_interval(at), "foodDisplayName": "Soup", "mealType": "LUNCH",
                    "energy": {"kcal": 320},
                }})
            },
            |_| json!({"nutritionLog":{"energy":{"kcal":333}}}),
            ("nutrition", "/nutrition/energy_kcal", 333.0),
            |item, _| google_source("nutrition_log", item),
        ),
    ],
    writes: &[
        Write {
            kind: "weight",
            resource: "weight",
            shown: ("/weight/weightGrams", 1_000.0),
            ..WRITES_ALL
        },
        Write {
            kind: "body_fat",
            resource: "body-fat",
            shown: ("/bodyFat/percentage", 1.0),
            ..WRITES_ALL
        },
        Write {
            kind: "height",
            resource: "height",
            shown: ("/height/heightMillimeters", 10.0),
            ..WRITES_ALL
        },
        Write {
            kind: "exercise",
            resource: "exercise",
            shown: ("/exercise/metricsSummary/distanceMillimeters", 1_000.0),
            ..WRITES_ALL
        },
        Write {
            kind: "nutrition",
            resource: "nutrition-log",
            shown: ("/nutritionLog/energy/kcal", 1.0),
            ..WRITES_ALL
        },
    ],
    refreshes: true,
    revokes: true,
    user_id: number_of,
    unticks: &[
        Untick {
            scopes: &["https://www.googleapis.com/auth/googlehealth.nutrition.readonly"],
            polls: &["nutrition"],
            pushes: &[],
        },
        Untick {
            scopes: &[
                "https://www.googleapis.com/auth/googlehealth.activity_and_fitness.writeonly",
            ],
            polls: &[],
            pushes: &["exercise"],
        },
    ],
};

const fn google_resource(
    name: &'static str,
    item: fn(DateTime<Utc>) -> Value,
    correction: fn(&Value) -> Value,
    corrected: (&'static str, &'static str, f64),
    source: fn(&Value, DateTime<Utc>) -> Option<String>,
) -> Resource {
    Resource { name, item, correction, corrected, source }
}

fn google_sample(at: DateTime<Utc>, field: &str, value: &str, amount: Value) -> Value {
    let time = json!({"physicalTime": at.to_rfc3339(), "utcOffset": "0s"});
    json!({"dataSource": {"platform": "FITBIT"}, field: {"sampleTime": time, value: amount}})
}

fn google_interval(at: DateTime<Utc>) -> Value {
    let end = at + TimeDelta::seconds(1_800);
    json!({
        "startTime": at.to_rfc3339(), "startUtcOffset": "0s",
        "endTime": end.to_rfc3339(), "endUtcOffset": "0s",
    })
}

fn google_source(feed: &str, item: &Value) -> Option<String> {
    Some(format!("{feed}/{}", text(item, "name")?.rsplit('/').next()?))
}
