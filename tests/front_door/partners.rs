//! What differs between the partners: the form of what they hold, and what applications may do there.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// A partner, as its documentation has it and its simulated twin plays it.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) resources: &'static [Resource],
    pub(crate) writes: &'static [Write],
    /// Whether access tokens are renewed.
    pub(crate) refreshes: bool,
    /// Whether an application can give a grant back.
    pub(crate) revokes: bool,
    /// How the partner calls a person with that number; `None` where nothing tells who it is.
    pub(crate) user_id: fn(i64) -> Option<String>,
    /// What a person may keep for himself.
    pub(crate) unticks: &'static [Untick],
}

/// A list of items of a partner.
pub(crate) struct Resource {
    pub(crate) name: &'static str,
    /// An item of all kinds that the list has, of that time; wall times are those of UTC.
    pub(crate) item: fn(DateTime<Utc>) -> Value,
    /// What an item has other after a correction.
    pub(crate) correction: fn(&Value) -> Value,
    /// The kind, the field and the value in which the correction shows.
    pub(crate) corrected: (&'static str, &'static str, f64),
    /// What the ids of an item's records begin with; `None` when it has none now.
    pub(crate) source: fn(&Value, DateTime<Utc>) -> Option<String>,
    /// Whether a deletion shows.
    pub(crate) tells_deletions: bool,
}

/// A kind of record that a partner takes.
pub(crate) struct Write {
    pub(crate) kind: &'static str,
    pub(crate) resource: &'static str,
    /// Where an item shows what [`record`] says, and how many of its units make one of ours.
    pub(crate) shown: (&'static str, f64),
    pub(crate) updates: bool,
    pub(crate) deletes: bool,
}

/// Scopes that are not granted, and the kinds that cannot be polled and pushed then.
pub(crate) struct Untick {
    pub(crate) scopes: &'static [&'static str],
    pub(crate) polls: &'static [&'static str],
    pub(crate) pushes: &'static [&'static str],
}

/// What the host app says in a record of that kind, and the number that tells that it arrived.
pub(crate) fn record(kind: &str, changed: bool) -> (Value, f64) {
    let either = |first: f64, second: f64| if changed { second } else { first };
    match kind {
        "exercise" => {
            // The distance is what all partners take that take exercises.
            let metres = either(5_000.0, 5_200.0);
            let exercise = json!({
                "activity": "running", "duration_s": 1_800, "energy_kcal": 310, "distance_m": metres,
            });
            (json!({"exercise": exercise}), metres)
        }
        "nutrition" => {
            let energy = either(410.0, 430.0);
            let nutrition = json!({
                "meal": "lunch", "name": "Lentil soup", "energy_kcal": energy, "fat_g": 9,
                "carbohydrate_g": 51.5, "protein_g": 20,
            });
            (json!({"nutrition": nutrition}), energy)
        }
        r#type => {
            let value = match r#type {
                "weight" => either(71.25, 70.5),
                "body_fat" => either(18.5, 19.0),
                _ => either(178.5, 179.0),
            };
            (json!({"measurement": {"type": r#type, "value": value}}), value)
        }
    }
}

/// Where a partner may replace an item to change it, or its own words have no place for a change.
const WRITES_ALL: Write =
    Write { kind: "", resource: "", shown: ("", 1.0), updates: true, deletes: true };

fn text<'a>(item: &'a Value, field: &str) -> Option<&'a str> {
    item.get(field)?.as_str()
}

fn number_of(user_id: i64) -> Option<String> {
    Some(user_id.to_string())
}

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
                // Planned meals come when they were eaten.
                let planned = text(item, "date_int")?.parse::<i64>().ok()? > day(now) + 1;
                (!planned).then_some(format!("food_entry:{}", text(item, "food_entry_id")?))
            },
            tells_deletions: true,
        },
        Resource {
            name: "weights",
            item: |at| json!({"date_int": day(at).to_string(), "weight_kg": "81.250"}),
            correction: |_| json!({"weight_kg":"80.125"}),
            corrected: ("weight", "/measurement/value", 80.125),
            source: |item, _| Some(format!("weight:{}", text(item, "date_int")?)),
            tells_deletions: true,
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
            tells_deletions: true,
        },
        Resource {
            name: "fat",
            item: |at| fitbit_entry(at, json!({"fat": 20.5})),
            correction: |_| json!({"fat":21.5}),
            corrected: ("body_fat", "/measurement/value", 21.5),
            source: |item, _| fitbit_source("fat", item),
            tells_deletions: true,
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
            tells_deletions: true,
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
            tells_deletions: true,
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

/// Entries of two sources at the same second have the same id.
fn fitbit_source(log: &str, item: &Value) -> Option<String> {
    Some(format!("{log}/{}/{}", item.get("logId")?, text(item, "source")?))
}

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
    Resource { name, item, correction, corrected, source, tells_deletions: true }
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
            tells_deletions: true,
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
            tells_deletions: true,
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
            tells_deletions: true,
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
            // What was typed in tells neither energy nor a heart rate, and no more is known of it.
            let has =
                |field: &str| item.get(field).and_then(Value::as_f64).unwrap_or_default() > 0.0;
            let enough = has("calories") || has("average_heartrate");
            enough.then_some(item.get("id")?.to_string())
        },
        tells_deletions: true,
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
        // The rest of what there is may still be read.
        Untick { scopes: &["activity:read_all"], polls: &[], pushes: &[] },
    ],
};

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
                // Of nobody in particular, a goal, or of a type that means nothing here.
                let is_ours = item.get("attrib") != Some(&1.into())
                    && item.get("category") == Some(&1.into());
                let known = [1, 4, 5, 6, 8, 9, 10, 11, 12, 54, 71, 76, 77, 88];
                let measures = item.get("measures")?.as_array()?;
                let says = measures.iter().any(|it| known.iter().any(|known| it["type"] == *known));
                (is_ours && says).then_some(item.get("grpid")?.to_string())
            },
            tells_deletions: false,
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
            source: |item, _| {
                let says = item.get("data")?.get("calories").is_some();
                says.then_some(item.get("id")?.to_string())
            },
            tells_deletions: false,
        },
    ],
    writes: &[],
    refreshes: true,
    revokes: true,
    user_id: number_of,
    unticks: &[],
};

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
            // The way to work is no exercise, and without energy nothing is known of one.
            let activity = item.pointer("/activities/0")?;
            let word = text(activity, "activity").filter(|word| *word != "transport")?;
            activity.get("calories")?;
            Some(format!("{}:{word}", text(activity, "startTime")?))
        },
        tells_deletions: true,
    }],
    writes: &[],
    refreshes: true,
    revokes: false,
    user_id: number_of,
    unticks: &[],
};
