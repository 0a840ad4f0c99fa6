//! Withings, as documented.

use serde_json::json;

use super::{Known, Resource, number_of};

pub(crate) static WITHINGS: Known = Known {
    name: "withings",
    title: "Withings",
    resources: &[
        Resource {
            name: "measure",
            item: |at| {
                let measure = |(r#type, value): (i64, i64)| json!({"type": r#type, "value": value, "unit": -2});
                let values = [
                    (1, 7_150),
                    (4, 178),
                    (5, 5_700),
                    (6, 2_050),
                    (8, 1_450),
                    (9, 7_800),
                    (10, 12_200),
                    (11, 6_400),
                    (54, 9_700),
                    (71, 3_665),
                    (76, 5_400),
                    (77, 4_100),
                    (88, 300),
                ];
                json!({
                    "attrib": 0, "date": at.timestamp(), "category": 1, "deviceid": "scale-1",
                    "measures": values.map(measure),
                })
            },
            correction: |_| json!({"measures":[{"type":1,"value":7250,"unit":-2}]}),
            corrected: ("weight", "/measurement/value", 72.5),
            source: |item, _| {
                // Skipped: not attributed to a user, a goal, or only types that are not stored.
                let is_ours = item.get("attrib") != Some(&1.into())
                    && item.get("category") == Some(&1.into());
                let known = [1, 4, 5, 6, 8, 9, 10, 11, 12, 54, 71, 76, 77, 88];
                let measures = item.get("measures")?.as_array()?;
                let says = measures.iter().any(|it| known.iter().any(|known| it["type"] == *known));
                (is_ours && says).then_some(item.get("grpid")?.to_string())
            },
        },
        Resource {
            name: "workouts",
            item: |at| {
                let data =
                    json!({"calories": 310, "distance": 5_100, "steps": 6_100, "hr_average": 141});
                json!({
                    "category": 2, "timezone": "UTC", "model": 93, "attrib": 0, "startdate": at.timestamp(),
                    "enddate": at.timestamp() + 1_800, "date": at.date_naive().to_string(), "data": data,
                })
            },
            correction: |_| json!({"data":{"calories":333}}),
            corrected: ("exercise", "/exercise/energy_kcal", 333.0),
            source: |item, _| Some(item.get("id")?.to_string()),
        },
    ],
    writes: &[],
    refreshes: true,
    revokes: true,
    user_id: number_of,
    unticks: &[],
};
