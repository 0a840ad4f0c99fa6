//! RunKeeper, as documented.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Known, Resource, WRITES_ALL, Write, number_of, text};

pub(crate) static RUNKEEPER: Known = Known {
    name: "runkeeper",
    title: "RunKeeper",
    resources: &[
        Resource {
            name: "weight",
            item: |at| {
                json!({
                    "timestamp": runkeeper_time(at), "weight": 71.5, "fat_percent": 20.5, "bmi": 22.1,
                    "mass_weight": 14.5, "free_mass": 57.0,
                })
            },
            correction: |_| json!({"weight":72.5}),
            corrected: ("weight", "/measurement/value", 72.5),
            source: |item, _| Some(text(item, "uri")?.to_owned()),
        },
        Resource {
            name: "fitnessActivities",
            item: |at| {
                json!({
                    "type": "Running", "start_time": runkeeper_time(at), "duration": 1_750.5,
                    "total_distance": 5_100, "total_calories": 310, "utc_offset": 0,
                })
            },
            correction: |_| json!({"total_calories":333}),
            corrected: ("exercise", "/exercise/energy_kcal", 333.0),
            source: |item, _| {
                let goes_on = item.get("is_live") == Some(&true.into());
                let lasted = item.get("duration")?.as_f64()? > 0.0;
                (!goes_on && lasted).then_some(text(item, "uri")?.to_owned())
            },
        },
        Resource {
            name: "nutrition",
            item: |at| {
                json!({
                    "timestamp": runkeeper_time(at), "meal": "Lunch", "calories": 320, "fat": 9.5,
                    "carbohydrates": 30, "protein": 12,
                })
            },
            correction: |_| json!({"calories":333}),
            corrected: ("nutrition", "/nutrition/energy_kcal", 333.0),
            source: |item, _| Some(text(item, "uri")?.to_owned()),
        },
    ],
    writes: &[
        Write { kind: "weight", resource: "weight", shown: ("/weight", 1.0), ..WRITES_ALL },
        Write { kind: "body_fat", resource: "weight", shown: ("/fat_percent", 1.0), ..WRITES_ALL },
        Write {
            kind: "exercise",
            resource: "fitnessActivities",
            shown: ("/total_distance", 1.0),
            ..WRITES_ALL
        },
        Write { kind: "nutrition", resource: "nutrition", shown: ("/calories", 1.0), ..WRITES_ALL },
    ],
    refreshes: false,
    revokes: true,
    user_id: number_of,
    unticks: &[],
};

fn runkeeper_time(at: DateTime<Utc>) -> String {
    at.format("%a, %-d %b %Y %H:%M:%S").to_string()
}
