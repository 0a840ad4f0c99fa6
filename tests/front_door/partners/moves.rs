//! Moves, as documented.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{Known, Resource, number_of, text};

pub(crate) static MOVES: Known = Known {
    name: "moves",
    title: "Moves",
    resources: &[Resource {
        name: "segments",
        item: |at| {
            let time = |at: DateTime<Utc>| at.format("%Y%m%dT%H%M%S+0000").to_string();
            let end = at + TimeDelta::minutes(30);
            json!({
                "type": "move", "startTime": time(at), "endTime": time(end),
                "activities": [{
                    "activity": "running", "group": "running", "manual": false, "duration": 1_800,
                    "startTime": time(at), "endTime": time(end), "distance": 5_100.0,
                    "steps": 4_200, "calories": 310,
                }],
            })
        },
        correction: |item| {
            let mut activities = item["activities"].clone();
            activities[0]["calories"] = json!(333);
            json!({"activities": activities})
        },
        corrected: ("exercise", "/exercise/energy_kcal", 333.0),
        source: |item, _| {
            // Transport is no exercise.
            let activity = item.pointer("/activities/0")?;
            let word = text(activity, "activity").filter(|word| *word != "transport")?;
            Some(format!("{}:{word}", text(activity, "startTime").or(text(item, "startTime"))?))
        },
    }],
    writes: &[],
    refreshes: true,
    revokes: false,
    user_id: number_of,
    unticks: &[],
};
