//! Strava, as documented.

use serde_json::json;

use super::{Known, Resource, Untick, Write, number_of};

pub(crate) static STRAVA: Known = Known {
    name: "strava",
    title: "Strava",
    resources: &[Resource {
        name: "activities",
        item: |at| {
            json!({
                "name": "Morning round", "sport_type": "Run", "type": "Run", "distance": 5_100.5,
                "moving_time": 1_750, "elapsed_time": 1_800, "calories": 310.0, "utc_offset": 0.0,
                "start_date": at.format("%Y-%m-%dT%H:%M:%SZ").to_string(), "visibility": "everyone",
            })
        },
        correction: |_| json!({"distance":5333.5}),
        corrected: ("exercise", "/exercise/distance_m", 5_333.5),
        source: |item, _| {
            // Manual entries have neither energy nor heart rate: they are stored without.
            Some(item.get("id")?.to_string())
        },
    }],
    writes: &[Write {
        kind: "exercise",
        resource: "activities",
        shown: ("/distance", 1.0),
        updates: false,
        deletes: false,
    }],
    refreshes: true,
    revokes: true,
    user_id: number_of,
    unticks: &[
        Untick { scopes: &["activity:write"], polls: &[], pushes: &["exercise"] },
        Untick {
            scopes: &["activity:read", "activity:read_all"],
            polls: &["exercise"],
            pushes: &[],
        },
        // The other activities may still be read.
        Untick { scopes: &["activity:read_all"], polls: &[], pushes: &[] },
    ],
};
