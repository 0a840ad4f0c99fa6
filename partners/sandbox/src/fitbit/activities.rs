//! Activities: one list in pages, written and deleted.

use chrono::{NaiveDateTime, NaiveTime};
use serde_json::{Map, Value, json};

use super::{ACTIVITIES, failure, form, wall};
use crate::accounts::Account;
use crate::call::{Answer, Call};
use crate::collection::Item;

/// The largest page in published samples.
const LARGEST_PAGE: usize = 100;

/// Part of the activity directory: id, name, kilocalories a minute.
const DIRECTORY: [(i64, &str, i64); 4] =
    [(90001, "Bike", 8), (90009, "Run", 11), (90013, "Walk", 4), (90024, "Swim", 9)];

/// Ids of custom activities are above those of the directory.
const FIRST_CUSTOM: i64 = 4_820_000;

/// `GET /activities/list.json`.
pub(super) fn list(account: &Account, call: &Call<'_>) -> Answer {
    page(account, call).unwrap_or_else(|refusal| refusal)
}

fn page(account: &Account, call: &Call<'_>) -> Result<Answer, Answer> {
    let (name, sort) = match (call.params.get("afterDate"), call.params.get("beforeDate")) {
        (Some(_), None) => ("afterDate", "asc"),
        (None, Some(_)) => ("beforeDate", "desc"),
        _ => return Err(failure::validation("afterDate")),
    };
    if form::text(call, "sort")? != sort {
        return Err(failure::validation("sort"));
    }
    let asked = form::text(call, name)?;
    let limit = form::whole(call, "limit")?.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| (1..=LARGEST_PAGE).contains(limit));
    let limit = limit.ok_or_else(|| failure::validation("limit"))?;
    let offset = form::whole(call, "offset")?.and_then(|offset| usize::try_from(offset).ok());
    let offset = offset.ok_or_else(|| failure::validation("offset"))?;
    // A date excludes its whole day: a day is neither after nor before itself.
    let day = wall::day(asked).map(wall::midnight);
    let moment = asked.parse::<NaiveDateTime>().ok().map(wall::seconds);
    let bound = |of_day: i64| day.map(|day| day + of_day).or(moment.map(|at| at + of_day.min(1)));
    let items = account.collection(ACTIVITIES);
    let found: Vec<&Item> = if sort == "asc" {
        let from = bound(86_400).ok_or_else(|| failure::validation(name))?;
        let mut found: Vec<_> = items.into_iter().flat_map(|items| items.newest(from..)).collect();
        found.reverse();
        found
    } else {
        let to = bound(0).ok_or_else(|| failure::validation(name))?;
        items.into_iter().flat_map(|items| items.newest(..to)).collect()
    };
    let shown: Vec<&Value> =
        found.iter().skip(offset).take(limit).map(|item| &item.value).collect();
    let link = |offset: usize| {
        format!(
            "https://api.fitbit.com/1/user/-/activities/list.json?offset={offset}&limit={limit}&sort={sort}&{name}={asked}"
        )
    };
    let more = offset + shown.len() < found.len();
    let next = if more { link(offset + shown.len()) } else { String::new() };
    let previous = if offset > 0 { link(offset.saturating_sub(limit)) } else { String::new() };
    Ok(Answer::json(
        200,
        &json!({
            "activities": shown,
            "pagination": {
                name: asked, "limit": limit, "next": next, "offset": offset, "previous": previous, "sort": sort,
            },
        }),
    ))
}

/// `POST /activities.json`.
pub(super) fn create(account: &mut Account, call: &Call<'_>, now: i64) -> Answer {
    written(account, call, now).unwrap_or_else(|refusal| refusal)
}

fn written(account: &mut Account, call: &Call<'_>, now: i64) -> Result<Answer, Answer> {
    let day = form::day(call)?;
    let time = NaiveTime::parse_from_str(form::text(call, "startTime")?, "%H:%M:%S").ok();
    let start = day.and_time(time.ok_or_else(|| failure::validation("startTime"))?);
    let duration = form::whole(call, "durationMillis")?.filter(|duration| *duration > 0);
    let duration = duration.ok_or_else(|| failure::validation("durationMillis"))?;
    let manual = form::whole(call, "manualCalories")?;
    let distance = kilometres(call)?;
    let (id, name, calories) =
        match (call.params.get("activityId"), call.params.get("activityName")) {
            (Some(_), None) => {
                let wanted = form::whole(call, "activityId")?;
                let known = DIRECTORY.iter().find(|(id, _, _)| Some(*id) == wanted);
                let (id, name, a_minute) =
                    known.ok_or_else(|| failure::validation("activityId"))?;
                // Directory activities need a distance.
                distance.ok_or_else(|| failure::validation("distance"))?;
                (*id, (*name).to_owned(), manual.unwrap_or(a_minute * duration / 60_000))
            }
            (None, Some(_)) => {
                let name = form::text(call, "activityName")?.to_owned();
                let calories = manual.ok_or_else(|| failure::validation("manualCalories"))?;
                (FIRST_CUSTOM + name.len() as i64, name, calories)
            }
            _ => return Err(failure::validation("activityId")),
        };
    let mut value = entry(account, (id, &name), start, duration, calories);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("logType".into(), json!("manual"));
        let specified =
            json!({"calories": manual.is_some(), "distance": distance.is_some(), "steps": false});
        fields.insert("manualValuesSpecified".into(), specified);
        if let Some(distance) = distance {
            fields.insert("distance".into(), json!(distance));
            fields.insert("distanceUnit".into(), json!("Kilometer"));
        }
    }
    let item = file(account, value, now);
    let log_id = item.id;
    account.insert(ACTIVITIES, item);
    Ok(Answer::json(
        201,
        &json!({"activityLog": {
            "activityId": id, "logId": log_id, "calories": calories, "duration": duration,
            "startTime": start.format("%H:%M").to_string(), "startDate": day.to_string(), "name": name,
        }}),
    ))
}

/// Kilometres without a header for the units, unless `distanceUnit` says otherwise.
fn kilometres(call: &Call<'_>) -> Result<Option<f64>, Answer> {
    let distance = form::decimal(call, "distance")?;
    let in_kilometres = match call.params.get("distanceUnit") {
        None | Some("Kilometer") => 1.0,
        Some("Mile") => 1.609_344,
        Some("Meter") => 0.001,
        Some(_) => return Err(failure::validation("distanceUnit")),
    };
    Ok(distance.map(|distance| distance * in_kilometres))
}

/// An activity as the list shows it, without an id.
pub(super) fn entry(
    account: &Account,
    (id, name): (i64, &str),
    start: NaiveDateTime,
    duration: i64,
    calories: i64,
) -> Value {
    let start = wall::with_offset(start, account.zone);
    let fields = [
        ("activeDuration", json!(duration)),
        ("activityName", json!(name)),
        ("activityTypeId", json!(id)),
        ("calories", json!(calories)),
        ("duration", json!(duration)),
        ("originalDuration", json!(duration)),
        ("originalStartTime", json!(start)),
        ("startTime", json!(start)),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<Map<_, _>>().into()
}

pub(super) fn time_of(value: &Value) -> Option<i64> {
    wall::of_text(value.get("startTime")?.as_str()?).map(wall::seconds)
}

pub(super) fn file(account: &mut Account, mut value: Value, stored_at: i64) -> Item {
    let given = value.get("logId").and_then(Value::as_i64);
    let id = given.unwrap_or_else(|| account.new_id());
    if let Some(fields) = value.as_object_mut() {
        fields.entry("logId").or_insert_with(|| json!(id));
        fields.entry("lastModified").or_insert_with(|| json!(wall::instant(stored_at)));
    }
    Item { id, time: time_of(&value).unwrap_or(stored_at), modified: stored_at, value }
}
