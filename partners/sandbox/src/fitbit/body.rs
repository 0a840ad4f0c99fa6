//! The logs of weight and fat: up to 31 days a call, written by form, deleted by id.

use chrono::{Days, NaiveDate, NaiveTime};
use serde_json::{Map, Value, json};

use super::{FAT, WEIGHT, failure, form, wall};
use crate::accounts::Account;
use crate::call::{Answer, Call};

/// The most days in one call.
const MAX_DAYS: u64 = 31;

/// The default time of an entry.
const END_OF_DAY: (u32, u32, u32) = (23, 59, 59);

/// `GET /body/log/{log}/date/{first}[/{last or period}].json`.
pub(super) fn read(
    account: &Account,
    resource: &'static str,
    first: &str,
    last: Option<&str>,
) -> Answer {
    let Some((first, last)) = days(first, last) else {
        return failure::validation("date");
    };
    let times = wall::midnight(first)..wall::midnight(last) + 86_400;
    let items =
        account.collection(resource).into_iter().flat_map(|items| items.newest(times.clone()));
    let mut list: Vec<&Value> = items.map(|item| &item.value).collect();
    list.reverse();
    Answer::json(200, &json!({resource: list}))
}

/// One day, a first and a last day, or a last day and a period.
fn days(first: &str, last: Option<&str>) -> Option<(NaiveDate, NaiveDate)> {
    let first = wall::day(first)?;
    let length = match last {
        None | Some("1d") => 1,
        Some("7d" | "1w") => 7,
        Some("30d") => 30,
        Some("1m") => MAX_DAYS,
        Some(last) => {
            let last = wall::day(last).filter(|last| *last >= first)?;
            let within = last <= first.checked_add_days(Days::new(MAX_DAYS - 1))?;
            return within.then_some((first, last));
        }
    };
    Some((first.checked_sub_days(Days::new(length - 1))?, first))
}

/// `POST /body/log/{log}.json`.
pub(super) fn create(
    account: &mut Account,
    resource: &'static str,
    call: &Call<'_>,
    now: i64,
) -> Answer {
    written(account, resource, call, now).unwrap_or_else(|refusal| refusal)
}

fn written(
    account: &mut Account,
    resource: &'static str,
    call: &Call<'_>,
    now: i64,
) -> Result<Answer, Answer> {
    let most = if resource == FAT { 100.0 } else { 1_000.0 };
    let value = form::decimal(call, resource)?.filter(|value| *value > 0.0 && *value <= most);
    let value = value.ok_or_else(|| failure::validation(resource))?;
    let day = form::day(call)?;
    let time = match call.params.get("time") {
        None => NaiveTime::from_hms_opt(END_OF_DAY.0, END_OF_DAY.1, END_OF_DAY.2),
        Some(text) => NaiveTime::parse_from_str(text, "%H:%M:%S").ok(),
    };
    let time = time.ok_or_else(|| failure::validation("time"))?;
    let entry = entry(resource, account.oddity, day, time, "API", value);
    let item = file(entry.clone(), now);
    account.insert(resource, item);
    let name = if resource == FAT { "fatLog" } else { "weightLog" };
    Ok(Answer::json(201, &json!({name: entry})))
}

/// An entry as the lists show it.
pub(super) fn entry(
    resource: &str,
    oddity: u64,
    day: NaiveDate,
    time: NaiveTime,
    source: &str,
    value: f64,
) -> Value {
    let mut fields = Map::new();
    if resource == WEIGHT {
        let metres = 1.55 + (oddity % 40) as f64 / 100.0;
        fields.insert("bmi".into(), json!((value / metres / metres * 100.0).round() / 100.0));
    }
    fields.insert("date".into(), json!(day.to_string()));
    // The id is the local time as epoch milliseconds.
    fields.insert("logId".into(), json!(wall::seconds(day.and_time(time)) * 1_000));
    fields.insert("source".into(), json!(source));
    fields.insert("time".into(), json!(time.format("%H:%M:%S").to_string()));
    fields.insert(resource.to_owned(), json!(value));
    Value::Object(fields)
}

/// When the entry was taken, in wall-clock seconds.
pub(super) fn time_of(value: &Value) -> Option<i64> {
    let text = |name: &str| value.get(name)?.as_str();
    let time = NaiveTime::parse_from_str(text("time")?, "%H:%M:%S").ok()?;
    Some(wall::seconds(wall::day(text("date")?)?.and_time(time)))
}

/// Completes a raw entry; its id is derived from its time.
pub(super) fn file(mut value: Value, stored_at: i64) -> crate::collection::Item {
    let time = time_of(&value).unwrap_or(stored_at);
    if let Some(fields) = value.as_object_mut() {
        fields.entry("logId").or_insert_with(|| json!(time * 1_000));
    }
    let id = value.get("logId").and_then(Value::as_i64).unwrap_or(time * 1_000);
    crate::collection::Item { id, time, modified: stored_at, value }
}
